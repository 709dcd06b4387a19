from collections import Counter
from datetime import date

import email_validator
import pytest

from crm.demo import people, phones
from crm.demo.draws import Draws

CROWD = range(1, 9_001)
REGIONS = {"+86": "CN", "+852": "HK", "+886": "TW", "+1": "US"}
BODY_FIELDS = {
    "birthday",
    "consents",
    "email",
    "external_ids",
    "gender",
    "home_store",
    "locale",
    "name",
    "phone",
    "tags",
    "timezone",
}


@pytest.fixture(scope="module")
def crowd() -> list[dict]:
    return [people.body(number) for number in CROWD]


def _country(person: dict) -> str:
    code = next(code for code in REGIONS if person["phone"].startswith(code))
    return REGIONS[code]


def test_everybody_can_be_reached_by_phone_or_mail(crowd):
    assert all("phone" in person or "email" in person for person in crowd)


def test_mail_goes_only_to_valid_addresses_in_domains_reserved_for_examples(crowd):
    mailed = [person["email"] for person in crowd if "email" in person]
    assert len(mailed) > len(crowd) / 3
    assert {email.split("@")[1] for email in mailed} == {
        "example.com",
        "example.net",
        "example.org",
    }
    for email in mailed[::20]:
        assert (
            email_validator.validate_email(email, check_deliverability=False).ascii_email == email
        )


def test_a_body_has_only_fields_of_the_contract(crowd):
    assert set().union(*crowd) == BODY_FIELDS


def test_most_live_in_mainland_china_and_some_elsewhere(crowd):
    lands = Counter(_country(person) for person in crowd if "phone" in person)
    assert lands["CN"] > 0.8 * len(crowd)
    assert all(lands[land] > 100 for land in ("HK", "TW", "US"))


def test_an_american_phone_comes_with_an_english_locale_a_latin_name_and_an_american_zone(crowd):
    for person in crowd:
        if "phone" in person and _country(person) == "US":
            assert person["locale"] == "en"
            assert person["timezone"].startswith("America/")
            assert person.get("name", "A")[0].isascii()


def test_taiwan_and_hong_kong_write_in_traditional_characters_in_their_own_zone(crowd):
    zones = {"TW": "Asia/Taipei", "HK": "Asia/Hong_Kong"}
    for person in crowd:
        land = _country(person) if "phone" in person else None
        if land in zones:
            assert person["timezone"] == zones[land]
            assert person["locale"] in ("zh-Hant", "en")
            assert not set(person.get("name", "")) & set("张刘陈杨黄赵吴马罗郑")


def test_compound_and_often_misread_surnames_are_met(crowd):
    written = [person.get("name", "") for person in crowd]
    for surname in ("欧阳", "諸葛", "司马", "单", "曾", "仇"):
        assert any(name.startswith(surname) for name in written), surname


def test_every_birthday_is_a_day_and_leap_days_and_lunar_ones_occur(crowd):
    days = [person["birthday"] for person in crowd if "birthday" in person]
    lunar = [day for day in days if day.get("calendar") == "lunar"]
    leap = [day for day in days if (day["month"], day["day"]) == (2, 29) and day not in lunar]
    assert 100 < len(lunar) < len(days) / 10
    assert 10 < len(leap) < len(days) / 50
    assert all(day["day"] <= 29 for day in lunar)
    for day in days:
        if day not in lunar:
            date(day.get("year", 2025), day["month"], day["day"])
    assert any("year" not in day for day in days)


def test_consent_is_asked_only_for_a_channel_that_reaches_the_person(crowd):
    needs = {"sms": "phone", "email": "email"}
    answers = Counter()
    for person in crowd:
        for consent in person.get("consents", ()):
            assert needs[consent["channel"]] in person
            answers[consent["channel"], consent["purpose"], consent["granted"]] += 1
    assert all(answers[channel, "marketing", yes] for channel in needs for yes in (True, False))


def test_a_person_is_the_same_whoever_was_made_before(crowd):
    assert people.body(8_000) == crowd[7_999]
    assert people.body(7) == crowd[6]


def test_scattering_is_a_permutation():
    assert sorted(phones.scatter(number, 100) for number in range(10_000)) == list(range(10_000))


def test_numbers_stay_unique_for_a_million_members_of_the_smallest_country():
    own = {phones.mobile(number, "TW", (), Draws(0))[-6:] for number in range(0, 1_000_000, 97)}
    assert len(own) == len(range(0, 1_000_000, 97))
