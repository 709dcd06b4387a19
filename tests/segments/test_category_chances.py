"""Chances per category from the night to the API; figures counted again from orders and lines."""

import json
import math
from collections import defaultdict
from datetime import date, timedelta
from itertools import pairwise
from random import Random

import pytest
from goods import Visit, give_back, sell
from pairs import TODAY, purchases
from purchases import SHANGHAI, new_members
from sqlalchemy import select, text

from crm.db import db, transaction
from crm.segments.next_purchase import jobs, work
from crm.segments.next_purchase.categories import foretelling, loading
from crm.segments.next_purchase.categories import reading as of_categories
from crm.segments.next_purchase.models import NextPurchaseModel

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def standing_clock(now):
    """Time stands at `now`, as in a sandbox whose clock was moved."""
    with transaction():
        db.session.execute(text("INSERT INTO sandbox_clock (now) VALUES (:now)"), {"now": now})


def rhythmic_shop(now, members=400) -> list:
    """The shop of `pairs`, whose last day was yesterday; what one buys on a day is one order."""
    ids = new_members(members)
    visits = defaultdict(list)
    for member, category, day, _ in purchases(members=members):
        visits[member, day].append(f"{category}/{category}-1")
    sell(
        [
            Visit(ids[member], now - (TODAY - day + 1) * DAY, tuple(things))
            for (member, day), things in visits.items()
        ],
        now=now,
    )
    return ids


def model() -> NextPurchaseModel:
    return db.session.scalars(select(NextPurchaseModel)).one()


def learned() -> dict:
    found = model().categories
    assert found is not None
    return found


# ---- the figures, by a script of its own ----


def bought_by_pair() -> tuple[dict, dict]:
    """Straight from the tables: (member, category) to {day: amount}, and member to {day: amount}"""
    pairs: dict = defaultdict(dict)
    members: dict = defaultdict(dict)
    rows = text("""
        SELECT o.member_id, l.category, o.local_day, l.net FROM orders o
        JOIN order_line l ON l.order_id = o.id""")
    for row in db.session.execute(rows):
        own = pairs[row.member_id, row.category]
        own[row.local_day] = own.get(row.local_day, 0) + row.net
    orders = text("SELECT member_id, local_day, net FROM orders")
    for row in db.session.execute(orders):
        own = members[row.member_id]
        own[row.local_day] = own.get(row.local_day, 0) + row.net
    return pairs, members


