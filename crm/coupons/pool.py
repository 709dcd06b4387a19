"""Pools: codes that nobody has yet, generated here or brought from elsewhere. Set-based."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from crm import audit
from crm.coupons import alphabet, templates
from crm.coupons.errors import TemplateEnded
from crm.coupons.models import CouponTemplate
from crm.db import db

MOST = 100_000

ADD = text("""
    INSERT INTO coupon (code, template_id, created_at, expires_at)
    SELECT code, :template, :now, :until FROM unnest(CAST(:codes AS text[])) AS c (code)
    ON CONFLICT DO NOTHING RETURNING code
""")


@dataclass(frozen=True, slots=True)
class Added:
    """Codes that are new in the pool, and those that were not: twice in the list, or known."""

    codes: Sequence[str]
    duplicates: Sequence[str]


def generate(template_id: UUID, count: int, *, now: datetime) -> Added:
    """Draw `count` new codes for a template's pool. Raises `TemplateNotFound`, `TemplateEnded`."""
    assert 1 <= count <= MOST, count
    template = _open(template_id, now)
    made: list[str] = []
    while len(made) < count:  # a code that was drawn before is drawn anew
        made += _add(template, alphabet.draw(count - len(made)), now)
    _tell(template, len(made), now)
    return Added(made, ())


def bring(template_id: UUID, codes: Sequence[str], *, now: datetime) -> Added:
    """Put codes made elsewhere, normalised, into a template's pool; known ones stay as they are.

    Raises `TemplateNotFound`, `TemplateEnded`.
    """
    assert len(codes) <= MOST, len(codes)
    template = _open(template_id, now)
    seen: set[str] = set()
    twice = [code for code in codes if code in seen or seen.add(code)]
    fresh = list(dict.fromkeys(codes))
    added = set(_add(template, fresh, now))
    _tell(template, len(added), now)
    return Added(
        [code for code in fresh if code in added],
        [*(code for code in fresh if code not in added), *twice],
    )


def _open(template_id: UUID, now: datetime) -> CouponTemplate:
    template = templates.lock([template_id])[template_id]
    if template.ended_at is not None and template.ended_at <= now:
        raise TemplateEnded()
    return template


def _add(template: CouponTemplate, codes: Sequence[str], now: datetime) -> list[str]:
    values = {
        "template": template.id, "now": now, "until": template.valid_until, "codes": list(codes),
    }  # fmt: skip
    added = list(db.session.scalars(ADD, values))
    template.has_pool = template.has_pool or bool(added)
    template.pool += len(added)
    db.session.flush()
    return added


def _tell(template: CouponTemplate, count: int, now: datetime) -> None:
    audit.record(
        "coupon_template.codes_added", "coupon_template", template.id, now=now,
        after={"codes": count, "pool": template.pool},
    )  # fmt: skip
