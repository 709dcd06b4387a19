"""What each journey finds, what it decides, and why it leaves somebody out."""

from datetime import UTC, date, datetime, timedelta
from math import log
from uuid import UUID

import pytest
from api_client import Api
from clocks import set_to
from order_bodies import order_body, stamp
from sqlalchemy import text
from travellers import (
    NOON,
    consent,
    coupon_template,
    coupons_of,
    given,
    messages,
    occasions,
    points_of,
    reasons,
    run_at,
    switch,
    traveller,
)

from crm.campaigns.journeys.jobs import next_tick, next_untold, take_back
from crm.campaigns.surveys import links
from crm.coupons.benefits.jobs import grant
from crm.db import db, transaction
from crm.ids import uuid7
from crm.queue import JOBS
from crm.segments.baskets.jobs import baskets as build_baskets
from crm.segments.next_purchase.jobs import usual_windows
from crm.segments.next_purchase.models import NextPurchaseModel

DAY = timedelta(days=1)
MORNING = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)  # nine in Shanghai


def ticked(at: datetime) -> int:
    return run_at(at, set_to)


def said(member: UUID) -> dict:
    db.session.rollback()
    return db.session.execute(
        text("SELECT variables FROM message WHERE member_id = :m ORDER BY id DESC LIMIT 1"),
        {"m": member},
    ).scalar_one()


def block(member: UUID, ref: str = "1") -> None:
    """An open complaint."""
    with transaction():
        db.session.execute(
            text("INSERT INTO message_block VALUES (:m, 'open_case', :ref, :now)"),
            {"m": member, "ref": ref, "now": NOON},
        )


# Welcome


def test_who_joins_is_welcomed_at_once_and_once():
    switch("welcome", points=50)
    before = traveller(joined=NOON - 2 * DAY)
    one = traveller(joined=NOON - timedelta(minutes=3))
    ticked(NOON)
    assert ticked(NOON + DAY) == 0
    assert (points_of(one), points_of(before)) == (50, 0)
    assert [occasion for occasion, *_ in messages(one)] == [f"welcome:welcome:{one}"]


def test_a_welcome_some_days_later_comes_at_the_hour_that_is_set():
    switch("welcome", days_after=2, send_at="10:30")
    one = traveller(joined=NOON)
    assert ticked(datetime(2026, 11, 24, 2, 29, tzinfo=UTC)) == 0
    assert ticked(datetime(2026, 11, 24, 2, 30, tzinfo=UTC)) == 1
    assert given("welcome", one) == ["2026-11-24"]


def test_who_takes_no_marketing_still_gets_his_welcome_points():
    switch("welcome", points=50)
    one = traveller(joined=NOON, consents={})
    ticked(NOON)
    assert points_of(one) == 50


# Birthday


def benefits(admin: Api, **given_benefits: dict) -> None:
    tiers = admin.get("/tiers").get_json()["tiers"]
    for one in tiers:
        one["benefits"] = given_benefits.get(one["code"], {})
    assert admin.put("/tiers", {"tiers": tiers}).status_code == 200


def hold(member: UUID, tier: str) -> None:
    with transaction():
        db.session.execute(
            text("UPDATE tier_standing SET tier = :t, held = :t WHERE member_id = :m"),
            {"t": tier, "m": member},
        )


def test_what_a_tier_brings_takes_the_place_of_what_is_set(admin: Api):
    set_to(NOON)
    ours, theirs = coupon_template(), coupon_template(value=5000)
    benefits(admin, gold={"birthday_points": 500, "birthday_coupon": str(theirs)})
    switch("birthday", points=50, coupon_template=str(ours))
    gold, plain = traveller(born=(11, 23)), traveller(born=(11, 23))
    hold(gold, "gold")
    ticked(MORNING + DAY)
    assert (points_of(gold), points_of(plain)) == (500, 50)
    assert coupons_of(gold) == [("tier:birthday:2026", "issued", theirs)]
    assert coupons_of(plain) == [(f"birthday:birthday:{plain}:2026", "issued", ours)]