class Then:
    """What was known at the end of a day, in plain loops."""

    def __init__(self, pairs: dict, members: dict, cut: date, days: int) -> None:
        self.cut, self.days = cut, days
        self.members = {key: self._upto(cut, own) for key, own in members.items()}
        self.known = {key: own for key, all_ in pairs.items() if (own := self._upto(cut, all_))}
        self.came = {
            key: any(cut < day <= cut + days * DAY for day in pairs[key]) for key in self.known
        }
        before = cut - days * DAY
        there = {key: any(day > before for day in own) for key, own in self.known.items()
                 if min(own) <= before}  # fmt: skip
        rate = (sum(there.values()) + 1) / (len(there) + 2)
        gaps = {key: self._gap(own) for key, own in self.known.items() if len(own) > 1}
        log = sum(map(math.log, gaps.values())) / len(gaps)
        self.rates, self.gaps = {}, {}
        for name in {category for _, category in self.known}:
            own = [came for (_, category), came in there.items() if category == name]
            self.rates[name] = (sum(own) + 50 * rate) / (len(own) + 50)
            logs = [math.log(gap) for (_, category), gap in gaps.items() if category == name]
            self.gaps[name] = math.exp((sum(logs) + 50 * log) / (len(logs) + 50))

    @staticmethod
    def _upto(cut: date, own: dict) -> dict:
        return {day: amount for day, amount in own.items() if day <= cut}

    @staticmethod
    def _gap(own: dict) -> float:
        days = sorted(own)
        return sum((later - day).days for day, later in pairwise(days)) / (len(days) - 1)

    def regressed(self, line: dict) -> dict:
        """The chance of every pair."""
        return {key: self._regressed(line, key) for key in self.known}

    def _regressed(self, line: dict, key) -> float:
        own, everything = self.known[key], self.members[key[0]]
        times, category = len(own), key[1]
        log = math.log(self._gap(own)) if times > 1 else 0.0
        usual = math.exp(((times - 1) * log + 4 * math.log(self.gaps[category])) / (times + 3))
        recency = (self.cut - max(own)).days
        sizes = {
            "recency": recency,
            "frequency": times,
            "monetary": sum(own.values()),
            "tenure": (self.cut - min(own)).days,
            "usual_gap": usual,
            "overdue": recency / usual,
            "all_recency": (self.cut - max(everything)).days,
            "all_frequency": len(everything),
        }
        values = {name: math.log(1 + size) for name, size in sizes.items()}
        values["base"] = math.log(self.rates[category] / (1 - self.rates[category]))
        return logistic(line, values)

    def shared(self, store: dict) -> dict:
        """The chance to buy anything, times the category's share of the purchase days."""
        return {
            key: self._anything(store, self.members[key[0]]) * len(own) / len(self.members[key[0]])
            for key, own in self.known.items()
        }

    def _anything(self, store: dict, own: dict) -> float:
        recency, tenure = (self.cut - max(own)).days, (self.cut - min(own)).days
        if store["kind"] == "mbg_nbd":
            r, alpha, a, b = (store[name] for name in ("r", "alpha", "a", "b"))
            x = len(own) - 1
            gone = a / (b + x) * ((alpha + tenure) / (alpha + tenure - recency)) ** (r + x)
            silent = ((alpha + tenure) / (alpha + tenure + self.days)) ** (r + x)
            return (1 - silent) / (1 + gone)
        gap = self._gap(own) if len(own) > 1 else 0
        sizes = (recency, len(own), sum(own.values()), tenure, gap)
        names = ("recency", "frequency", "monetary", "tenure", "gap")
        values = {name: math.log(1 + size) for name, size in zip(names, sizes, strict=True)}
        return logistic(store["regression"], values)

    def ranked(self, line: dict) -> dict:
        """By the mean of three percentiles within the category."""
        found = {}
        for name in self.rates:
            here = [key for key in self.known if key[1] == name]
            ranks = []
            for one in (lambda own: max(own).toordinal(), len, lambda own: sum(own.values())):
                values = [one(self.known[key]) for key in here]
                ranks.append([
                    (sum(other < mine for other in values) + sum(other <= mine for other in values))
                    / (2 * len(values))
                    for mine in values
                ])  # fmt: skip
            for place, key in enumerate(here):
                found[key] = logistic(
                    line, {"place": round(sum(rank[place] for rank in ranks) / 3, 9)}
                )
        return found


def logistic(line: dict, values: dict) -> float:
    total = line["intercept"] + sum(
        weight * (values[name] - mean) / deviation
        for name, weight, mean, deviation in zip(
            line["features"], line["weights"], line["means"], line["deviations"], strict=True
        )
    )
    return 1 / (1 + math.exp(-total))


def auc_again(said: list[tuple[float, bool]]) -> float:
    yes = sorted(one for one, came in said if came)
    no = sorted(one for one, came in said if not came)
    right = sum((a > b) + 0.5 * (a == b) for a in yes for b in no)
    return right / len(yes) / len(no)


def brier_again(said: list[tuple[float, bool]]) -> float:
    return sum((one - came) ** 2 for one, came in said) / len(said)


def lift_again(said: list[tuple[float, bool]]) -> float:
    """The best tenth; equals stand for each other in equal parts."""
    room, buyers = 0.1 * len(said), 0.0
    by_score = defaultdict(list)
    for one, came in said:
        by_score[one].append(came)
    for score in sorted(by_score, reverse=True):
        part = min(max(room / len(by_score[score]), 0), 1)
        buyers, room = buyers + part * sum(by_score[score]), room - len(by_score[score])
    return buyers / (0.1 * sum(came for _, came in said))


