"""The same award as most people would write it: Flask, SQLAlchemy's ORM, marshmallow, one commit.

Ordinary honest code, to compare with: the same request, the same checks, the same effect. Started
by granian as `bench.twin:create_app`; DATABASE_URL says where its tables lie.
"""

import os
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated
from uuid import UUID

from flask import Blueprint, Flask, current_app, jsonify, request
from flask_sqlalchemy import SQLAlchemy
from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate
from sqlalchemy import (
    DateTime,
    ForeignKey,
    UniqueConstraint,
    create_engine,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from crm.ids import uuid7

POINTS_LAST = timedelta(days=365)
ACCOUNTS = """
    INSERT INTO account (member_id, balance, lifetime)
    SELECT CAST('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0') AS uuid), 1000, 1000
    FROM generate_series(1, :members) n
"""


db = SQLAlchemy()
Instant = Annotated[datetime, mapped_column(DateTime(timezone=True))]


class ApiKey(db.Model):
    __tablename__ = "api_key"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    secret_hash: Mapped[str] = mapped_column(unique=True)
    scopes: Mapped[str]


class Account(db.Model):
    __tablename__ = "account"
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    balance: Mapped[int] = mapped_column(default=0)
    lifetime: Mapped[int] = mapped_column(default=0)


class Entry(db.Model):
    __tablename__ = "entry"
    __table_args__ = (UniqueConstraint("activity", "source_key"),)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    member_id: Mapped[UUID] = mapped_column(ForeignKey("account.member_id"), index=True)
    activity: Mapped[str]
    source_key: Mapped[str]
    points: Mapped[int]
    balance_after: Mapped[int]
    created_at: Mapped[Instant] = mapped_column(server_default=func.now())


class Lot(db.Model):
    __tablename__ = "lot"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    entry_id: Mapped[UUID] = mapped_column(ForeignKey("entry.id"))
    member_id: Mapped[UUID] = mapped_column(index=True)
    remaining: Mapped[int]
    expires_at: Mapped[Instant]


class Movement(db.Model):
    __tablename__ = "movement"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    entry_id: Mapped[UUID] = mapped_column(ForeignKey("entry.id"))
    lot_id: Mapped[UUID] = mapped_column(ForeignKey("lot.id"))
    points: Mapped[int]


class IdempotencyKey(db.Model):
    __tablename__ = "idempotency_key"
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    status: Mapped[int]
    body: Mapped[str]
    created_at: Mapped[Instant] = mapped_column(server_default=func.now())


class MemberIn(Schema):
    id = fields.UUID(required=True)


class AwardIn(Schema):
    member = fields.Nested(MemberIn, required=True)
    activity = fields.String(required=True, validate=validate.Length(1, 64))
    source_key = fields.String(required=True, validate=validate.Length(1, 200))
    points = fields.Integer(required=True, strict=True, validate=validate.Range(1, 1_000_000_000))
    reason = fields.String(load_default=None, validate=validate.Length(max=500))


class EntryOut(Schema):
    class Meta:
        unknown = EXCLUDE

    id = fields.UUID()
    member_id = fields.UUID()
    activity = fields.String()
    source_key = fields.String()
    points = fields.Integer()
    balance_after = fields.Integer()
    created_at = fields.DateTime()


routes = Blueprint("twin", __name__)
award_in, entry_out = AwardIn(), EntryOut()


def create_app() -> Flask:
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = driver_url(os.environ["DATABASE_URL"])
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"pool_size": 10}
    db.init_app(app)
    app.register_blueprint(routes)
    return app


def driver_url(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


@routes.get("/healthz")
def healthz():
    return {"status": "ok"}


@routes.post("/api/v1/points/awards")
def award():
    secret = request.headers.get("Authorization", "").removeprefix("Bearer ")
    secret_hash = sha256(secret.encode()).hexdigest()
    key = db.session.scalar(select(ApiKey).filter_by(secret_hash=secret_hash))
    if key is None or "points:write" not in key.scopes.split():
        return {"error": "unauthorized"}, 401
    name = request.headers.get("Idempotency-Key")
    if not name:
        return {"error": "Idempotency-Key is missing"}, 422
    try:
        body = award_in.load(request.get_json())
    except ValidationError as error:
        return {"error": error.messages}, 422

    fingerprint = sha256(request.path.encode() + request.get_data()).hexdigest()
    earlier = db.session.get(IdempotencyKey, f"{key.id}:{name}")
    if earlier is not None:
        if earlier.fingerprint != fingerprint:
            return {"error": "the key was used for another request"}, 422
        return current_app.response_class(
            earlier.body, earlier.status, content_type="application/json"
        )

    account = db.session.get(Account, body["member"]["id"], with_for_update=True)
    if account is None:
        return {"error": "no such member"}, 404
    entry = db.session.scalar(
        select(Entry).filter_by(activity=body["activity"], source_key=body["source_key"])
    )
    status = 200
    if entry is None:
        status = 201
        account.balance += body["points"]
        account.lifetime += body["points"]
        entry = Entry(
            member_id=account.member_id,
            activity=body["activity"],
            source_key=body["source_key"],
            points=body["points"],
            balance_after=account.balance,
        )
        db.session.add(entry)
        db.session.flush()
        db.session.add(
            Lot(
                entry_id=entry.id,
                member_id=account.member_id,
                remaining=body["points"],
                expires_at=entry.created_at + POINTS_LAST,
            )
        )
    response = jsonify(entry_out.dump(entry))
    response.status_code = status
    db.session.add(
        IdempotencyKey(
            key=f"{key.id}:{name}",
            fingerprint=fingerprint,
            status=status,
            body=response.get_data(as_text=True),
        )
    )
    db.session.commit()
    return response


def prepare(url: str, members: int, secret: str) -> None:
    """Make the twin's tables, with `members` accounts and one key."""
    engine = create_engine(driver_url(url))
    with engine.begin() as connection:
        db.metadata.create_all(connection)
        connection.execute(text(ACCOUNTS), {"members": members})
        connection.execute(
            insert(ApiKey),
            {"secret_hash": sha256(secret.encode()).hexdigest(), "scopes": "points:write"},
        )
    engine.dispose()
