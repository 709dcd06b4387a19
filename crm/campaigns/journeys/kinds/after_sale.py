"""After-sale follow-up: some days after delivery a member is asked how he likes what he bought.

One occasion per order, and no second question within the cool-down. Not for orders that were
cancelled or of which anything came back, and not while a complaint is open.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from crm.campaigns.journeys import resting, settings
from crm.campaigns.journeys.definition import Decision, Due, Journey, Settings
from crm.campaigns.journeys.due import member
from crm.campaigns.surveys import links, opening
from crm.campaigns.surveys.opening import Opening
from crm.errors import N_

SQL = f"""
    SELECT m.id AS member_id, 'aftersale:after_sale:' || o.id AS occasion, z.day, z.at, z.late,
           jsonb_build_object('order', jsonb_build_object(
               'order_no', o.order_no, 'store', st_of.name, 'placed_on', rfc3339(o.placed_at),
               'delivered_on', rfc3339(o.delivered_at),
               'amount', jsonb_build_object('amount', o.total, 'currency', o.currency),
               'first_item', (SELECT l.name FROM order_line l WHERE l.order_id = o.id
                              ORDER BY l.line_no LIMIT 1))) AS facts,
           CAST(o.id AS text) AS ref,
           CASE WHEN o.status = 'cancelled' OR o.refunded > 0 THEN 'order_refunded' END AS why
    FROM orders o
    LEFT JOIN store st_of ON st_of.code = o.store
    {member("o.member_id")}
        AND o.delivered_at >= z.since AND o.delivered_at < z.until
    WHERE o.delivered_at >= :first AND o.delivered_at < :last AND o.member_id IS NOT NULL
"""  # noqa: S608  # a constant of this module

WITHDRAWN = """
    SELECT CASE WHEN r.status = 'cancelled' OR r.refunded > 0 THEN 'order_refunded'
                WHEN EXISTS (SELECT FROM message_block b WHERE b.member_id = person.id
                                AND b.reason = 'open_case') THEN 'open_case' END AS reason
    FROM orders r WHERE r.id = CAST(o.ref AS uuid)
"""


def _offset(given: Settings) -> int:
    return given["days_after_delivery"]


def _decide(rows: Sequence[Due], given: Settings, now: datetime) -> list[Decision]:
    rest = resting.Rest("after_sale", rows, timedelta(days=given["cooldown_days"]))
    found = []
    for row in rows:  # by member, and the earliest first
        if rest.is_resting(row):
            found.append(Decision(reason=resting.COOLDOWN))
        else:
            rest.begin(row)
            # The points are for the answer.
            found.append(Decision(coupon=given["coupon_template"], variables=row.facts))
    return found


def _ask(
    rows: Sequence[Due], decisions: Sequence[Decision], given: Settings, now: datetime
) -> list[Decision]:
    """Open a survey for each, whose link the message carries."""
    asked = [
        Opening(
            row.member_id,
            row.occasion,
            order_id=UUID(row.ref),
            journey="after_sale",
            points=given["points"],
            low_at_most=given["low_rating"],
            case_days=given["case_days"],
            valid_days=given["survey_days"],
        )
        for row in rows
    ]
    surveys = opening.open_many(asked, now)
    found = []
    for row, one in zip(rows, decisions, strict=True):
        survey = {"links": {"survey": links.url(surveys[row.occasion])}}
        found.append(replace(one, variables={**one.variables, **survey}))
    return found


JOURNEY = Journey(
    code="after_sale",
    name=N_("After-sale follow-up"),
    told=N_("Asks how members like what was delivered, and opens a case where they don’t."),
    schema=settings.AfterSale,
    sql=SQL,
    offset=_offset,
    decide=_decide,
    prepare=_ask,
    facts_come_late=True,
    withdrawn=WITHDRAWN,
    priority=100,
)
