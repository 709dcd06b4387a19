"""Campaigns and journeys: who is offered or asked what, when, and what came of it."""
