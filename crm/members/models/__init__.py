"""The tables of the members' room."""

from crm.members.models.facts import (
    MemberConsent,
    MemberEvent,
    MemberFingerprint,
    MemberNote,
    MemberTag,
)
from crm.members.models.merges import MemberMerge
from crm.members.models.people import Member, MemberFind, MemberIdentity, Store
from crm.members.models.standings import TierChange, TierLadder, TierStanding

__all__ = [
    "Member",
    "MemberConsent",
    "MemberEvent",
    "MemberFind",
    "MemberFingerprint",
    "MemberIdentity",
    "MemberMerge",
    "MemberNote",
    "MemberTag",
    "Store",
    "TierChange",
    "TierLadder",
    "TierStanding",
]
