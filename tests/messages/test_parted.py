"""When a merge is undone, each record has its own messages again."""

from datetime import timedelta

from clocks import set_to
from readers import NOW
from sqlalchemy import text
from test_delivery import plan, went

from crm.db import db, transaction
from crm.messages import delivery
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
    own = plan(kept, template("inbox", "service"), "own")
    with transaction():
        done = merging.merge(kept, gone, actor="test", now=NOW).merge
    service, news = template("inbox", "service"), template("inbox")
    receipt = plan(gone, service, "receipt")
    lasting = plan(gone, news, "lasting", not_after=NOW + timedelta(days=2))
    lost = plan(gone, news, "lost")
    delivery.drain(5)
    assert (went(receipt), inbox(kept)) == ("sent", [own, receipt])
    assert {went(lasting), went(lost)} == {"suppressed: duplicate_person"}
    set_to(NOW + timedelta(hours=1))
    with transaction():
        merging.undo(done.id, actor="test", now=NOW + timedelta(hours=1))
    assert (inbox(kept), inbox(gone)) == ([own], [receipt])
    delivery.drain(5)
    assert (went(lasting), went(lost)) == ("sent", "suppressed: duplicate_person")
    assert inbox(gone) == [receipt, lasting]
