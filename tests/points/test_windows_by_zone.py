"""Windows of time by the member's clock, against the clock that PostgreSQL reads: summer time that
begins and ends, leap days, New Year, and zones from eleven hours behind to fourteen ahead.
"""

from datetime import UTC, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from earning_builders import member
from sqlalchemy import text

from crm.db import db
from crm.points.conditions import Conditions, Situation
from crm.points.unmet import first_unmet

ZONES = (
    "Pacific/Pago_Pago", "America/St_Johns", "America/Havana", "Europe/Berlin", "Asia/Kathmandu",
    "Asia/Shanghai", "Australia/Lord_Howe", "Pacific/Apia", "Pacific/Kiritimati",
)  # fmt: skip
TURNS = (
    datetime(2026, 3, 8, 5, tzinfo=UTC),  # Havana skips midnight
    datetime(2026, 3, 29, 1, tzinfo=UTC),  # summer begins in Europe
    datetime(2026, 10, 3, 15, 30, tzinfo=UTC),  # half an hour on Lord Howe
    datetime(2026, 10, 25, 1, tzinfo=UTC),  # an hour comes twice in Europe
    datetime(2026, 11, 1, 5, tzinfo=UTC),  # midnight comes twice in Havana
    datetime(2026, 12, 31, 12, tzinfo=UTC),
    datetime(2028, 2, 29, 0, tzinfo=UTC),
)
HOURS = [(0, 8 * 60), (8 * 60, 22 * 60), (22 * 60, 2 * 60), (23 * 60 + 30, 60), (0, 60)]
LOCAL = text("""
    SELECT CAST(extract(isodow FROM t) AS int), CAST(extract(month FROM t) AS int),
           CAST(extract(hour FROM t) * 60 + extract(minute FROM t) AS int)
    FROM unnest(CAST(:ats AS timestamptz[])) WITH ORDINALITY AS a (at, place)
    CROSS JOIN LATERAL (SELECT a.at AT TIME ZONE CAST(:zone AS text) AS t) l ORDER BY a.place
""")


def clock(minutes):
    return f"{minutes // 60:02}:{minutes % 60:02}"


@pytest.mark.parametrize("zone", ZONES)
def test_a_window_is_what_the_clock_on_the_wall_says(app, zone):
    ats = [turn + timedelta(minutes=17 * step) for turn in TURNS for step in range(-130, 130)]
    rows = db.session.execute(LOCAL, {"ats": ats, "zone": zone}).all()
    windows = {
        (start, end, weekday): Conditions.parse(
            {"local_time": {"from": clock(start), "to": clock(end)}, "weekdays": [weekday]}
        )
        for (start, end), weekday in product(HOURS, (1, 6, 7))
    }
    who = member(zone=ZoneInfo(zone), birthday_month=3)
    march = Conditions.parse({"birthday_month": True})
    for at, (weekday, month, minute) in zip(ats, rows, strict=True):
        situation = Situation(at, who)
        assert march.hold(situation) == (month == 3)
        for (start, end, wanted), conditions in windows.items():
            late = end < start and minute < end  # the small hours belong to the day before
            inside = (start <= minute < end) if start < end else (minute >= start or late)
            day = (weekday - 2) % 7 + 1 if late else weekday
            assert conditions.hold(situation) == (inside and day == wanted), (at, start, end)
            why = first_unmet(conditions, situation)
            code = None if inside and day == wanted else "weekday" if inside else "local_time"
            assert (why and why.code) == code
