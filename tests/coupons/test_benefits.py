"""Coupons that tiers bring: each once per period, and gone with a tier that a refund takes."""

from datetime import UTC, datetime, timedelta

import pytest
from coupon_counters import counters_are_true
from order_bodies import PLACED, order_body, stamp
from sqlalchemy import text

from crm.coupons import templates
from crm.coupons.benefits.jobs import grant, next_grant
from crm.db import db, transaction

DAY = timedelta(days=1)
NOBODY = "01900000-0000-7000-8000-00000000ffff"
SLOT = datetime(2026, 11, 22, 16, 20, tzinfo=UTC)  # 23 November, twenty past midnight in Shanghai
CODES = ["new", "bronze", "silver", "gold", "diamond"]


@pytest.fixture
def ladder(admin, stand_at):
    """Writes benefits: `ladder(gold={"monthly_coupons": […]})` → the answer."""
    stand_at(SLOT - 30 * DAY)

    def write(**benefits):
        tiers = admin.get("/tiers").get_json()["tiers"]
        for one in tiers:
            one["benefits"] = benefits.get(one["code"], {})
        return admin.put("/tiers", {"tiers": tiers})

    return write


@pytest.fixture
def holder(person):
    """Makes members of a tier: `holder("gold", born=(2, 29), calendar="lunar", zone=…)` → id."""

    def make(tier, born=None, calendar="solar", zone=None, since=SLOT - 20 * DAY):
        one = person(zone=zone)
        if tier != "new":
            move(one, "new", tier, since)
        if born:
            db.session.execute(
                text(
                    "UPDATE member SET birthday_month = :m, birthday_day = :d,"
                    " birthday_calendar = :c WHERE id = :i"
                ),
                {"m": born[0], "d": born[1], "c": calendar, "i": one},
            )
            db.session.commit()
        return one

    return make


def move(member_id, was, tier, at, cause="manual"):
    """A step of a member's history, and where he stands."""
    db.session.execute(
        text(
            "INSERT INTO tier_change (member_id, at, id, from_tier, to_tier, earned, cause)"
            " VALUES (:m, :at, uuidv7(), :was, :tier, :tier, :cause)"
        ),
        {"m": member_id, "at": at, "was": was, "tier": tier, "cause": cause},
    )
    db.session.execute(
        text("UPDATE tier_standing SET tier = :t, held = :t, since = :at WHERE member_id = :m"),
        {"t": tier, "m": member_id, "at": at},
    )
    db.session.commit()


def has(member_id):
    """What a member was given: (occasion, tier, state), by occasion."""
    db.session.rollback()
    rows = db.session.execute(
        text(
            "SELECT occasion, source_id, state FROM coupon WHERE member_id = :m"
            " ORDER BY occasion, issued_at"
        ),
        {"m": member_id},
    )
    return [tuple(row) for row in rows]


def done(answer):
    assert answer.status_code == 200, answer.data
    return answer.get_json()


def mistakes(answer):
    assert answer.status_code == 422, answer.data
    return {one["pointer"]: one["code"] for one in answer.get_json()["errors"]}


@pytest.fixture
def run(stand_at):
    """Lets the job have its slot, at that instant or later."""

    def at(slot=SLOT, late=timedelta()):
        stand_at(slot + late)
        return grant(slot)

    return at


def test_a_tiers_coupons_are_given_once_a_month(ladder, holder, run, coupon_template):
    one = str(coupon_template())
    done(ladder(gold={"monthly_coupons": [one]}))
    gold, silver = holder("gold"), holder("silver")
    assert run() == 1
    assert run() == 0
    assert run(SLOT + DAY) == 0
    assert has(gold) == [("tier:month:2026-11", "gold", "issued")]
    assert has(silver) == []
    assert run(SLOT + 9 * DAY) == 1
    assert [occasion for occasion, *_ in has(gold)] == ["tier:month:2026-11", "tier:month:2026-12"]
    counters_are_true()


def test_one_template_named_twice_is_two_coupons_a_month(ladder, holder, run, coupon_template):
    one = str(coupon_template())
    done(ladder(gold={"monthly_coupons": [one, one]}, silver={"monthly_coupons": [one]}))
    gold, silver = holder("gold"), holder("silver")
    assert run() == 3
    assert run() == 0
    assert [occasion for occasion, *_ in has(gold)] == [
        "tier:month:2026-11",
        "tier:month:2026-11#2",
    ]
    assert len(has(silver)) == 1


def test_the_month_is_the_members_own(ladder, holder, run, coupon_template):
    done(ladder(gold={"monthly_coupons": [str(coupon_template())]}))
    here, behind = holder("gold"), holder("gold", zone="America/Los_Angeles")
    run(datetime(2026, 11, 30, 16, 20, tzinfo=UTC))
    assert [occasion for occasion, *_ in has(here)] == ["tier:month:2026-12"]
    assert [occasion for occasion, *_ in has(behind)] == ["tier:month:2026-11"]


