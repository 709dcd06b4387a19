"""Rewards: coupons, goods and gifts that members get for their points.

Locks are taken in one order: the member's account, the redemption, the reward, then the coupon and
its template. A redemption and its cancellation are one transaction each: points, stock and coupon
change together or not at all.
"""
