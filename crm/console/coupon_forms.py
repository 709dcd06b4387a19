"""The forms of coupon templates: each kind has the fields that it takes, and no others."""

from crm.console.leaves import Leaf, leaves
from crm.coupons.template_schemas import CouponCodesIn, CouponTemplatePatch
from crm.http import fields

# What the kinds have beside what all have.
TAKES = {
    "amount": {"value"},
    "percent": {"value", "max_discount"},
    "free_shipping": {"max_discount"},
    "gift": {"value", "gift"},
    "points_multiplier": {"factor"},
}
SPECIAL = {"value", "max_discount", "gift", "factor"}
GROUPS = (
    ("gives", ("name", "value", "factor", "gift", "max_discount")),
    ("when", ("min_basis", "scope", "stackable")),
    ("lasts", ("validity",)),
    ("limits", ("per_member_limit", "stock", "budget", "returns_on_refund")),
)
CHANGEABLE = {"name", "stackable", "per_member_limit", "stock", "budget", "returns_on_refund"}
EVERY = tuple(leaves(CouponTemplatePatch, skip=("kind", "ended")))
PERCENT = Leaf("/value", fields.Whole(1, 100))
CODES = tuple(leaves(CouponCodesIn))
NEW = {"min_basis": 0, "validity": {"days": 30}, "returns_on_refund": True}


def leaves_of(kind: str, *, fixed: bool = False) -> tuple[Leaf, ...]:
    """The fields of a template of this kind; `fixed`: those that can change once it has codes."""
    found = [leaf for leaf in EVERY if _takes(kind, _first(leaf))]
    if kind == "percent":  # a percentage is no amount of money
        found = [PERCENT if leaf.pointer == "/value" else leaf for leaf in found]
    return tuple(leaf for leaf in found if not fixed or _first(leaf) in CHANGEABLE)


def _takes(kind: str, first: str) -> bool:
    return first in TAKES[kind] or first not in SPECIAL


def _first(leaf: Leaf) -> str:
    return leaf.pointer.split("/")[1]


def groups(known: tuple[Leaf, ...]) -> dict[str, list[Leaf]]:
    """The fields by the part of the form that they stand in; parts without any are left out."""
    found = {
        name: [leaf for first in firsts for leaf in known if _first(leaf) == first]
        for name, firsts in GROUPS
    }
    return {name: part for name, part in found.items() if part}