def test_who_rises_gets_what_the_new_tier_brings_beyond_what_he_had(
    ladder, holder, run, coupon_template
):
    small, large = str(coupon_template()), str(coupon_template())
    done(ladder(silver={"monthly_coupons": [small]}, gold={"monthly_coupons": [small, large]}))
    member = holder("silver")
    assert run() == 1
    move(member, "silver", "gold", SLOT + timedelta(hours=1))
    assert run(SLOT + DAY) == 1
    assert [tier for _, tier, _ in has(member)] == ["silver", "gold"]


def test_a_day_made_up_for_late_gives_what_was_held_then(ladder, holder, run, coupon_template):
    done(ladder(gold={"monthly_coupons": [str(coupon_template())]}))
    before, after = holder("gold"), holder("gold", since=SLOT + DAY)
    assert run(late=60 * DAY) == 1
    assert has(before) == [("tier:month:2026-11", "gold", "issued")]
    assert has(after) == []


def test_a_day_made_up_for_late_gives_nothing_of_a_tier_that_was_lost_since(
    ladder, holder, run, coupon_template
):
    one, other = str(coupon_template()), str(coupon_template())
    done(ladder(gold={"monthly_coupons": [one]}, silver={"monthly_coupons": [other]}))
    member = holder("gold")
    move(member, "gold", "silver", SLOT + DAY)
    assert run(late=2 * DAY) == 1
    assert has(member) == [("tier:month:2026-11", "silver", "issued")]


def test_a_merged_record_gets_nothing(ladder, holder, run, coupon_template):
    done(ladder(gold={"monthly_coupons": [str(coupon_template())]}))
    gone, kept = holder("gold"), holder("new")
    db.session.execute(
        text("UPDATE member SET status = 'merged', merged_into = :k WHERE id = :g"),
        {"k": kept, "g": gone},
    )
    db.session.commit()
    assert run() == 0


def test_what_the_stock_does_not_have_is_given_once_it_has(
    ladder, holder, run, coupon_template, now, caplog
):
    template = coupon_template(stock=1)
    done(ladder(gold={"monthly_coupons": [str(template)]}))
    members = [holder("gold") for _ in range(3)]
    assert run() == 1
    assert "2 refused, stock_empty" in caplog.text
    with transaction():
        templates.change(template, {"stock": 5}, now=now)
    assert run(SLOT + DAY) == 2
    assert all(len(has(one)) == 1 for one in members)


def test_the_birthday_coupon_comes_once_a_year(ladder, holder, run, coupon_template):
    done(ladder(silver={"birthday_coupon": str(coupon_template())}))
    today, yesterday = holder("silver", born=(11, 23)), holder("silver", born=(11, 22))
    others = [holder("silver", born=(11, 24)), holder("silver"), holder("new", born=(11, 23))]
    assert run() == 2
    assert run() == 0
    assert has(today) == [("tier:birthday:2026", "silver", "issued")]
    assert len(has(yesterday)) == 1
    assert run(SLOT + DAY) == 1
    assert [len(has(one)) for one in others] == [1, 0, 0]
    assert run(SLOT + 365 * DAY) == 2
    assert [occasion for occasion, *_ in has(today)] == ["tier:birthday:2026", "tier:birthday:2027"]


def test_a_birthday_of_another_zone_comes_on_its_own_day(ladder, holder, run, coupon_template):
    done(ladder(silver={"birthday_coupon": str(coupon_template())}))
    behind = holder("silver", born=(11, 23), zone="America/Los_Angeles")
    assert run() == 0  # it is the 22nd there
    assert run(SLOT + DAY) == 1
    assert len(has(behind)) == 1


def test_one_birthday_brings_one_coupon_though_the_tier_changes(
    ladder, holder, run, coupon_template
):
    low, high = str(coupon_template()), str(coupon_template())
    done(ladder(silver={"birthday_coupon": low}, gold={"birthday_coupon": high}))
    member = holder("silver", born=(11, 23))
    assert run() == 1
    move(member, "silver", "gold", SLOT + timedelta(hours=1))
    assert run(SLOT + DAY) == 0
    assert has(member) == [("tier:birthday:2026", "silver", "issued")]


def test_who_was_born_on_a_leap_day_has_his_coupon_every_year(ladder, holder, run, coupon_template):
    done(ladder(silver={"birthday_coupon": str(coupon_template())}))
    member = holder("silver", born=(2, 29))
    assert run(datetime(2027, 2, 27, 16, 20, tzinfo=UTC)) == 1  # the 28th in Shanghai
    assert run(datetime(2028, 2, 27, 16, 20, tzinfo=UTC)) == 0
    assert run(datetime(2028, 2, 28, 16, 20, tzinfo=UTC)) == 1
    assert len(has(member)) == 2


def test_a_lunar_birthday_follows_the_moon(ladder, holder, run, coupon_template):
    done(ladder(silver={"birthday_coupon": str(coupon_template())}))
    member = holder("silver", born=(8, 15), calendar="lunar")
    solar = holder("silver", born=(8, 15))
    assert run(datetime(2027, 9, 14, 16, 20, tzinfo=UTC)) == 1  # mid-autumn: 15 September
    assert has(member) == [("tier:birthday:2027", "silver", "issued")]
    assert has(solar) == []


