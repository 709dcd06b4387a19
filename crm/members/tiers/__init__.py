"""Tiers: the ladder and its versions, where each member stands on it, and what moves a member.

`ladder`, `windows`, `standing`, `reviews`, `engine` and `progress` are pure: no database, no clock.
`ladders` and `storage` keep what they say. What a member bought is asked from above, through the
`Activity` that the caller brings along.
"""
