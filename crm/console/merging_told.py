"""Two records side by side, and what a merge would move, in words."""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any
from uuid import UUID

from crm.console import formats, person
from crm.console.words import ngettext, say
from crm.errors import N_, NN_
from crm.i18n import gettext

UNDONE = N_("Undone: both records are there again.")
NOTHING = "–"
FILLED = {
    "name": N_("name"),
    "gender": N_("gender"),
    "birthday_month": N_("birthday"),
    "locale": N_("language"),
    "timezone": N_("time zone"),
    "home_store": N_("home store"),
    "source": N_("source"),
}


def pair(
    seen: Mapping[str, Any], points: Mapping[UUID, int], now: datetime, zone: tzinfo
) -> list[dict[str, str]]:
    """Rows of a table: what a record says, on the side that stays and on the side that goes."""
    stays, goes = seen["into"], seen["from_"]
    today = now.astimezone(zone).date()

    def day(at: datetime | None) -> str:
        return formats.iso_day(at.astimezone(zone).date(), today) if at else NOTHING

    def birthday(born: Mapping[str, Any] | None) -> str:
        return f"{born['month']:02}-{born['day']:02}" if born else NOTHING

    facts = [
        (N_("Name"), lambda one: one["name"] or NOTHING),
        (N_("Member number"), lambda one: person.number(one["member_no"])),
        (N_("Phone"), lambda one: one["phone"] or NOTHING),
        (N_("E-mail"), lambda one: one["email"] or NOTHING),
        (N_("Birthday"), lambda one: birthday(one["birthday"])),
        (N_("Tier"), lambda one: one["tier"]["name"] if one["tier"] else NOTHING),
        (N_("Points to spend"), lambda one: formats.number(points[one["id"]])),
        (N_("Joined"), lambda one: day(one["created_at"])),
        (N_("Last seen"), lambda one: day(one["last_seen_at"])),
    ]
    return [
        {"name": gettext(name), "stays": tell(stays), "goes": tell(goes)} for name, tell in facts
    ]


def moves(found: Mapping[str, Any]) -> list[str]:
    """What would move, a sentence for each kind of thing."""
    told: list[str] = [
        ngettext(
            "{count} phone, address or number will find this member",
            "{count} phones, addresses and numbers will find this member",
            found["identities"],
        )
    ]
    if found["lots"]:
        text = NN_(
            "{points} point moves, with its own expiry",
            "{points} points move, each with its own expiry",
            "points",
        )
        told.append(say(text, points=formats.number(found["points"])))
    if found["debt"]:
        text = NN_(
            "A debt of {points} point moves too", "A debt of {points} points moves too", "points"
        )
        told.append(say(text, points=formats.number(found["debt"])))
    if count := found["orders"]:
        told.append(ngettext("{count} order moves", "{count} orders move", count))
    if count := found["coupons"]:
        told.append(ngettext("{count} coupon moves", "{count} coupons move", count))
    if count := found["cases"]:
        told.append(ngettext("{count} case moves", "{count} cases move", count))
    if count := found["consents"]:
        told.append(
            ngettext(
                "{count} decision about messages counts for both, the stricter one",
                "{count} decisions about messages count for both, the stricter ones",
                count,
            )
        )
    if count := found["referrals"]:
        told.append(
            ngettext(
                "{count} friend was brought by him", "{count} friends were brought by him", count
            )
        )
    if found["tags"]:
        told.append(say(N_("Tags are added: {tags}"), tags=", ".join(found["tags"])))
    if found["filled"]:
        names = ", ".join(gettext(FILLED[name]) for name in found["filled"])
        told.append(say(N_("What is missing here is filled in: {names}"), names=names))
    told.append(say(N_("The better tier lives on")))
    return told