def test_a_birthday_coupon_of_a_tier_is_one_a_year_whoever_gives_it(admin: Api):
    set_to(NOON - 40 * DAY)
    theirs, better = coupon_template(), coupon_template(value=9000)
    benefits(
        admin,
        gold={"birthday_coupon": str(theirs)},
        diamond={"birthday_coupon": str(better)},
    )
    one = traveller(born=(11, 23))
    with transaction():
        db.session.execute(
            text("""
                INSERT INTO tier_change (member_id, at, id, from_tier, to_tier, earned, cause)
                VALUES (:m, :at, uuidv7(), 'new', 'gold', 'gold', 'manual')
            """),
            {"m": one, "at": NOON - 30 * DAY},
        )
    hold(one, "gold")
    switch("birthday")
    slot = datetime(2026, 11, 22, 16, 20, tzinfo=UTC)  # twenty past midnight, the 23rd
    set_to(slot)
    assert grant(slot) == 1
    hold(one, "diamond")  # he rose before nine
    ticked(MORNING + DAY)
    assert coupons_of(one) == [("tier:birthday:2026", "issued", theirs)]
    assert said(one)["coupon"]["code"]


# After-sale


@pytest.fixture
def delivered(admin: Api):
    """Writes orders that were delivered: `delivered("A1", member, at)` → id."""

    def write(order_no: str, member: UUID, at: datetime, **more) -> str:
        body = order_body(
            member, status="delivered", placed_at=stamp(at - 2 * DAY),
            paid_at=stamp(at - 2 * DAY), delivered_at=stamp(at), updated_at=stamp(at), **more,
        )  # fmt: skip
        answer = admin.put(f"/orders/web/{order_no}", body)
        assert answer.status_code in (200, 201), answer.data
        return answer.get_json()["id"]

    return write


def test_after_delivery_a_member_is_asked_once_per_order(delivered):
    switch("after_sale", days_after_delivery=7, cooldown_days=0)
    one = traveller(consents={})  # a service message asks for no consent
    first, second = delivered("A1", one, NOON), delivered("A2", one, NOON + DAY)
    ticked(MORNING + 7 * DAY)
    ticked(MORNING + 9 * DAY)
    assert given("after_sale", one) == ["2026-11-29", "2026-11-30"]
    assert {occasion for occasion, *_ in messages(one)} == {
        f"aftersale:after_sale:{order}" for order in (first, second)
    }
    assert said(one)["order"]["order_no"] == "A2"


def test_the_question_carries_a_link_to_a_survey_that_a_dry_run_does_not_open(
    admin: Api, delivered
):
    switch("after_sale", days_after_delivery=1, points=30)
    one = traveller()
    order = delivered("A1", one, NOON)
    tried = admin.post("/journeys/after_sale/dry-run", {"date": "2026-11-23"}).get_json()
    assert tried["would_give"] == 1
    assert db.session.scalar(text("SELECT count(*) FROM survey")) == 0
    ticked(MORNING + DAY)
    row = db.session.execute(text("SELECT id, occasion, order_id, points FROM survey")).one()
    assert (row.occasion, str(row.order_id)) == (f"aftersale:after_sale:{order}", order)
    assert (row.points, occasions("after_sale", one)[0][3]) == (30, 0)
    assert said(one)["links"]["survey"] == links.url(row.id)


def test_within_the_cool_down_a_member_is_not_asked_again(delivered):
    switch("after_sale", days_after_delivery=7, cooldown_days=14)
    one = traveller()
    for number, day in enumerate((0, 0, 5, 14)):
        delivered(f"A{number}", one, NOON + day * DAY)
    for day in range(8, 24):
        ticked(MORNING + day * DAY)
    assert given("after_sale", one) == ["2026-11-29", "2026-12-13"]
    assert reasons("after_sale", one) == ["cooldown", "cooldown"]


