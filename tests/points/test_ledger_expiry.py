"""The database's `points_expiry` against the calendar, for all seven policies in many zones."""

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from expiry_oracle import expiry
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from crm.db import db

ZONES = [
    "Asia/Shanghai", "UTC", "Pacific/Pago_Pago", "Pacific/Kiritimati", "America/New_York",
    "Asia/Kathmandu", "Europe/London", "Australia/Lord_Howe", "America/St_Johns", "Asia/Hong_Kong",
]  # fmt: skip
POLICIES = [
    "rolling_months", "rolling_months_month_end", "rolling_months_quarter_end",
    "rolling_months_year_end", "fixed_day", "inactivity_months", "never",
]  # fmt: skip
EXPIRY = text("""
    SELECT points_expiry(policy, at, zone) FROM unnest(
        CAST(:policies AS jsonb[]), CAST(:ats AS timestamptz[]), CAST(:zones AS text[])
    ) WITH ORDINALITY AS t (policy, at, zone, place) ORDER BY place
""")

policies = st.fixed_dictionaries(
    {
        "policy": st.sampled_from(POLICIES),
        "months": st.integers(1, 600),
        "month": st.integers(1, 12),
        "day": st.integers(1, 31),
    }
)
instants = st.integers(946_684_800, 4_102_444_800).map(lambda at: datetime.fromtimestamp(at, UTC))
cases = st.tuples(policies, instants, st.sampled_from(ZONES))


def expiries(asked: list[tuple[dict[str, Any], datetime, str]]) -> list[datetime | None]:
    """What the database says, one statement for all."""
    given = {
        "policies": [json.dumps(policy) for policy, _, _ in asked],
        "ats": [at for _, at, _ in asked],
        "zones": [zone for _, _, zone in asked],
    }
    return list(db.session.scalars(EXPIRY, given))


@settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(asked=st.lists(cases, min_size=20, max_size=60))
def test_points_lapse_at_the_local_midnight_after_their_last_day(asked):
    assert expiries(asked) == [expiry(*case) for case in asked]


@pytest.mark.parametrize(
    ("day", "policy", "lapses"),
    [
        ("2026-01-31", {"policy": "rolling_months", "months": 1}, "2026-03-01"),
        ("2028-01-31", {"policy": "rolling_months", "months": 1}, "2028-03-01"),
        ("2027-01-31", {"policy": "rolling_months", "months": 13}, "2028-03-01"),
        ("2028-02-29", {"policy": "rolling_months", "months": 12}, "2029-03-01"),
        ("2028-02-29", {"policy": "rolling_months", "months": 48}, "2032-03-01"),
        ("2026-11-30", {"policy": "rolling_months_month_end", "months": 3}, "2027-03-01"),
        ("2026-11-30", {"policy": "rolling_months_quarter_end", "months": 12}, "2028-01-01"),
        ("2026-12-31", {"policy": "rolling_months_year_end", "months": 12}, "2028-01-01"),
        ("2026-12-31", {"policy": "fixed_day", "month": 2, "day": 31}, "2027-03-01"),
        ("2027-01-01", {"policy": "fixed_day", "month": 2, "day": 29}, "2028-03-01"),
        ("2026-06-30", {"policy": "fixed_day", "month": 6, "day": 30}, "2027-07-01"),
    ],
)
def test_the_ends_of_months_and_leap_days_are_as_people_expect(day, policy, lapses):
    shanghai = ZoneInfo("Asia/Shanghai")
    for clock in ("00:00", "23:59"):
        at = datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=shanghai)
        midnight = datetime.fromisoformat(lapses).replace(tzinfo=shanghai)
        assert expiries([(policy, at, "Asia/Shanghai")]) == [midnight]


def test_what_has_no_release_has_no_expiry_yet():
    found = db.session.scalar(
        text("SELECT points_expiry('{\"policy\": \"rolling_months\"}', NULL, 'UTC') IS NULL")
    )
    assert found is True


def test_a_policy_that_nobody_knows_is_an_error_and_not_points_without_end():
    with pytest.raises(Exception, match="unknown expiry policy"):
        expiries([({"policy": "someday"}, datetime(2026, 1, 1, tzinfo=UTC), "UTC")])
