"""The catalogue of rewards: what there is, what is left of it; made, changed and ended here."""

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from crm import clock
from crm.console import mistakes, reward_form, reward_words
from crm.console.blueprint import blp
from crm.console.forms import Form
from crm.console.settings_page import manner_at
from crm.console.words import say
from crm.db import transaction
from crm.errors import N_, NotFound, Refused
from crm.http import Schema, fields
from crm.http.pagination import decode, page
from crm.http.permissions import needs
from crm.http.principal import principal
from crm.i18n import gettext
from crm.members.tiers import storage
from crm.points.rewards import catalogue, documents
from crm.points.rewards.models import KINDS
from crm.points.rewards.schemas import RewardIn, RewardPatch, columns

SHOWN, LAST = 50, 20
DONE = {
    "made": N_("“{name}” is in the catalogue."),
    "changed": N_("“{name}” was changed."),
    "ended": N_("“{name}” has ended."),
    "reopened": N_("“{name}” is in the catalogue again."),
}
Answer = str | Response | tuple[str, int]


class RewardsShown(Schema):
    """Which of them: those that can be had now, or all; a page."""

    state = fields.Choice("open", load_default=None)
    cursor = fields.Text(500, load_default=None)


@blp.get("/rewards")
@needs("rewards:read")
def rewards() -> str:
    """The catalogue, the newest first."""
    now = clock.now()
    given = {name: request.args[name] for name in ("state", "cursor") if request.args.get(name)}
    asked = mistakes.load(RewardsShown(), given)
    after = decode(asked["cursor"], UUID)
    open_at = now if asked["state"] else None
    rows = catalogue.listed(SHOWN + 1, after[0] if after else None, open_at=open_at)
    found = page(rows, SHOWN, lambda row: (str(row.id),))
    zone = manner_at(now).zone
    return render_template(
        "rewards.html",
        rows=[reward_words.row(documents.reward(one, now), now, zone) for one in found["data"]],
        cursor=found["next_cursor"],
        state=asked["state"] or "",
    )


@blp.get("/rewards/new")
@needs("rewards:manage")
def new_reward() -> str:
    """The form of a kind, or first the choice of the kind."""
    kind = request.args.get("kind", "")
    if kind not in KINDS:
        told = reward_words.KINDS_TOLD
        kinds = [(code, gettext(reward_words.KINDS[code]), gettext(told[code])) for code in KINDS]
        return render_template("reward_kinds.html", kinds=kinds)
    now = clock.now()
    known = reward_form.leaves_of(kind, storage.ladder_at(now))
    return _form(reward_form.shown({}, known, manner_at(now)), kind, None, now)


@blp.post("/rewards/new")
@needs("rewards:manage")
def create_reward() -> Answer:
    """Put a reward into the catalogue."""
    now, kind = clock.now(), request.form.get("kind", "")
    if kind not in KINDS:
        raise NotFound()
    known, manner = reward_form.leaves_of(kind, storage.ladder_at(now)), manner_at(now)
    form = Form(reward_form.typed(known, request.form))
    try:
        document = reward_form.read(known, request.form, manner, {})
        body = mistakes.load(RewardIn(), document | {"kind": kind})
        with transaction():
            made_id = catalogue.create(columns(body, now), now=now).id
    except Refused as refused:
        mistakes.blame(form, refused, known, manner)
        return _form(form, kind, None, now), refused.status
    return redirect(url_for("console.reward", reward_id=made_id, done="made"), 303)


@blp.get("/rewards/<uuid:reward_id>")
@needs("rewards:read")
def reward(reward_id: UUID) -> str:
    """One reward: what it is, who took it last, and the form to change it."""
    now = clock.now()
    found = documents.reward(catalogue.get(reward_id), now)
    known = reward_form.leaves_of(found["kind"], storage.ladder_at(now))
    return _form(reward_form.shown(found, known, manner_at(now)), found["kind"], reward_id, now)


@blp.post("/rewards/<uuid:reward_id>")
@needs("rewards:manage")
def change_reward(reward_id: UUID) -> Answer:
    """Write what the form says; or, by its other button, end it or put it back."""
    now, do = clock.now(), request.form.get("do", "")
    if do in ("end", "reopen"):
        with transaction():
            catalogue.change(reward_id, columns({"ended": do == "end"}, now), now=now)
        done = "ended" if do == "end" else "reopened"
        return redirect(url_for("console.reward", reward_id=reward_id, done=done), 303)
    was, ladder, manner = catalogue.get(reward_id), storage.ladder_at(now), manner_at(now)
    known = reward_form.leaves_of(was.kind, ladder)
    form = Form(reward_form.typed(known, request.form))
    kept = {code: price for code, price in was.tier_prices.items() if code not in ladder.ranks}
    try:
        body = mistakes.load(RewardPatch(), reward_form.read(known, request.form, manner, kept))
        with transaction():
            catalogue.change(reward_id, columns(body, now), now=now)
    except Refused as refused:
        mistakes.blame(form, refused, known, manner)
        return _form(form, was.kind, reward_id, now), refused.status
    return redirect(url_for("console.reward", reward_id=reward_id, done="changed"), 303)


def _form(form: Form, kind: str, reward_id: UUID | None, now: datetime) -> str:
    ladder, zone = storage.ladder_at(now), manner_at(now).zone
    shown: dict[str, Any] | None = None
    taken: list[dict[str, Any]] = []
    if reward_id is not None:
        shown = reward_words.row(documents.reward(catalogue.get(reward_id), now), now, zone)
        last = documents.of_reward(reward_id, LAST, None)["data"]
        taken = [reward_words.redemption(one, now, zone) for one in last]
    text = DONE.get(request.args.get("done", ""))
    return render_template(
        "reward.html",
        form=form,
        kind=kind,
        kind_name=gettext(reward_words.KINDS[kind]),
        reward=shown,
        is_over=shown is not None and catalogue.get(shown["id"]).ended_at is not None,
        taken=taken,
        groups=reward_form.groups(reward_form.leaves_of(kind, ladder)),
        options=reward_form.options(form, now),
        words=reward_words.words(ladder),
        may_write=principal().may("rewards:manage"),
        said=say(text, name=shown["name"]) if text and shown else "",
    )
