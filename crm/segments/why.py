"""Why a member is where he is: three facts in words, from stored numbers, in any language."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from babel.numbers import format_currency, get_currency_precision

from crm.i18n import N_, gettext, locale, ngettext
from crm.segments.percentiles import Table

BABEL = {"en": "en", "zh-Hans": "zh_Hans_CN", "zh-Hant": "zh_Hant_TW"}


@dataclass(frozen=True)
class Features:
    """A member's purchases as of an instant: days, counts and minor units of the programme's
    currency. `recency_days` and `tenure_days` are None before the first purchase.
    """

    recency_days: int | None
    frequency: int
    monetary: int
    tenure_days: int | None
    registered_days: int

    @property
    def mean_gap_days(self) -> float | None:
        """Mean days between purchase days; None with fewer than two."""
        if self.recency_days is None or self.tenure_days is None or self.frequency < 2:
            return None
        return round((self.tenure_days - self.recency_days) / (self.frequency - 1), 1)


@dataclass(frozen=True)
class Distributions:
    """How all buyers of a run are spread, and which share of the members has not bought."""

    recency: Table
    frequency: Table
    monetary: Table
    prospects_share: float

    @classmethod
    def read(cls, percentiles: dict[str, Any], sizes: list[dict[str, Any]]) -> "Distributions":
        """From what a run stored."""
        tables = [Table.read(percentiles[name]) for name in ("recency", "frequency", "monetary")]
        share = {row["code"]: row["share"] for row in sizes}.get("prospects", 0.0)
        return cls(*tables, prospects_share=share)

    def percentiles(self, features: Features) -> dict[str, float] | None:
        """0 to 1, more is better; equal features, equal percentiles. None without a purchase."""
        if features.recency_days is None:
            return None
        return {
            "recency": round(1 - self.recency.midrank(features.recency_days), 4),
            "frequency": round(self.frequency.midrank(features.frequency), 4),
            "monetary": round(self.monetary.midrank(features.monetary), 4),
        }


def facts(features: Features, spread: Distributions | None, currency: str) -> list[dict[str, str]]:
    """Three facts as `{"code", "text"}`; without a finished run they compare with nobody."""
    if features.recency_days is None:
        found = _of_a_prospect(features, spread)
    else:
        found = _of_a_buyer(features, features.recency_days, spread, currency)
    return [{"code": code, "text": text} for code, text in found]


def _of_a_prospect(features: Features, spread: Distributions | None) -> Iterator[tuple[str, str]]:
    yield "purchases", gettext(N_("No purchase yet"))
    yield "registered", _registered(features.registered_days)
    if spread:
        text = gettext(N_("{share}% of members have not bought yet"))
        yield "prospects", text.format(share=_percent(spread.prospects_share))


def _of_a_buyer(
    features: Features, recency: int, spread: Distributions | None, currency: str
) -> Iterator[tuple[str, str]]:
    last = _last(recency)
    amount = money(features.monetary, currency)
    spent = gettext(N_("Spent {amount} in all")).format(amount=amount)
    if spread is None:
        yield "recency", last
        yield "frequency", _rhythm(features)
        yield "monetary", spent
        return
    yield (
        "recency",
        _compared(
            last,
            N_("more recent than {share}% of customers"),
            1 - spread.recency.shares(recency)[1],
        ),
    )
    yield "frequency", _often(features, spread.frequency)
    yield (
        "monetary",
        _compared(
            spent,
            N_("more than {share}% of customers"),
            spread.monetary.shares(features.monetary)[0],
        ),
    )


def _often(features: Features, spread: Table) -> str:
    if features.frequency == 1:
        returned = N_("{share}% of customers have come back")
        return _compared(_rhythm(features), returned, 1 - spread.shares(1)[1])
    more = N_("more often than {share}% of customers")
    return _compared(_rhythm(features), more, spread.shares(features.frequency)[0])


def _rhythm(features: Features) -> str:
    gap = features.mean_gap_days
    if gap is None:
        return gettext(N_("Bought once so far"))
    days = max(round(gap), 1)
    text = ngettext(
        "Bought on {times} days, about every day",
        "Bought on {times} days, about every {days} days",
        days,
    )
    return text.format(times=features.frequency, days=days)


def _last(days: int) -> str:
    if not days:
        return gettext("Last purchase today")
    text = ngettext("Last purchase {days} day ago", "Last purchase {days} days ago", days)
    return text.format(days=days)


def _registered(days: int) -> str:
    if not days:
        return gettext("Registered today")
    return ngettext("Registered {days} day ago", "Registered {days} days ago", days).format(
        days=days
    )


def _compared(fact: str, comparison: str, share: float) -> str:
    # He is a customer himself, so he is never ahead of all of them.
    text = gettext(comparison).format(share=min(_percent(share), 99))
    return gettext(N_("{fact}; {comparison}")).format(fact=fact, comparison=text)


def _percent(share: float) -> int:
    return int(share * 100 + 1e-9)


def money(amount: int, currency: str) -> str:
    """An amount in minor units as people write it."""
    value = Decimal(amount).scaleb(-get_currency_precision(currency))
    written = format_currency(value, currency, locale=BABEL[locale()])
    return written.replace("CN¥", "¥")  # a shop's own currency needs no country, as on its pages