def calibrated_again(said: list[tuple[float, bool]]) -> list:
    bands = defaultdict(list)
    scores = [one for one, _ in said]
    for one, came in said:
        below = sum(other < one for other in scores) + sum(other <= one for other in scores)
        bands[min(int(10 * below / (2 * len(said))), 9)].append((one, came))
    return [
        (len(rows), sum(one for one, _ in rows) / len(rows), sum(c for _, c in rows) / len(rows))
        for _, rows in sorted(bands.items())
    ]


def test_the_figures_are_those_of_a_script_of_its_own(now):
    rhythmic_shop(now, members=250)
    work.perform(now)
    pairs, members = bought_by_pair()
    checked = 0
    for horizon, store in zip(learned()["horizons"], model().horizons, strict=True):
        tested = horizon["back_test"]
        cut = date.fromisoformat(tested["from"]) - DAY
        then = Then(pairs, members, cut, horizon["days"])
        assert date.fromisoformat(tested["until"]) == now.astimezone(SHANGHAI).date() - DAY
        assert (tested["members"], tested["bought"]) == (len(then.came), sum(then.came.values()))
        before = next(
            each["model"]
            for each in store["back_test"]["candidates"]
            if each["method"] == store["method"]
        )
        for candidate in tested["candidates"]:
            line = candidate["model"] and candidate["model"].get("regression")
            if candidate["method"] == "regression":
                said = then.regressed(line)
            else:
                said = then.ranked(line) if line else then.shared(before)
            told = [(said[key], came) for key, came in then.came.items()]
            same_figures(candidate["figures"], told)
            checked += 1
            if candidate["method"] == horizon["method"]:
                same_by_category(horizon["categories"], then, said)
    assert checked == 9


def same_figures(found: dict, told: list[tuple[float, bool]]) -> None:
    assert found["auc"] == pytest.approx(auc_again(told), abs=1e-6)
    assert found["brier"] == pytest.approx(brier_again(told), abs=1e-6)
    assert found["expected"] == pytest.approx(sum(one for one, _ in told), abs=1e-6)
    assert found["lift"] == pytest.approx(lift_again(told), abs=1e-6)
    assert calibrated_again(told) == [
        (
            band["members"],
            pytest.approx(band["expected"], abs=1e-6),
            pytest.approx(band["bought"], abs=1e-6),
        )
        for band in found["calibration"]
    ]


def same_by_category(rows: list[dict], then: Then, said: dict) -> None:
    assert {row["category"] for row in rows} == set(then.rates)
    for row in rows:
        told = [(said[key], came) for key, came in then.came.items() if key[1] == row["category"]]
        bought = sum(came for _, came in told)
        assert (row["customers"], row["bought"]) == (len(told), bought)
        assert row["expected"] == pytest.approx(sum(one for one, _ in told), abs=1e-6)
        assert row["brier"] == pytest.approx(brier_again(told), abs=1e-6)
        if 0 < bought < len(told):
            assert row["auc"] == pytest.approx(auc_again(told), abs=1e-6)


# ---- what is read ----


def test_rows_in_another_order_are_read_the_same(now):
    ids = new_members(60)
    draw = Random(3)
    visits = [
        Visit(draw.choice(ids), now - draw.randint(1, 400) * DAY, ("tea/oolong", "cups/white"))
        for _ in range(300)
    ]
    day = now.astimezone(SHANGHAI).date() - DAY
    with db.session.begin_nested() as point:
        sell(visits, now=now)
        found = loading.past(day, now).digest()
        point.rollback()
    draw.shuffle(visits)
    sell(visits, now=now)
    past = loading.past(day, now)
    assert past.digest() == found
    assert past.names == ("cups", "tea")


