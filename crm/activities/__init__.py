"""What members do beside buying, and what it gives them: awards by rules, sign-up, referrals, why.

The rules are the points' room's. This room stands above orders and members, so that an act may ask
for the order that it is about, and a registration may have its points in its own transaction.
"""
