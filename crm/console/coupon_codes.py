"""More codes for a template's pool, drawn here or brought from elsewhere; and its codes as a file.

Who took the file is on record.
"""

from collections.abc import Iterator
from datetime import datetime, tzinfo
from uuid import UUID

from flask import Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from crm import audit, clock
from crm.console import forms, mistakes
from crm.console.blueprint import blp
from crm.console.coupon_forms import CODES
from crm.console.coupons_page import template_page
from crm.console.forms import Form
from crm.console.ledger_export import BYTE_ORDER_MARK, csv_of, harmless
from crm.console.settings_page import manner_at
from crm.coupons import documents, pool, templates
from crm.coupons.template_schemas import CouponCodesIn
from crm.db import transaction
from crm.errors import N_, FieldError, Invalid, Refused
from crm.http.permissions import needs

Answer = str | AnyResponse | tuple[str, int]
COLUMNS = ("code", "state", "member_id", "issued_at", "expires_at", "channel", "order_no")
PAGE = 1000
NOT_TEXT = N_("This file is no text in UTF-8.")


@blp.post("/coupons/<uuid:template_id>/codes")
@needs("coupons:manage")
def add_coupon_codes(template_id: UUID) -> Answer:
    """Put codes into the pool: so many new ones, or those of a list or a file."""
    now = clock.now()
    manner, form = manner_at(now), Form(forms.typed(CODES, request.form))
    try:
        document = forms.read(CODES, request.form, manner, blank="omit")
        brought = [*document.pop("codes", []), *_of_file()]
        if brought:
            document["codes"] = brought
        body = mistakes.load(CouponCodesIn(), document)
        with transaction():
            if "count" in body:
                found = pool.generate(template_id, body["count"], now=now)
            else:
                found = pool.bring(template_id, body["codes"], now=now)
    except Refused as refused:
        mistakes.blame(form, refused, CODES, manner)
        return template_page(template_id, form), refused.status
    added, known = len(found.codes), len(found.duplicates)
    where = url_for("console.coupon", template_id=template_id, added=added, known=known)
    return redirect(where, 303)


def _of_file() -> Iterator[str]:
    """The codes of a file: the first column of each line."""
    given = request.files.get("file")
    if given is None or not given.filename:
        return
    try:
        text = given.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Invalid([FieldError("/codes", "not_text", NOT_TEXT)]) from None
    for line in text.splitlines():
        code = line.replace(";", ",").partition(",")[0].strip().strip('"')
        if code:
            yield code


@blp.post("/coupons/<uuid:template_id>/codes.csv")
@needs("coupons:manage")
def export_coupon_codes(template_id: UUID) -> Response:
    """Every code of a template with its state, for a printer or a spreadsheet."""
    now = clock.now()
    templates.get(template_id)
    with transaction():
        audit.record("coupon_template.exported", "coupon_template", template_id, now=now)
    text = "".join(_parts(template_id, now, manner_at(now).zone))
    response = Response(text, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="coupons-{template_id}.csv"'
    return response


def _parts(template_id: UUID, now: datetime, zone: tzinfo) -> Iterator[str]:
    yield BYTE_ORDER_MARK + csv_of([COLUMNS])
    cursor = None
    while True:
        found = documents.of_template(template_id, PAGE, cursor, now=now)
        yield csv_of(_row(row, zone) for row in found["data"])
        cursor = found["next_cursor"]
        if cursor is None:
            return


def _row(row: dict, zone: tzinfo) -> list[object]:
    times = [
        at.astimezone(zone).isoformat(timespec="seconds") if at else ""
        for at in (row["issued_at"], row["expires_at"])
    ]
    used = row["used"] or {"channel": "", "order_no": ""}
    order = [harmless(used["channel"]), harmless(used["order_no"])]
    return [harmless(row["code"]), row["state"], row["member_id"] or "", *times, *order]
