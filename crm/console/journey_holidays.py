"""Holidays as lines of a form: `spring_festival lunar 1-1 Lunar New Year / 春节 / 春節`."""

from collections.abc import Iterable, Mapping
from typing import Any

from crm.console import forms
from crm.console.leaves import Leaf
from crm.http import fields
from crm.i18n import LOCALES

HOLIDAYS = Leaf("/holidays", fields.Items(fields.Text(300), 30))
BETWEEN = " / "


def written(holidays: Iterable[Mapping[str, Any]]) -> list[str]:
    """A line for each: code, calendar, month and day, its names in the order of the languages."""
    return [
        f"{one['code']} {one['calendar']} {one['month']}-{one['day']} "
        + BETWEEN.join(one["name"].get(locale, "") for locale in LOCALES).rstrip(BETWEEN)
        for one in holidays
    ]


def read(lines: Iterable[str]) -> list[Any]:
    """What the lines say, for the schema to judge; a line that says nothing we know stays one."""
    return [_read(line) for line in lines]


def _read(line: str) -> Any:
    code, _, rest = line.partition(" ")
    calendar, _, rest = rest.strip().partition(" ")
    date, _, names = rest.strip().partition(" ")
    month, day = map(forms.whole, date.partition("-")[::2])
    if not (isinstance(month, int) and isinstance(day, int)):
        return line
    said = [name.strip() for name in names.split(BETWEEN.strip())]
    by_locale = {locale: name for locale, name in zip(LOCALES, said, strict=False) if name}
    return {
        "code": code, "calendar": calendar, "month": month, "day": day,
        "name": by_locale,
    }  # fmt: skip