def test_a_refund_stops_the_question_also_when_it_waits_already(admin: Api, delivered):
    switch("after_sale", days_after_delivery=1, cooldown_days=0)
    one = traveller()
    for number in ("A1", "A2"):
        delivered(number, one, NOON)
    refund = {"refunded_at": (NOON + DAY / 4).isoformat(), "amount": 100}
    assert admin.put("/orders/web/A1/refunds/R1", refund).status_code in (200, 201)
    ticked(MORNING + DAY)
    assert reasons("after_sale", one) == ["order_refunded"]
    refund = {"refunded_at": (MORNING + DAY).isoformat(), "amount": 100}
    assert admin.put("/orders/web/A2/refunds/R2", refund).status_code in (200, 201)
    ticked(MORNING + DAY + timedelta(minutes=5))
    assert [(state, reason) for _, state, reason in messages(one)] == [
        ("cancelled", "order_refunded")
    ]


def test_nobody_is_asked_while_a_complaint_is_open(delivered):
    switch("after_sale", days_after_delivery=1)
    one = traveller()
    delivered("A1", one, NOON)
    block(one)
    ticked(MORNING + DAY)
    assert reasons("after_sale", one) == ["open_case"]


def test_a_delivery_that_is_reported_late_still_counts(delivered):
    switch("after_sale", days_after_delivery=1)
    one = traveller()
    ticked(MORNING + 3 * DAY)
    delivered("A1", one, NOON + DAY / 2)
    ticked(MORNING + 3 * DAY + timedelta(minutes=5))
    assert given("after_sale", one) == ["2026-11-24"]


# Win-back


def test_a_silence_is_broken_once(delivered):
    switch("win_back", days=30)
    one, silent = traveller(), traveller(consents={})
    for member, number in ((one, "A1"), (silent, "A2")):
        delivered(number, member, NOON + 2 * DAY)  # bought at noon of the 22nd
    for day in range(25, 40):
        ticked(MORNING + day * DAY)
    assert given("win_back", one) == ["2026-12-22"]
    assert reasons("win_back", silent) == ["opted_out"]
    assert said(one)["product"]["last_bought_on"] == "2026-11-22"


def test_who_buys_meanwhile_is_not_asked_back(delivered):
    switch("win_back", days=30)
    one = traveller()
    delivered("A1", one, NOON + 2 * DAY)
    delivered("A2", one, NOON + 12 * DAY)
    for day in range(25, 45):
        ticked(MORNING + day * DAY)
    assert given("win_back", one) == ["2027-01-01"]


# Repurchase


@pytest.fixture
def regular(delivered):
    """A member who buys tea every thirty days, the last time on 22 November; product patterns and
    windows are made."""

    def make(**more) -> UUID:
        one = traveller(**more)
        for nth in range(5):
            delivered(f"{one}-{nth}", one, NOON - 30 * nth * DAY + 2 * DAY, lines=TEA)
        usual_windows(NOON)
        build_baskets(NOON)
        return one

    return make


TEA = [
    {"line_no": 1, "sku": "T1", "name": "Tea", "category": "tea", "quantity": 1,
     "unit_price": 9000},
]  # fmt: skip


def opening(member: UUID) -> str:
    return db.session.execute(
        text("SELECT opens::text FROM usual_window WHERE member_id = :m AND category = 'tea'"),
        {"m": member},
    ).scalar_one()


def test_a_coupon_comes_when_the_usual_window_opens_once_per_cycle(regular):
    coupon = coupon_template()
    one = regular()
    switch("repurchase", coupon_template=str(coupon))
    opens = opening(one)
    for day in range(1, 40):
        ticked(MORNING + day * DAY)
    assert given("repurchase", one) == [opens]
    assert len(coupons_of(one)) == 1
    assert said(one)["product"] == {
        "name": "Tea", "category": "tea", "last_bought_on": "2026-11-22",
    }  # fmt: skip


