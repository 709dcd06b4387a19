"""What coupons take off a cart: exact, in minor units, rounded down."""

from random import Random

import pytest

from crm.coupons.models import CouponTemplate
from crm.coupons.worth import Cart, Goods, basis, discount, take_off, worth

pytestmark = pytest.mark.usefixtures("no_database")
CART = Cart([Goods("T1", "tea", 999), Goods("C1", "cups", 501)], shipping=800)


def kind(**values) -> CouponTemplate:
    given = {"kind": "amount", "value": 0, "min_basis": 0, "skus": [], "categories": []} | values
    return CouponTemplate(**given)


@pytest.mark.parametrize(
    ("values", "off"),
    [
        ({"value": 400}, 400),
        ({"value": 5000}, 1500),
        ({"value": 5000, "skus": ["C1"]}, 501),
        ({"value": 400, "min_basis": 1500}, 400),
        ({"value": 400, "min_basis": 1501}, 0),
        ({"value": 400, "skus": ["X"]}, 0),
        ({"kind": "percent", "value": 15, "categories": ["tea"]}, 149),
        ({"kind": "percent", "value": 100}, 1500),
        ({"kind": "percent", "value": 50, "max_discount": 300}, 300),
        ({"kind": "free_shipping"}, 800),
        ({"kind": "free_shipping", "max_discount": 500}, 500),
        ({"kind": "gift", "value": 900}, 0),
        ({"kind": "points_multiplier", "value": 2}, 0),
    ],
)
def test_each_kind_takes_off_what_it_says(values, off):
    assert discount(kind(**values), CART) == off


def test_no_goods_in_scope_is_another_thing_than_goods_of_nothing():
    assert basis(kind(skus=["X"]), CART) is None
    assert basis(kind(skus=["X"]), Cart([Goods("X", None, 0)])) == 0


def test_coupons_follow_one_another_and_never_take_more_than_there_is():
    ten, tea, ship = kind(kind="percent", value=10), kind(value=2000, categories=["tea"]), None
    ship = kind(kind="free_shipping")
    assert worth([ten, tea, ship], CART) == [150, 899, 800]
    assert worth([tea, ten, ship, ship], CART) == [999, 50, 800, 0]


def test_shares_add_up_whatever_the_amounts():
    random = Random(7)
    for _ in range(300):
        amounts = [random.randint(0, 999) for _ in range(random.randint(1, 6))]
        off = random.randint(0, sum(amounts) + 5)
        left = take_off(amounts, off)
        assert sum(amounts) - sum(left) == min(off, sum(amounts))
        assert all(0 <= after <= before for after, before in zip(left, amounts, strict=True))
