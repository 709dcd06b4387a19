"""Stores, members and the identities by which they are found."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from crm.db import Base
from crm.ids import uuid7

MERGED = text("merged_into IS NOT NULL")


class Store(Base):
    """A shop or a web shop. Its code is what orders and storefronts call it; it never changes."""

    __tablename__ = "store"
    __table_args__ = (CheckConstraint("kind IN ('shop', 'web')", name="kind"),)

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[dict[str, str]] = mapped_column(JSONB)  # by locale
    timezone: Mapped[str | None]
    kind: Mapped[str]
    created_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class Member(Base):
    """A person known to the shop. Phone, e-mail and other identities are `MemberIdentity` rows.

    `name_sort` is the name in plain Latin letters (pinyin), `name_keys` all that staff may type to
    find it. `last_seen_at` is the last counted purchase, else the registration; neither it nor
    `segment` has an index, so that purchases and nightly runs never touch one. `merged_into` is the
    record that lives on, never one that was merged itself.
    """

    __tablename__ = "member"
    __table_args__ = (
        Index("ix_member_name_keys", "name_keys", postgresql_using="gin"),
        Index("ix_member_created_at", "created_at"),
        Index(
            "ix_member_home_store",
            "home_store",
            "id",
            postgresql_where=text("status = 'active' AND home_store IS NOT NULL"),
        ),
        Index("ix_member_inactive", "id", postgresql_where=text("status <> 'active'")),
        Index("ix_member_timezone", "timezone", postgresql_where=text("timezone IS NOT NULL")),
        Index(
            "ix_member_referred_by", "referred_by", postgresql_where=text("referred_by IS NOT NULL")
        ),
        Index(
            "ix_member_birthday",
            "birthday_month",
            "birthday_day",
            "id",
            postgresql_where=text("birthday_month IS NOT NULL"),
        ),
        CheckConstraint("status IN ('active', 'merged', 'erased')", name="status"),
        CheckConstraint("member_no ~ '^[0-9]{10}$'", name="member_no"),
        CheckConstraint("gender IN ('female', 'male', 'other')", name="gender"),
        CheckConstraint("locale IN ('en', 'zh-Hans', 'zh-Hant')", name="locale"),
        CheckConstraint("referred_by <> id", name="not_own_referrer"),
        Index("ix_member_merged_into", "merged_into", postgresql_where=MERGED),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    last_seen_at: Mapped[datetime | None]
    status: Mapped[str] = mapped_column(server_default=text("'active'"))
    member_no: Mapped[str] = mapped_column(unique=True)
    home_store: Mapped[str | None] = mapped_column(ForeignKey("store.code"))
    segment: Mapped[str | None]
    name: Mapped[str | None]
    name_sort: Mapped[str | None]
    name_keys: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    gender: Mapped[str | None]
    birthday_month: Mapped[int | None] = mapped_column(SmallInteger)
    birthday_day: Mapped[int | None] = mapped_column(SmallInteger)
    birthday_year: Mapped[int | None] = mapped_column(SmallInteger)
    birthday_calendar: Mapped[str | None]
    locale: Mapped[str | None]
    timezone: Mapped[str | None]
    source: Mapped[str | None]
    referred_by: Mapped[UUID | None] = mapped_column(ForeignKey("member.id"))
    attributes: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    merged_into: Mapped[UUID | None] = mapped_column(ForeignKey("member.id"))


class MemberIdentity(Base):
    """One way to recognise a member; a normalised value belongs to one member only.

    Kinds: phone (E.164), email (lower case), member_no, external:<channel>, wechat_openid,
    wechat_unionid. Compared byte by byte, so that prefixes of e-mail addresses use the key.
    `came_with` is the merged record that brought it; None for the member's own.
    """

    __tablename__ = "member_identity"
    kind: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    value: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"), index=True)
    came_with: Mapped[UUID | None] = mapped_column(ForeignKey("member.id"))


class MemberFind(Base):
    """What is typed often and fits many, ranked: a store's members of one key, newest last.

    Keys: `#` with the last four digits of the phone, two neighbouring ideographs of the name,
    initials. `store` is the home store or empty; `seen_on` is as of the last `ranking.refresh`.
    """

    __tablename__ = "member_find"

    key: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    store: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    seen_on: Mapped[date] = mapped_column(primary_key=True)
    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"), primary_key=True, index=True)
