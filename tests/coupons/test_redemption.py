"""Coupons are looked at, reserved, used once, given back and taken back."""

from datetime import timedelta

import pytest
from coupon_counters import counters_are_true

from crm.coupons import pool, redemption, returning
from crm.coupons.errors import (
    AlreadyUsed,
    BudgetExhausted,
    CouponNotFound,
    CouponVoid,
    NotUsed,
    ReservedElsewhere,
)
from crm.coupons.redemption import Asked
from crm.coupons.worth import Cart, Goods
from crm.db import transaction

CART = Cart([Goods("T1", "tea", 8000), Goods("C1", "cups", 4000)], shipping=1000)
ORDER = ("web", "A1")


def codes(verdict) -> list[str]:
    return [one.code for one in verdict.reasons]


@pytest.fixture
def use(now):
    def run(code, *, at=None, order=ORDER, discount=None, **more):
        when = at or now
        with transaction():
            asked = Asked(at=when, order=order, **more)
            return redemption.use(code, asked, now=when, discount=discount)

    return run


@pytest.fixture
def reserve(now):
    def run(code, reference, *, at=None, ttl=timedelta(minutes=15), **more):
        when = at or now
        with transaction():
            asked = Asked(at=when, reference=reference, **more)
            return redemption.reserve(code, asked, now=when, ttl=ttl)

    return run


@pytest.fixture
def release(now):
    def run(code, *, at=None, **more):
        with transaction():
            return returning.release(code, now=at or now, **more)[0]

    return run


def test_a_good_coupon_says_what_it_takes_off(template, give, person, now):
    member = person()
    code = give(template(min_basis=10000), member)
    verdict = redemption.validate(code, Asked(at=now, member_id=member, cart=CART), now=now)
    assert (codes(verdict), verdict.discount) == ([], 2000)


def test_every_reason_is_told_at_once(template, give, person, now, row):
    plain, kind = template(), template(min_basis=50000, categories=["tea"])
    code = give(kind, person())
    later = now + timedelta(days=60)
    others = [("OTHER", redemption.find(give(plain, person()))[1])]
    asked = Asked(
        at=later, member_id=person(), cart=Cart([Goods("C1", "cups", 900)]), others=others
    )
    with transaction():
        held = Asked(at=now, reference="cart-9")
        redemption.reserve(code, held, now=now, ttl=timedelta(days=7))
    verdict = redemption.validate(code, asked, now=later)
    assert codes(verdict) == [
        "coupon_expired", "wrong_member", "out_of_scope", "min_basis_not_met", "not_stackable",
    ]  # fmt: skip
    soon = redemption.validate(code, asked, now=now + timedelta(days=1))
    assert codes(soon)[0] == "reserved_elsewhere"
    facts = {one.code: one.facts for one in verdict.reasons}
    assert facts["min_basis_not_met"] == {"min_basis": 50000, "basis": 0, "missing": 50000}
    assert facts["not_stackable"] == {"with": ["OTHER"]}
    assert verdict.discount == 0


def test_the_minimum_counts_the_goods_in_scope(template, give, person, now):
    code = give(template(min_basis=8001, categories=["tea"]), person())
    verdict = redemption.validate(code, Asked(at=now, cart=CART), now=now)
    assert verdict.reasons[0].facts == {"min_basis": 8001, "basis": 8000, "missing": 1}


def test_a_coupon_is_not_valid_before_its_window(template, give, person, now):
    kind = template(valid_days=None, valid_from=now + timedelta(days=1))
    code = give(kind, person())
    early = redemption.validate(code, Asked(at=now), now=now)
    assert codes(early) == ["coupon_not_yet_valid"]
    later = now + timedelta(days=1)
    assert codes(redemption.validate(code, Asked(at=later), now=later)) == []


def test_a_coupon_expires_at_its_own_instant_without_any_job(template, give, person, now, row):
    code = give(template(), person())
    end = row(code).expires_at
    last = end - timedelta(microseconds=1)
    assert codes(redemption.validate(code, Asked(at=last), now=last)) == []
    assert codes(redemption.validate(code, Asked(at=end), now=end)) == ["coupon_expired"]
    assert row(code).state_at(end) == "expired"


def test_stackable_coupons_go_together_and_one_that_is_not_goes_alone(template, give, person, now):
    free, alone = template(stackable=True), template()
    code = give(free, person())
    _, friend = redemption.find(give(free, person()))
    _, loner = redemption.find(give(alone, person()))
    assert codes(redemption.validate(code, Asked(at=now, others=[("F", friend)]), now=now)) == []
    blocked = redemption.validate(code, Asked(at=now, others=[("L", loner)]), now=now)
    assert codes(blocked) == ["not_stackable"]


