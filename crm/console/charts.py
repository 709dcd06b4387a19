"""Where the marks of a chart stand. Pure geometry; templates/parts/charts.html draws it as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from math import sqrt

HEATS = 8


def heat(value: float, largest: float) -> int:
    """The step 0…8 of the heat scale; by square root, so that small shares still differ."""
    if value <= 0 or largest <= 0:
        return 0
    return min(HEATS, int(HEATS * sqrt(value / largest)))


@dataclass(frozen=True)
class Steps:
    """A step line over time in a box of `width` × `height`: its points, and the last one.

    `high` and `low` are the extreme values and how far down they lie.
    """

    width: float
    height: float
    line: str
    area: str
    last: tuple[float, float]
    high: tuple[int, float]
    low: tuple[int, float]


def steps(
    changes: Sequence[tuple[datetime, int]],
    start: datetime,
    end: datetime,
    opening: int,
    *,
    width: float = 234,
    height: float = 66,
) -> Steps:
    """A balance that is `opening` at `start` and takes each new value at its instant.

    The line may leave zero out; the area below it shows that time has passed, not an amount.
    """
    values = [opening, *(value for _, value in changes)]
    low, high = min(values), max(values)
    floor = low - (high - low) * 0.45  # air under the lowest step
    reach = (high - floor) or 1
    seconds = (end - start).total_seconds() or 1

    def x(at: datetime) -> float:
        return round(width * (at - start).total_seconds() / seconds, 1)

    def y(value: int) -> float:
        return round(height - (height - 10) * (value - floor) / reach, 1)

    points = [(0.0, y(opening))]
    for at, value in changes:
        points += [(x(at), points[-1][1]), (x(at), y(value))]
    points.append((width, points[-1][1]))
    line = " ".join(f"{a},{b}" for a, b in points)
    area = f"0,{height} {line} {width},{height}"
    return Steps(width, height, line, area, points[-1], (high, y(high)), (low, y(low)))


@dataclass(frozen=True)
class PairedBars:
    """One row of the chart that sets two shares side by side: positions in the viewBox."""

    label: str
    y: float
    first: float
    second: float
    first_text: str
    second_text: str


def paired_bars(
    rows: Sequence[tuple[str, float, float]], texts: Sequence[tuple[str, str]], room: float
) -> list[PairedBars]:
    """Rows of (label, share, share), drawn to one scale from zero within `room` units."""
    largest = max((max(a, b) for _, a, b in rows), default=0) or 1
    return [
        PairedBars(label, 30.0 * at, room * a / largest, room * b / largest, *texts[at])
        for at, (label, a, b) in enumerate(rows)
    ]


@dataclass(frozen=True)
class DayColumns:
    """A column for each day, from zero: (x, y, width, height) and what it stands for; the largest
    value, the first and the last day."""

    width: float
    height: float
    columns: Sequence[tuple[float, float, float, float]]
    largest: int
    first: str
    last: str


def day_columns(
    rows: Sequence[tuple[date, int]], *, width: float = 600, height: float = 90
) -> DayColumns:
    """Counts by day, drawn to one scale from zero; the top tenth stays free for the figure."""
    largest = max((count for _, count in rows), default=0)
    step = width / max(len(rows), 1)
    columns = []
    for at, (_, count) in enumerate(rows):
        tall = height * 0.9 * count / largest if largest else 0.0
        columns.append(
            (round(at * step, 1), round(height - tall, 1), round(step * 0.7, 1), round(tall, 1))
        )
    ends = (rows[0][0].isoformat(), rows[-1][0].isoformat()) if rows else ("", "")
    return DayColumns(width, height, columns, largest, *ends)


@dataclass(frozen=True)
class Mark:
    """A value of a course: where it lies, what it is called, what is written beside it."""

    x: float
    y: float
    label: str
    text: str


@dataclass(frozen=True)
class Course:
    """A line through the values that are known, in a box of `width` × `height`; `lines` are the
    heights of the scale's whole numbers."""

    width: float
    height: float
    line: str
    marks: list[Mark]
    lines: list[tuple[int, float]]


def course(
    points: Sequence[tuple[int, float]],
    labels: Sequence[str],
    texts: Sequence[str],
    *,
    low: int,
    high: int,
    width: float = 420,
    height: float = 120,
) -> Course:
    """Values over whole steps of time, on a scale from `low` to `high`; a step may be missing."""
    first, last = points[0][0], points[-1][0]
    margin, top = 24.0, 14.0
    span = (last - first) or 1

    def y(value: float) -> float:
        return round(height - (height - top) * (value - low) / (high - low), 1)

    marks = [
        Mark(round(margin + (width - 2 * margin) * (at - first) / span, 1), y(value), label, text)
        for (at, value), label, text in zip(points, labels, texts, strict=True)
    ]
    line = " ".join(f"{mark.x},{mark.y}" for mark in marks)
    return Course(width, height, line, marks, [(n, y(n)) for n in range(low, high + 1)])


@dataclass(frozen=True)
class Interval:
    """One row of a chart of intervals: where its ends, its estimate and its text stand; `mark` is
    its colour: gain, loss, or the grey of what chance explains."""

    label: str
    y: float
    low: float
    estimate: float
    high: float
    text: str
    mark: str


@dataclass(frozen=True)
class Intervals:
    """Intervals one under the other on one scale that holds zero, which stands at `zero`."""

    rows: list[Interval]
    zero: float
    height: float


def intervals(
    rows: Sequence[tuple[str, float, float, float, str]],
    *,
    left: float = 120,
    right: float = 620,
    step: float = 30,
) -> Intervals:
    """Rows of (label, low, estimate, high, text), drawn between `left` and `right`."""
    least = min(0.0, *(low for _, low, _, _, _ in rows))
    most = max(0.0, *(high for _, _, _, high, _ in rows))
    reach = (most - least) or 1

    def x(value: float) -> float:
        return round(left + (right - left) * (value - least) / reach, 1)

    drawn = [
        Interval(
            label, step * at + step / 2, x(low), x(estimate), x(high), text,
            "c-1" if low > 0 else "c-2" if high < 0 else "c-5",
        )
        for at, (label, low, estimate, high, text) in enumerate(rows)
    ]  # fmt: skip
    return Intervals(drawn, x(0), step * len(rows))