def test_gifts_goods_given_back_and_nameless_goods_are_not_of_a_category(now):
    one, two = new_members(2)
    things = ("tea/oolong", "cups/white")
    back, part = sell([Visit(one, now - 9 * DAY, things), Visit(two, now - 8 * DAY, things)],
                      now=now)  # fmt: skip
    sell([Visit(one, now - 7 * DAY, ("extra/sample",), 0), Visit(one, now - 6 * DAY, ("/x",))],
         now=now)  # fmt: skip
    give_back(back, [{"line_no": 2, "quantity": 1}], now=now)
    db.session.execute(text("UPDATE order_line SET quantity = 4 WHERE order_id = :o"), {"o": part})
    give_back(part, [{"line_no": 1, "quantity": 1}], now=now)
    found = of_categories.bought([one, two], now=now)
    assert [(each.member_id, each.category, each.net) for each in found] == [
        (one, "tea", 500),
        (two, "cups", 500),
        (two, "tea", 375),
    ]
    past = loading.past(now.astimezone(SHANGHAI).date(), now)
    assert past.names == ("cups", "tea")
    assert sorted(past.pairs.amounts.tolist()) == [375, 500, 500]


def test_only_the_largest_categories_are_read(now, monkeypatch):
    monkeypatch.setattr(loading, "CATEGORIES", 2)
    ids = new_members(6)
    visits = [Visit(one, now - DAY, ("tea/a", "cups/b")) for one in ids]
    sell([*visits, Visit(ids[0], now - 2 * DAY, ("pots/c",))], now=now)
    past = loading.past(now.astimezone(SHANGHAI).date(), now)
    assert past.names == ("cups", "tea")
    assert len(past.members) == 6


# ---- what the API tells ----


def told(admin, member, language="en") -> dict:
    headers = {"Accept-Language": language}
    found = admin.get(f"/members/{member}/rfm", headers=headers).json["next_purchase"]
    return {each["category"]: each for each in found["categories"]}


def test_a_member_is_told_his_chances_in_each_category(admin, now):
    ids = rhythmic_shop(now)
    jobs.usual_windows(now)
    work.perform(now)
    month = learned()["horizons"][1]
    abstains = {row["category"]: row["reason"] for row in month["categories"]}
    assert abstains["beans"] is None
    pairs, members = bought_by_pair()
    today = now.astimezone(SHANGHAI).date()
    then = Then(pairs, members, today, 30)
    then.rates = {name: one["rate"] for name, one in month["model"]["categories"].items()}
    then.gaps = {name: one["gap"] for name, one in month["model"]["categories"].items()}
    checked = 0
    for member in ids[:25]:
        found = told(admin, member)
        assert found.keys() == {category for id_, category in pairs if id_ == member}
        for category, one in found.items():
            chance = one["chances"][1]
            assert one["purchase_days"] == len(pairs[member, category])
            assert date.fromisoformat(one["last_day"]) == max(pairs[member, category])
            if abstains[category]:
                assert (chance["chance"], chance["reason"]["code"]) == (None, abstains[category])
                continue
            again = then._regressed(month["model"]["regression"], (member, category))
            assert chance == {"days": 30, "chance": pytest.approx(again, abs=6e-4), "reason": None}
            checked += 1
    assert checked > 20


def test_many_are_told_at_once_what_each_is_told(admin, now):
    ids = rhythmic_shop(now)
    work.perform(now)
    today = now.astimezone(SHANGHAI).date()
    pairs, _ = bought_by_pair()
    some = sorted(pairs)[::20]
    asked = [foretelling.Asked(member, category, today) for member, category in some]
    asked.append(foretelling.Asked(ids[0], "nothing of the kind", today))
    for place, days in enumerate((7, 30, 90)):
        said = foretelling.within(days, asked, now=now)
        assert said[-1] is None
        for one, chance in zip(asked[:-1], said, strict=False):
            assert told(admin, one.member_id)[one.category]["chances"][place]["chance"] == chance
    assert set(foretelling.spoken(model(), 30)) == {"beans", "filters"}
    db.session.execute(text("UPDATE next_purchase_model SET categories = NULL"))
    db.session.expire_all()
    assert foretelling.spoken(model(), 30) == []


