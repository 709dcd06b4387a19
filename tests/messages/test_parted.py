"""When a merge is undone, each record has its own messages again."""

from datetime import timedelta

from clocks import set_to
from readers import NOW
from sqlalchemy import text
from test_delivery import plan, went

from crm.db import db, transaction
from crm.messages import delivery, policy
from crm.overview import merging


def inbox(member) -> list:
    return list(
        db.session.scalars(
            text("SELECT id FROM inbox_message WHERE member_id = :m ORDER BY id"), {"m": member}
        )
    )


def test_messages_go_back_when_two_records_are_parted(reader, template):
    agreed = {"inbox.marketing": True}
    gone, kept = reader(consents=agreed), reader(consents=agreed)
    service, news = template("inbox", "service"), template("inbox")
    own = plan(kept, service, "own")
    had = plan(kept, news, f"spring:{kept}")
    delivery.drain(5)
    with transaction():
        done = merging.merge(kept, gone, actor="test", now=NOW).merge
    receipt = plan(gone, service, "receipt")
    lasting = plan(gone, news, f"spring:{gone}", not_after=NOW + timedelta(days=2))
    with transaction():
        policy.put({"caps": {"per_day": None, "per_week": None}}, now=NOW)
    delivery.drain(5)
    assert (went(receipt), inbox(kept)) == ("sent", sorted([own, had, receipt]))
    assert went(lasting) == "suppressed: duplicate_person"
    set_to(NOW + timedelta(hours=1))
    with transaction():
        merging.undo(done.id, actor="test", now=NOW + timedelta(hours=1))
    assert (inbox(kept), inbox(gone)) == (sorted([own, had]), [receipt])
    delivery.drain(5)
    assert went(lasting) == "sent"
    assert inbox(gone) == [receipt, lasting]
