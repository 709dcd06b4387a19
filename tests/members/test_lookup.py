"""Finding members at the till: by anything, ranked, masked, at most eight."""

from datetime import datetime, timedelta

import pytest
from joining import join, open_shops

from crm.db import db, transaction
from crm.members import lookup, profiles, ranking
from crm.members.lookup.statements import LIMITS
from crm.members.models import Member


@pytest.fixture(autouse=True)
def _shops(app, now: datetime) -> None:
    open_shops(now)


def found(typed: str, now: datetime, store: str | None = None) -> list[str]:
    """The names of the hits, in order."""
    return [hit["name"] for hit in lookup.find(typed, store=store, now=now).hits]


@pytest.mark.parametrize(
    "typed",
    [
        "13812344471",
        "+86 138 1234 4471",
        "4471",
        "44471",
        "12344471",
        "lin@example.com",
        "LIN@EXAMPLE.COM",
        "lin@ex",
        "林晓雯",
        "林曉",
        "晓雯",
        "雯",
        "lxw",
        "lin xiaowen",
        "xiaow",
    ],
)
def test_anything_that_staff_know_finds_the_member(typed: str, now: datetime):
    join(now, name="林晓雯", phone="13812344471", email="Lin@example.com")
    join(now, name="王伟", phone="13900000001", email="wang@example.com")
    assert found(typed, now) == ["林晓雯"]


def test_the_member_number_finds_the_member_bare_and_out_of_a_code(now: datetime):
    member = join(now, name="林晓雯")
    for typed in (member.member_no, f"https://shop.example/m/{member.member_no}"):
        shown = lookup.find(typed, now=now)
        assert [hit["id"] for hit in shown.hits] == [member.id]
        assert shown.shape == "member_no"


def test_a_full_number_of_another_country_is_found_by_its_national_digits(now: datetime):
    join(now, name="Chan", phone="+852 6123 4567")
    assert found("61234567", now) == ["Chan"]
    assert found("6123 4567", now) == ["Chan"]


def test_this_store_comes_first_then_who_was_here_last(now: datetime):
    day = timedelta(days=1)
    join(now - 9 * day, name="甲一", phone="13800004471", home_store="hongkong")
    join(now - 5 * day, name="乙二", phone="13900004471", home_store="jingan")
    join(now - 1 * day, name="丙三", phone="13700004471", home_store="hongkong")
    join(now - 7 * day, name="丁四", phone="13600004471", home_store="jingan")
    join(now - 2 * day, name="戊五", phone="13500004471")
    assert found("4471", now, "jingan") == ["乙二", "丁四", "丙三", "戊五", "甲一"]
    assert found("4471", now, "hongkong") == ["丙三", "甲一", "戊五", "乙二", "丁四"]
    assert found("4471", now) == ["丙三", "戊五", "乙二", "丁四", "甲一"]
    assert found("4471", now, "no-such-store") == found("4471", now)


@pytest.mark.parametrize("typed", ["4471", "王伟", "ww", "王", "wangwei"])
def test_a_visit_moves_a_member_up_at_once(typed: str, now: datetime):
    first = join(now - timedelta(days=300), name="王伟", phone="13800004471")
    join(now - timedelta(days=10), name="王伟", phone="13900004471")
    with transaction():
        profiles.seen_many({first.id: now})
    assert lookup.find(typed, now=now).hits[0]["id"] == first.id


def test_an_older_visit_never_moves_anybody_down(now: datetime):
    member = join(now, name="王伟")
    with transaction():
        profiles.seen_many({member.id: now - timedelta(days=900)})
    assert db.session.get_one(Member, member.id).last_seen_at == now


def test_at_most_eight_are_shown_and_said_that_there_are_more(now: datetime):
    for number in range(8):
        join(now, name="王伟", phone=f"138000{number}4471")
    for typed in ("王伟", "4471", "wangwei"):
        shown = lookup.find(typed, now=now)
        assert (len(shown.hits), shown.more) == (8, False)
    join(now, name="王伟", phone="13900004471")
    for typed in ("王伟", "4471", "wangwei"):
        shown = lookup.find(typed, now=now)
        assert (len(shown.hits), shown.more) == (8, True)


def test_phones_and_addresses_are_masked(now: datetime):
    join(now, name="林晓雯", phone="13812344471", email="lin@example.com")
    hit = lookup.find("林晓雯", now=now).hits[0]
    assert hit["phone"] == "138 •••• 4471"
    assert hit["email"] == "l•••@example.com"
    assert "1234" not in str(hit["phone"])


def test_a_hit_shows_tier_store_and_reading(now: datetime):
    join(now, name="林晓雯", home_store="jingan")
    hit = lookup.find("linxw", now=now).hits[0]
    assert hit["tier"] == {"code": "new", "name": "New", "rank": 0}
    assert (hit["home_store"], hit["store_name"]) == ("jingan", "Jingan")
    assert hit["reading"] == "lin xiao wen"


def test_a_prefix_of_an_address_needs_three_characters(now: datetime):
    join(now, name="A", email="lin.xw@example.com")
    assert found("lin.", now) == ["A"]
    assert found("lin.xw@", now) == ["A"]
    assert lookup.find("l@", now=now).shape is None


def test_special_signs_of_patterns_match_only_themselves(now: datetime):
    join(now, name="A", email="lin.xw@example.com", phone="13812344471")
    for typed in ("%%%%", "____", "lin%", "l_n.", "{}", "\\", "'; --"):
        assert found(typed, now) == []


def test_nobody_is_found_for_what_is_too_short(now: datetime):
    join(now, name="林晓雯", phone="13812344471")
    for typed in ("l", "447", "", " "):
        assert lookup.find(typed, now=now).shape is None


def test_members_who_are_not_active_are_not_found(now: datetime):
    member = join(now, name="林晓雯", phone="13812344471", email="lin@example.com")
    with transaction():
        db.session.get_one(Member, member.id).status = "erased"
    for typed in ("林晓雯", "4471", "13812344471", "lxw", "xiaowen", "lin@example.com"):
        assert found(typed, now) == []


def test_many_with_the_same_name_rank_by_day_until_the_night_and_then_anew(now: datetime):
    crowd = LIMITS["candidates"] + 5
    longest = None
    for number in range(crowd):
        member = join(now - timedelta(days=crowd - number), name="王伟")
        longest = longest or member
    assert longest is not None
    with transaction():
        profiles.seen_many({longest.id: now})
    assert lookup.find("王伟", now=now).hits[0]["id"] != longest.id
    assert ranking.is_behind()
    with transaction():
        assert ranking.refresh() > 0
    assert not ranking.is_behind()
    assert lookup.find("王伟", now=now).hits[0]["id"] == longest.id
