"""A condition on a percentile holds for exactly the values whose percentile meets it."""

import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.segments import ranks
from crm.segments.audiences.percentile_conditions import translate
from crm.segments.percentiles import Table

MEETS = {"ge": operator.ge, "gt": operator.gt, "le": operator.le, "lt": operator.lt}
SHARES = st.integers(0, 100).map(lambda percent: percent / 100)
BUYERS = st.lists(st.integers(0, 40), min_size=1, max_size=60)


def meets(op: str, asked, found) -> bool:
    if op == "between":
        return asked[0] <= found <= asked[1]
    return MEETS[op](found, asked)


@pytest.mark.parametrize("falling", [False, True])
@pytest.mark.parametrize("op", [*MEETS, "between"])
@given(values=BUYERS, shares=st.tuples(SHARES, SHARES))
def test_the_condition_on_values_is_that_on_their_percentiles(op, falling, values, shares):
    """`falling`: fewer days since the last purchase are better."""
    table = Table.read(ranks.table(np.array(values)))
    asked = sorted(shares) if op == "between" else shares[0]
    said, bound = translate(table, op, asked, falling=falling)
    for value in range(42):
        share = table.midrank(value)
        wanted = meets(op, asked, round(1 - share if falling else share, 4))
        assert meets(said, bound, value) == wanted, (value, share, said, bound)
