"""The report: figures as an obvious planner adds them up, and findings only where there are any."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import numpy as np
import pytest
from api_client import Api
from campaigning import buy, make_campaign, make_members
from clocks import set_to
from order_bodies import order_body, stamp
from people import make
from sqlalchemy import text

from crm import clock
from crm.campaigns.results import before
from crm.db import db, transaction
from crm.messages import planning
from crm.messages.planning import Source

DUE = datetime(2026, 10, 1, 2, 0, tzinfo=UTC)
DAY = timedelta(days=1)
MARGIN = 0.4
POINT = 1.0  # a hundred points are worth one yuan


@pytest.fixture(autouse=True)
def _later(rolled_back: None) -> None:
    """It is a month after the campaign."""
    set_to(DUE + 30 * DAY)


@dataclass
class Bought:
    """An order as a test knows it."""

    at: datetime
    goods: int  # before the order's discount
    discount: int = 0
    tax: int = 0
    status: str = "paid"
    refunds: list[tuple[int, bool]] = field(default_factory=list)

    def send(self, admin: Api, member: UUID) -> int:
        """Write it; returns the points that it still earns."""
        path = f"/orders/web/{uuid4().hex}"
        line = {"line_no": 1, "sku": "T", "name": "Tea", "quantity": 1, "unit_price": self.goods}
        body = order_body(
            member, status=self.status, placed_at=stamp(self.at), paid_at=stamp(self.at),
            updated_at=stamp(self.at), lines=[line], discount=self.discount, tax=self.tax,
        )  # fmt: skip
        answer = admin.put(path, body)
        assert answer.status_code == 200, answer.data
        for n, (amount, restock) in enumerate(self.refunds):
            refund = {"refunded_at": stamp(self.at + DAY), "amount": amount, "restock": restock}
            answer = admin.put(f"{path}/refunds/{n}", refund)
            assert answer.status_code == 200, answer.data
        return answer.get_json()["earned"]["points"]

    def profit(self, points: int) -> tuple[float, float, float]:
        """Sales, discount and profit as a shopkeeper reckons."""
        paid = self.goods - self.discount
        left = max(0, paid - sum(amount for amount, _ in self.refunds))
        share = left / paid if paid else 0
        sales = left - self.tax * share
        cut = self.discount * share
        gone = sum(amount for amount, restock in self.refunds if not restock)
        lost = (1 - MARGIN) * min(gone, paid - left)
        cost_of_goods = (1 - MARGIN) * (sales + cut)
        return sales, cut, sales - cost_of_goods - points * POINT - lost


def random_order(dice: random.Random, start: datetime) -> Bought:
    goods = dice.randrange(1000, 50_000)
    found = Bought(start + dice.random() * 20 * DAY - 3 * DAY, goods)
    if dice.random() < 0.4:
        found.discount = dice.randrange(0, goods // 2)
    if dice.random() < 0.3:
        found.tax = (goods - found.discount) // 12
    if dice.random() < 0.3:
        found.refunds.append(((goods - found.discount) // dice.randrange(1, 4), True))
    elif dice.random() < 0.3:
        found.refunds.append(((goods - found.discount) // dice.randrange(1, 4), False))
    if dice.random() < 0.15:
        found.status = "placed" if dice.random() < 0.5 else "cancelled"
        found.refunds.clear()
    return found


@pytest.mark.parametrize("seed", range(3))
def test_figures_are_what_a_shopkeeper_adds_up(admin: Api, seed: int):
    dice = random.Random(seed)
    rows = {make(): (dice.choice([0, 1, 1, 2, None]), DUE + dice.randrange(3) * DAY)
            for _ in range(16)}  # fmt: skip
    campaign = make_campaign(rows, arms=2)
    wanted = {arm: {"members": 0, "buyers": 0, "orders": 0, "sales": 0.0, "discounts": 0.0,
                    "points_cost": 0.0, "profit": 0.0} for arm in (0, 1, 2)}  # fmt: skip
    for member, (arm, due) in rows.items():
        orders = [random_order(dice, DUE) for _ in range(dice.randrange(4))]
        points = [one.send(admin, member) for one in orders]
        if arm is None:
            continue
        wanted[arm]["members"] += 1
        mine = [
            (one, earned) for one, earned in zip(orders, points, strict=True)
            if one.status == "paid" and due <= one.at < due + 14 * DAY
        ]  # fmt: skip
        wanted[arm]["buyers"] += any(one.profit(0)[0] > 0 for one, _ in mine)
        for one, earned in mine:
            sales, cut, profit = one.profit(earned)
            wanted[arm]["orders"] += sales > 0
            wanted[arm]["sales"] += sales
            wanted[arm]["discounts"] += cut
            wanted[arm]["points_cost"] += earned * POINT
            wanted[arm]["profit"] += profit
    found = report(admin, campaign)
    groups = {0: found["holdout"]} | {arm["no"]: arm for arm in found["arms"]}
    for arm, figures in wanted.items():
        told = {name: groups[arm][name] for name in figures}
        assert told == pytest.approx(figures, abs=1.01), arm


def report(admin: Api, campaign: UUID) -> dict:
    answer = admin.get(f"/campaigns/{campaign}/report")
    assert answer.status_code == 200, answer.data
    return answer.get_json()


def crowd(arms: dict[int, int], effect: dict[int, float], *, buying: float = 0.5, seed=1) -> UUID:
    """A campaign with many members who buy at random; arms buy for so much more each."""
    dice = np.random.default_rng(seed)
    count = sum(arms.values())
    members = make_members(count, DUE - 300 * DAY)
    which = np.repeat(list(arms), list(arms.values()))
    level = dice.lognormal(8, 0.6, count)
    bought = dice.random(count) < buying
    amounts = np.where(bought, level * dice.lognormal(0, 0.3, count), 0)
    amounts += bought * np.array([effect.get(arm, 0.0) for arm in which])
    buy(members, level, DUE - 40 * DAY, "before-")
    buy(members, amounts, DUE + 3 * DAY, "in-")
    rows = {member: (int(arm), DUE) for member, arm in zip(members, which, strict=True)}
    return make_campaign(rows, arms=max(max(arms), 1))


def test_an_effect_that_is_there_is_found_with_its_size(admin: Api):
    campaign = crowd({0: 400, 1: 1600}, {1: 2000.0})
    before_ = measured(campaign)
    found = report(admin, campaign)
    arm, total = found["arms"][0], found["total"]
    assert before_ == 2000
    assert (total["status"], arm["status"], found["window"]["over"]) == ("gain", "gain", True)
    truth = 0.5 * 2000 * MARGIN
    assert total["per_member"]["low"] < truth < total["per_member"]["high"]
    assert total["incremental"]["estimate"] == pytest.approx(1600 * total["per_member"]["estimate"])
    assert arm["incremental"] == pytest.approx(total["incremental"], rel=1e-9)
    assert 0 < found["method"]["slope"] < 1
    assert found["winner"] == {"status": "one_arm", "arm": None, "pairs": []}


def measured(campaign: UUID) -> int:
    with transaction():
        return before.measure(campaign, now=clock.now())


def test_without_an_effect_none_is_found_and_it_is_said_what_would_have_been(admin: Api):
    found = report(admin, crowd({0: 400, 1: 1600}, {}))
    total = found["total"]
    assert (total["status"], total["lack"]) == ("no_difference", None)
    assert total["per_member"]["low"] < 0 < total["per_member"]["high"]
    assert total["detectable"] > total["per_member"]["high"] - total["per_member"]["estimate"]


def test_the_better_of_two_arms_is_named(admin: Api):
    found = report(admin, crowd({0: 300, 1: 900, 2: 900}, {2: 4000.0}))
    assert (found["winner"]["status"], found["winner"]["arm"]) == ("winner", 2)
    (pair,) = found["winner"]["pairs"]
    assert (pair["first"], pair["second"]) == (1, 2)
    assert pair["per_member"]["high"] < 0


def test_earlier_spend_narrows_the_interval_and_is_measured_once(admin: Api):
    campaign = crowd({0: 400, 1: 1600}, {1: 2000.0})
    blind = report(admin, campaign)["total"]["per_member"]
    assert before.pending(clock.now()) == [campaign]
    assert measured(campaign) == 2000
    assert measured(campaign) == 0
    assert before.pending(clock.now()) == []
    knowing = report(admin, campaign)["total"]["per_member"]
    assert knowing["high"] - knowing["low"] < blind["high"] - blind["low"]
    with transaction():
        db.session.execute(text("UPDATE orders SET net = 1 WHERE order_no LIKE 'before-%'"))
    assert report(admin, campaign)["total"]["per_member"] == knowing


def test_members_are_measured_as_their_times_come(admin: Api):
    early, late = make_members(2, DUE - 300 * DAY)
    buy([early, late], [5000, 7000], DUE - DAY, "before-")
    make_campaign({early: (1, DUE), late: (0, DUE + DAY)})
    assert before.next_at(DUE - DAY) == DUE
    set_to(DUE)
    campaign = before.pending(DUE)[0]
    with transaction():
        assert before.measure(campaign, now=DUE) == 1
    assert before.next_at(DUE) == DUE + DAY
    buy([late], [1000], DUE + DAY / 2, "between-")
    buy([late], [9000], DUE + DAY, "too-late-")
    with transaction():
        assert before.measure(campaign, now=DUE + DAY) == 1
    rows = db.session.execute(text("SELECT arm, spent FROM campaign_spent_before ORDER BY arm"))
    assert [tuple(row) for row in rows] == [(0, 8000), (1, 5000)]
    assert before.next_at(DUE + DAY) is None


SAID = {
    "no_holdout": "Nobody was held out",
    "too_few_members": "This campaign is too small to tell, and waiting does not help. Each side "
    "needs at least 100 members. That would have been about 2 times as many members",
    "too_few_buyers": "The window is over: this campaign was too small to tell. About 30 buyers",
}


def test_nothing_is_found_while_a_window_is_open(admin: Api):
    campaign = crowd({0: 400, 1: 1600}, {1: 2000.0})
    for days, more in ((4, 10), (13.5, 1)):
        set_to(DUE + days * DAY)
        total = report(admin, campaign)["total"]
        assert (total["status"], total["lack"]) == ("not_enough_data", "window_open")
        assert (total["more_days"], total["incremental"], total["p"]) == (more, None, None)
        assert f"about {more} day" in total["text"]
    set_to(DUE + 14 * DAY)
    total = report(admin, campaign)["total"]
    assert (total["status"], total["text"]) == ("gain", None)


@pytest.mark.parametrize(
    ("arms", "buying", "lack"),
    [
        ({1: 2000}, 0.5, "no_holdout"),
        ({0: 99, 1: 2000}, 0.5, "too_few_members"),
        ({0: 200, 1: 1800}, 0.05, "too_few_buyers"),
    ],
)
def test_what_is_too_little_is_said(admin: Api, arms: dict[int, int], buying: float, lack: str):
    total = report(admin, crowd(arms, {1: 9000.0}, buying=buying))["total"]
    assert (total["status"], total["lack"], total["more_days"]) == ("not_enough_data", lack, None)
    assert total["incremental"] is None
    assert SAID[lack] in total["text"]


def test_before_anybodys_time_there_is_nothing_to_tell(admin: Api):
    campaign = make_campaign({make(): (1, DUE + 90 * DAY)}, state="scheduled")
    found = report(admin, campaign)
    assert (found["total"]["lack"], found["total"]["members"]) == ("not_started", 0)
    assert (found["window"]["since"], found["arms"][0]["members"]) == (None, 0)


def test_messages_are_counted_arm_by_arm_and_their_price_is_taken_off(admin: Api):
    rows = {make(): (arm, DUE) for arm in (0, 1, 1, 2)}
    campaign = make_campaign(rows, arms=2, points=50)
    source = Source("campaign", str(campaign))
    template = db.session.scalar(text("SELECT template_id FROM campaign_arm LIMIT 1"))
    for member, (arm, _) in rows.items():
        with transaction():
            planning.plan_many(
                [{"member_id": member, "occasion": f"campaign:{campaign}:{member}",
                  "state": None if arm else "holdout",
                  "variables": {"points": {"amount": 50}} if arm else None}],
                template_id=template, source=source, now=DUE,
            )  # fmt: skip
    sent = [member for member, (arm, _) in rows.items() if arm == 1]
    with transaction():
        db.session.execute(
            text("UPDATE message SET state = 'delivered', price = 8 WHERE member_id = ANY(:ids)"),
            {"ids": sent},
        )
        for kind in ("opened", "clicked", "clicked"):
            db.session.execute(
                text("INSERT INTO message_event (message_id, id, kind, at) "
                     "SELECT id, uuidv7(), :kind, :at FROM message WHERE member_id = :m"),
                {"kind": kind, "at": DUE, "m": sent[0]},
            )  # fmt: skip
    found = report(admin, campaign)
    first, second = found["arms"]
    told = [first[name] for name in ("planned", "sent", "delivered", "opened", "clicked")]
    assert told == [2, 2, 2, 1, 1]
    assert (second["planned"], second["pending"], second["sent"]) == (1, 1, 0)
    assert (first["message_cost"], first["points_cost"], first["profit"]) == (16, 100, -116)
    assert (second["message_cost"], second["points_cost"], second["profit"]) == (0, 50, -50)
    assert found["counters"]["holdout"] == 1
    assert found["counters"]["planned"] == 4


def test_the_report_says_what_each_figure_means_in_the_readers_language(admin: Api):
    campaign = make_campaign({make(): (1, DUE)})
    english = report(admin, campaign)["definitions"]
    answer = admin.get(f"/campaigns/{campaign}/report", headers={"Accept-Language": "zh-Hant"})
    chinese = answer.get_json()["definitions"]
    assert english.keys() == chinese.keys()
    assert "對照組" in chinese["incremental"]
    assert all(english[name] != chinese[name] for name in english)


def test_who_may_not_see_campaigns_sees_no_report(admin: Api, api_with):
    campaign = make_campaign({make(): (1, DUE)})
    refused = api_with("orders:read").get(f"/campaigns/{campaign}/report")
    assert (refused.status_code, refused.get_json()["needs"]) == (403, "campaigns:read")
    missing = admin.get(f"/campaigns/{uuid4()}/report")
    assert (missing.status_code, missing.get_json()["code"]) == (404, "campaign_not_found")


def test_a_draft_without_arms_has_a_report_that_says_nothing(admin: Api):
    draft = admin.post("/campaigns", {"name": "Tea"}).get_json()
    found = report(admin, draft["id"])
    assert (found["arms"], found["total"]["lack"]) == ([], "not_started")
    assert found["winner"]["status"] == "one_arm"


def test_an_order_refunded_whole_is_no_purchase_but_goods_that_stayed_away_cost(admin: Api):
    kept, lost = make(), make()
    campaign = make_campaign({kept: (1, DUE), lost: (0, DUE)})
    for member, restock in ((kept, True), (lost, False)):
        Bought(DUE + DAY, 10_000, refunds=[(10_000, restock)]).send(admin, member)
    found = report(admin, campaign)
    arm, holdout = found["arms"][0], found["holdout"]
    assert [(one["buyers"], one["orders"], one["sales"]) for one in (arm, holdout)] == [
        (0, 0, 0)
    ] * 2
    assert (arm["goods_lost"], arm["profit"]) == (0, 0)
    assert (holdout["goods_lost"], holdout["profit"]) == (6_000, -6_000)


def test_coupons_are_taken_off_wherever_the_shop_shows_them(admin: Api):
    """… in the lines here: 20.00 off, and a gift that costs 7.00 comes beside the goods."""
    member = make()
    campaign = make_campaign({member: (1, DUE), make(): (0, DUE)})
    codes = []
    for body in (
        {"name": "20 off", "kind": "amount", "value": 2000, "stackable": True},
        {"name": "A cup", "kind": "gift", "value": 700, "stackable": True,
         "gift": {"sku": "C1", "name": "Cup"}},
    ):  # fmt: skip
        made = admin.post("/coupon-templates", body | {"validity": {"days": 60}})
        assert made.status_code == 201, made.data
        given = {"member": {"id": str(member)}, "occasion": "spring"}
        path = f"/coupon-templates/{made.get_json()['id']}/issue"
        codes.append(admin.post(path, given).get_json()["code"])
    line = {"line_no": 1, "sku": "T", "name": "Tea", "quantity": 1, "unit_price": 12_000,
            "discount": 2_000}  # fmt: skip
    at = stamp(DUE + DAY)
    body = order_body(member, placed_at=at, paid_at=at, updated_at=at, lines=[line], coupons=codes)
    answer = admin.put("/orders/web/with-coupons", body)
    assert {one["state"] for one in answer.get_json()["coupons"]} == {"used"}, answer.data
    points = answer.get_json()["earned"]["points"]
    arm = report(admin, campaign)["arms"][0]
    assert (arm["sales"], arm["discounts"]) == (10_000, 2_700)
    assert arm["profit"] == round(MARGIN * 12_000 - 2_700 - points * POINT)
