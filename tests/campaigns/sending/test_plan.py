"""The plan: every member of the audience is in exactly one step, and nothing is written."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from campaigning import buy
from crowds import NOON, add_up, arm, audience, crowd, rows, template, work
from flask import current_app
from sqlalchemy import text

from crm.campaigns import assignment
from crm.db import db, transaction
from crm.messages import suppressions

TABLES = ("campaign_member", "message", "coupon", "points_entry", "audit_entry", "task")


def plan(admin, campaign_id) -> dict:
    answer = admin.post(f"/campaigns/{campaign_id}/plan")
    assert answer.status_code == 200, answer.get_json()
    return answer.get_json()


def steps(found: dict) -> dict[str, int]:
    return {one["step"]: one["members"] for one in found["waterfall"]}


def run(sql: str, **values) -> None:
    with transaction():
        db.session.execute(text(sql), values)


@pytest.fixture
def groups() -> dict[str, list[UUID]]:
    """Members whom each step takes, by step; ten who get something or are held out."""
    found = {
        "excluded": crowd(2),
        "opted_out": crowd(3, consents=["sms"]),
        "no_address": crowd(4, email=False),
        "address_suppressed": crowd(2),
        "open_case": crowd(5),
        "capped": crowd(3),
        "rest": crowd(10),
    }
    emails = db.session.scalars(
        text("SELECT value FROM member_identity WHERE kind = 'email' AND member_id = ANY (:ids)"),
        {"ids": found["address_suppressed"]},
    ).all()
    with transaction():
        suppressions.add("email", emails, scope="all", reason="bounced", now=NOON)
        for member in found["open_case"]:
            db.session.execute(
                text("INSERT INTO message_block VALUES (:m, 'open_case', 'c-1', :now)"),
                {"m": member, "now": NOON},
            )
        for member in found["capped"]:
            db.session.execute(
                text("INSERT INTO message_day VALUES (:m, '2026-11-23', 1)"), {"m": member}
            )
    return found


def test_the_waterfall_parts_the_audience(admin, campaign, groups):
    everybody = [one for ids in groups.values() for one in ids]
    found = campaign(everybody, exclude=[audience(groups["excluded"])], holdout_percent=30)
    held = sum(
        assignment.assign(UUID(found["id"]), one, holdout_percent=30, weights=[1]) == 0
        for one in groups["rest"]
    )
    shown = steps(plan(admin, found["id"]))
    assert shown == {
        "audience": 29, "excluded": 2, "opted_out": 3, "no_address": 4, "address_suppressed": 2,
        "open_case": 5, "expired": 0, "capped": 3, "holdout": held, "will_send": 10 - held,
    }  # fmt: skip
    whole = shown.pop("audience")
    assert whole == sum(shown.values())


def test_what_is_planned_is_what_a_launch_writes_down(admin, campaign, groups):
    everybody = [one for ids in groups.values() for one in ids]
    found = campaign(
        everybody, exclude=[audience(groups["excluded"])], holdout_percent=30,
        arms=[arm(weight=2), arm()],
    )  # fmt: skip
    planned = plan(admin, found["id"])
    assert admin.post(f"/campaigns/{found['id']}/launch").status_code == 200
    work(found["id"])
    kept = rows(found["id"])
    by_step = steps(planned)
    for step, members in groups.items():
        for member in members:
            if step == "excluded":
                assert member not in kept
            elif step == "rest":
                expected = assignment.assign(
                    UUID(found["id"]), member, holdout_percent=30, weights=[2, 1]
                )
                assert kept[member].arm == expected
            else:
                assert (kept[member].arm, kept[member].reason) == (None, step)
                assert (kept[member].state, kept[member].why) == ("suppressed", step)
    arms = {one["no"]: one["members"] for one in planned["arms"]}
    assert arms == {no: sum(row.arm == no for row in kept.values()) for no in (1, 2)}
    assert by_step["holdout"] == sum(row.arm == 0 for row in kept.values())
    add_up(admin.get(f"/campaigns/{found['id']}").get_json())


def test_a_plan_writes_nothing(admin, campaign, groups):
    found = campaign([one for ids in groups.values() for one in ids])
    count = " + ".join(f"(SELECT count(*) FROM {name})" for name in TABLES)
    before = db.session.scalar(text(f"SELECT {count}"))
    plan(admin, found["id"])
    assert db.session.scalar(text(f"SELECT {count}")) == before


def test_a_cap_counts_on_the_day_on_which_it_would_go(admin, campaign):
    members = crowd(4)
    for day in ("2026-11-24", "2026-11-20", "2026-11-19", "2026-11-18"):
        run("INSERT INTO message_day SELECT unnest(CAST(:m AS uuid[])), CAST(:day AS date), 1",
            m=members[:1], day=day)  # fmt: skip
    found = campaign(members, holdout_percent=0)
    assert steps(plan(admin, found["id"]))["capped"] == 1  # three in the week before the 23rd
    tomorrow = {"at": "2026-11-24T04:00:00Z"}
    admin.patch(f"/campaigns/{found['id']}", {"schedule": tomorrow})
    assert steps(plan(admin, found["id"]))["capped"] == 1  # one on the 24th itself
    admin.patch(f"/campaigns/{found['id']}", {"schedule": {"at": "2026-11-28T04:00:00Z"}})
    assert steps(plan(admin, found["id"]))["capped"] == 0


def test_members_whose_time_has_passed_are_skipped_where_that_was_chosen(admin, campaign):
    members = crowd(2, zone="Asia/Shanghai") + crowd(3, zone="Europe/London")
    schedule = {"local_time": "10:00", "on": "2026-11-23", "if_past": "skip"}
    found = campaign(members, holdout_percent=0, schedule=schedule)
    shown = steps(plan(admin, found["id"]))
    assert (shown["expired"], shown["will_send"]) == (2, 3)


def test_text_messages_cost_their_parts(admin, campaign, monkeypatch):
    settings = replace(current_app.extensions["crm.config"], sms_price="4.5")
    monkeypatch.setitem(current_app.extensions, "crm.config", settings)
    members = crowd(3)
    form = template("sms", "新茶到店，欢迎来品尝。" * 8)  # 88 characters: two parts
    found = campaign(members, holdout_percent=0, arms=[arm(template=form)])
    shown = plan(admin, found["id"])
    assert shown["cost"]["messages"] == 27  # 3 × 2 × 4.5
    assert shown["cost"]["worst"] == 27


def test_coupons_and_points_count_at_their_most(admin, campaign, coupon_template):
    coupon = str(coupon_template(value=2_000, stock=5))
    found = campaign(
        crowd(4), holdout_percent=0, arms=[arm(coupon_template=coupon, points=150)]
    )  # fmt: skip
    shown = plan(admin, found["id"])
    assert shown["cost"] == {
        "currency": "CNY", "messages": 0, "coupon_exposure": 8_000, "points": 600,
        "points_value": 600, "worst": 8_600,
    }  # fmt: skip
    assert shown["arms"][0]["coupons_left"] == 5
    assert "coupons_enough" in {one["code"] for one in shown["checks"]}


def test_a_coupon_without_a_bound_has_no_worst_case_and_no_budget_holds_it(
    admin, campaign, coupon_template
):
    coupon = str(coupon_template(kind="percent", value=20))
    found = campaign(crowd(1), holdout_percent=0, arms=[arm(coupon_template=coupon)])
    assert plan(admin, found["id"])["cost"]["worst"] is None
    admin.patch(f"/campaigns/{found['id']}", {"budget": 1_000})
    checks = {one["code"]: one["blocks"] for one in plan(admin, found["id"])["checks"]}
    assert checks["coupon_unbounded"] is True
    answer = admin.post(f"/campaigns/{found['id']}/launch")
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["pointer"] == "/budget"


def test_a_value_that_nobody_has_blocks_the_launch(admin, campaign):
    form = template(text_="Your coupon: {{ coupon.code }}")
    found = campaign(crowd(2), holdout_percent=0, arms=[arm(template=form)])
    blocking = [one for one in plan(admin, found["id"])["checks"] if one["blocks"]]
    assert [one["code"] for one in blocking] == ["value_missing"]
    assert "coupon.code" in blocking[0]["text"]
    answer = admin.post(f"/campaigns/{found['id']}/launch")
    assert answer.get_json()["errors"][0]["code"] == "value_missing"


def test_values_that_some_lack_are_said(admin, campaign):
    members = crowd(3)
    run("UPDATE member SET name = 'Lin' WHERE id = :m", m=members[0])
    form = template(text_="Dear {{ member.name }}")
    found = campaign(members, holdout_percent=0, arms=[arm(template=form)])
    checks = {one["code"]: one for one in plan(admin, found["id"])["checks"]}
    assert checks["values_missing"]["blocks"] is False
    assert "2" in checks["values_missing"]["text"]


def test_the_detectable_effect_is_that_of_two_shares(admin, campaign):
    members = crowd(400)
    run("""
        INSERT INTO purchase_summary (member_id, last_day, orders, frequency, monetary, updated_at)
        SELECT m, CAST('2026-11-20' AS date), 1, 1, 100, now()
        FROM unnest(CAST(:m AS uuid[])) AS m
    """, m=members[:40])  # fmt: skip
    found = campaign(members, holdout_percent=50)
    shown = plan(admin, found["id"])["detectable"]
    held, treated = shown["holdout"], shown["treated"]
    assert held + treated == 400
    assert shown["base_share"] == pytest.approx(0.1)
    reach = (1.959964 + 0.841621) * (0.1 * 0.9 * (1 / held + 1 / treated)) ** 0.5
    assert shown["detectable_share"] == pytest.approx(0.1 + reach, abs=1e-4)


def test_the_detectable_profit_goes_by_how_much_purchases_varied(admin, campaign):
    members = crowd(200)
    amounts = [n * 100 for n in range(50)]
    buy(members[:50], amounts, NOON - timedelta(days=3), "lately-")
    buy(members[50:], [90_000] * 150, NOON - timedelta(days=30), "long-ago-")
    found = campaign(members, holdout_percent=50)
    shown = plan(admin, found["id"])["detectable"]
    spent = [*amounts, *[0] * 150]
    mean = sum(spent) / 200
    variance = 0.4**2 * (sum(one * one for one in spent) / 200 - mean**2)
    held, treated = shown["holdout"], shown["treated"]
    reach = (1.959964 + 0.841621) * (variance * (1 / held + 1 / treated)) ** 0.5
    assert shown["detectable_profit"] == pytest.approx(reach, abs=0.02)


def test_without_a_holdout_nothing_can_be_told(admin, campaign):
    found = campaign(crowd(3), holdout_percent=0)
    shown = plan(admin, found["id"])
    assert shown["detectable"]["detectable_share"] is None
    assert "no_holdout" in {one["code"] for one in shown["checks"]}
