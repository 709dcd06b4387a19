"""The ten journeys, each a definition: whom it finds, when, and what it decides."""