def test_who_bought_already_or_will_anyway_gets_none(regular, delivered):
    bought, will = regular(), regular()
    switch("repurchase")
    first = date.fromisoformat(opening(bought))
    at = datetime(first.year, first.month, first.day, 1, 0, tzinfo=UTC)
    delivered("again", bought, at - DAY / 2 + 2 * DAY, lines=TEA)
    with transaction():
        db.session.execute(text("DELETE FROM next_purchase"))
        db.session.execute(
            text("INSERT INTO next_purchase (member_id, chance_7, place, model_id)"
                 " VALUES (:m, 0.7, 0.9, uuidv7())"),
            {"m": will},
        )  # fmt: skip
    ticked(at)
    assert reasons("repurchase", bought) == ["no_longer_due"]
    assert reasons("repurchase", will) == ["about_to_buy"]


@pytest.mark.parametrize(("of_tea", "reason"), [(0.7, "about_to_buy"), (0.1, None)])
def test_where_the_chance_of_the_category_is_known_it_decides(regular, of_tea, reason):
    """Not the chance to buy anything."""
    one = regular()
    switch("repurchase", coupon_template=str(coupon_template()))
    odds = log(of_tea / (1 - of_tea))
    line = {"features": [], "means": [], "deviations": [], "weights": [], "intercept": odds}
    model = {"kind": "regression", "regression": line, "any": {"rate": 0.1, "gap": 30.0},
             "categories": {}}  # fmt: skip
    tea = {"category": "tea", "reason": None}
    week = {"days": 7, "reason": None, "model": model, "categories": [tea]}
    with transaction():
        db.session.execute(text("DELETE FROM next_purchase"))
        db.session.execute(
            text("INSERT INTO next_purchase (member_id, chance_7, place, model_id)"
                 " VALUES (:m, :anything, 0.9, uuidv7())"),
            {"m": one, "anything": 0.8 - of_tea},
        )  # fmt: skip
        db.session.add(
            NextPurchaseModel(
                day=MORNING.date(), as_of=MORNING, sample={}, versions={}, input_hash="",
                horizons=[{"days": 7, "reason": "few_purchases"}], created_at=MORNING,
                categories={"horizons": [week]},
            )
        )  # fmt: skip
    first = date.fromisoformat(opening(one))
    ticked(datetime(first.year, first.month, first.day, 1, 0, tzinfo=UTC))
    assert reasons("repurchase", one) == ([reason] if reason else [])
    assert len(coupons_of(one)) == (reason is None)


def test_a_coupon_that_was_not_told_yet_is_taken_back_when_he_buys(regular, delivered):
    """Its points stay: they have stood in his account since the window opened."""
    coupon = coupon_template()
    one = regular()
    switch("repurchase", coupon_template=str(coupon), points=7)
    first = date.fromisoformat(opening(one))
    at = datetime(first.year, first.month, first.day, 1, 0, tzinfo=UTC)
    ticked(at)
    assert [state for _, state, _ in coupons_of(one)] == ["issued"]
    later = at + DAY / 12
    assert next_tick(later) != later
    delivered("again", one, at + DAY / 24 + 2 * DAY, lines=TEA)
    assert next_tick(later) == later
    ticked(later)
    assert [(state, reason) for _, state, reason in messages(one)] == [
        ("cancelled", "no_longer_due")
    ]
    assert [state for _, state, _ in coupons_of(one)] == ["void"]
    entries = text("SELECT points FROM points_entry WHERE member_id = :m AND points IN (7, -7)")
    assert list(db.session.scalars(entries, {"m": one})) == [7]


def test_a_window_that_a_night_finds_open_counts_from_the_next_morning(regular):
    one = regular()
    switch("repurchase")
    opens = date.fromisoformat(opening(one))
    evening = datetime(opens.year, opens.month, opens.day, 12, 0, tzinfo=UTC)
    with transaction():
        db.session.execute(text("DELETE FROM usual_window"))
        db.session.execute(text("DELETE FROM pattern_build WHERE name = 'usual_windows'"))
    ticked(evening - DAY / 2)
    set_to(evening)
    usual_windows(evening)
    with transaction():
        db.session.execute(text("UPDATE usual_window SET closes = opens + 5"))
    assert opening(one) == str(opens)
    ticked(evening)
    assert given("repurchase", one) == []
    assert next_tick(evening) == evening + timedelta(hours=13)
    ticked(evening + timedelta(hours=13))
    assert given("repurchase", one) == [str(opens + DAY)]


