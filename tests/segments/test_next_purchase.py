"""Next purchases from the night to the API; back-test figures counted again from the orders."""

import math
from collections import defaultdict
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from purchases import SHANGHAI, buy, new_members
from sqlalchemy import select, text

from crm.db import db, transaction
from crm.segments.next_purchase import jobs, work
from crm.segments.next_purchase.models import NextPurchase, NextPurchaseModel

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def standing_clock(now):
    """Time stands at `now`, as in a sandbox whose clock was moved."""
    with transaction():
        db.session.execute(text("INSERT INTO sandbox_clock (now) VALUES (:now)"), {"now": now})


def steady_shop(now, size=500):
    """Customers with a pace each, of whom some leave, over two years."""
    draw = np.random.default_rng(8)
    purchases = []
    for member in new_members(size):
        pace, at = draw.lognormal(3.2, 0.7), draw.uniform(0, 700)
        leaves = draw.uniform(0, 0.15)
        while at >= 1:
            purchases.append((member, now - float(at) * DAY, int(draw.integers(500, 20_000))))
            if draw.random() < leaves:
                break
            at -= draw.exponential(pace) + 1
    buy(purchases, now=now)


def model() -> NextPurchaseModel:
    return db.session.scalars(select(NextPurchaseModel)).one()


def days_of_purchase() -> dict:
    """Straight from the orders: member to {day: amount}."""
    found: dict = defaultdict(dict)
    orders = text("SELECT member_id, local_day, net FROM orders WHERE counted")
    for row in db.session.execute(orders):
        of = found[row.member_id]
        of[row.local_day] = of.get(row.local_day, 0) + row.net
    return found


def chance_again(model, days, cut, horizon) -> float:
    """The chance by the stored parameters, written down once more from the formulas."""
    known = sorted(day for day in days if day <= cut)
    recency, tenure = (cut - known[-1]).days, (cut - known[0]).days
    gap = (tenure - recency) / (len(known) - 1) if len(known) > 1 else 0
    if model["kind"] == "mbg_nbd":
        r, alpha, a, b = (model[name] for name in ("r", "alpha", "a", "b"))
        x = len(known) - 1
        gone = a / (b + x) * ((alpha + tenure) / (alpha + tenure - recency)) ** (r + x)
        silent = ((alpha + tenure) / (alpha + tenure + horizon)) ** (r + x)
        return (1 - silent) / (1 + gone)
    line = model["regression"]
    spent = sum(days[day] for day in known)
    values = [math.log(1 + each) for each in (recency, len(known), spent, tenure, gap)]
    total = line["intercept"] + sum(
        weight * (value - mean) / deviation
        for weight, value, mean, deviation in zip(
            line["weights"], values, line["means"], line["deviations"], strict=True
        )
    )
    return 1 / (1 + math.exp(-total))


def said_again(model, people, cut, horizon) -> list[float]:
    """The chances of all these people."""
    if model["kind"] != "percentiles":
        return [chance_again(model, each, cut, horizon) for each in people]
    line = model["regression"]
    (weight,), (mean,), (deviation,) = line["weights"], line["means"], line["deviations"]
    return [
        1 / (1 + math.exp(-line["intercept"] - weight * (place - mean) / deviation))
        for place in places_again(people, cut)
    ]


def places_again(people, cut) -> list[float]:
    """The mean of three percentiles, each the share below and half of the equal."""
    columns = []
    for one in (lambda e: max(e).toordinal(), len, lambda e: sum(e.values())):
        columns.append([one({d: a for d, a in each.items() if d <= cut}) for each in people])
    return [
        round(
            sum(
                (sum(other < mine[at] for other in mine) + sum(other <= mine[at] for other in mine))
                / (2 * len(mine))
                for mine in columns
            )
            / 3,
            9,
        )
        for at in range(len(people))
    ]


