"""Members with addresses and consents, and templates, for tests of messages."""

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID

from people import make
from sqlalchemy import text

from crm.db import db, transaction
from crm.ids import uuid7
from crm.messages.models import MessageTemplate, MessageTemplateVersion

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)  # noon in Shanghai, a Sunday
_numbers = count(1)
LANGUAGES: dict[str, dict[str, Any]] = {
    "en": {
        "subject": "Hello {{ member.name | default: 'friend' }}",
        "text": "Your coupon: {{ coupon.code }}",
        "html": "<p>Your coupon: <b>{{ coupon.code }}</b></p>",
    },
    "zh-Hans": {
        "subject": "{{ member.name | default: '朋友' }}，你好",
        "text": "您的优惠券：{{ coupon.code }}",
        "html": "<p>您的优惠券：<b>{{ coupon.code }}</b></p>",
    },
}


def make_template(
    channel: str = "email",
    purpose: str = "marketing",
    languages: Mapping[str, Mapping[str, Any]] = LANGUAGES,
    now: datetime = NOW,
) -> UUID:
    """A template with one version."""
    found = MessageTemplate(
        id=uuid7(), code=f"t{next(_numbers)}", channel=channel, purpose=purpose, version=1,
        created_at=now, changed_at=now,
    )  # fmt: skip
    with transaction():
        db.session.add(found)
        db.session.flush()
        db.session.add(
            MessageTemplateVersion(
                template_id=found.id, version=1, languages=dict(languages), created_by="test",
                created_at=now,
            )
        )  # fmt: skip
    return found.id


def make_reader(
    *,
    email: str | None = "",
    phone: str | None = None,
    consents: Mapping[str, bool] = {"email.marketing": True},
    zone: str | None = None,
    name: str | None = None,
    locale: str | None = None,
) -> UUID:
    """A member who can be written to; `email` "" is one of his own."""
    member_id = make(zone=zone)
    address = f"m{next(_numbers)}@example.test" if email == "" else email
    with transaction():
        for kind, value in (("email", address), ("phone", phone)):
            if value is not None:
                db.session.execute(
                    text(
                        "INSERT INTO member_identity (kind, value, member_id) VALUES (:k, :v, :m)"
                    ),
                    {"k": kind, "v": value, "m": member_id},
                )
        for key, granted in consents.items():
            channel, purpose = key.split(".")
            db.session.execute(
                text("""
                    INSERT INTO member_consent (member_id, id, channel, purpose, granted, at, actor)
                    VALUES (:m, :id, :c, :p, :g, :at, 'test')
                """),
                {
                    "m": member_id,
                    "id": uuid7(),
                    "c": channel,
                    "p": purpose,
                    "g": granted,
                    "at": NOW,
                },
            )
        db.session.execute(
            text("UPDATE member SET name = :name, locale = :locale WHERE id = :id"),
            {"name": name, "locale": locale, "id": member_id},
        )
    return member_id
