"""What only the rooms together know of a member: profile, timeline, tier and progress."""
