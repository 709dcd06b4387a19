"""Segmentation runs and the members whom they moved. Amounts in minor units, times aware UTC."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Float, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from crm.db import Base
from crm.ids import uuid7


class SegmentationRun(Base):
    """One run over all members, as of an instant; what it found stays with it.

    `applied`: members were given its segments. A run of an earlier `as_of` than the current one's
    is kept for reading only. `asked` is the kind that was wanted, `kind` what it was (a `score` by
    the model of the refit `model_id`, or a `refit`), `kind_reason` why. `parameters` holds what it
    was asked for and, once it ran, all that it went by. `input_hash` and `result_hash` are SHA-256,
    hexadecimal: equal inputs, equal results.
    """

    __tablename__ = "segmentation_run"
    __table_args__ = (
        CheckConstraint(
            "state IN ('queued', 'running', 'done', 'failed', 'cancelled')", name="state"
        ),
        CheckConstraint("method IN ('kmeans', 'rules')", name="method"),
        CheckConstraint("asked IN ('auto', 'score', 'refit')", name="asked"),
        CheckConstraint("kind IN ('score', 'refit')", name="kind"),
        CheckConstraint("progress BETWEEN 0 AND 1", name="progress"),
        Index(
            "ix_segmentation_run_applied",
            "as_of",
            "id",
            postgresql_where=text("applied AND state = 'done' AND rollback_requested_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    as_of: Mapped[datetime]
    state: Mapped[str]
    stage: Mapped[str | None]
    progress: Mapped[float] = mapped_column(Float, server_default=text("0"))
    applied: Mapped[bool] = mapped_column(server_default=text("false"))
    asked: Mapped[str] = mapped_column(server_default=text("'auto'"))
    kind: Mapped[str | None]
    kind_reason: Mapped[str | None]
    model_id: Mapped[UUID | None] = mapped_column(ForeignKey("segmentation_run.id"))
    method: Mapped[str | None]
    reason: Mapped[str | None]
    parameters: Mapped[dict[str, Any]] = mapped_column(JSONB)
    quality: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    sizes: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB(none_as_null=True))
    centroids: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    movement: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB(none_as_null=True))
    model: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    percentiles: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    heat: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    versions: Mapped[dict[str, str] | None] = mapped_column(JSONB(none_as_null=True))
    input_hash: Mapped[str | None]
    result_hash: Mapped[str | None]
    error: Mapped[str | None]
    requested_by: Mapped[str]
    requested_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    cancel_requested_at: Mapped[datetime | None]
    rollback_requested_at: Mapped[datetime | None]
    rolled_back_at: Mapped[datetime | None]


class SegmentAssignment(Base):
    """A member came into a segment by a run, and is in it until the member's next row.

    Only changes are written: a day on which nobody moves costs nothing. The features are those that
    the decision was made with; `margin` says how much nearer the own centroid was than the next
    one (0 on the border, towards 1 at the centre; NULL where no distance decided). `cause`: what
    the member did (or time), or only a new model.

    `standing`: a move that `counts` may be acted on; one near a border is `waiting` for the next
    run to agree, or was `dropped` because it did not; `decided_by` is the run that settled it, and
    `counted_from` the segment that counted before. The view `segment_move` lists the moves that
    count, of runs that are done.
    """

    __tablename__ = "segment_assignment"
    __table_args__ = (
        CheckConstraint("cause IN ('behaviour', 'refit')", name="cause"),
        CheckConstraint("standing IN ('counts', 'waiting', 'dropped')", name="standing"),
        CheckConstraint("(decided_by IS NULL) = (standing = 'waiting')", name="decided"),
        Index(
            "ix_segment_assignment_waiting",
            "member_id",
            unique=True,
            postgresql_where=text("standing = 'waiting'"),
        ),
        Index("ix_segment_assignment_run_id", "run_id", postgresql_using="brin"),
        Index(
            "ix_segment_assignment_decided_later",
            "decided_by",
            postgresql_where=text("decided_by <> run_id"),
        ),
    )

    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str]
    previous: Mapped[str | None]
    recency_days: Mapped[int | None]
    frequency: Mapped[int]
    monetary: Mapped[int] = mapped_column(BigInteger)
    margin: Mapped[float | None] = mapped_column(Float)
    cause: Mapped[str] = mapped_column(server_default=text("'behaviour'"))
    standing: Mapped[str] = mapped_column(server_default=text("'counts'"))
    decided_by: Mapped[UUID | None]
    counted_from: Mapped[str | None]


class SegmentLabel(Base):
    """What a shop calls a segment in one language, instead of the product's name for it."""

    __tablename__ = "segment_label"
    __table_args__ = (
        CheckConstraint("locale IN ('en', 'zh-Hans', 'zh-Hant')", name="locale"),
        CheckConstraint("length(name) BETWEEN 1 AND 40", name="name"),
    )

    code: Mapped[str] = mapped_column(primary_key=True)
    locale: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    updated_at: Mapped[datetime]