def test_the_first_use_wins_and_the_same_order_again_changes_nothing(
    template, give, person, use, row
):
    code = give(template(), person())
    use(code, cart=CART)
    assert (row(code).state, row(code).value_used) == ("used", 2000)
    use(code, cart=CART)
    with pytest.raises(AlreadyUsed) as refused:
        use(code, order=("web", "A2"))
    assert [one["code"] for one in refused.value.facts["reasons"]] == ["already_used"]
    counters_are_true()


def test_a_reservation_keeps_others_out_until_its_own_instant(
    template, give, person, reserve, use, now, row
):
    code = give(template(), person())
    reserve(code, "cart-1")
    reserve(code, "cart-1", ttl=timedelta(minutes=30))
    with pytest.raises(ReservedElsewhere):
        reserve(code, "cart-2")
    with pytest.raises(ReservedElsewhere):
        use(code, order=("web", "B1"))
    end = now + timedelta(minutes=30)
    assert row(code).state_at(end) == "issued"
    reserve(code, "cart-2", at=end)
    use(code, reference="cart-2", at=end)
    counters_are_true()


def test_what_was_reserved_in_time_may_be_paid_for_after_its_last_day(
    template, give, person, reserve, use, row
):
    code = give(template(), person())
    last = row(code).expires_at - timedelta(minutes=5)
    reserve(code, "cart-1", at=last)
    use(code, reference="cart-1", at=last + timedelta(minutes=10))
    assert row(code).state == "used"


def test_a_cart_gives_its_coupon_free_and_no_other_can(
    template, give, person, reserve, release, row
):
    code = give(template(), person())
    reserve(code, "cart-1")
    with pytest.raises(ReservedElsewhere):
        release(code, reference="cart-2")
    assert release(code, reference="cart-1").state == "issued"
    assert release(code, reference="cart-1").state == "issued"


def test_only_its_own_order_gives_a_used_coupon_back(template, give, person, use, release, row):
    code = give(template(budget=2000), person())
    use(code, cart=CART)
    with pytest.raises(AlreadyUsed):
        release(code)
    with pytest.raises(NotUsed):
        release(code, order=("web", "other"))
    release(code, order=ORDER)
    release(code, order=ORDER)
    assert (row(code).state, row(code).committed) == ("issued", 2000)
    counters_are_true()
    use(code, order=("web", "A2"))
    counters_are_true()


def test_a_coupon_that_expired_while_it_was_used_comes_back_expired(
    template, give, person, use, release, row, now, template_row
):
    kind = template()
    code = give(kind, person())
    use(code)
    later = now + timedelta(days=90)
    release(code, order=ORDER, at=later)
    assert row(code).state_at(later) == "expired"
    assert template_row(kind).committed == 0
    counters_are_true()


def test_void_coupons_count_no_more_and_used_ones_stay(template, give, person, use, now):
    kind = template(stock=1, budget=2000)
    code = give(kind, person())
    with transaction():
        returning.void(code, reason="refunded", now=now)
    with transaction():
        returning.void(code, reason="refunded", now=now)
    with pytest.raises(CouponVoid):
        use(code)
    other = give(kind, person())
    use(other)
    with pytest.raises(AlreadyUsed), transaction():
        returning.void(other, reason="late", now=now)
    counters_are_true()


def test_a_code_of_the_pool_is_good_for_whoever_has_it_once(
    template, use, release, person, now, template_row
):
    kind = template(stock=1)
    with transaction():
        first, second = pool.generate(kind, 2, now=now).codes
    member = person()
    use(first, member_id=member)
    verdict = redemption.validate(second, Asked(at=now), now=now)
    assert codes(verdict) == ["stock_empty"]
    counters_are_true()
    release(first, order=ORDER)
    assert template_row(kind).pool == 2
    use(second, order=("web", "A2"))
    counters_are_true()


def test_codes_of_the_pool_count_against_a_members_share(template, use, person, now, give):
    kind = template(per_member_limit=1)
    with transaction():
        first, second, third = pool.generate(kind, 3, now=now).codes
    member = person()
    use(first, member_id=member)
    verdict = redemption.validate(second, Asked(at=now, member_id=member), now=now)
    assert codes(verdict) == ["member_limit_reached"]
    use(second, member_id=person(), order=("web", "A2"))
    use(third, order=("web", "A3"))  # a guest
    counters_are_true()


def test_a_percentage_that_nothing_bounds_is_checked_when_it_is_used(
    template, give, person, use, now
):
    kind = template(kind="percent", value=50, budget=7000)
    first, second = give(kind, person()), give(kind, person())
    use(first, cart=CART)  # 6000 off
    with pytest.raises(BudgetExhausted):
        use(second, cart=CART, order=("web", "A2"))
    use(second, cart=Cart([Goods("T1", "tea", 2000)]), order=("web", "A2"))
    with pytest.raises(BudgetExhausted):
        give(kind, person())
    counters_are_true()


def test_an_unknown_code_is_not_found(now, use, app):
    with pytest.raises(CouponNotFound):
        use("NOTACODE2222")
