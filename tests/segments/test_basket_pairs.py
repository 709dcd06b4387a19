"""What customers buy next, counted from the store's own baskets, and suggested with its reason."""

from datetime import timedelta
from uuid import uuid4

import pytest
from goods import Visit, give_back, sell
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from purchases import new_members
from sqlalchemy import select, text

from crm.db import db, transaction
from crm.segments.baskets import building, jobs
from crm.segments.baskets.models import ProductFigure, ProductPair
from crm.segments.baskets.suggesting import suggest, suggest_many

DAY = timedelta(days=1)


def tea_house(now, size=60):
    """A third buys tea and then cups, a third coffee and then filters, a third only soap."""
    members = new_members(size)
    wants = [("tea/oolong", "cups/white"), ("coffee/beans", "coffee/filters"), ("care/soap",)]
    visits = []
    for number, member in enumerate(members):
        first, *then = wants[number % 3]
        visits.append(Visit(member, now - 40 * DAY, (first,)))
        visits += [Visit(member, now - 20 * DAY, (each,)) for each in then]
    sell(visits, now=now)
    return members


def pairs(segment="") -> dict[tuple[str, str], ProductPair]:
    found = db.session.scalars(select(ProductPair).where(ProductPair.segment == segment))
    return {(pair.sku, pair.next_sku): pair for pair in found}


def test_pairs_have_support_confidence_and_lift(now):
    tea_house(now)
    assert building.build(now) == {"pairs": 2, "products": 5, "share": 1}
    pair = pairs()["oolong", "white"]
    assert (pair.buyers, pair.buyers_of_both) == (20, 20)
    assert pair.support == pytest.approx(20 / 60)
    assert pair.confidence == 1
    assert pair.lift == pytest.approx(3)


def test_what_is_bought_before_is_not_what_is_bought_next(now):
    tea_house(now)
    building.build(now)
    assert ("white", "oolong") not in pairs()


def test_one_basket_counts_both_ways(now):
    members = new_members(30)
    sell(
        [Visit(member, now - DAY, ("tea/oolong", "cups/white")) for member in members[:10]]
        + [Visit(member, now - DAY, ("care/soap",)) for member in members[10:]],
        now=now,
    )
    building.build(now)
    assert pairs().keys() == {("oolong", "white"), ("white", "oolong")}


def test_a_pair_made_after_three_months_is_none(now):
    members = new_members(20)
    visits = [Visit(member, now - 100 * DAY, ("tea/oolong",)) for member in members[:10]]
    visits += [Visit(member, now - 5 * DAY, ("cups/white",)) for member in members[:10]]
    visits += [Visit(member, now - DAY, ("care/soap",)) for member in members[10:]]
    sell(visits, now=now)
    building.build(now)
    assert pairs() == {}


def test_four_customers_are_too_few_for_a_pair(now):
    members = new_members(40)
    visits = [Visit(each, now - DAY, ("tea/oolong", "cups/white")) for each in members[:4]]
    visits += [Visit(each, now - DAY, ("care/soap",)) for each in members[4:]]
    sell(visits, now=now)
    building.build(now)
    assert pairs() == {}


def test_what_everybody_buys_anyway_is_no_pair(now):
    members = new_members(40)
    visits = [Visit(each, now - DAY, ("tea/oolong", "bags/paper")) for each in members[:20]]
    visits += [Visit(each, now - DAY, ("care/soap", "bags/paper")) for each in members[20:]]
    sell(visits, now=now)
    building.build(now)
    assert ("oolong", "paper") not in pairs()


def test_a_pair_that_chance_could_make_is_none(now):
    """Both are bought by a third; 8 buy both where chance would make 6 or 7 of them."""
    members = new_members(60)
    things = [()] * 60
    for place in range(20):
        things[place] += ("tea/oolong",)
    for place in range(12, 32):
        things[place] += ("cups/white",)
    for place in range(32, 60):
        things[place] += ("care/soap",)
    sell([Visit(m, now - DAY, each) for m, each in zip(members, things, strict=True)], now=now)
    building.build(now)
    assert pairs() == {}


def test_goods_given_back_and_gifts_are_in_no_basket(now):
    members = new_members(30)
    visits = [Visit(each, now - DAY, ("tea/oolong", "cups/white")) for each in members[:10]]
    gifts = [Visit(each, now - DAY, ("extra/sample",), 0) for each in members[:10]]
    rest = [Visit(each, now - DAY, ("care/soap",)) for each in members[10:]]
    for order in sell(visits + gifts + rest, now=now)[:10]:
        give_back(order, [{"line_no": 2, "quantity": 1}], now=now)
    building.build(now)
    assert pairs() == {}
    assert set(db.session.scalars(select(ProductFigure.sku))) == {"oolong", "soap"}


def test_building_again_replaces_what_was(now):
    tea_house(now)
    building.build(now)
    assert building.build(now) == {"pairs": 2, "products": 5, "share": 1}
    assert building.build(now + 400 * DAY) == {"pairs": 0, "products": 0, "share": 1}


