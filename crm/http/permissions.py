"""Permissions: each view declares the one it needs; a test fails for a view that does not."""

from collections.abc import Callable
from typing import Any, TypeVar

View = TypeVar("View", bound=Callable[..., Any])

PERMISSIONS = {
    "members:read": "find members and read their profiles",
    "members:write": "register members and change their profiles, tags, notes and consents",
    "members:merge": "merge two records of one person, and undo it within thirty days",
    "members:reveal": "see full phone numbers and e-mail addresses in staff look-ups",
    "orders:read": "read orders",
    "orders:write": "write orders and refunds",
    "points:read": "read balances and entries, ask for quotes",
    "points:write": "award, redeem and hold points",
    "points:export": "download a member's ledger as a file",
    "points:adjust": "adjust points by hand, within limits",
    "programme:read": "read the programme, its rules and its ladder of tiers",
    "programme:write": "change the programme, its rules, its ladder and manual tiers",
    "coupons:read": "read coupon templates and coupons, check a coupon",
    "coupons:write": "give coupons to members, reserve, use and release them",
    "coupons:manage": "make and change coupon templates, add codes, take coupons back",
    "messages:read": "read messages, and why they were sent or not",
    "messages:write": "try failed messages again; change quiet hours, caps and rates",
    "rewards:read": "read the catalogue of rewards, and who redeemed them",
    "rewards:write": "redeem rewards for members, cancel that, note what was handed over",
    "rewards:manage": "make and change rewards",
    "inbox:use": "read members' in-app messages and mark them as read: for the shop's app",
    "templates:read": "read templates of messages, and preview them on members",
    "templates:write": "write templates of messages, and send tests",
    "journeys:read": "read journeys, try them out, see what came of them",
    "journeys:write": "switch journeys on and off, and change what is set",
    "campaigns:read": "read campaigns, their plans, recipients and results",
    "campaigns:write": "make and change drafts of campaigns",
    "campaigns:launch": "launch campaigns, pause, resume and cancel them",
    "campaigns:manage": "change from which size on a campaign needs a second person",
    "cases:read": "read cases: complaints, who looks after them, what was done",
    "cases:write": "open cases, comment on them, and work on one's own",
    "cases:manage": "work on everybody's cases, give them away, change their policy",
    "surveys:read": "read members' answers to surveys, and their figures",
    "segments:read": "read segments and scores",
    "audiences:read": "read audiences and their members, count and preview filters",
    "audiences:write": "make and change audiences, upload lists of members",
    "segments:write": "start, cancel and take back segmentation runs, rename segments",
    "ledger:read": "run the ledger's self-check, read the liability",
    "approvals:read": "see requests for approval: one's own, or all when one decides",
    "approvals:decide": "approve or deny what others asked for",
    "keys:manage": "create, roll and revoke API keys",
    "staff:manage": "create and change staff accounts",
    "stores:read": "read stores",
    "stores:manage": "create and change stores",
    "audit:read": "read the audit trail",
    "tasks:read": "read background tasks",
    "sandbox:manage": "move the sandbox clock",
}

_CLERK = {"members:read", "members:write", "orders:read", "points:read", "points:write"} | {
    "approvals:read",
    "cases:read",
    "cases:write",
    "coupons:read",
    "coupons:write",
    "points:adjust",
    "messages:read",
    "programme:read",
    "rewards:read",
    "rewards:write",
    "segments:read",
    "stores:read",
    "templates:read",
}
_MANAGER = (
    _CLERK
    | {"audiences:read"}
    | {"members:merge", "members:reveal", "orders:write", "points:export", "ledger:read"}
    | {"coupons:manage", "messages:write"}
    | {"journeys:read"}
    | {"campaigns:read", "campaigns:launch", "campaigns:manage"}
    | {"rewards:manage"}
    | {"cases:manage", "surveys:read"}
    | {"approvals:decide", "audit:read", "tasks:read"}
)
_ANALYST = {"members:read", "orders:read", "points:read", "programme:read", "segments:read"} | {
    "audiences:read",
    "campaigns:read",
    "cases:read",
    "coupons:read",
    "journeys:read",
    "ledger:read",
    "messages:read",
    "points:export",
    "rewards:read",
    "stores:read",
    "surveys:read",
    "tasks:read",
    "templates:read",
}
_MARKETER = (
    _ANALYST
    | {"members:write", "segments:write", "audiences:write", "programme:write"}
    | {"coupons:write", "coupons:manage", "messages:write", "templates:write"}
    | {"journeys:write"}
    | {"campaigns:write", "campaigns:launch"}
    | {"rewards:write", "rewards:manage"}
)

ROLES: dict[str, frozenset[str]] = {
    "clerk": frozenset(_CLERK),
    "manager": frozenset(_MANAGER),
    "marketer": frozenset(_MARKETER),
    "analyst": frozenset(_ANALYST),
    "admin": frozenset(PERMISSIONS),
}


def needs(
    permission: str | None, *, checked_in_statement: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare the permission of a view; None means public, and the view's docstring says why.

    `checked_in_statement`: the view's one SQL statement checks the key again, so that the door may
    go by what it remembers of the key and save a round trip.
    """
    assert permission is None or permission in PERMISSIONS, permission

    def declare(view: Callable[..., Any]) -> Callable[..., Any]:
        view.permission = permission  # type: ignore[attr-defined]  # functions take attributes
        view.checked_in_statement = checked_in_statement  # type: ignore[attr-defined]
        return view

    return declare
