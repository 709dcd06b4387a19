"""Read the CDNOW purchase history out of the `lifetimes` wheel.

Source: P. S. Fader and B. G. S. Hardie, "Forecasting Repeat Sales at CDNOW: A Case Study",
Interfaces 31 (2001): every purchase until the end of June 1998 of the people who first bought at
CDNOW in the first quarter of 1997. The wheel (MIT) is read as an archive, never installed: the
package does not import on current NumPy.
"""

import zipfile
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import NamedTuple

MEMBER = "lifetimes/datasets/CDNOW_master.txt"
WHEELS = "[Ll]ifetimes-*.whl"


class SourceUnusable(Exception):
    """The purchase history is missing or not what it should be; the text says what to do."""


class Purchase(NamedTuple):
    """One line of the history: `cents` are US cents, 0 for the few that were free."""

    customer: int
    day: date
    units: int
    cents: int


def find(where: Path) -> Path:
    """The wheel itself, given its path or the folder that holds it.

    Raises SourceUnusable when there is none.
    """
    if where.is_dir():
        wheels = sorted(where.glob(WHEELS))
        if wheels:
            return wheels[-1]
    elif where.is_file():
        return where
    raise SourceUnusable(
        f"No purchase history at {where}. Fetch it with: "
        f"pip download --no-deps lifetimes==0.11.3 -d {where}"
    )


def read(where: Path) -> list[Purchase]:
    """Every purchase in the file's own order: by customer, then by day.

    Raises SourceUnusable when the archive or a line of the file cannot be read.
    """
    wheel = find(where)
    try:
        with zipfile.ZipFile(wheel) as archive:
            text = archive.read(MEMBER).decode("ascii")
    except (zipfile.BadZipFile, KeyError, UnicodeDecodeError) as problem:
        raise SourceUnusable(f"{wheel} holds no readable {MEMBER}: {problem}") from problem
    return parse(text.splitlines()[1:])


def parse(lines: Iterable[str]) -> list[Purchase]:
    """Purchases from lines of `customer yyyymmdd units dollars`; blank lines are passed over.

    Raises SourceUnusable naming the line, counted from the heading as line 1.
    """
    purchases = []
    for number, line in enumerate(lines, start=2):
        fields = line.split()
        if not fields:
            continue
        try:
            customer, day, units, dollars = fields
            purchases.append(Purchase(int(customer), _day(day), int(units), _cents(dollars)))
        except (ValueError, ArithmeticError) as problem:
            raise SourceUnusable(f"Line {number} of the purchase history: {line!r}") from problem
    return purchases


@cache
def _day(text: str) -> date:
    return date(int(text[:4]), int(text[4:6]), int(text[6:]))


@cache
def _cents(dollars: str) -> int:
    return int(Decimal(dollars).scaleb(2).to_integral_exact())
