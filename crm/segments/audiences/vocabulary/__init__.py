"""The fields of the filter language, room by room."""

from crm.segments.audiences.field import Field
from crm.segments.audiences.vocabulary import (
    campaigns,
    coupons,
    moves,
    next_purchase,
    orders,
    points,
    profile,
    rfm,
    standing,
)

FIELDS: tuple[Field, ...] = tuple(
    one
    for room in (profile, standing, points, rfm, orders, moves, next_purchase, coupons, campaigns)
    for one in room.FIELDS
)
