"""Who a member is, as pages show it: name, number, masked contacts, tags, consents."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo
from typing import Any
from uuid import UUID

from sqlalchemy import select

from crm.console import formats
from crm.console.words import say
from crm.db import config, db
from crm.errors import N_
from crm.i18n import gettext, locale
from crm.members import consents as decisions
from crm.members import contacts, notes, tags
from crm.members.identity import absent
from crm.members.models import Member, MemberIdentity

HAN = re.compile(r"[㐀-鿿豈-﫿\U00020000-\U0003ffff]")
CHANNELS = {
    "sms": N_("SMS"),
    "email": N_("E-mail"),
    "wechat": N_("WeChat"),
    "push": N_("App push"),
    "inbox": N_("In-app inbox"),
    "phone": N_("Phone call"),
    "post": N_("Post"),
}
PURPOSES = {
    "marketing": N_("marketing"),
    "service": N_("service"),
    "profiling": N_("profiling"),
}


def load(member_id: UUID) -> Member:
    """An active member. Raises `MemberNotFound`."""
    member = db.session.get(Member, member_id)
    if member is None or member.status != "active":
        raise absent(member_id)
    return member


def shown(member: Member) -> dict[str, Any]:
    """The head of the page: name, its language, number, tags."""
    return {
        "id": member.id,
        "name": member.name or number(member.member_no),
        "lang": language(member.name or "", member.locale),
        "number": number(member.member_no),
        "tags": tags.of(member.id),
    }


def called(ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """What members are called, by id; their numbers where they have no name."""
    wanted = {one for one in ids if one is not None}
    query = select(Member.id, Member.name, Member.member_no).where(Member.id.in_(wanted))
    rows = db.session.execute(query) if wanted else ()
    return {row.id: row.name or number(row.member_no) for row in rows}


def number(member_no: str) -> str:
    """8020 0417 38: in groups, as people read it aloud."""
    return f"{member_no[:4]} {member_no[4:8]} {member_no[8:]}"


def language(name: str, spoken: str | None) -> str:
    """The language to draw a name in where it is not the page's; nothing where it is."""
    if not HAN.search(name):
        return ""
    own = spoken if spoken in ("zh-Hans", "zh-Hant") else "zh-Hans"
    return "" if own == locale() else own


def joined(member: Member, stores: Mapping[str, str], zone: tzinfo) -> str:
    """When and where this member joined."""
    day = formats.full_day(member.created_at.astimezone(zone).date())
    store = stores.get(member.home_store or "")
    if store:
        return say(N_("joined on {day} at {store}"), day=day, store=store)
    return say(N_("joined on {day}"), day=day)


def last_note(member_id: UUID, now: datetime, zone: tzinfo) -> dict[str, str] | None:
    """What staff wrote down last, by whom and when."""
    for note in notes.last(member_id, 1):
        day = formats.day(note.at.astimezone(zone).date(), now.astimezone(zone).date())
        return {"text": note.text, "by": note.author, "day": day}
    return None


def reach(member_id: UUID, *, masked: bool = True) -> list[str]:
    """Phone numbers and e-mail addresses, masked unless somebody has the right to look."""
    query = select(MemberIdentity.kind, MemberIdentity.value).filter_by(member_id=member_id)
    rows = db.session.execute(query.where(MemberIdentity.kind.in_(("phone", "email"))))
    by_kind = sorted(rows, key=lambda row: (row[0] != "phone", row[1]))
    if not masked:
        return [value for _, value in by_kind]
    region = config().phone_region
    return [
        contacts.masked_phone(value, region) if kind == "phone" else contacts.masked_email(value)
        for kind, value in by_kind
    ]


def consents(member_id: UUID, now: datetime, zone: tzinfo) -> list[dict[str, Any]]:
    """The decision in force for each channel and purpose."""
    today = now.astimezone(zone).date()
    return [
        {
            "name": decided_on(row.channel, row.purpose),
            "granted": row.granted,
            "said": say(
                N_("agreed {day}") if row.granted else N_("declined {day}"),
                day=formats.iso_day(row.at.astimezone(zone).date(), today),
            ),
        }
        for row in decisions.current(member_id)
    ]


def decided_on(channel: str, purpose: str) -> str:
    """SMS · marketing."""
    return f"{gettext(CHANNELS[channel])} · {gettext(PURPOSES[purpose])}"
