"""What the tiers of a ladder promise: which coupons each month, which one on the birthday. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from crm.http.fields import read_id
from crm.members.tiers.ladder import Ladder, Tier

MONTH, BIRTHDAY = "month", "birthday"


class Named(NamedTuple):
    """A coupon template that a tier's benefits name, and where."""

    place: tuple[str | int, ...]
    given: str


class Promise(NamedTuple):
    """One coupon that a tier brings in each period; `nth` of this template, from 1."""

    rank: int
    tier: str
    template: UUID
    nth: int

    @property
    def suffix(self) -> str:
        """What tells it from the others of its template and period."""
        return "" if self.nth == 1 else f"#{self.nth}"


@dataclass(frozen=True, slots=True)
class Benefits:
    """The coupons of one tier: on the birthday, and each month how many of which template."""

    birthday: UUID | None
    monthly: Mapping[UUID, int]

    def keeps(self, template: UUID, occasion: str) -> bool:
        """Whether a coupon given for this occasion is one that this tier brings, too."""
        _, benefit, period = occasion.split(":", 2)
        if benefit == BIRTHDAY:
            return template == self.birthday
        nth = int(period.partition("#")[2] or 1)
        return nth <= self.monthly.get(template, 0)


def of(tier: Tier) -> Benefits:
    """The coupons that a tier brings. What is no id of a template promises nothing."""
    birthday = _id(tier.benefits.get("birthday_coupon"))
    listed = (_id(one) for one in tier.benefits.get("monthly_coupons") or ())
    return Benefits(birthday, Counter(one for one in listed if one is not None))


def monthly(ladder: Ladder) -> list[Promise]:
    """All that a ladder promises for each month."""
    return [
        Promise(rank, tier.code, template, nth)
        for rank, tier in enumerate(ladder.tiers)
        for template, times in of(tier).monthly.items()
        for nth in range(1, times + 1)
    ]


def on_birthdays(ladder: Ladder) -> list[Promise]:
    """All that a ladder promises for birthdays."""
    found = ((rank, tier, of(tier).birthday) for rank, tier in enumerate(ladder.tiers))
    return [
        Promise(rank, tier.code, template, 1)
        for rank, tier, template in found
        if template is not None
    ]


def named(tiers: list[Mapping[str, Any]]) -> Iterator[Named]:
    """Every template that the tiers of a document name."""
    for place, tier in enumerate(tiers):
        benefits = tier.get("benefits") or {}
        if "birthday_coupon" in benefits:
            yield Named((place, "birthday_coupon"), benefits["birthday_coupon"])
        for nth, one in enumerate(benefits.get("monthly_coupons") or ()):
            yield Named((place, "monthly_coupons", nth), one)


def _id(given: object) -> UUID | None:
    try:
        return read_id(given)
    except ValueError:
        return None