def test_a_purchase_shows_at_once_in_its_category(admin, now):
    ids = rhythmic_shop(now)
    work.perform(now)
    pairs, _ = bought_by_pair()
    long_ago = now.astimezone(SHANGHAI).date() - 300 * DAY
    member = next(one for one in ids if max(pairs.get((one, "beans"), {date.max: 0})) < long_ago)
    before = told(admin, member)["beans"]["chances"][1]["chance"]
    sell([Visit(member, now - DAY, ("beans/beans-1",))], now=now)
    assert told(admin, member)["beans"]["chances"][1]["chance"] > before


def test_who_bought_once_in_a_category_has_chances_but_no_window(admin, now):
    rhythmic_shop(now)
    jobs.usual_windows(now)
    work.perform(now)
    (member,) = new_members(1)
    sell([Visit(member, now - 10 * DAY, ("beans/beans-1", "new/thing"))], now=now)
    found = told(admin, member, "zh-Hans")
    beans = found["beans"]
    assert (beans["from_days"], beans["opens"], beans["state"]) == (None, None, None)
    assert (beans["own_gaps"], beans["abstains"]["code"]) == (0, "bought_once")
    assert 0 < beans["chances"][0]["chance"] < beans["chances"][2]["chance"] < 1
    assert {each["reason"]["code"] for each in found["new"]["chances"]} == {"small_category"}
    assert {each["reason"]["text"] for each in found["new"]["chances"]} == {
        "仅为顾客最多的品类计算可能性。"
    }


def test_a_model_of_before_says_that_the_night_is_still_to_come(admin, now):
    (member,) = new_members(1)
    sell([Visit(member, now - 10 * DAY, ("beans/beans-1",))], now=now)
    codes = [each["reason"]["code"] for each in told(admin, member)["beans"]["chances"]]
    assert codes == ["no_model"] * 3
    work.perform(now)
    db.session.execute(text("UPDATE next_purchase_model SET categories = NULL"))
    db.session.expire_all()
    codes = [each["reason"]["code"] for each in told(admin, member)["beans"]["chances"]]
    assert codes == ["no_model"] * 3
    assert admin.get("/next-purchase-model").json["categories"] is None


def test_the_back_test_of_categories_is_told_with_words(admin, now):
    rhythmic_shop(now)
    work.perform(now)
    found = admin.get("/next-purchase-model", headers={"Accept-Language": "zh-Hant"}).json
    categories = found["categories"]
    assert categories["sample"]["categories"] == 4
    assert categories["input_hash"] == learned()["input_hash"]
    month = categories["horizons"][1]
    tested = month["back_test"]
    assert [each["method"] for each in tested["candidates"]] == [
        "regression",
        "share",
        "percentiles",
    ]
    assert month["method_text"] != "Logistic regression on the store's own past"
    rows = {row["category"]: row for row in month["categories"]}
    assert sum(row["customers"] for row in rows.values()) == tested["members"]
    assert rows["gifts"]["abstains"]["code"] == "few_purchases"
    assert "tables" not in json.dumps(month["model"])


@pytest.mark.parametrize("member", ["nobody", "01900000-0000-7000-8000-00000000beef", "%00"])
def test_a_member_who_is_not_there_is_refused(admin, now, member):
    answer = admin.get(f"/members/{member}/rfm")
    assert (answer.status_code, answer.json["code"]) in {
        (404, "member_not_found"),
        (404, "not_found"),
    }


def test_the_same_day_is_learned_once_and_a_killed_night_is_completed(now, monkeypatch):
    rhythmic_shop(now, members=60)
    learn = work.category_back_test.document

    def dies(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(work.category_back_test, "document", dies)
    with pytest.raises(KeyboardInterrupt):
        work.perform(now)
    assert db.session.scalars(select(NextPurchaseModel)).all() == []
    monkeypatch.setattr(work.category_back_test, "document", learn)
    work.perform(now)
    first = json.dumps(learned())
    work.perform(now)
    assert json.dumps(learned()) == first
