"""Coupons are given once per occasion, and never more than there may be."""

from datetime import UTC, datetime, timedelta

import pytest
from coupon_counters import counters_are_true
from sqlalchemy import text

from crm.coupons import issuing, pool, redemption
from crm.coupons.errors import (
    BudgetExhausted,
    CouponExpired,
    MemberLimitReached,
    PoolEmpty,
    StockEmpty,
    TemplateEnded,
)
from crm.coupons.issuing import Given, Wanted
from crm.db import db, transaction
from crm.errors import Refused
from crm.ids import uuid7
from crm.members.errors import MemberNotFound

SOURCE = ("test", "1")


def issue_many(template_id, wanted, now, **more):
    with transaction():
        return issuing.issue_many(template_id, wanted, now=now, source=SOURCE, **more)


def kinds(outcomes) -> list:
    return [type(one) for one in outcomes]


def test_the_same_occasion_gives_the_same_coupon_for_ever(template, give, person):
    kind, member = template(), person()
    first = give(kind, member, "birthday:2026")
    assert give(kind, member, "birthday:2026") == first
    assert give(kind, member, "birthday:2027") != first
    assert give(kind, person(), "birthday:2026") != first
    assert give(template(), member, "birthday:2026") != first
    counters_are_true()


def test_an_occasion_is_remembered_after_stock_and_template_have_ended(
    template, give, person, template_row
):
    kind, member = template(stock=1), person()
    first = give(kind, member, "once")
    with transaction():
        template_row(kind).ended_at = datetime(2026, 1, 1, tzinfo=UTC)
    assert give(kind, member, "once") == first


def test_without_an_occasion_every_call_gives_another(template, give, person):
    kind, member = template(), person()
    assert give(kind, member) != give(kind, member)


def test_stock_is_never_exceeded(template, give, person):
    kind = template(stock=2)
    give(kind, person()), give(kind, person())
    with pytest.raises(StockEmpty):
        give(kind, person())
    counters_are_true()


def test_a_member_has_no_more_than_his_share_but_others_have_theirs(template, give, person):
    kind, member = template(per_member_limit=2), person()
    give(kind, member), give(kind, member)
    with pytest.raises(MemberLimitReached):
        give(kind, member)
    give(kind, person())


def test_the_budget_is_what_open_and_used_coupons_can_cost(template, give, person):
    kind = template(budget=5000)
    give(kind, person()), give(kind, person())
    with pytest.raises(BudgetExhausted):
        give(kind, person())
    counters_are_true()


def test_what_a_use_did_not_cost_is_free_for_another(template, give, person, now):
    kind = template(budget=4000)
    code = give(kind, person())
    give(kind, person())
    asked = redemption.Asked(at=now, order=("web", "1"))
    with transaction():
        redemption.use(code, asked, now=now, discount=0)
    give(kind, person())
    counters_are_true()


def test_a_template_that_ended_or_whose_window_is_over_gives_no_more(
    template, give, person, now, template_row
):
    over = template(valid_days=None, valid_until=now)
    with pytest.raises(CouponExpired):
        give(over, person())
    ended = template(ended_at=now)
    with pytest.raises(TemplateEnded):
        give(ended, person())


def test_days_count_from_the_members_own_day_and_end_at_his_midnight(template, give, person, row):
    kind = template(valid_days=30)
    at = datetime(2026, 11, 21, 17, 30, tzinfo=UTC)  # the 22nd in Shanghai, the 21st in London
    london = row(give(kind, person(zone="Europe/London"), now=at)).expires_at
    shanghai = row(give(kind, person(), now=at)).expires_at
    assert london == datetime(2026, 12, 22, 0, 0, tzinfo=UTC)
    assert shanghai == datetime(2026, 12, 22, 16, 0, tzinfo=UTC)


def test_a_window_is_the_same_for_all(template, give, person, row, now):
    until = now + timedelta(days=3)
    code = give(template(valid_days=None, valid_until=until), person(zone="Europe/London"))
    assert row(code).expires_at == until


def test_codes_of_a_pool_are_given_each_once_then_it_is_empty(template, give, person, now):
    kind = template()
    with transaction():
        added = pool.bring(kind, ["GIFT0001", "GIFT0002"], now=now)
    given = {give(kind, person()), give(kind, person())}
    assert given == set(added.codes)
    with pytest.raises(PoolEmpty):
        give(kind, person())
    counters_are_true()


def test_a_code_of_the_pool_that_a_cart_has_reserved_is_not_given(template, give, person, now):
    kind = template()
    with transaction():
        pool.bring(kind, ["GIFT0001"], now=now)
    asked = redemption.Asked(at=now, reference="cart-1")
    with transaction():
        redemption.reserve("GIFT0001", asked, now=now)
    with pytest.raises(PoolEmpty):
        give(kind, person())
    assert give(kind, person(), now=now + timedelta(hours=1)) == "GIFT0001"
    counters_are_true()


def test_many_at_once_come_out_as_one_after_the_other(template, person, now):
    kind = template(stock=4, per_member_limit=2)
    a, b, c = person(), person(), person()
    stranger = uuid7()
    wanted = [
        Wanted(a, "x"), Wanted(a, "x"), Wanted(a), Wanted(a), Wanted(stranger, "x"),
        Wanted(b, "x"), Wanted(c, "x"), Wanted(c, "y"),
    ]  # fmt: skip
    found = issue_many(kind, wanted, now)
    assert kinds(found) == [
        Given, Given, Given, MemberLimitReached, MemberNotFound, Given, Given, StockEmpty,
    ]  # fmt: skip
    assert found[0].code == found[1].code
    assert (found[0].new, found[1].new) == (True, False)
    again = issue_many(kind, wanted[:2], now)
    assert [one.code for one in again] == [found[0].code] * 2
    assert not any(one.new for one in again)
    counters_are_true()


def test_a_thousand_are_given_in_a_handful_of_statements(template, person, now):
    kind = template()
    members = [person() for _ in range(5)]
    wanted = [Wanted(members[n % 5], f"o{n}") for n in range(1000)]
    found = issue_many(kind, wanted, now)
    assert len({one.code for one in found}) == 1000
    counters_are_true()


def test_a_pool_that_is_too_small_serves_the_first(template, person, now):
    kind = template()
    with transaction():
        pool.generate(kind, 3, now=now)
    found = issue_many(kind, [Wanted(person()) for _ in range(5)], now)
    assert kinds(found) == [Given, Given, Given, PoolEmpty, PoolEmpty]
    counters_are_true()


def test_generated_codes_are_distinct_long_and_without_look_alikes(template, now):
    kind = template()
    with transaction():
        made = pool.generate(kind, 5000, now=now).codes
    assert len(set(made)) == 5000
    assert {len(code) for code in made} == {12}
    used = set("".join(made))
    assert len(used) == 31
    assert not used & set("01OIL")


def test_a_hundred_thousand_codes_are_brought_at_once_and_duplicates_are_told(template, now):
    kind, other = template(), template()
    with transaction():
        pool.bring(other, ["POOL-000007"], now=now)
    codes = [f"POOL-{n:06}" for n in range(99_999)] + ["POOL-000001"]
    with transaction():
        found = pool.bring(kind, codes, now=now)
    assert len(found.codes) == 99_998
    assert sorted(found.duplicates) == ["POOL-000001", "POOL-000007"]
    counters_are_true()


def test_an_erased_member_gets_nothing(template, give, person):
    member = person()
    with transaction():
        db.session.execute(
            text("UPDATE member SET status = 'erased' WHERE id = :id"), {"id": member}
        )
    with pytest.raises(Refused):
        give(template(), member)
