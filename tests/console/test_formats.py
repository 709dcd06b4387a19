"""Figures, money and days read as people of each language write them."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from crm.console import formats
from crm.i18n import use

pytestmark = pytest.mark.usefixtures("no_database")
SHANGHAI = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (16_800, "CNY", "¥168.00"),
        (-210, "CNY", "−¥2.10"),
        (123_456_789, "TWD", "NT$1,234,567.89"),
        (1_234, "JPY", "¥1,234"),
        (5, "USD", "$0.05"),
        (1_000, "KWD", "KWD1.000"),
        (0, "CNY", "¥0.00"),
    ],
)
def test_money_has_the_sign_and_decimals_of_its_currency(minor: int, currency: str, text: str):
    assert formats.money(minor, currency) == text


def test_short_money_leaves_out_zero_cents_only():
    assert formats.money(32_000, "CNY", short=True) == "¥320"
    assert formats.money(32_001, "CNY", short=True) == "¥320.01"


def test_a_minus_is_a_minus_and_no_hyphen():
    texts = [formats.number(-1234), formats.signed(-160), formats.percent(-0.021, 1)]
    assert texts == ["−1,234", "−160", "−2.1%"]
    assert formats.signed(252) == "+252"


@pytest.mark.parametrize(
    ("locale", "this_year", "another_year"),
    [
        ("en", "9 Nov", "9 Nov 2025"),
        ("zh-Hans", "11 月 9 日", "2025 年 11 月 9 日"),
        ("zh-Hant", "11月9日", "2025年11月9日"),
    ],
)
def test_a_day_is_written_as_in_prose(locale: str, this_year: str, another_year: str):
    with use(locale):
        today = date(2026, 11, 22)
        assert formats.day(date(2026, 11, 9), today) == this_year
        assert formats.day(date(2025, 11, 9), today) == another_year


def test_a_moment_is_told_by_the_shops_own_day():
    just_after_midnight = datetime(2026, 11, 21, 16, 5, tzinfo=UTC)
    assert formats.moment(just_after_midnight, NOON, SHANGHAI) == "today 00:05"
    before = just_after_midnight - timedelta(minutes=10)
    assert formats.moment(before, NOON, SHANGHAI) == "yesterday 23:55"
    assert formats.moment(before - timedelta(days=1), NOON, SHANGHAI) == "20 Nov"
    with use("zh-Hans"):
        assert formats.moment(just_after_midnight, NOON, SHANGHAI) == "今天 00:05"


@pytest.mark.parametrize(
    ("name", "letters"),
    [("林晓雯", "林"), ("Emma Chen", "EC"), ("cher", "C"), ("", "·"), (" ", "·"), ("é b", "É")],
)
def test_an_avatar_shows_the_beginning_of_a_name(name: str, letters: str):
    assert formats.initials(name) == letters