def test_missed_days_are_all_run(app):
    assert grant.catch_up == "all"


def test_the_moving_sandbox_asks_for_it_only_where_something_is_promised(
    ladder, coupon_template, now
):
    assert next_grant(now) is None
    done(ladder(gold={"monthly_coupons": [str(coupon_template())]}))
    assert next_grant(now) == now


@pytest.mark.parametrize("benefit", ["birthday_coupon", "monthly_coupons"])
def test_a_ladder_names_coupons_that_exist_and_may_be_given(ladder, coupon_template, now, benefit):
    ended = coupon_template(ended_at=now - 60 * DAY)

    def naming(one):
        given = one if benefit == "birthday_coupon" else [str(coupon_template()), one]
        return ladder(silver={benefit: given})

    place = f"/tiers/2/benefits/{benefit}" + ("/1" if benefit == "monthly_coupons" else "")
    assert mistakes(naming("spring")) == {place: "invalid_id"}
    assert mistakes(naming(NOBODY)) == {place: "coupon_template_not_found"}
    assert mistakes(naming(str(ended))) == {place: "coupon_template_ended"}
    done(naming(str(coupon_template())))


def test_what_the_ladder_names_already_may_stay_though_it_has_ended(
    ladder, admin, coupon_template, now
):
    template = coupon_template()
    done(ladder(silver={"birthday_coupon": str(template)}))
    with transaction():
        templates.change(template, {"ended_at": now - 60 * DAY}, now=now)
    tiers = admin.get("/tiers").get_json()["tiers"]
    done(admin.put("/tiers", {"tiers": tiers, "grace_days": 3}))


# --- a refund takes the tier, and what it has brought


@pytest.fixture
def risen(admin, person, ladder, run, coupon_template, stand_at):
    """A member whom one order has taken to Gold, and the coupons that Gold has brought him."""
    small, large, cake = (str(coupon_template()) for _ in range(3))
    done(
        ladder(
            new={"monthly_coupons": [small]},
            gold={"monthly_coupons": [small, large], "birthday_coupon": cake},
        )
    )
    stand_at(SLOT - DAY)
    member = person()
    lines = [{"line_no": 1, "sku": "T", "name": "T", "quantity": 1, "unit_price": 500_000}]
    body = order_body(member, lines=lines)
    answer = admin.put("/orders/web/1", body)
    assert answer.status_code in (200, 201), answer.data
    assert admin.get(f"/members/{member}/tier").get_json()["tier"]["code"] == "gold"
    db.session.execute(
        text(
            "UPDATE member SET birthday_month = 11, birthday_day = 23,"
            " birthday_calendar = 'solar' WHERE id = :m"
        ),
        {"m": member},
    )
    db.session.commit()
    assert run() == 3
    return member


def refund(admin):
    at = SLOT + timedelta(hours=2)
    answer = admin.put("/orders/web/1/refunds/r1", {"refunded_at": stamp(at), "amount": 500_000})
    assert answer.status_code in (200, 201), answer.data


def by_occasion(member_id):
    rows = db.session.execute(
        text(
            "SELECT occasion || ' ' || source_id AS what, state, void_reason FROM coupon"
            " WHERE member_id = :m ORDER BY issued_at, code"
        ),
        {"m": member_id},
    )
    return sorted(tuple(row) for row in rows)


def test_a_refund_voids_what_the_lost_tier_has_brought_but_not_what_stays_his(
    admin, risen, stand_at
):
    stand_at(SLOT + timedelta(hours=3))
    refund(admin)
    assert by_occasion(risen) == [
        ("tier:birthday:2026 gold", "void", "tier_fell_back"),
        ("tier:month:2026-11 gold", "issued", None),
        ("tier:month:2026-11 gold", "void", "tier_fell_back"),
    ]
    counters_are_true()


def test_a_coupon_that_was_used_stays_used(admin, risen, stand_at):
    stand_at(SLOT + timedelta(hours=3))
    db.session.execute(
        text(
            "UPDATE coupon SET state = 'used', used_at = :at, used_channel = 'web',"
            " used_order_no = '9', committed = 0 WHERE occasion LIKE 'tier:birthday%'"
        ),
        {"at": SLOT},
    )
    db.session.commit()
    refund(admin)
    states = [state for occasion, state, _ in by_occasion(risen) if "birthday" in occasion]
    assert states == ["used"]


def test_what_an_earlier_time_on_the_tier_brought_stays(admin, risen, stand_at):
    stand_at(SLOT + timedelta(hours=3))
    db.session.execute(text("UPDATE coupon SET issued_at = :at"), {"at": PLACED - 30 * DAY})
    db.session.commit()
    refund(admin)
    assert {state for _, state, _ in by_occasion(risen)} == {"issued"}


def test_a_coupon_given_by_hand_stays(admin, risen, stand_at):
    stand_at(SLOT + timedelta(hours=3))
    db.session.execute(text("UPDATE coupon SET source_type = 'staff'"))
    db.session.commit()
    refund(admin)
    assert {state for _, state, _ in by_occasion(risen)} == {"issued"}
