"""Regulars (熟客): members, points, tiers, segments and campaigns for online and offline shops.

Rooms are packages of one anatomy; calls go down only. `docs/architecture.md` draws the house.
"""

__version__ = "0.1.0"