# Points expiring


def award(admin: Api, member: UUID, points: int, expires_at: datetime) -> None:
    body = {
        "member": {"id": str(member)}, "activity": "custom", "source_key": str(uuid7()),
        "points": points, "expires_at": expires_at.isoformat(),
    }  # fmt: skip
    assert admin.post("/points/awards", body).status_code == 201


def test_points_that_end_are_told_exactly_and_in_time(admin: Api):
    switch("points_expiring", days_before=7)
    one = traveller()
    ends = datetime(2026, 12, 10, 16, 0, tzinfo=UTC)  # the 10th is the last day in Shanghai
    for points in (100, 50):
        award(admin, one, points, ends)
    award(admin, one, 900, ends + 5 * DAY)
    for day in range(8, 14):
        ticked(MORNING + day * DAY)
    assert given("points_expiring", one) == ["2026-12-03"]
    assert said(one)["points"] == {"amount": 150, "expires_on": "2026-12-10T15:59:59.999999+00:00"}


def test_what_a_hold_keeps_is_not_said_to_end(admin: Api):
    switch("points_expiring", days_before=7)
    one = traveller()
    ends = datetime(2026, 12, 10, 16, 0, tzinfo=UTC)
    award(admin, one, 250, ends)
    hold_body = {
        "member": {"id": str(one)}, "points": 100, "reference": "cart", "ttl_seconds": 604_800,
    }  # fmt: skip
    set_to(MORNING + 10 * DAY)
    assert admin.post("/points/holds", hold_body).status_code == 201
    ticked(MORNING + 11 * DAY)
    assert said(one)["points"]["amount"] == 150


# Tiers


def rise(member: UUID, was: str, tier: str, at: datetime) -> None:
    with transaction():
        db.session.execute(
            text("""
                INSERT INTO tier_change (member_id, at, id, from_tier, to_tier, earned, cause)
                VALUES (:m, :at, uuidv7(), :was, :tier, :tier, 'upgrade')
            """),
            {"m": member, "at": at, "was": was, "tier": tier},
        )
        db.session.execute(
            text("UPDATE tier_standing SET tier = :t, held = :t WHERE member_id = :m"),
            {"t": tier, "m": member},
        )


def test_who_rises_is_congratulated_at_once_for_the_highest_step_alone():
    switch("tier_up", points=30)
    one = traveller()
    rise(one, "new", "bronze", NOON - timedelta(minutes=3))
    rise(one, "bronze", "silver", NOON - timedelta(minutes=2))
    ticked(NOON)
    assert points_of(one) == 30
    assert reasons("tier_up", one) == ["superseded"]
    assert said(one)["tier"]["name"]["zh-Hans"] == "银牌"
    assert said(one)["tier"]["previous"]["en"] == "Bronze"


def test_a_tier_that_is_lost_again_is_not_congratulated():
    switch("tier_up")
    one = traveller()
    rise(one, "new", "bronze", NOON - timedelta(minutes=3))
    hold(one, "new")
    ticked(NOON)
    assert reasons("tier_up", one) == ["no_longer_due"]


