"""`member.*`: the profile, and what the member's addresses and attributes are."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from crm.db import db
from crm.i18n import LOCALES, N_, gettext, locale
from crm.members.birthdays import celebrated_on
from crm.members.models import Store
from crm.segments.audiences.field import Bind, Choice, Field, Scope
from crm.segments.audiences.kinds import ANNIVERSARY, CHOICE, FLAG, INSTANT, SCALAR, TEXT, WHOLE

GENDERS = {"female": N_("Female"), "male": N_("Male"), "other": N_("Other")}
LANGUAGES = {"en": "English", "zh-Hans": "简体中文", "zh-Hant": "繁體中文"}
BIRTHDAY = "(m.birthday_month * 100 + m.birthday_day)"
LONGEST_YEAR = 366
IDENTITIES = "SELECT DISTINCT i.member_id FROM member_identity i WHERE i.kind = 'KIND'"
AGE = f"""(CASE
    WHEN m.birthday_year IS NOT NULL AND coalesce(m.birthday_calendar, 'solar') = 'solar' THEN
        to_char(CAST({{today}} AS date), 'YYYY')::integer - m.birthday_year
        - CASE WHEN {BIRTHDAY} > to_char(CAST({{today}} AS date), 'MMDD')::integer
               THEN 1 ELSE 0 END
    END)"""


def stores(_: datetime) -> list[Choice]:
    """Stores that are open, by code, in the reader's language."""
    rows = db.session.execute(
        select(Store.code, Store.name).where(Store.closed_at.is_(None)).order_by(Store.code)
    )
    return [
        Choice(row.code, row.name.get(locale()) or row.name.get("en") or row.code) for row in rows
    ]


def _genders(_: datetime) -> list[Choice]:
    return [Choice(code, gettext(label)) for code, label in GENDERS.items()]


def _languages(_: datetime) -> list[Choice]:
    return [Choice(code, LANGUAGES[code]) for code in LOCALES]


def _birthday(bind: Bind, scope: Scope, op: str, value: Any) -> str:
    """The birthday, of either calendar, is celebrated on one of the days to come."""
    if op == "exists":
        return f"m.birthday_month IS {'NOT ' if value else ''}NULL"
    found: dict[str, set[int]] = {"solar": set(), "lunar": set()}
    for ahead in range(min(value, LONGEST_YEAR) + 1):
        for one in celebrated_on(scope.today + timedelta(days=ahead)):
            found[one.calendar].add(one.month * 100 + one.day)
    parts = [
        f"(coalesce(m.birthday_calendar, 'solar') = {bind(calendar)}"
        f" AND {BIRTHDAY} = ANY({bind(sorted(days))}))"
        for calendar, days in found.items()
        if days
    ]
    return " OR ".join(parts)


def _has(kind: str) -> dict[str, Any]:
    """A flag: whether the member has an identity of a kind."""
    return {
        "sql": "({r}.member_id IS NOT NULL)",
        "relation": IDENTITIES.replace("KIND", kind),
    }


FIELDS = (
    Field("member.name", N_("Name"), N_("The name as it is written."), TEXT, "m.name"),
    Field("member.member_no", N_("Member number"), N_("Ten digits."), TEXT, "m.member_no"),
    Field(
        "member.gender",
        N_("Gender"),
        N_("As the member said."),
        CHOICE,
        "m.gender",
        choices=_genders,
        closed=True,
    ),
    Field(
        "member.birthday",
        N_("Birthday"),
        N_("Celebrated today or within so many days; solar or lunar, as the member has it."),
        ANNIVERSARY,
        predicate=_birthday,
        ahead=True,
    ),
    Field(
        "member.birthday_month",
        N_("Month of birth"),
        N_("1 to 12, of the calendar that the member goes by."),
        WHOLE,
        "m.birthday_month",
    ),
    Field("member.age", N_("Age"), N_("Full years; known only with a year of birth."), WHOLE, AGE),
    Field(
        "member.locale",
        N_("Language"),
        N_("The language that the member reads."),
        CHOICE,
        "m.locale",
        choices=_languages,
        closed=True,
    ),
    Field("member.timezone", N_("Time zone"), N_("Such as Asia/Taipei."), TEXT, "m.timezone"),
    Field(
        "member.home_store",
        N_("Home store"),
        N_("The store that the member belongs to."),
        CHOICE,
        "m.home_store",
        choices=stores,
    ),
    Field("member.source", N_("Source"), N_("Where the member came from."), TEXT, "m.source"),
    Field(
        "member.joined_at",
        N_("Joined"),
        N_("When the member was registered."),
        INSTANT,
        "m.created_at",
    ),
    Field(
        "member.referred",
        N_("Was referred"),
        N_("Whether another member brought this one."),
        FLAG,
        "(m.referred_by IS NOT NULL)",
    ),
    Field(
        "member.has_phone",
        N_("Has a phone number"),
        N_("Whether a phone number is known."),
        FLAG,
        **_has("phone"),
    ),
    Field(
        "member.has_email",
        N_("Has an e-mail address"),
        N_("Whether an e-mail address is known."),
        FLAG,
        **_has("email"),
    ),
    Field(
        "member.attributes.*",
        N_("Attribute"),
        N_("An attribute of your own by its name: text, number, or true and false."),
        SCALAR,
        "(m.attributes -> {rest})",
    ),
)
