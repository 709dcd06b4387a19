"""Registering: each person once, whoever tells of him and however his details are written."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joining import count, join, open_shops

from crm.db import db, transaction
from crm.errors import Invalid
from crm.members import birthdays, numbers, registration
from crm.members.errors import (
    IdentityConflict,
    SelfReferral,
    UnknownReferrer,
    UnknownStore,
)
from crm.members.identity import MemberRef, resolve_many
from crm.members.models import (
    Member,
    MemberConsent,
    MemberEvent,
    MemberIdentity,
    MemberTag,
    TierStanding,
)


@pytest.mark.parametrize(
    "again",
    [
        {"phone": "+86 138 1234 4471"},
        {"email": "LIN@example.COM"},
        {"external_ids": [{"channel": "shopify", "id": "7"}]},
        {"external_ids": [{"channel": "wechat_openid", "id": "o-1"}]},
        {"phone": "13812344471", "email": "other@example.com", "name": "Somebody"},
    ],
)
def test_whoever_has_a_known_identity_is_the_member_already(again: dict, now: datetime):
    first = join(
        now,
        phone="13812344471",
        email="Lin@Example.com",
        name="林晓雯",
        external_ids=[{"channel": "shopify", "id": "7"}, {"channel": "wechat_openid", "id": "o-1"}],
    )
    with transaction():
        member, created = registration.register(again, now=now)
    assert (member.id, created) == (first.id, False)
    assert member.name == "林晓雯"
    assert count(Member) == 1


def test_external_ids_of_different_channels_are_different_people(now: datetime):
    join(now, external_ids=[{"channel": "shopify", "id": "7"}])
    join(now, external_ids=[{"channel": "youzan", "id": "7"}])
    assert count(Member) == 2


def test_identities_of_two_members_are_a_conflict_that_names_the_field(now: datetime):
    join(now, phone="13812344471")
    join(now, email="lin@example.com")
    with pytest.raises(IdentityConflict) as refused, transaction():
        registration.register({"phone": "13812344471", "email": "lin@example.com"}, now=now)
    assert refused.value.pointer == "/email"
    assert refused.value.facts == {"field": "email"}


def test_a_new_member_has_a_valid_number_by_which_he_is_known(now: datetime):
    member = join(now, name="林晓雯")
    assert numbers.is_number(member.member_no)
    assert resolve_many([MemberRef("member_no", member.member_no)]) == [member.id]


def test_a_new_member_stands_on_the_lowest_tier_since_he_joined(now: datetime):
    joined = datetime(2025, 3, 8, tzinfo=UTC)
    with transaction():
        member, _ = registration.register({"name": "A"}, now=now, registered_at=joined)
    standing = db.session.get_one(TierStanding, member.id)
    assert (standing.held, standing.since, member.created_at) == ("new", joined, joined)


def test_everything_that_was_told_is_kept(now: datetime):
    open_shops(now)
    friend = join(now, phone="13900000001")
    member = join(
        now,
        name=" 林晓雯 ".strip(),
        gender="female",
        birthday={"month": 2, "day": 29},
        locale="zh-TW",
        timezone="Asia/Taipei",
        home_store="jingan",
        source="till",
        tags=["礼盒客", "坚果过敏", "礼盒客"],
        attributes={"size": "M", "visits": 3, "vip": True, "none": None},
        consents=[
            {"channel": "sms", "purpose": "marketing", "granted": True, "wording": "2025-06"},
            {"channel": "email", "purpose": "marketing", "granted": False, "source": "till"},
        ],
        referred_by={"phone": "139 0000 0001"},
    )
    assert (member.locale, member.timezone, member.referred_by) == (
        "zh-Hant",
        "Asia/Taipei",
        friend.id,
    )
    assert (member.birthday_month, member.birthday_day, member.birthday_year) == (2, 29, None)
    assert member.attributes == {"size": "M", "visits": 3, "vip": True}
    tags = {row.tag for row in db.session.query(MemberTag)}
    assert tags == {"礼盒客", "坚果过敏"}
    consents = {row.channel: row for row in db.session.query(MemberConsent)}
    assert (consents["sms"].granted, consents["sms"].wording) == (True, "2025-06")
    assert not consents["email"].granted
    assert consents["sms"].actor == "system"


def test_an_unknown_time_zone_becomes_the_shops_and_a_warning_is_kept(now: datetime):
    member = join(now, timezone="Mars/Olympus")
    assert member.timezone is None
    warning = db.session.query(MemberEvent).filter_by(kind="warning").one()
    assert warning.data == {
        "code": "unknown_timezone",
        "pointer": "/timezone",
        "given": "Mars/Olympus",
    }


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("en", "en"),
        ("en-GB", "en"),
        ("zh", "zh-Hans"),
        ("zh-CN", "zh-Hans"),
        ("zh_SG", "zh-Hans"),
        ("zh-Hant-HK", "zh-Hant"),
        ("zh-HK", "zh-Hant"),
        ("zh-tw", "zh-Hant"),
    ],
)
def test_the_usual_tags_of_languages_are_understood(tag: str, expected: str, now: datetime):
    assert join(now, locale=tag).locale == expected


def test_other_languages_are_refused(now: datetime):
    with pytest.raises(Invalid) as refused, transaction():
        registration.register({"locale": "fr"}, now=now)
    assert refused.value.errors[0].code == "unknown_locale"


def test_a_store_that_nobody_knows_is_refused(now: datetime):
    with pytest.raises(UnknownStore) as refused, transaction():
        registration.register({"home_store": "atlantis"}, now=now)
    assert refused.value.pointer == "/home_store"


def test_a_referrer_that_nobody_knows_is_refused(now: datetime):
    with pytest.raises(UnknownReferrer) as refused, transaction():
        registration.register({"referred_by": {"member_no": "1234567897"}}, now=now)
    assert refused.value.pointer == "/referred_by"


def test_nobody_refers_himself_however_he_writes_his_phone(now: datetime):
    with pytest.raises(SelfReferral), transaction():
        registration.register(
            {"phone": "13812344471", "referred_by": {"phone": "+86 138 1234 4471"}}, now=now
        )
    assert count(Member) == 0


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"birthday": {"month": 2, "day": 30}}, "/birthday/day", "invalid_birthday"),
        ({"birthday": {"month": 2, "day": 29, "year": 2025}}, "/birthday/day", "invalid_birthday"),
        ({"birthday": {"month": 4, "day": 31}}, "/birthday/day", "invalid_birthday"),
        (
            {"birthday": {"month": 2, "day": 31, "calendar": "lunar"}},
            "/birthday/day",
            "invalid_birthday",
        ),
        (
            {"birthday": {"month": 1, "day": 1, "year": 2027}},
            "/birthday/year",
            "invalid_birthday",
        ),
        ({"phone": "12"}, "/phone", "invalid_phone"),
        ({"email": "x"}, "/email", "invalid_email"),
        (
            {"consents": [{"channel": "sms", "purpose": "marketing", "granted": True}] * 2},
            "/consents/1",
            "given_twice",
        ),
        (
            {"external_ids": [{"channel": "a", "id": "1"}, {"channel": "a", "id": "2"}]},
            "/external_ids/1",
            "given_twice",
        ),
    ],
)
def test_what_can_not_be_is_refused_naming_the_place(
    body: dict, pointer: str, code: str, now: datetime
):
    with pytest.raises(Invalid) as refused, transaction():
        registration.register(body, now=now)
    assert [(one.pointer, one.code) for one in refused.value.errors] == [(pointer, code)]


def test_the_29th_of_february_and_the_30th_of_a_lunar_month_are_birthdays(now: datetime):
    for birthday in (
        {"month": 2, "day": 29},
        {"month": 2, "day": 29, "year": 2024},
        {"month": 12, "day": 30, "calendar": "lunar"},
        {"month": 2, "day": 30, "year": 1984, "calendar": "lunar"},
    ):
        assert join(now, birthday=birthday).birthday_day == birthday["day"]


@given(st.dates(date(1900, 1, 1), date(2026, 11, 21)))
def test_every_day_that_was_is_a_birthday(day: date):
    given = {"month": day.month, "day": day.day, "year": day.year}
    today = date(2026, 11, 22)
    assert birthdays.columns(given, today=today)["birthday_year"] == day.year


def test_many_are_registered_at_once_each_once(now: datetime):
    known = join(now, phone="13800000000", name="known")
    people = [
        ({"phone": f"138000000{number:02d}", "name": f"N{number}"}, None) for number in range(20)
    ]
    people.append(({"phone": "13800000005", "email": "five@example.com"}, None))
    with transaction():
        found = registration.register_many(people, now=now)
    assert [one.created for one in found] == [False] + [True] * 19 + [False]
    assert found[0].id == known.id
    assert found[20].id == found[5].id
    assert count(Member) == 20
    with transaction():
        again = registration.register_many(people, now=now)
    assert [one.id for one in again] == [one.id for one in found]
    assert not any(one.created for one in again)


def test_a_list_with_a_conflict_changes_nothing_and_names_the_place(now: datetime):
    join(now, phone="13800000001")
    join(now, email="a@example.com")
    before = count(MemberIdentity)
    people = [
        ({"phone": "13800000002"}, None),
        ({"phone": "13800000001", "email": "a@example.com"}, None),
    ]
    with pytest.raises(IdentityConflict) as refused, transaction():
        registration.register_many(people, now=now)
    assert refused.value.pointer == "/1/email"
    assert count(MemberIdentity) == before


def test_somebody_may_be_referred_by_one_who_stands_before_him_in_the_list(now: datetime):
    people = [
        ({"phone": "13800000001"}, None),
        ({"phone": "13800000002", "referred_by": {"phone": "13800000001"}}, None),
    ]
    with transaction():
        first, second = registration.register_many(people, now=now)
    assert db.session.get_one(Member, second.id).referred_by == first.id
