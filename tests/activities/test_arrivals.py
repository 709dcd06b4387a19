"""Acts that happen by themselves: signing up, completing a profile; and nobody refers himself."""

from itertools import combinations
from uuid import UUID

import pytest
from sqlalchemy import text

from crm import clock
from crm.db import db, transaction
from crm.members import fingerprints, registration
from crm.points import check

PHONE = {"phone": "138 0000 4471"}
BIRTHDAY = {"birthday": {"month": 5, "day": 17}}
NAME = {"name": "李雷"}


@pytest.fixture
def join(admin):
    def register(**body):
        answer = admin.post("/members", body)
        return answer.status_code, answer.get_json()

    return register


@pytest.fixture
def entries_of(admin):
    def read(member_id):
        entries = admin.get(f"/members/{member_id}/points/entries").get_json()["data"]
        return [(entry["source"]["type"], entry["points"]) for entry in reversed(entries)]

    return read


def test_without_rules_nothing_happens(admin, join, entries_of):
    _, member = join(**PHONE, **BIRTHDAY, **NAME)
    assert admin.patch(f"/members/{member['id']}", {"gender": "male"}).status_code == 200
    assert entries_of(member["id"]) == []
    assert db.session.scalar(text("SELECT count(*) FROM points_account")) == 0


def test_signing_up_gives_its_points_once(join, rule, entries_of, act):
    rule("sign_up", 100)
    status, member = join(**PHONE)
    assert status == 201
    assert join(**PHONE)[0] == 200
    assert entries_of(member["id"]) == [("award:sign_up", 100)]
    assert act(member["id"], "sign_up", source_key="once more").status_code == 200
    assert entries_of(member["id"]) == [("award:sign_up", 100)]
    assert not check.run()


def test_a_sign_up_rule_of_other_members_gives_nothing(join, rule, entries_of):
    rule("sign_up", 100, conditions={"tiers": ["gold"]})
    assert entries_of(join(**PHONE)[1]["id"]) == []


def test_a_registration_that_is_complete_gives_both(join, rule, entries_of):
    rule("sign_up", 100)
    rule("profile_completed", 50)
    member = join(**PHONE, **BIRTHDAY, **NAME)[1]["id"]
    assert entries_of(member) == [("award:sign_up", 100), ("award:profile_completed", 50)]


PARTS = [PHONE, BIRTHDAY, NAME]


@pytest.mark.parametrize("given", [*combinations(range(3), 1), *combinations(range(3), 2)], ids=str)
def test_the_change_that_completes_a_profile_is_rewarded_once(admin, join, rule, entries_of, given):
    rule("profile_completed", 50)
    first = {key: value for place in given for key, value in PARTS[place].items()}
    rest = {key: value for part in PARTS for key, value in part.items() if key not in first}
    member = join(**first)[1]["id"]
    assert entries_of(member) == []
    for body in (rest, {"name": None}, NAME, {"gender": "male"}):
        assert admin.patch(f"/members/{member}", body).status_code == 200
    assert entries_of(member) == [("award:profile_completed", 50)]


def test_what_a_complete_profile_has_is_a_setting(admin, join, rule, entries_of):
    wanted = {"activities": {"profile_fields": ["gender", "email"]}}
    assert admin.put("/points/programme", wanted).status_code == 200
    rule("profile_completed", 50)
    member = join(gender="female", **PHONE)[1]["id"]
    assert entries_of(member) == []
    admin.patch(f"/members/{member}", {"email": "lily@shop.test"})
    assert entries_of(member) == [("award:profile_completed", 50)]
    wrong = {"activities": {"profile_fields": []}}
    assert admin.put("/points/programme", wrong).status_code == 422


def test_a_change_of_nobody_is_not_found_whatever_the_rules(admin, rule):
    rule("profile_completed", 50)
    path = "/members/01900000-0000-7000-8000-00000000ffff"
    assert admin.patch(path, NAME).get_json()["code"] == "member_not_found"


def test_a_refused_change_gives_nothing(admin, join, rule, entries_of):
    rule("profile_completed", 50)
    join(email="taken@shop.test")
    member = join(**NAME, **BIRTHDAY)[1]["id"]
    answer = admin.patch(f"/members/{member}", {"email": "taken@shop.test"})
    assert answer.status_code == 409
    assert entries_of(member) == []


@pytest.mark.parametrize(
    ("mine", "friends", "same"),
    [
        ("lily@shop.test", "lily+2@shop.test", True),
        ("lily+a@shop.test", "LILY+b@shop.test", True),
        ("li.ly@gmail.com", "lily@googlemail.com", True),
        ("li.ly@shop.test", "lily@shop.test", False),
        ("lily@shop.test", "lily@other.test", False),
    ],
)
def test_nobody_refers_himself_from_another_address_of_one_mailbox(join, mine, friends, same):
    referrer = join(email=mine)[1]["id"]
    status, answer = join(email=friends, referred_by={"id": referrer})
    assert status == (422 if same else 201)
    if same:
        assert answer["code"] == "self_referral"
        assert answer["errors"][0]["pointer"] == "/referred_by"


def test_members_registered_together_cannot_refer_each_other_in_a_circle(app):
    def person(number, referrer):
        mine = {"channel": "pos", "id": str(number)}
        body = {"external_ids": [mine]}
        if referrer is not None:
            body["referred_by"] = {"external_id": {"channel": "pos", "id": str(referrer)}}
        return body, None

    now = clock.now()
    chain = [person(1, None), person(2, 1), person(3, 2)]
    with transaction():
        assert len(registration.register_many(chain, now=now)) == 3
    circle = [person(4, 6), person(5, 4), person(6, 5)]
    with pytest.raises(registration.ReferralCycle) as refused:
        registration.register_many(circle, now=now)
    assert refused.value.pointer == "/0/referred_by"


def test_devices_are_kept_as_digests_and_known_to_be_shared(admin, join, put_order):
    one = join(fingerprints=["device-0123456789"])[1]["id"]
    two = join(fingerprints=["device-9999999999"])[1]["id"]
    three = join()[1]["id"]
    put_order("A1", two, fingerprints=["card_0123456789ab", "device-0123456789"])
    put_order("A2", three, fingerprints=["card_0123456789ab"])
    put_order("A3", fingerprints=["card_0123456789ab"])
    pairs = [(one, two), (two, one), (two, three), (three, two), (one, three), (one, one)]
    shared = [fingerprints.are_shared(UUID(a), [UUID(b)]) for a, b in pairs]
    assert shared == [True, True, True, True, False, False]
    assert not fingerprints.are_shared(UUID(three), [])
    kept = db.session.scalars(text("SELECT value::text FROM member_fingerprint")).all()
    assert len(kept) == 5
    assert not [value for value in kept if "device" in value]


@pytest.mark.parametrize("wrong", ["short", "x" * 129, "has a space in it ..", 7])
def test_a_fingerprint_has_a_form(admin, join, wrong):
    status, answer = join(fingerprints=[wrong])
    assert (status, answer["errors"][0]["pointer"]) == (422, "/fingerprints/0")
