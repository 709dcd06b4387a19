"""A made-up person for every customer number: coherent, repeatable, independent of all others."""

from calendar import isleap, monthrange
from typing import Any

from crm.demo import names, phones, places
from crm.demo.draws import Draws
from crm.demo.names import Name
from crm.demo.places import Home

CHANNEL = "cdnow"
WORDING = "2025-06"

_SEED = 7_481_001
_PERSON, _HOME = 0, 1
_EMAIL_HOSTS = ("example.com", "example.com", "example.net", "example.org")
_TAGS = ("礼盒客", "礼盒客", "茶友会", "茶友会", "普洱收藏", "坚果过敏", "要纸质小票")
_BIRTH_YEARS = (1948, 2007)
# Six times as often as in life, so that a look into the demo meets some.
_LEAP_DAY = 0.004


def _draws(number: int, aspect: int) -> Draws:
    return Draws(_SEED + number * 8 + aspect)


def home(number: int) -> Home:
    """Where member `number` lives and shops."""
    return places.home(_draws(number, _HOME))


def external_id(number: int) -> dict[str, str]:
    """The number under which the source knows member `number`, as a member's external id."""
    return {"channel": CHANNEL, "id": f"{number:05d}"}


def body(number: int) -> dict[str, Any]:
    """Member `number` (< 1,000,000) as the body of `POST /members`.

    Always with the source's external id and a phone or an e-mail, both unlike anybody else's; the
    other fields as often as a shop comes to know them. E-mail addresses are in the domains
    reserved for examples.
    """
    lives, draws = home(number), _draws(number, _PERSON)
    female = draws.chance(0.62)
    name, locale = _called(lives.country, female, draws)
    person: dict[str, Any] = {"external_ids": [external_id(number)], "locale": locale}
    # Only the web shop lets people join by e-mail alone.
    phoneless = lives.home_store == "online" and draws.chance(0.04)
    if not phoneless:
        person["phone"] = phones.mobile(number, lives.country, lives.area_codes, draws)
    if phoneless or draws.chance(0.9 if locale == "en" else 0.5):
        person["email"] = f"{name.plain}{number}@{draws.one_of(_EMAIL_HOSTS)}"
    if draws.chance(0.985):
        person["name"] = name.written
    if draws.chance(0.86):
        person["gender"] = "female" if female else "male"
    if draws.chance(0.7):
        person["birthday"] = _birthday(lives.country, draws)
    if lives.timezone:
        person["timezone"] = lives.timezone
    person["home_store"] = lives.home_store
    if draws.chance(0.08):
        person["tags"] = [draws.one_of(_TAGS)]
    consents = _consents(person, draws)
    if consents:
        person["consents"] = consents
    return person


def _called(country: str, female: bool, draws: Draws) -> tuple[Name, str]:
    """Name and locale of somebody who lives there."""
    if country == "US":
        return names.english(female, draws.one_of(("world", "world", "pinyin")), draws), "en"
    if country == "HK" and draws.chance(0.35):
        return names.english(female, "cantonese", draws), draws.one_of(("en", "zh-Hant"))
    if country == "CN" and draws.chance(0.03):
        return names.english(female, "world", draws), "en"
    traditional = country in ("HK", "TW")
    return names.chinese(female, traditional, draws), "zh-Hant" if traditional else "zh-Hans"


def _birthday(country: str, draws: Draws) -> dict[str, Any]:
    if draws.chance(_LEAP_DAY):
        leap_years = [year for year in range(*_BIRTH_YEARS) if isleap(year)]
        return {"month": 2, "day": 29, "year": draws.one_of(leap_years)}
    month = draws.whole(1, 12)
    # The mean of two draws: most members are between thirty and fifty.
    year = (draws.whole(*_BIRTH_YEARS) + draws.whole(*_BIRTH_YEARS)) // 2
    if country != "US" and draws.chance(0.04):
        # A lunar month has 29 or 30 days, which ones depends on the year; 29 is always a day.
        return {"month": month, "day": draws.whole(1, 29), "year": year, "calendar": "lunar"}
    birthday = {"month": month, "day": draws.whole(1, monthrange(year, month)[1])}
    if draws.chance(0.8):
        birthday["year"] = year
    elif (month, birthday["day"]) == (2, 29):
        birthday["day"] = 28
    return birthday


def _consents(person: dict[str, Any], draws: Draws) -> list[dict[str, Any]]:
    """What was asked at registration and how the person answered; most were asked, most agreed."""
    source = "web" if person["home_store"] == "online" else "till"
    asked = []
    if "phone" in person and draws.chance(0.72):
        asked.append(("sms", "marketing", draws.chance(0.85)))
    if "email" in person and draws.chance(0.75):
        asked.append(("email", "marketing", draws.chance(0.8)))
    if asked and draws.chance(0.6):
        asked.append((asked[0][0], "profiling", draws.chance(0.88)))
    return [
        {
            "channel": channel,
            "purpose": purpose,
            "granted": granted,
            "wording": WORDING,
            "source": source,
        }
        for channel, purpose, granted in asked
    ]
