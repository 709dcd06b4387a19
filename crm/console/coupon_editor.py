"""Making a coupon template, and changing one."""

from datetime import datetime
from uuid import UUID

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from crm import clock
from crm.console import forms, mistakes
from crm.console.blueprint import blp
from crm.console.coupon_forms import NEW, groups, leaves_of
from crm.console.coupon_words import KINDS, KINDS_TOLD, words_for
from crm.console.forms import Form
from crm.console.settings_page import manner_at
from crm.coupons import documents, templates
from crm.coupons.template_schemas import CouponTemplateIn, CouponTemplatePatch, columns
from crm.db import transaction
from crm.errors import NotFound, Refused
from crm.http.permissions import needs
from crm.i18n import gettext

Answer = str | Response | tuple[str, int]


@blp.get("/coupons/new")
@needs("coupons:manage")
def new_coupon() -> str:
    """The form of a kind, or first the choice of the kind."""
    kind = request.args.get("kind", "")
    if kind not in KINDS:
        kinds = [(code, gettext(KINDS[code]), gettext(KINDS_TOLD[code])) for code in KINDS]
        return render_template("coupon_kinds.html", kinds=kinds)
    now = clock.now()
    return _page(Form(forms.values(leaves_of(kind), NEW, manner_at(now))), kind, now)


@blp.post("/coupons")
@needs("coupons:manage")
def create_coupon() -> Answer:
    """Make a template."""
    now, kind = clock.now(), request.form.get("kind", "")
    if kind not in KINDS:
        raise NotFound()
    known, manner = leaves_of(kind), manner_at(now)
    form = Form(forms.typed(known, request.form))
    try:
        document = forms.read(known, request.form, manner) | {"kind": kind}
        body = mistakes.load(CouponTemplateIn(), document)
        with transaction():
            made = templates.create(columns(body, now), now=now).id
    except Refused as refused:
        mistakes.blame(form, refused, known, manner)
        return _page(form, kind, now), refused.status
    return redirect(url_for("console.coupon", template_id=made, saved=1), 303)


@blp.get("/coupons/<uuid:template_id>/edit")
@needs("coupons:manage")
def edit_coupon(template_id: UUID) -> str:
    """The form of a template: all of it, or what can change once it has codes."""
    now, found = clock.now(), templates.get(template_id)
    fixed = templates.has_codes(template_id)
    shown = documents.template(found, now)
    form = Form(forms.values(leaves_of(found.kind, fixed=fixed), shown, manner_at(now)))
    return _page(form, found.kind, now, template_id=template_id, name=found.name, fixed=fixed)


@blp.post("/coupons/<uuid:template_id>/edit")
@needs("coupons:manage")
def change_coupon(template_id: UUID) -> Answer:
    """Change a template."""
    now, found = clock.now(), templates.get(template_id)
    name, kind, fixed = found.name, found.kind, templates.has_codes(template_id)
    known, manner = leaves_of(kind, fixed=fixed), manner_at(now)
    form = Form(forms.typed(known, request.form))
    try:
        body = mistakes.load(CouponTemplatePatch(), forms.read(known, request.form, manner))
        with transaction():
            templates.change(template_id, columns(body, now), now=now)
    except Refused as refused:
        mistakes.blame(form, refused, known, manner)
        page = _page(form, kind, now, template_id=template_id, name=name, fixed=fixed)
        return page, refused.status
    return redirect(url_for("console.coupon", template_id=template_id, saved=1), 303)


def _page(
    form: Form,
    kind: str,
    now: datetime,
    *,
    template_id: UUID | None = None,
    name: str = "",
    fixed: bool = False,
) -> str:
    return render_template(
        "coupon_form.html",
        form=form,
        kind=kind,
        kind_name=gettext(KINDS[kind]),
        kind_told=gettext(KINDS_TOLD[kind]),
        template_id=template_id,
        name=name,
        fixed=fixed,
        groups=groups(leaves_of(kind, fixed=fixed)),
        words=words_for(kind),
        currency=manner_at(now).currency,
    )
