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


@dataclass(frozen=True)
class Outlook:
    """What a buyer's segment makes of him. Segments by their names, in the reader's language.

    `usual_days`: within it half of those come back who ever do; `gap_days`: how often members of
    his segment buy, in the middle (None: nobody came back). `bound_for`: where the next run will
    put him, None while that is where he is. `buying`: where a purchase now would put him, None
    where it would leave him; after `days_left` without one he would be in `then`.
    """

    usual_days: int
    gap_days: float | None
    bound_for: str | None
    buying: str | None
    days_left: int | None
    then: str | None


def facts(
    features: Features,
    spread: Distributions | None,
    currency: str,
    outlook: Outlook | None = None,
) -> list[dict[str, str]]:
    """Three facts as `{"code", "text"}`; without a finished run they compare with nobody."""
    if features.recency_days is None:
        found = _of_a_prospect(features, spread)
    else:
        found = _of_a_buyer(features, features.recency_days, spread, currency, outlook)
    return [{"code": code, "text": text} for code, text in found]


def _of_a_prospect(features: Features, spread: Distributions | None) -> Iterator[tuple[str, str]]:
    yield "purchases", gettext(N_("No purchase yet"))
    yield "registered", _registered(features.registered_days)
    if spread:
        text = gettext(N_("{share}% of members have not bought yet"))
        yield "prospects", text.format(share=_percent(spread.prospects_share))


def _of_a_buyer(
    features: Features,
    recency: int,
    spread: Distributions | None,
    currency: str,
    outlook: Outlook | None,
) -> Iterator[tuple[str, str]]:
    if spread is None:
        yield "recency", _last(recency)
        yield "frequency", _rhythm(features)
        yield "monetary", _spent(features, currency)
        return
    sooner = N_("more recent than {share}% of customers")
    yield "recency", _compared(_last(recency), sooner, 1 - spread.recency.shares(recency)[1])
    yield "frequency", _beside(features, outlook) or _often(features, spread.frequency)
    ahead = _ahead(outlook)
    if ahead:
        yield "outlook", ahead
        return
    more = N_("more than {share}% of customers")
    share = spread.monetary.shares(features.monetary)[0]
    yield "monetary", _compared(_spent(features, currency), more, share)


def _beside(features: Features, outlook: Outlook | None) -> str | None:
    """How often he buys, beside others like him."""
    if outlook is None:
        return None
    if features.frequency == 1:
        days = outlook.usual_days
        usual = ngettext(
            "half of those who come back do so within {days} day",
            "half of those who come back do so within {days} days",
            days,
        )
    elif outlook.gap_days is not None:
        days = max(round(outlook.gap_days), 1)
        usual = ngettext(
            "members like this buy about every day",
            "members like this buy about every {days} days",
            days,
        )
    else:
        return None
    return _joined(_rhythm(features), usual.format(days=days))


def _ahead(outlook: Outlook | None) -> str | None:
    """What comes next, the nearest first."""
    if outlook is None:
        return None
    if outlook.bound_for:
        text = gettext(N_("Has moved since; from the next run on: {segment}"))
        return text.format(segment=outlook.bound_for)
    if outlook.buying:
        return gettext(N_("Buying now would lead to: {segment}")).format(segment=outlook.buying)
    if outlook.days_left is None or outlook.then is None:
        return None
    text = ngettext(
        "After {days} more day without a purchase: {segment}",
        "After {days} more days without a purchase: {segment}",
        outlook.days_left,
    )
    return text.format(days=outlook.days_left, segment=outlook.then)


def _spent(features: Features, currency: str) -> str:
    return gettext(N_("Spent {amount} in all")).format(amount=money(features.monetary, currency))


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
    return _joined(fact, text)


def _joined(fact: str, comparison: str) -> str:
    return gettext(N_("{fact}; {comparison}")).format(fact=fact, comparison=comparison)


def _percent(share: float) -> int:
    return int(share * 100 + 1e-9)


def money(amount: int, currency: str) -> str:
    """An amount in minor units as people write it."""
    value = Decimal(amount).scaleb(-get_currency_precision(currency))
    written = format_currency(value, currency, locale=BABEL[locale()])
    return written.replace("CN¥", "¥")  # a shop's own currency needs no country, as on its pages
