"""Coupons that tiers bring: granted by the clock, each once per period; taken back with the tier.

What was granted is known by the coupons themselves, by their occasion: `tier:month:2027-01` (the
second of one template in a month: `tier:month:2027-01#2`) and `tier:birthday:2027`. Their source
is the tier.
"""
