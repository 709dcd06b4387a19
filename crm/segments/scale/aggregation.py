"""RFM features as one ibis expression, which DuckDB, Spark, PostgreSQL and others can run.

The same definitions as `crm.segments.reading.population`, and the same numbers.
"""

from datetime import date, datetime
from typing import Any

import ibis  # pyright: ignore[reportMissingImports]
from ibis import _  # pyright: ignore[reportMissingImports]

from crm.segments.features import NEVER


def features(members: Any, purchases: Any, as_of: datetime, today: date) -> Any:
    """Per member: recency, frequency, monetary, tenure as of an instant (days, times, minor units).

    `members`: tables of `crm.segments.scale.export`, `id` and `created_at`; `purchases`:
    `member_id`, `paid_at`, `local_day`, `net` of counted orders. `as_of` is naive UTC, as the files
    are; `today` is the day that it is in the programme's zone. Ordered by member.
    """
    bought = (
        purchases.filter(_.paid_at <= ibis.literal(as_of))
        .group_by("member_id")
        .agg(
            first_day=_.local_day.min(),
            last_day=_.local_day.max(),
            frequency=_.local_day.nunique(),
            monetary=_.net.sum(),
        )
    )
    day = ibis.literal(today)
    known = members.left_join(bought, members.id == bought.member_id)
    known = known.filter(_.frequency.notnull() | (_.created_at <= ibis.literal(as_of)))
    return known.select(
        member_id=_.id,
        recency=_days(day, known.last_day),
        frequency=_.frequency.fill_null(0).cast("int64"),
        monetary=_.monetary.fill_null(0).cast("int64"),
        tenure=_days(day, known.first_day),
    ).order_by("member_id")


def _days(today: Any, day: Any) -> Any:
    """Days from `day` to `today`, not below 0; -1 for those who never bought."""
    passed = today.delta(day, unit="day").cast("int64")
    return ibis.ifelse(day.isnull(), NEVER, ibis.ifelse(passed < 0, 0, passed)).cast("int64")
