"""Who the members are: identities, profiles, tags, consents, notes, tiers; and the stores."""
