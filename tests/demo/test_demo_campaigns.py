"""The demo's campaigns: one that is done, whose figures add up, and a draft that could go."""

from crowds import add_up, crowd
from sqlalchemy import text

from crm.db import db, transaction
from crm.demo import campaigns


def bought_twice(members) -> None:
    with transaction():
        db.session.execute(
            text("""
                INSERT INTO purchase_summary
                    (member_id, first_paid_at, last_paid_at, first_day, last_day, orders,
                     frequency, monetary, updated_at)
                SELECT m, '2026-08-01', '2026-09-20', '2026-08-01', '2026-09-20', 2, 2, 100, now()
                FROM unnest(CAST(:m AS uuid[])) AS m
            """),
            {"m": members},
        )


def test_one_is_done_and_one_is_a_draft(admin, now):
    bought_twice(crowd(50))
    assert campaigns.add(now) is True
    assert campaigns.add(now) is False
    draft, done = admin.get("/campaigns").get_json()["data"]
    assert (draft["state"], done["state"]) == ("draft", "done")
    assert done["counters"]["planned"] == 50
    assert done["counters"]["sent"] == done["counters"]["delivered"] > 30
    add_up(done)
    planned = admin.post(f"/campaigns/{draft['id']}/plan").get_json()
    assert planned["will_send"] > 30
    assert not any(check["blocks"] for check in planned["checks"])


def test_a_shop_without_customers_gets_no_old_campaign(admin, now):
    assert campaigns.add(now) is True
    assert {one["state"] for one in admin.get("/campaigns").get_json()["data"]} == {"draft"}