def test_who_would_lose_his_tier_hears_what_keeps_it():
    switch("tier_at_risk", days_before=30)
    one, safe = traveller(), traveller()
    ends = datetime(2027, 1, 15, 16, 0, tzinfo=UTC)  # 15 January is the last day
    for member in (one, safe):
        hold(member, "silver")
    with transaction():
        db.session.execute(
            text("UPDATE tier_standing SET valid_until = :e WHERE member_id = ANY (:m)"),
            {"e": ends, "m": [one, safe]},
        )
        db.session.execute(
            text("""
                UPDATE tier_standing SET floor = 'silver', floor_since = :now, floor_reason = 'vip'
                WHERE member_id = :m
            """),
            {"m": safe, "now": NOON},
        )
    for day in range(22, 28):
        ticked(MORNING + day * DAY)
    assert given("tier_at_risk", one) == ["2026-12-16"]
    assert said(one)["tier"]["missing"]["en"]
    assert reasons("tier_at_risk", safe) == ["will_be_kept"]


# Days for all


def test_holidays_of_both_calendars_are_greeted_once_a_year():
    switch("holiday")
    one = traveller()
    for day in (date(2027, 1, 1), date(2027, 2, 6), date(2027, 9, 15)):
        at = datetime(day.year, day.month, day.day, 1, 0, tzinfo=UTC)
        ticked(at - DAY)
        ticked(at)
    assert given("holiday", one) == ["2027-01-01", "2027-02-06", "2027-09-15"]
    assert said(one)["event"]["name"]["en"] == "Mid-Autumn Festival"


def test_a_short_month_ends_with_its_member_day():
    switch("member_day", days_of_month=[8, 31])
    one = traveller()
    for day in range(3, 40):
        ticked(MORNING + day * DAY)
    assert given("member_day", one) == ["2026-11-30", "2026-12-08", "2026-12-31"]


def test_who_takes_no_marketing_is_skipped_where_the_gift_needs_a_word():
    coupon = coupon_template()
    switch("member_day", days_of_month=[22], coupon_template=str(coupon))
    yes, no, back = traveller(), traveller(consents={}), traveller()
    consent(back, "email.marketing", False)
    complains = traveller()
    block(complains)
    ticked(NOON)
    assert len(coupons_of(yes)) == 1
    assert [reasons("member_day", one) for one in (no, back, complains)] == [
        ["opted_out"], ["opted_out"], ["open_case"],
    ]  # fmt: skip
    assert coupons_of(no) == coupons_of(back) == coupons_of(complains) == []


UNTOLD = text("SELECT args FROM task WHERE job = 'journeys.untold'")


@pytest.mark.parametrize("by", ["task", "night"])
def test_a_coupon_whose_message_was_not_to_be_sent_goes_back(admin: Api, by):
    """Between the morning and the sending he opts out, or complains; a birthday gift stays."""
    gift, greeting = coupon_template(stock=10), coupon_template(stock=10)
    switch("member_day", days_of_month=[22], coupon_template=str(gift), points=3)
    switch("birthday", coupon_template=str(greeting))
    yes, no, used = traveller(), traveller(), traveller()
    born = traveller(born=(11, 22), consents={})
    ticked(MORNING)
    for one in (no, used):
        consent(one, "email.marketing", granted=False, at=MORNING)
    with transaction():
        db.session.execute(
            text(
                "UPDATE coupon SET state = 'reserved', reserved_for = 'cart', reserved_until = :u"
                " WHERE member_id = :m"
            ),
            {"m": used, "u": NOON + DAY},
        )
    JOBS["messages.deliver"](MORNING)
    assert [reason for *_, reason in messages(no)] == ["opted_out"]
    assert next_untold(MORNING) == MORNING
    (told,) = db.session.scalars(UNTOLD)
    assert [JOBS["journeys.untold"](*told) if by == "task" else take_back(MORNING)] == [1]
    assert JOBS["journeys.untold"](*told) == 0, "once"
    assert (next_untold(MORNING), take_back(MORNING)) == (None, 0)
    assert [[state for _, state, _ in coupons_of(one)] for one in (yes, no, used, born)] == [
        ["issued"], ["void"], ["reserved"], ["issued"],
    ]  # fmt: skip
    assert points_of(no) == 3
    shown = admin.get(f"/coupon-templates/{gift}").get_json()
    assert shown["issued"] == 2, "stock counts it no more"