def test_the_figures_are_those_of_a_script_of_its_own(now):
    steady_shop(now)
    work.perform(now)
    bought = days_of_purchase()
    checked = 0
    for horizon in model().horizons:
        tested = horizon["back_test"]
        until = date.fromisoformat(tested["until"])
        cut = date.fromisoformat(tested["from"]) - DAY
        assert until == now.astimezone(SHANGHAI).date() - DAY
        assert (until - cut).days == horizon["days"]
        people = [each for each in bought.values() if min(each) <= cut]
        came = [any(cut < day <= until for day in each) for each in people]
        assert (tested["members"], tested["bought"]) == (len(people), sum(came))
        for candidate in tested["candidates"]:
            if candidate["model"] is None:
                continue
            checked += 1
            found = candidate["figures"]
            said = said_again(candidate["model"], people, cut, horizon["days"])
            yes = [one for one, buyer in zip(said, came, strict=True) if buyer]
            no = [one for one, buyer in zip(said, came, strict=True) if not buyer]
            right = sum((a > b) + 0.5 * (a == b) for a in yes for b in no)
            assert found["auc"] == pytest.approx(right / len(yes) / len(no), abs=1e-6)
            brier = sum((a - b) ** 2 for a, b in zip(said, came, strict=True)) / len(said)
            assert found["brier"] == pytest.approx(brier, abs=1e-6)
            assert found["expected"] == pytest.approx(sum(said), abs=1e-6)
            assert found["lift"] == pytest.approx(lift_again(said, came), abs=1e-6)
            assert calibrated_again(said, came) == [
                (
                    band["members"],
                    pytest.approx(band["expected"], abs=1e-6),
                    pytest.approx(band["bought"], abs=1e-6),
                )
                for band in found["calibration"]
            ]
    assert checked >= 7


def lift_again(said, came) -> float:
    """Without ties at the border: the best tenth, one of them in part."""
    room, buyers = 0.1 * len(said), 0.0
    for _, buyer in sorted(zip(said, came, strict=True), reverse=True):
        part = min(max(room, 0), 1)
        buyers, room = buyers + part * buyer, room - 1
    return buyers / (0.1 * sum(came))


def calibrated_again(said, came) -> list:
    bands = defaultdict(list)
    for one, buyer in zip(said, came, strict=True):
        below = sum(other < one for other in said) + sum(other <= one for other in said)
        bands[min(int(10 * below / (2 * len(said))), 9)].append((one, buyer))
    return [
        (len(rows), sum(one for one, _ in rows) / len(rows), sum(b for _, b in rows) / len(rows))
        for _, rows in sorted(bands.items())
    ]


def test_every_customer_has_his_chances_and_nobody_else(now):
    steady_shop(now)
    new_members(3)
    work.perform(now)
    rows = db.session.scalars(select(NextPurchase)).all()
    assert {row.member_id for row in rows} == set(days_of_purchase())
    assert all(0 <= row.chance_7 <= row.chance_90 + 0.02 for row in rows)
    order = sorted(rows, key=lambda row: row.chance_30)
    assert order[0].place < order[-1].place


def test_the_nights_chances_are_those_that_the_api_tells(admin, now):
    steady_shop(now)
    work.perform(now)
    for row in db.session.scalars(select(NextPurchase).limit(20)):
        told = admin.get(f"/members/{row.member_id}/rfm").json["next_purchase"]
        assert [each["chance"] for each in told["chances"]] == pytest.approx(
            [row.chance_7, row.chance_30, row.chance_90], abs=1e-9
        )
        assert told["place"] == pytest.approx(row.place, abs=1e-9)


def test_a_purchase_of_today_shows_at_once(admin, now):
    steady_shop(now)
    work.perform(now)
    row = db.session.scalars(select(NextPurchase).order_by(NextPurchase.place)).first()
    before = admin.get(f"/members/{row.member_id}/rfm").json["next_purchase"]
    buy([(row.member_id, now, 5000)], now=now)
    after = admin.get(f"/members/{row.member_id}/rfm").json["next_purchase"]
    assert after["chances"][1]["chance"] > before["chances"][1]["chance"]


def test_the_same_day_is_learned_once_and_the_next_night_writes_few(now):
    steady_shop(now)
    work.perform(now)
    first = model()
    work.perform(now)
    assert model().id == first.id
    with transaction():
        db.session.execute(text("UPDATE sandbox_clock SET now = :now"), {"now": now + DAY})
    jobs.next_purchase(now + DAY)
    assert len(db.session.scalars(select(NextPurchaseModel)).all()) == 2
    untouched = db.session.scalars(
        select(NextPurchase).where(NextPurchase.model_id == first.id)
    ).all()
    assert untouched, "chances that did not change are not written again"


