"""The shop's stores and where its members live."""

from typing import Any, NamedTuple

from crm.demo.draws import Draws, words

STORES: tuple[dict[str, Any], ...] = (
    {
        "code": "jingan",
        "kind": "shop",
        "timezone": "Asia/Shanghai",
        "name": {"en": "Jing’an store", "zh-Hans": "静安店", "zh-Hant": "靜安店"},
    },
    {
        "code": "pudong",
        "kind": "shop",
        "timezone": "Asia/Shanghai",
        "name": {"en": "Pudong store", "zh-Hans": "浦东店", "zh-Hant": "浦東店"},
    },
    {
        "code": "hongkong",
        "kind": "shop",
        "timezone": "Asia/Hong_Kong",
        "name": {"en": "Hong Kong store", "zh-Hans": "香港店", "zh-Hant": "香港店"},
    },
    {
        "code": "online",
        "kind": "web",
        "timezone": "Asia/Shanghai",
        "name": {"en": "Online shop", "zh-Hans": "网店", "zh-Hant": "網路商店"},
    },
)


class Home(NamedTuple):
    """Where a member lives and shops. `region` is ISO 3166-2, or the country where it has none.

    `timezone` is given only where it is not the shop's own; `area_codes` only in the US.
    """

    country: str
    region: str
    home_store: str
    timezone: str | None = None
    area_codes: tuple[str, ...] = ()


_SHANGHAI = (
    Home("CN", "CN-SH", "jingan"),
    Home("CN", "CN-SH", "jingan"),
    Home("CN", "CN-SH", "jingan"),
    Home("CN", "CN-SH", "pudong"),
    Home("CN", "CN-SH", "pudong"),
    Home("CN", "CN-SH", "online"),
)
_ELSEWHERE = tuple(
    Home("CN", f"CN-{province}", "online")
    for province in words(
        "BJ BJ BJ GD GD GD GD ZJ ZJ ZJ ZJ JS JS JS JS FJ FJ SC SC SD SD "
        "HB HN SN TJ CQ LN AH HA JX YN GX HE SX HL JL"
    )
)
_HONG_KONG = tuple(
    Home("HK", "HK", store, "Asia/Hong_Kong")
    for store in ("hongkong", "hongkong", "hongkong", "online")
)
_TAIWAN = tuple(
    Home("TW", f"TW-{city}", "online", "Asia/Taipei")
    for city in words("TPE TPE TPE NWT NWT TXG KHH TNN HSZ")
)
_AMERICA = (
    Home("US", "US-NY", "online", "America/New_York", ("212", "646", "917")),
    Home("US", "US-MA", "online", "America/New_York", ("617",)),
    Home("US", "US-IL", "online", "America/Chicago", ("312", "773")),
    Home("US", "US-CA", "online", "America/Los_Angeles", ("415", "628", "408", "213")),
    Home("US", "US-CA", "online", "America/Los_Angeles", ("415", "628", "408", "213")),
    Home("US", "US-WA", "online", "America/Los_Angeles", ("206", "425")),
)


# In hundredths of all members.
_HOMES = (
    (_SHANGHAI,) * 56 + (_ELSEWHERE,) * 32 + (_HONG_KONG,) * 6 + (_TAIWAN,) * 4 + (_AMERICA,) * 2
)


def home(draws: Draws) -> Home:
    """Where one member lives, by two draws."""
    return draws.one_of(draws.one_of(_HOMES))
