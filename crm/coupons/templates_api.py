"""Coupon templates over HTTP: made, changed and ended; their codes; coupons for members."""

from typing import Any
from uuid import UUID

from crm import clock
from crm.coupons import documents, issuing, pool, templates, trail
from crm.coupons.schemas import CouponOut, CouponPage, CouponQuery, IssueCouponIn
from crm.coupons.template_schemas import (
    CouponCodesIn,
    CouponCodesOut,
    CouponTemplateIn,
    CouponTemplateOut,
    CouponTemplatePage,
    CouponTemplatePatch,
    CouponTemplateQuery,
    columns,
)
from crm.db import transaction
from crm.http import Blueprint, idempotent, needs, principal
from crm.http.pagination import decode, page
from crm.members import identity

blp = Blueprint("coupon_templates", __name__, description="What coupons are good for; their codes.")


@blp.get("/coupon-templates")
@needs("coupons:read")
@blp.arguments(CouponTemplateQuery, location="query")
@blp.response(200, CouponTemplatePage)
def list_templates(query: dict[str, Any]):
    """All templates, the newest first, with their counters."""
    now = clock.now()
    after = decode(query["cursor"], UUID)
    rows = templates.listed(
        query["limit"] + 1, after[0] if after else None, open_at=now if query["state"] else None
    )
    found = page(rows, query["limit"], lambda row: (str(row.id),))
    return found | {"data": [documents.template(row, now) for row in found["data"]]}


@blp.post("/coupon-templates")
@needs("coupons:manage")
@idempotent
@blp.arguments(CouponTemplateIn)
@blp.response(201, CouponTemplateOut)
def create_template(body: dict[str, Any]):
    """Make a template. Its coupons are drawn when they are given, until it has a pool."""
    now = clock.now()
    return documents.template(templates.create(columns(body, now), now=now), now)


@blp.get("/coupon-templates/<uuid:id>")
@needs("coupons:read")
@blp.response(200, CouponTemplateOut)
def get_template(id: UUID):
    """One template with its counters."""
    return documents.template(templates.get(id), clock.now())


@blp.patch("/coupon-templates/<uuid:id>")
@needs("coupons:manage")
@blp.arguments(CouponTemplatePatch)
@blp.response(200, CouponTemplateOut)
def change_template(body: dict[str, Any], id: UUID):
    """Change what is named. What coupons are good for is fixed once there are some."""
    now = clock.now()
    with transaction():
        return documents.template(templates.change(id, columns(body, now), now=now), now)


@blp.post("/coupon-templates/<uuid:id>/codes")
@needs("coupons:manage")
@idempotent
@blp.arguments(CouponCodesIn)
@blp.response(201, CouponCodesOut)
def add_codes(body: dict[str, Any], id: UUID):
    """Generate codes, or bring those made elsewhere, into the template's pool.

    From then on it gives codes of its pool alone. A code in the pool is good for whoever has it.
    """
    now = clock.now()
    if "count" in body:
        found = pool.generate(id, body["count"], now=now)
    else:
        found = pool.bring(id, body["codes"], now=now)
    return {
        "added": len(found.codes),
        "codes": found.codes,
        "duplicates": found.duplicates,
        "pool": templates.get(id).pool,
    }


@blp.get("/coupon-templates/<uuid:id>/codes")
@needs("coupons:manage")
@blp.arguments(CouponQuery, location="query")
@blp.response(200, CouponPage)
def list_codes(query: dict[str, Any], id: UUID):
    """The template's coupons by code, those in its pool too."""
    return documents.of_template(
        id, query["limit"], query["cursor"], now=clock.now(), state=query["state"]
    )


@blp.post("/coupon-templates/<uuid:id>/issue")
@needs("coupons:write")
@idempotent
@blp.arguments(IssueCouponIn)
@blp.response(201, CouponOut)
@blp.alt_response(200, schema=CouponOut)
def issue(body: dict[str, Any], id: UUID):
    """Give a member a coupon: 201, or 200 with the one that he got for this occasion before."""
    now = clock.now()
    member_id = identity.require(identity.parse_ref(body["member"], at="/member"))
    coupon, new = issuing.issue_one(
        id,
        member_id,
        occasion=body["occasion"],
        now=now,
        source=(principal().kind, principal().name),
    )
    if new:
        trail.given(coupon, member_id, now=now)
    return documents.coupon(coupon, templates.get(id), now), 201 if new else 200
