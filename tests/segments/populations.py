"""Made-up shops for the tests of segments, without a database."""

from uuid import UUID

import numpy as np
from hypothesis import strategies as st

from crm.segments.features import NEVER, Population
from crm.segments.parameters import Parameters

QUICK = Parameters(bootstraps=5, sample=1500)
Row = tuple[UUID, int, int, int, int, int]


def row(number: int, recency: int, frequency: int, monetary: int, tenure: int) -> Row:
    """A member who belonged to no segment before."""
    return UUID(int=number), recency, frequency, monetary, tenure, -1


def prospect(number: int) -> Row:
    """A member who has not bought."""
    return row(number, NEVER, 0, 0, NEVER)


def lively_shop(seed: int = 1, size: int = 1200) -> Population:
    """Repeat buyers of four kinds that are well apart, and as many who bought once."""
    draw = np.random.default_rng(seed)
    kinds = [(10, 20, 200_000), (15, 4, 12_000), (200, 8, 60_000), (300, 2, 5_000)]
    rows = []
    for number in range(size):
        days, times, amount = kinds[number % len(kinds)]
        recency = int(days * draw.lognormal(0, 0.2)) + 1
        frequency = max(2, int(times * draw.lognormal(0, 0.1)))
        monetary = int(amount * draw.lognormal(0, 0.2))
        rows.append(row(number, recency, frequency, monetary, recency + 30 * frequency))
        once = int(draw.integers(0, 600))
        rows.append(row(10_000 + number, once, 1, int(amount / times), once))
    return Population.of(rows)


@st.composite
def shops(draw: st.DrawFn) -> list[Row]:
    """Any shop: empty, tiny, of equals, with outliers, prospects and future-dated first days."""
    size = draw(st.integers(0, 40))
    copies = draw(st.sampled_from([1, 1, 10]))
    kinds = [draw(_features()) for _ in range(size)]
    return [
        (*row(index, *features)[:5], draw(st.sampled_from([-1, 0, 5, 12])))
        for index, features in enumerate(kinds * copies)
    ]


@st.composite
def _features(draw: st.DrawFn) -> tuple[int, int, int, int]:
    frequency = draw(st.one_of(st.integers(0, 3), st.integers(0, 10_000)))
    if not frequency:
        return NEVER, 0, 0, NEVER
    recency = draw(st.one_of(st.just(0), st.integers(0, 20_000)))
    monetary = draw(st.one_of(st.just(1), st.integers(1, 50_000), st.integers(1, 10**15)))
    return recency, frequency, monetary, recency + draw(st.integers(0, 5_000))
