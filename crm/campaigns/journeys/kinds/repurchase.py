"""Repurchase coupon: when the window opens in which a member usually buys a category again.

Once per cycle, that is per category and last purchase in it. Not to who is likely to buy in it
anyway, where that is known of the category, else to buy anything; nor to who bought since the
windows were made. With a product that people like him buy next.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from crm.campaigns.journeys import resting, settings
from crm.campaigns.journeys.definition import Decision, Due, Journey, Settings
from crm.campaigns.journeys.due import member
from crm.campaigns.journeys.moments import Moment
from crm.errors import N_
from crm.segments.baskets import suggesting
from crm.segments.next_purchase import documents, reading
from crm.segments.next_purchase.categories import foretelling
from crm.segments.next_purchase.categories.foretelling import Asked

BOUGHT, ANYWAY, NOTHING = "no_longer_due", "about_to_buy", "nothing_to_suggest"
SOON = 7  # days
# Days: windows are made anew by night, and one may open earlier than was thought. It counts from
# the next hour on, not from one that has passed.
LOOKED_BACK = 3

SQL = f"""
    SELECT DISTINCT ON (w.member_id, w.category)
           w.member_id, 'repurchase:repurchase:' || w.member_id || ':' || w.category || '-' ||
               w.last_day AS occasion, z.day, z.at, z.late,
           jsonb_build_object('product', jsonb_build_object(
               'category', w.category, 'last_bought_on', w.last_day)) AS facts,
           w.category AS ref,
           CASE WHEN p.chance_7 >= CAST(:skip_above AS double precision) / 100
                    AND w.category <> ALL (CAST(:spoken AS text[]))
                THEN 'about_to_buy' END AS why
    FROM usual_window w
    {member("w.member_id")}
        AND w.opens <= z.day AND w.opens >= z.day - {LOOKED_BACK} AND w.closes >= z.day
        AND z.at >= coalesce((SELECT b.as_of FROM pattern_build b WHERE b.name = 'usual_windows'),
                             '-infinity')
    LEFT JOIN next_purchase p ON p.member_id = w.member_id
    WHERE w.opens <= :last_day AND w.opens >= CAST(:first_day AS date) - {LOOKED_BACK}
      AND w.category <> '' AND w.gaps >= 1
    ORDER BY w.member_id, w.category, z.day
"""  # noqa: S608  # a constant of this module

WITHDRAWN = """
    SELECT 'no_longer_due' AS reason FROM purchase_summary p
    WHERE p.member_id = person.id AND p.last_paid_at > o.at
"""


def _values(given: Settings, moments: Sequence[Moment], now: datetime) -> Mapping[str, Any]:
    return {
        "skip_above": given["skip_above"],
        "spoken": foretelling.spoken(documents.current(), SOON),
        "first_day": min(one.day for one in moments),
        "last_day": max(one.day for one in moments),
    }


def _decide(rows: Sequence[Due], given: Settings, now: datetime) -> list[Decision]:
    pairs = [(row.member_id, str(row.ref)) for row in rows]
    last = _last_days({one for one, _ in pairs}, now)
    products = {(one.member_id, one.wanted): one for one in suggesting.suggest_many(pairs, 1, now)}
    asked = [Asked(*pair, row.day) for row, pair in zip(rows, pairs, strict=True)]
    chances = foretelling.within(SOON, asked, now=now)
    rest = resting.Rest("repurchase", rows, timedelta(days=given["cooldown_days"]))
    found = []
    # By member, and the earliest first.
    for row, pair, chance in zip(rows, pairs, chances, strict=True):
        said = dict(row.facts["product"])
        product = products.get(pair)
        if last.get(pair) != said["last_bought_on"]:
            found.append(Decision(reason=BOUGHT))
        elif chance is not None and chance >= given["skip_above"] / 100:
            found.append(Decision(reason=ANYWAY))
        elif product is None:
            found.append(Decision(reason=NOTHING))
        elif rest.is_resting(row):
            found.append(Decision(reason=resting.COOLDOWN))
        else:
            rest.begin(row)
            said["name"] = product.name
            found.append(
                Decision(
                    points=given["points"],
                    coupon=given["coupon_template"],
                    variables={"product": said},
                )
            )
    return found


def _last_days(members: set[UUID], now: datetime) -> dict[tuple[UUID, str], str]:
    """On which day each last bought in each category, by what is known now."""
    return {
        (one.member_id, one.category): one.last_day.isoformat()
        for one in reading.windows(sorted(members), now=now)
    }


JOURNEY = Journey(
    code="repurchase",
    name=N_("Repurchase coupon"),
    told=N_("Sends a coupon when a member usually buys again, unless he is about to anyway."),
    schema=settings.Repurchase,
    sql=SQL,
    values=_values,
    decide=_decide,
    withdrawn=WITHDRAWN,
    priority=60,
)
