"""How the value of a field is written: in the member's language, with his day of the calendar."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_currency, get_currency_precision

from crm.messages.templates.fields import Kind

LONGEST = 2000  # characters of one value: with no loops, this bounds every message
STYLES = ("short", "medium", "long", "full")
BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


class Scene:
    """One member's values while a message is filled in, and the names that turned out empty.

    `values` by the parts of names: {"member": {"name": …}}; `zone` is a time zone's name.
    """

    __slots__ = ("locale", "missing", "values", "zone")

    def __init__(self, values: Mapping[str, Any], locale: str, zone: str) -> None:
        self.values, self.locale, self.zone = values, locale, zone
        self.missing: list[str] = []


def look_up(path: tuple[str, ...]) -> Callable[[Scene], Any]:
    """Finds the value of a name in a scene; None where any part of it is not there."""
    if len(path) == 2:
        return _look_up_two(*path)

    def found(scene: Scene) -> Any:
        value: Any = scene.values
        for name in path:
            if not isinstance(value, dict):
                return None
            value = value.get(name)
        return value

    return found


def _look_up_two(room: str, name: str) -> Callable[[Scene], Any]:
    """As `look_up`, for nearly all names there are."""

    def found(scene: Scene) -> Any:
        values = scene.values.get(room)
        return values.get(name) if isinstance(values, dict) else None

    return found


Show = Callable[[Any, Scene], str | None]


def _text(value: Any, scene: Scene) -> str | None:
    if type(value) is str:
        return value
    if isinstance(value, Mapping):  # by language, such as the name of a store
        value = value.get(scene.locale) or value.get("en") or next(iter(value.values()), None)
    return value if isinstance(value, str) else _number(value, scene)


def _number(value: Any, scene: Scene) -> str | None:
    if type(value) is int:
        return f"{value:,}"
    return str(value) if isinstance(value, (str, float, Decimal)) else None


def _money(value: Any, scene: Scene) -> str | None:
    if isinstance(value, Mapping) and type(value.get("amount")) is int:
        return money(value["amount"], str(value.get("currency")), scene.locale)
    return value if isinstance(value, str) else None


def _link(value: Any, scene: Scene) -> str | None:
    is_link = isinstance(value, str) and value.startswith(("https://", "http://"))
    return value if is_link else None


def day_in(style: str) -> Show:
    """Writes days in one of the styles: short, medium, long, full."""

    def show(value: Any, scene: Scene) -> str | None:
        try:
            return day(str(value), style, scene.locale, scene.zone)
        except ValueError:
            return None

    return show


SHOW: Mapping[Kind, Show] = MappingProxyType(
    {
        Kind.TEXT: _text,
        Kind.NUMBER: _number,
        Kind.MONEY: _money,
        Kind.DAY: day_in("medium"),
        Kind.LINK: _link,
    }
)


@lru_cache(maxsize=8192)
def money(amount: int, currency: str, locale: str) -> str:
    """An amount in minor units as people of that language write it; `¥1,999.00`."""
    value = Decimal(amount).scaleb(-get_currency_precision(currency))
    return format_currency(value, currency, locale=_babel(locale))


@lru_cache(maxsize=8192)
def day(text: str, style: str, locale: str, zone: str) -> str:
    """A date, or the day of an instant in a zone. Raises `ValueError` for anything else."""
    if len(text) == 10:
        found = date.fromisoformat(text)
    else:
        instant = datetime.fromisoformat(text)
        found = (instant.astimezone(ZoneInfo(zone)) if instant.tzinfo else instant).date()
    return format_date(found, style, locale=_babel(locale))  # type: ignore[arg-type]


@lru_cache(maxsize=8)
def _babel(locale: str) -> Locale:
    return Locale.parse(locale, sep="-")


def one_line(text: str) -> str:
    """A value inside a header: no line ends, so that it can't begin another header."""
    return text if text.isprintable() else BREAKS.sub(" ", text)


def plain(text: str) -> str:
    """A value inside plain text: no control characters but line ends."""
    return text if text.isprintable() else CONTROL.sub("", text)
