from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import islice

import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat

from crm.demo.places import STORES
from crm.demo.shop import Shop
from crm.demo.staff import STAFF

END = datetime(2026, 11, 21, 16, tzinfo=UTC)
MOMENTS = ("placed_at", "paid_at", "delivered_at", "updated_at")
ORDER_FIELDS = {
    "channel",
    "currency",
    "delivered_at",
    "lines",
    "member",
    "order_no",
    "paid_at",
    "placed_at",
    "region",
    "status",
    "store",
    "updated_at",
}
LINE_FIELDS = {
    "category",
    "discount",
    "labels",
    "line_no",
    "name",
    "quantity",
    "sku",
    "unit_price",
}


@dataclass
class Seen:
    """What one pass over all orders showed."""

    numbers: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)
    line_fields: set[str] = field(default_factory=set)
    states: Counter[str] = field(default_factory=Counter)
    places: Counter[tuple[str, str]] = field(default_factory=Counter)
    bought: Counter[tuple[int, str, int]] = field(default_factory=Counter)
    first: dict[int, str] = field(default_factory=dict)
    latest: str = ""
    in_order: bool = True
    free: int = 0
    lines: int = 0
    discounted: int = 0


@pytest.fixture(scope="module")
def seen(shop: Shop, today: date) -> Seen:
    seen, before = Seen(), ""
    for order in shop.orders(today):
        lines = order["lines"]
        customer = int(order["member"]["external_id"]["id"])
        goods = 0
        for line in lines:
            goods += line["quantity"] * line["unit_price"] - line.get("discount", 0)
            seen.line_fields.update(line)
            seen.discounted += "discount" in line
        local_day = order["order_no"][2:10]
        seen.numbers.add(order["order_no"])
        seen.fields.update(order)
        seen.states[order["status"]] += 1
        seen.places[order["channel"], order["store"]] += 1
        seen.bought[customer, local_day, goods] += 1
        seen.first.setdefault(customer, order["placed_at"])
        # Texts of one form and zone sort like the instants they write.
        moments = [before, *(order[name] for name in MOMENTS if name in order)]
        seen.in_order &= moments == sorted(moments)
        seen.latest = max(seen.latest, moments[-1])
        before = order["placed_at"]
        seen.free += goods == 0
        seen.lines += len(lines)
    return seen


def test_every_purchase_is_one_order_with_a_number_of_its_own(shop, seen):
    assert shop.order_count == seen.bought.total() == len(seen.numbers) == 69_659


def test_every_customer_is_one_member(shop, members, seen):
    ids = {member.body["external_ids"][0]["id"] for member in members}
    assert shop.member_count == len(members) == len(ids) == len(seen.first) == 23_570


def test_each_order_is_its_purchase_at_seven_fen_a_cent_moved_to_end_yesterday(
    purchases, today, seen
):
    moved = today - timedelta(days=1) - date(1998, 6, 30)
    days = {purchase.day: f"{purchase.day + moved:%Y%m%d}" for purchase in purchases}
    real = Counter(
        (purchase.customer, days[purchase.day], purchase.cents * 7) for purchase in purchases
    )
    assert seen.bought == real


def test_all_orders_together_are_worth_2_500_315_63_dollars_and_80_were_free(seen):
    total = sum(goods * times for (_, _, goods), times in seen.bought.items())
    assert total == 250_031_563 * 7
    assert seen.free == 80


def test_orders_come_in_the_order_of_placing_and_every_order_runs_forward(seen):
    assert seen.in_order


def test_nothing_happens_at_or_after_the_midnight_that_begins_today(seen, members):
    assert seen.latest < f"{END:%Y-%m-%dT%H:%M:%SZ}"
    assert max(member.registered_at for member in members) < END


def test_a_member_joined_within_the_hour_before_the_first_purchase(members, seen):
    for member in members:
        first = seen.first[int(member.body["external_ids"][0]["id"])]
        ahead = datetime.fromisoformat(first) - member.registered_at
        assert timedelta(0) < ahead < timedelta(hours=1)


def test_every_phone_is_a_valid_number_written_as_e164(members):
    for member in members:
        if "phone" in member.body:
            phone = member.body["phone"]
            number = phonenumbers.parse(phone)
            assert phonenumbers.is_valid_number(number), phone
            assert phonenumbers.format_number(number, PhoneNumberFormat.E164) == phone


@pytest.mark.parametrize("field", ["phone", "email"])
def test_no_two_members_share_an_address(members, field):
    given = [member.body[field] for member in members if field in member.body]
    assert len(given) > 10_000
    assert len(set(given)) == len(given)


def test_members_come_in_the_order_of_joining(members):
    instants = [member.registered_at for member in members]
    assert instants == sorted(instants)
    assert instants[0].tzinfo is UTC


def test_an_order_has_only_fields_of_the_contract(seen):
    assert seen.fields == ORDER_FIELDS
    assert seen.line_fields == LINE_FIELDS


def test_most_orders_are_completed_and_the_last_days_still_under_way(seen):
    assert seen.states["completed"] > 0.98 * 69_659
    assert set(seen.states) == {"paid", "fulfilled", "delivered", "completed"}


def test_orders_come_from_the_tills_of_three_shops_and_from_the_web(seen):
    codes = {store["code"] for store in STORES}
    assert {store for _, store in seen.places} == codes
    assert all((channel == "web") == (store == "online") for channel, store in seen.places)


def test_some_lines_are_discounted_and_most_are_not(seen):
    assert 0.1 < seen.discounted / seen.lines < 0.4


def test_the_same_history_and_day_give_the_same_members_and_orders(purchases, today):
    once, again = Shop(purchases[:5_000]), Shop(purchases[:5_000])
    assert list(once.members(today)) == list(again.members(today))
    assert list(map(repr, once.orders(today))) == list(map(repr, again.orders(today)))


def test_another_day_moves_the_history_and_changes_nothing_bought(shop, today):
    later = islice(shop.orders(today + timedelta(days=3)), 1_000)
    for order, moved in zip(shop.orders(today), later, strict=False):
        assert moved["lines"] == order["lines"]
        assert moved["member"] == order["member"]
        shift = datetime.fromisoformat(moved["placed_at"]) - datetime.fromisoformat(
            order["placed_at"]
        )
        assert shift == timedelta(days=3)


def test_a_history_without_purchases_is_an_empty_shop(today):
    empty = Shop([])
    assert list(empty.members(today)) == list(empty.orders(today)) == []


def test_there_is_one_colleague_for_every_role():
    assert [colleague.role for colleague in STAFF] == [
        "clerk",
        "manager",
        "marketer",
        "analyst",
        "admin",
    ]
    assert len({colleague.email for colleague in STAFF}) == len(STAFF)


def test_every_store_is_named_in_every_language():
    assert len(STORES) == 4
    assert all(set(store["name"]) == {"en", "zh-Hans", "zh-Hant"} for store in STORES)
