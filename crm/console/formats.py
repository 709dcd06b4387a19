"""Numbers, money, days and moments as a reader of each language expects them; minus is −."""

from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal

from babel.dates import format_date, format_datetime, get_day_names
from babel.numbers import (
    format_decimal,
    format_percent,
    get_currency_precision,
    get_currency_symbol,
)

from crm.i18n import N_, gettext, locale, ngettext

# A programme has one currency, so its sign alone is clear to its staff; other signs are as English
# has them (NT$, HK$, $, €), which all three languages read.
SIGNS = {"CNY": "¥", "JPY": "¥"}
DAY = {"en": "d MMM", "zh-Hans": "M 月 d 日", "zh-Hant": "M月d日"}
DAY_OF_YEAR = {"en": "d MMM y", "zh-Hans": "y 年 M 月 d 日", "zh-Hant": "y年M月d日"}
MONTH = {"en": "MMM", "zh-Hans": "M 月", "zh-Hant": "M月"}
MONTH_OF_YEAR = {"en": "MMM y", "zh-Hans": "y 年 M 月", "zh-Hant": "y年M月"}


def _babel() -> str:
    return locale().replace("-", "_")


def _minus(text: str) -> str:
    return text.replace("-", "−")


def number(value: int | float | Decimal, digits: int = 0) -> str:
    """1234 → 1,234; at most `digits` decimals."""
    shape = "#,##0" + ("." + "0" * digits if digits else "")
    return _minus(format_decimal(value, format=shape, locale=_babel()))


def signed(value: int) -> str:
    """+252 or −160."""
    return f"+{number(value)}" if value > 0 else number(value)


def percent(share: float, digits: int = 0) -> str:
    """.339 → 33.9% with one digit."""
    shape = "#,##0" + ("." + "0" * digits if digits else "") + "%"
    return _minus(format_percent(share, format=shape, locale=_babel()))


def money(minor: int, currency: str, *, short: bool = False) -> str:
    """Minor units with the currency's sign: ¥168.00; `short` leaves out zero cents."""
    precision = get_currency_precision(currency)
    amount = Decimal(minor).scaleb(-precision)
    digits = 0 if short and amount == amount.to_integral_value() else precision
    sign = SIGNS.get(currency) or get_currency_symbol(currency, locale="en")
    return f"{'−' if amount < 0 else ''}{sign}{number(abs(amount), digits)}"


def day(value: date, today: date) -> str:
    """9 Nov this year, 9 Nov 2025 in another."""
    shapes = DAY if value.year == today.year else DAY_OF_YEAR
    return format_date(value, format=shapes[locale()], locale=_babel())


def full_day(value: date) -> str:
    """8 Mar 2023, 2023 年 3 月 8 日."""
    return format_date(value, format=DAY_OF_YEAR[locale()], locale=_babel())


def month(value: date, today: date) -> str:
    """Oct this year, Oct 2025 in another."""
    shapes = MONTH if value.year == today.year else MONTH_OF_YEAR
    return format_date(value, format=shapes[locale()], locale=_babel())


def month_of_year(value: date) -> str:
    """October 2025."""
    shape = "MMMM y" if locale() == "en" else MONTH_OF_YEAR[locale()]
    return format_date(value, format=shape, locale=_babel())


def clock_time(value: datetime, zone: tzinfo) -> str:
    """14:05 in `zone`."""
    return format_datetime(value.astimezone(zone), format="HH:mm", locale=_babel())


def moment(value: datetime, now: datetime, zone: tzinfo) -> str:
    """today 14:05, yesterday 18:20, else the day: what a person wants to know of a moment."""
    local, today = value.astimezone(zone).date(), now.astimezone(zone).date()
    if local == today:
        return gettext(N_("today {time}")).format(time=clock_time(value, zone))
    if local == today - timedelta(days=1):
        return gettext(N_("yesterday {time}")).format(time=clock_time(value, zone))
    return day(local, today)


def begun(text: str) -> str:
    """The text with a capital, to stand at the beginning."""
    return text[:1].upper() + text[1:]


def iso_day(value: date, today: date) -> str:
    """In tables: 11-21 this year, 2025-11-21 in another."""
    return value.strftime("%m-%d") if value.year == today.year else value.isoformat()


def days(count: int) -> str:
    """12 days."""
    return ngettext("{count} day", "{count} days", count).format(count=number(count))


def initials(name: str) -> str:
    """What stands in an avatar: the first Han character, or the initials of the first two words."""
    words = name.split()
    if not words:
        return "·"
    if not words[0].isascii() or len(words) == 1:
        return words[0][0].upper()
    return (words[0][0] + words[1][0]).upper()


def weekday(number_: int) -> str:
    """The short name of an ISO weekday: 1 is Monday."""
    names = get_day_names("abbreviated", context="stand-alone", locale=_babel())
    return names[number_ - 1]
