"""What others read of usual windows: of given members as of now, or of all as of last night."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import text

from crm.db import db

ANY = ""  # the category of windows that count purchases of any kind
NOBODY = UUID(int=0)

OF = text("""
    SELECT w.* FROM usual_windows(:members, :now) w
    WHERE w.gaps >= :least_gaps AND (CAST(:category AS text) IS NULL OR w.category = :category)
    ORDER BY w.member_id, w.category
""")
# What the night wrote is still so when the member's purchases have not changed since, and none was
# dated in the future. Two look-ups by key, where the function has to be planned. Ten minutes:
# the night did not see what was written before it began and committed after that.
STILL_SO = text("""
    SELECT w.member_id, w.category, w.last_day, w.gaps, w.lower_days, w.middle_days, w.upper_days
    FROM purchase_summary s
    JOIN pattern_build b ON b.name = 'usual_windows' AND b.as_of <= :now
        AND s.updated_at < b.as_of - interval '10 minutes' AND s.last_paid_at <= b.as_of
    LEFT JOIN usual_window w ON w.member_id = s.member_id
    WHERE s.member_id = :member
    ORDER BY w.category
""")
OPEN = text("""
    SELECT w.member_id, w.category, w.last_day, w.gaps, w.lower_days, w.middle_days, w.upper_days
    FROM usual_window w JOIN member m ON m.id = w.member_id AND m.status = 'active'
    WHERE w.opens <= :day AND w.closes >= :day AND w.gaps >= :least_gaps
      AND (w.category <> '') = :by_category AND (w.member_id, w.category) > (:member, :category)
    ORDER BY w.member_id, w.category LIMIT :most
""")


@dataclass(frozen=True, slots=True)
class Window:
    """When a member usually buys again, counted from the day of his last purchase.

    Half of his gaps are between `lower_days` and `upper_days`, half are shorter than `middle_days`.
    `gaps` counts his own gaps; with 0 the window is the store's, and says nothing about him.
    """

    member_id: UUID
    category: str  # ANY: purchases of any kind
    last_day: date
    gaps: int
    lower_days: int
    middle_days: int
    upper_days: int

    @property
    def opens(self) -> date:
        """The first day of the window."""
        return self.last_day + timedelta(days=self.lower_days)

    @property
    def closes(self) -> date:
        """The last day of the window."""
        return self.last_day + timedelta(days=self.upper_days)

    def state(self, today: date) -> Literal["before", "open", "past"]:
        """Where `today` lies."""
        if today < self.opens:
            return "before"
        return "open" if today <= self.closes else "past"


def windows(
    member_ids: Sequence[UUID],
    *,
    now: datetime,
    category: str | None = None,
    least_gaps: int = 1,
) -> list[Window]:
    """The usual windows of these members by their orders up to `now`, by member and category.

    One statement for any number of members. `category`: only that one (`ANY`: of any kind); None:
    all. A member without a window knows too little: he has fewer than `least_gaps` gaps of his own
    there, or fewer than three while the store's rhythm is not known. `least_gaps=0` gives who
    bought once the store's window.
    """
    values = {"members": list(member_ids), "now": now, "category": category}
    rows = db.session.execute(OF, values | {"least_gaps": least_gaps})
    return [Window(*row) for row in rows]


def of_member(member_id: UUID, *, now: datetime) -> list[Window]:
    """All windows of one member, those of the store alone (`gaps` 0) too; as `windows`, but from
    what the night wrote where that still holds."""
    rows = db.session.execute(STILL_SO, {"member": member_id, "now": now}).all()
    if not rows:
        return windows([member_id], now=now, least_gaps=0)
    return [Window(*row) for row in rows if row.category is not None]


def open_on(
    day: date,
    most: int,
    *,
    after: tuple[UUID, str] | None = None,
    by_category: bool = True,
    least_gaps: int = 1,
) -> list[Window]:
    """The windows of active members that are open on `day`, as last night's job found them.

    At most `most`, by (member, category), going on `after` the last of the ones before. Windows per
    category, or those of any kind. Whoever acts on one asks `windows` again for what is so now.
    """
    member, category = after or (NOBODY, ANY)
    values = {"day": day, "most": most, "member": member, "category": category}
    rows = db.session.execute(OPEN, values | {"by_category": by_category, "least_gaps": least_gaps})
    return [Window(*row) for row in rows]
