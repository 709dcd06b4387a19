"""API keys for administrators: who may call the API, with which permissions, since when."""

from datetime import timedelta
from uuid import UUID

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from crm import clock
from crm.auth import keys
from crm.console.blueprint import blp
from crm.console.pages import when
from crm.db import config, transaction
from crm.errors import N_, Refused
from crm.http import problems
from crm.http.permissions import PERMISSIONS, needs
from crm.http.principal import principal
from crm.i18n import gettext

MOST_SHOWN = 100
OVERLAP = timedelta(hours=24)
PERMISSION_NAMES = {
    "members:read": N_("find members and read their profiles"),
    "members:write": N_("register members and change their profiles"),
    "members:merge": N_("merge two records of one person, and part them again"),
    "members:reveal": N_("see full phone numbers and e-mail addresses"),
    "orders:read": N_("read orders"),
    "orders:write": N_("write orders and refunds"),
    "points:read": N_("read points and ask for quotes"),
    "points:write": N_("award and redeem points"),
    "points:export": N_("download a member’s ledger"),
    "points:adjust": N_("adjust points by hand"),
    "programme:read": N_("read the programme, its rules and tiers"),
    "programme:write": N_("change the programme, its rules and tiers"),
    "coupons:read": N_("read coupon templates and coupons, check a coupon"),
    "coupons:write": N_("give coupons to members, reserve, use and release them"),
    "coupons:manage": N_("make and change coupon templates, add codes, take coupons back"),
    "messages:read": N_("read messages, and why they were sent or not"),
    "messages:write": N_("try failed messages again; change quiet hours, caps and rates"),
    "templates:read": N_("read templates of messages, and preview them on members"),
    "templates:write": N_("write templates of messages, and send tests"),
    "inbox:use": N_("show members their in-app messages, and note what they have read"),
    "rewards:read": N_("read the catalogue of rewards, and who redeemed them"),
    "rewards:write": N_("redeem rewards for members, cancel that, note what was handed over"),
    "rewards:manage": N_("make and change rewards"),
    "segments:read": N_("read segments and scores"),
    "segments:write": N_("start segmentation runs"),
    "audiences:read": N_("read audiences and their members, count filters"),
    "audiences:write": N_("make and change audiences"),
    "campaigns:read": N_("read campaigns, their recipients and results"),
    "campaigns:write": N_("make and change drafts of campaigns"),
    "campaigns:launch": N_("launch, pause, resume and cancel campaigns"),
    "campaigns:manage": N_("change from which size on a campaign needs a second person"),
    "journeys:read": N_("read journeys, and try them out"),
    "journeys:write": N_("switch journeys on and off, and change what is set"),
    "cases:read": N_("read cases"),
    "cases:write": N_("open cases, comment on them, work on one’s own"),
    "cases:manage": N_("work on everybody’s cases, and change their policy"),
    "surveys:read": N_("read answers to surveys, and their figures"),
    "approvals:read": N_("see requests for approval"),
    "approvals:decide": N_("approve or deny requests"),
    "ledger:read": N_("check the ledger and read the liability"),
    "keys:manage": N_("create, roll and revoke API keys"),
    "staff:manage": N_("create and change staff accounts"),
    "stores:read": N_("read stores"),
    "stores:manage": N_("create and change stores"),
    "audit:read": N_("read the audit trail"),
    "tasks:read": N_("read background tasks"),
    "sandbox:manage": N_("move the sandbox clock"),
}
NO_NAME = N_("Give the key a name that says who uses it.")
NO_SCOPE = N_("Choose at least one permission.")


@blp.get("/developers")
@needs("keys:manage")
def developers() -> str:
    """The keys, newest first, and the form for a new one."""
    return _page()


@blp.post("/developers/keys")
@needs("keys:manage")
def create_key() -> str | tuple[str, int]:
    """Make a key; its secret is on this one page and never again."""
    name = request.form.get("name", "").strip()[:100]
    scopes = [scope for scope in PERMISSIONS if scope in request.form.getlist("scopes")]
    kind = "test" if request.form.get("kind") == "test" else "live"
    wrong = NO_NAME if not (name and name.isprintable()) else "" if scopes else NO_SCOPE
    if wrong:
        return _page(name=name, scopes=scopes, said=gettext(wrong)), 422
    try:
        with transaction():
            _, secret = keys.create(name, scopes, by=principal(), now=clock.now(), kind=kind)
    except Refused as refused:
        said = problems.document(refused)["detail"]
        return _page(name=name, scopes=scopes, said=said), refused.status
    return _page(secret=secret)


@blp.post("/developers/keys/<uuid:key_id>/roll")
@needs("keys:manage")
def roll_key(key_id: UUID) -> str:
    """Make a successor; the old secret works for another day."""
    with transaction():
        _, secret = keys.roll(key_id, overlap=OVERLAP, by=principal(), now=clock.now())
    return _page(secret=secret)


@blp.post("/developers/keys/<uuid:key_id>/revoke")
@needs("keys:manage")
def revoke_key(key_id: UUID) -> Response:
    """End a key at once."""
    with transaction():
        keys.revoke(key_id, now=clock.now())
    return redirect(url_for("console.developers"), 303)


def _page(secret: str = "", name: str = "", scopes: list[str] | None = None, said: str = "") -> str:
    now = clock.now()
    rows = []
    for key in keys.listed(MOST_SHOWN, None)[:MOST_SHOWN]:
        ended = key.revoked_at or (
            key.expires_at if key.expires_at and key.expires_at <= now else None
        )
        rows.append(
            {
                "id": key.id,
                "name": key.name,
                "prefix": key.prefix,
                "kind": key.kind,
                "scopes": key.scopes,
                "by": key.created_by,
                "created": when(key.created_at, now),
                "used": when(key.last_used_at, now) if key.last_used_at else "",
                "ended": when(ended, now) if ended else "",
                "ends": when(key.expires_at, now) if key.expires_at and not ended else "",
            }
        )
    return render_template(
        "developers.html",
        rows=rows,
        secret=secret,
        name=name,
        chosen=scopes or [],
        said=said,
        permissions=PERMISSION_NAMES,
        sandbox=config().sandbox,
    )