def test_a_night_that_was_killed_is_completed(now, monkeypatch):
    steady_shop(now)
    wrote = work._write

    def dies(*args):
        if db.session.scalars(select(NextPurchase)).first():
            raise KeyboardInterrupt
        wrote(*args)

    monkeypatch.setattr(work, "CHUNK", 100)
    monkeypatch.setattr(work, "_write", dies)
    with pytest.raises(KeyboardInterrupt):
        work.perform(now)
    assert len(db.session.scalars(select(NextPurchase)).all()) == 100
    monkeypatch.setattr(work, "_write", wrote)
    work.perform(now)
    assert len(db.session.scalars(select(NextPurchase)).all()) == len(days_of_purchase())
    assert model()


def test_chances_of_who_is_gone_go(now):
    steady_shop(now, size=20)
    work.perform(now)
    db.session.execute(text("UPDATE member SET status = 'erased'"))
    work.perform(now)
    assert db.session.scalars(select(NextPurchase)).all() == []


def test_the_back_test_is_told_with_words(admin, now):
    steady_shop(now)
    work.perform(now)
    told = admin.get("/next-purchase-model", headers={"Accept-Language": "zh-Hant"}).json
    assert [each["days"] for each in told["horizons"]] == [7, 30, 90]
    month = told["horizons"][1]
    assert month["abstains"] is None
    chosen = next(
        each for each in month["back_test"]["candidates"] if each["method"] == month["method"]
    )
    assert chosen["figures"]["auc"] > 0.6
    assert (
        sum(band["members"] for band in chosen["figures"]["calibration"])
        == (month["back_test"]["members"])
    )
    assert "tables" not in month["model"]


def test_before_the_first_night_it_is_said(admin, now):
    answer = admin.get("/next-purchase-model")
    assert (answer.status_code, answer.json["code"]) == (404, "next_purchase_model_not_found")
    (member,) = new_members(1)
    told = admin.get(f"/members/{member}/rfm").json["next_purchase"]
    assert {each["reason"]["code"] for each in told["chances"]} == {"not_bought"}
    assert told["abstains"]["code"] == "not_bought"
    buy([(member, now - DAY, 100)], now=now)
    told = admin.get(f"/members/{member}/rfm").json["next_purchase"]
    assert {each["reason"]["code"] for each in told["chances"]} == {"no_model"}
    assert told["abstains"]["code"] == "store_unknown"
    assert (told["model_id"], told["place"], told["usual_window"]) == (None, None, None)


def test_a_member_with_a_rhythm_has_a_window_and_one_without_the_stores(admin, now):
    steady_shop(now)
    jobs.usual_windows(now)
    regular, once = new_members(2)
    buy([(regular, now - days * DAY, 100) for days in (10, 40, 70)], now=now)
    buy([(once, now - 10 * DAY, 100)], now=now)
    told = admin.get(f"/members/{regular}/rfm").json["next_purchase"]
    window = told["usual_window"]
    assert told["abstains"] is None
    assert window["own_gaps"] == 2
    assert window["from_days"] < 30
    assert date.fromisoformat(window["opens"]) < date.fromisoformat(window["closes"])
    told = admin.get(f"/members/{once}/rfm").json["next_purchase"]
    assert told["usual_window"] is None
    assert told["abstains"]["code"] == "bought_once"
    assert told["store_window"]["from_days"] < told["store_window"]["to_days"]


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.lists(st.integers(-5, 500), max_size=4), max_size=4), st.sampled_from([700, 0]))
def test_no_shop_whatever_is_an_error(now, shop, net):
    """Nobody, one, two, equals, orders of the future, all refunded: the night ends well."""
    with db.session.begin_nested() as point:
        members = new_members(len(shop)) if shop else []
        rows = [
            (member, now - days * DAY, 700, net)
            for member, each in zip(members, shop, strict=True)
            for days in each
        ]
        if rows:
            buy(rows, now=now)
        people = work.reading.population(now, SHANGHAI)
        buyers = people.take(people.bought)
        made = work._model(now, now.date() - DAY, buyers)
        found = work.score(made.horizons, buyers, made.sample["spread"])
        assert all(len(column) == len(buyers) for column in found.values())
        assert {each["reason"] for each in made.horizons} <= {"short_history", "few_purchases"}
        point.rollback()