def test_a_member_is_suggested_what_customers_like_him_buy_next(now):
    tea_house(now)
    building.build(now)
    (member,) = new_members(1)
    sell([Visit(member, now - DAY, ("tea/oolong",))], now=now)
    first, *rest = suggest(member, 3, now)
    assert (first.sku, first.name, first.basis) == ("white", "The white", "next")
    assert (first.because_sku, first.because_name) == ("oolong", "The oolong")
    assert first.confidence == 1
    assert first.lift == pytest.approx(3)
    assert [each.basis for each in rest] == ["popular", "popular"]


def test_what_he_has_just_bought_is_not_suggested(now):
    members = tea_house(now)
    building.build(now)
    assert {"oolong", "white"}.isdisjoint(each.sku for each in suggest(members[0], 9, now))


def test_a_stranger_is_suggested_best_sellers(now):
    tea_house(now)
    building.build(now)
    (member,) = new_members(1)
    found = suggest(member, 2, now)
    assert [(each.basis, each.because_sku) for each in found] == [("popular", None)] * 2


def test_within_a_category_what_he_buys_regularly_comes_first(now):
    members = tea_house(now)
    sell([Visit(members[1], now - 5 * DAY, ("coffee/beans",))], now=now)
    building.build(now)
    found = suggest(members[1], 5, now, category="coffee")
    assert [(each.sku, each.basis) for each in found] == [("beans", "own")]
    assert suggest(members[1], 5, now, category="nothing of the kind") == []


def test_a_pair_of_his_own_segment_is_preferred(now):
    members = tea_house(now)
    db.session.execute(
        text("UPDATE member SET segment = 'loyal' WHERE id = ANY (:ids)"), {"ids": members[:30]}
    )
    building.build(now)
    assert pairs("loyal")["oolong", "white"].buyers == 10
    (member,) = new_members(1)
    sell([Visit(member, now - DAY, ("tea/oolong",))], now=now)
    db.session.execute(text("UPDATE product_pair SET confidence = 0.5 WHERE segment = 'loyal'"))
    assert suggest(member, 1, now)[0].confidence == 1
    db.session.execute(text("UPDATE member SET segment = 'loyal' WHERE id = :id"), {"id": member})
    assert suggest(member, 1, now)[0].confidence == 0.5


def test_what_nobody_buys_any_more_is_not_suggested(now):
    members = tea_house(now)
    building.build(now)
    assert suggest(members[2], 5, now + 200 * DAY) == []


def test_many_members_are_answered_as_each_alone(now):
    members = tea_house(now)
    building.build(now)
    wanted = [(member, category) for member in members[:9] for category in (None, "cups")]
    together = suggest_many(wanted, 2, now)
    alone = [
        one for member, category in wanted for one in suggest(member, 2, now, category=category)
    ]
    assert together == alone


def test_who_is_gone_gets_nothing(now):
    members = tea_house(now)
    building.build(now)
    db.session.execute(text("UPDATE member SET status = 'erased'"))
    assert suggest_many([(member, None) for member in members], 3, now) == []


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.lists(st.integers(0, 6), min_size=1, max_size=4), max_size=14))
def test_no_shop_whatever_is_an_error(now, shop):
    """Nobody, one, equals: pairs keep their bounds; nobody is suggested what he just bought."""
    with db.session.begin_nested() as point:
        members = new_members(len(shop)) if shop else []
        visits = [
            Visit(
                member,
                now - (turn % 5) * DAY,
                tuple(f"c{each % 2}/s{each}" for each in set(things)),
            )
            for turn, (member, things) in enumerate(zip(members, shop, strict=True))
        ]
        if visits:
            sell(visits, now=now)
        building.build(now)
        for pair in pairs().values():
            assert 5 <= pair.buyers_of_both <= pair.buyers
            assert pair.lift >= building.LEAST_LIFT
        for member, things in zip(members, shop, strict=True):
            suggested = {each.sku for each in suggest(member, 5, now)}
            assert suggested.isdisjoint(f"s{each}" for each in things)
        point.rollback()


def test_suggestions_are_told_by_the_api_with_their_reason(admin, now):
    with transaction():
        db.session.execute(text("INSERT INTO sandbox_clock (now) VALUES (:now)"), {"now": now})
    tea_house(now)
    jobs.baskets(now)
    (member,) = new_members(1)
    sell([Visit(member, now - DAY, ("tea/oolong",))], now=now)
    first, second = admin.get(f"/members/{member}/suggestions?limit=2").json["data"]
    assert (first["sku"], first["basis"], first["confidence"]) == ("white", "next", 1)
    assert first["because"] == {"sku": "oolong", "name": "The oolong"}
    assert (second["basis"], second["because"], second["lift"]) == ("popular", None, None)
    only = admin.get(f"/members/{member}/suggestions?category=cups").json["data"]
    assert [each["sku"] for each in only] == ["white"]


@pytest.mark.parametrize("query", ["limit=0", "limit=21", "limit=x", "of=tea"])
def test_a_wrong_question_is_refused(admin, now, query):
    (member,) = new_members(1)
    assert admin.get(f"/members/{member}/suggestions?{query}").status_code == 422


def test_a_stranger_to_the_shop_is_not_found(admin):
    assert admin.get(f"/members/{uuid4()}/suggestions").status_code == 404
