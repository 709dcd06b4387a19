"""Contenders take turns, round by round, so that what disturbs the machine disturbs all of them."""

import resource
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench import cpu

_SETTLING_SECONDS = 0.3  # connections that end just now are counted neither twice nor not at all


@dataclass(frozen=True)
class Load:
    """What a load generator saw: operations done, in how long, how many of them failed."""

    operations: int
    seconds: float
    errors: int
    mean_ms: float
    p99_ms: float | None = None
    max_ms: float | None = None


@dataclass(frozen=True)
class Contender:
    """One that is measured: `drive(seconds)` loads it; `process` is the program, if it serves."""

    name: str
    drive: Callable[[float], Load]
    process: int | None


@dataclass(frozen=True)
class Sample:
    """One turn of one contender; CPU (user + system) in milliseconds per operation.

    `client_ms` is that of the load generator, which shares the machine.
    """

    load: Load
    app_ms: float
    database_ms: float
    client_ms: float

    @property
    def rate(self) -> float:
        """Operations per second."""
        return self.load.operations / self.load.seconds


def run(
    contenders: Sequence[Contender],
    postmaster: int,
    *,
    rounds: int,
    seconds: float,
    report: Callable[[str], None],
) -> list[list[Sample]]:
    """Warm all up, then measure `rounds` rounds of `seconds` each; samples by contender."""
    for contender in contenders:
        contender.drive(min(seconds, 3))
    samples: list[list[Sample]] = [[] for _ in contenders]
    for turn in range(rounds):
        places = list(range(len(contenders)))
        for place in places[turn % len(places) :] + places[: turn % len(places)]:
            sample = _measure(contenders[place], postmaster, seconds)
            samples[place].append(sample)
            report(f"round {turn + 1}: {contenders[place].name}: {sample.rate:,.0f}/s")
    return samples


def _measure(contender: Contender, postmaster: int, seconds: float) -> Sample:
    before = _spent(contender, postmaster)
    load = contender.drive(seconds)
    time.sleep(_SETTLING_SECONDS)
    after = _spent(contender, postmaster)
    done = max(load.operations, 1)
    return Sample(
        load, *(1000 * (end - begin) / done for begin, end in zip(before, after, strict=True))
    )


def _spent(contender: Contender, postmaster: int) -> tuple[float, float, float]:
    """CPU seconds so far of the program, of PostgreSQL, and of all load generators that ended."""
    clients = resource.getrusage(resource.RUSAGE_CHILDREN)
    app = cpu.seconds(contender.process) if contender.process else 0.0
    return app, cpu.seconds(postmaster), clients.ru_utime + clients.ru_stime


HEADINGS = (
    "",
    "per second",
    "min-max",
    "ratio",
    "mean ms",
    "p99 ms",
    "CPU: app",
    "database",
    "client",
    "errors",
)


def table(contenders: Sequence[Contender], samples: Sequence[Sequence[Sample]]) -> str:
    """Medians over the rounds; ratios to the first contender are medians of each round's ratio."""
    rows = [HEADINGS]
    for contender, own in zip(contenders, samples, strict=True):
        rates = [sample.rate for sample in own]
        rows.append(
            (
                contender.name,
                f"{statistics.median(rates):,.0f}",
                f"{min(rates):,.0f}-{max(rates):,.0f}",
                f"{ratio(own, samples[0]):.2f}",
                f"{statistics.median(sample.load.mean_ms for sample in own):.1f}",
                _median([sample.load.p99_ms for sample in own], 1),
                _median([sample.app_ms or None for sample in own], 3),
                _median([sample.database_ms for sample in own], 3),
                _median([sample.client_ms for sample in own], 3),
                str(sum(sample.load.errors for sample in own)),
            )
        )
    return columns(rows)


def ratio(own: Sequence[Sample], yardstick: Sequence[Sample]) -> float:
    """The median of the rounds' ratios of rates."""
    pairs = zip(own, yardstick, strict=True)
    return statistics.median(mine.rate / theirs.rate for mine, theirs in pairs)


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows as text: the first column to the left, figures to the right."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells))
    return "\n".join(lines)


def _median(values: Sequence[float | None], digits: int) -> str:
    known = [value for value in values if value is not None]
    return f"{statistics.median(known):.{digits}f}" if known else "-"
