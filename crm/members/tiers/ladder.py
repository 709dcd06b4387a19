"""The ladder: its tiers from the lowest up, what each asks for, and how long it lasts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from fractions import Fraction
from typing import Any, Literal, NamedTuple, Self, cast

import marshmallow as ma

from crm.http.schema import invalid
from crm.members.tiers.schemas import METRICS, LadderDocument


class Metrics(NamedTuple):
    """What a member did within a window: spend in minor units net of refunds, counted orders,
    points earned."""

    spend: int = 0
    orders: int = 0
    points_earned: int = 0


class Condition(NamedTuple):
    """One threshold; `metric` is one of `schemas.METRICS`."""

    metric: str
    at_least: int


@dataclass(frozen=True, slots=True)
class Conditions:
    """Thresholds of which any, or all, must be reached. None at all: open to everybody."""

    match: Literal["any", "all"]
    items: tuple[Condition, ...]
    _places: tuple[tuple[int, int], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        places = tuple((METRICS.index(item.metric), item.at_least) for item in self.items)
        object.__setattr__(self, "_places", places)

    def met_by(self, metrics: Metrics) -> bool:
        """Whether these metrics reach enough of the thresholds."""
        if self.match == "all":
            return all(metrics[place] >= least for place, least in self._places)
        reached = any(metrics[place] >= least for place, least in self._places)
        return reached or not self._places

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """From `{"any": […]}` or `{"all": […]}`."""
        match = "all" if "all" in document else "any"
        return cls(
            match, tuple(Condition(one["metric"], one["at_least"]) for one in document[match])
        )


@dataclass(frozen=True, slots=True)
class Tier:
    """One rung. `multiplier` of points is exact; `benefits` are data for others to grant."""

    code: str
    names: Mapping[str, str]
    qualify: Conditions
    keep: Conditions
    multiplier: Fraction
    benefits: Mapping[str, Any]

    def name(self, language: str) -> str:
        """The tier's name in a language, else in English, else its code."""
        return self.names.get(language) or self.names.get("en") or self.code

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """From one item of the document's `tiers`."""
        qualify = Conditions.of(document["qualify"])
        return cls(
            code=document["code"],
            names=document["name"],
            qualify=qualify,
            keep=Conditions.of(document["keep"]) if document.get("keep") else qualify,
            multiplier=Fraction(document["multiplier"]),
            benefits=document["benefits"],
        )


@dataclass(frozen=True, slots=True)
class Window:
    """The span that metrics are taken over; `months` matters for rolling windows only."""

    kind: Literal["rolling_months", "calendar_year", "membership_year", "lifetime"]
    months: int


@dataclass(frozen=True)
class Ladder:
    """One version of the ladder. `vanished` says where codes of earlier versions went."""

    tiers: Sequence[Tier]
    window: Window
    validity_months: int
    downgrade: Literal["one_step", "straight", "never"]
    grace_days: int
    refund_fallback: bool
    version: int = 0
    effective_at: datetime | None = None
    vanished: Mapping[str, str] = field(default_factory=dict)
    ranks: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ranks = {tier.code: rank for rank, tier in enumerate(self.tiers)}
        object.__setattr__(self, "ranks", ranks)

    @classmethod
    def parse(cls, document: Mapping[str, Any], *, version: int = 0) -> Self:
        """Check a document in the shape of `PUT /tiers` and build the ladder.

        Raises `Invalid` with a JSON pointer for every mistake.
        """
        return cls.of(canonical(document), version=version)

    @classmethod
    def of(cls, document: Mapping[str, Any], **more: Any) -> Self:
        """Build from a document that was checked, with its defaults filled in."""
        return cls(
            tiers=tuple(Tier.of(one) for one in document["tiers"]),
            window=Window(document["window"]["kind"], document["window"]["months"]),
            validity_months=document["validity_months"],
            downgrade=document["downgrade"],
            grace_days=document["grace_days"],
            refund_fallback=document["refund_fallback"],
            **more,
        )

    @property
    def top(self) -> int:
        """The highest rank; the lowest is 0."""
        return len(self.tiers) - 1

    def resolve(self, code: str) -> str:
        """The code on this ladder for a code of this or any earlier version."""
        return code if code in self.ranks else self.vanished.get(code, self.tiers[0].code)

    def rank(self, code: str) -> int:
        """How high a tier is, 0 the lowest."""
        return self.ranks[self.resolve(code)]

    def tier(self, code: str) -> Tier:
        """The tier of a code, resolved."""
        return self.tiers[self.rank(code)]

    def counts(self, metric: str) -> bool:
        """Whether any tier asks for this metric, to be won or to be kept."""
        return any(
            condition.metric == metric
            for tier in self.tiers
            for conditions in (tier.qualify, tier.keep)
            for condition in conditions.items
        )

    def best(self, metrics: Metrics) -> int:
        """The highest rank whose conditions these metrics meet. The lowest asks for nothing."""
        for rank in range(self.top, 0, -1):
            if self.tiers[rank].qualify.met_by(metrics):
                return rank
        return 0

    def after(self, earlier: "Ladder") -> "Ladder":
        """This ladder as the successor of `earlier`.

        A code that is gone goes to the highest remaining tier that was not above it there, else to
        the lowest tier of this ladder.
        """
        known = {**earlier.vanished, **{tier.code: tier.code for tier in earlier.tiers}}
        gone = {code: place for code, place in known.items() if code not in self.ranks}
        return replace(
            self, vanished={code: self._heir(place, earlier) for code, place in gone.items()}
        )

    def _heir(self, code: str, earlier: "Ladder") -> str:
        below = [tier.code for tier in earlier.tiers[: earlier.rank(code) + 1]]
        remaining = [code for code in below if code in self.ranks]
        return remaining[-1] if remaining else self.tiers[0].code


def canonical(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document that was checked, its defaults filled in. Raises `Invalid`."""
    try:
        return cast(dict[str, Any], LadderDocument().load(document))
    except ma.ValidationError as error:
        raise invalid(error) from None
