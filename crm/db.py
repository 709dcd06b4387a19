"""The database handle, and the one place in the program that commits."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from flask import current_app
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection, DateTime, MetaData, Text
from sqlalchemy.orm import DeclarativeBase, registry

from crm import hot
from crm.config import Config

logger = logging.getLogger(__name__)

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class _Declarative(DeclarativeBase):
    registry = registry(
        metadata=MetaData(naming_convention=NAMING),
        type_annotation_map={datetime: DateTime(timezone=True), str: Text},
    )


db = SQLAlchemy(
    model_class=_Declarative,
    disable_autonaming=True,
    session_options={"expire_on_commit": False, "autoflush": True},
)

if TYPE_CHECKING:
    Base = _Declarative
else:
    Base = db.Model  # what every model inherits


def config() -> Config:
    """The settings of the application that is running."""
    return current_app.extensions["crm.config"]


def engine_options(settings: Config, *, hot: bool = False) -> dict[str, Any]:
    """Pool and session settings: as many connections as threads, and never an endless wait.

    `hot` connections serve `call`: point look-ups with plans that are made once. A plan made while
    a table was still empty must not scan it when it has grown.
    """
    session = "-c timezone=UTC -c lock_timeout=10s -c statement_timeout=120s"
    if hot:
        session += " -c plan_cache_mode=force_generic_plan"
        session += " -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off"
    return {
        "pool_size": settings.pool_size,
        "max_overflow": 2,
        "pool_timeout": 10,
        "pool_pre_ping": False,
        "connect_args": {
            "options": session,
            "connect_timeout": 5,
            "application_name": "regulars",
            "prepare_threshold": 2,
        },
    }


@contextmanager
def transaction() -> Iterator[None]:
    """Commit on success, roll back on any error, then run what waited for the commit.

    Only doors open one (routes, jobs, commands). Rules never do, so rules compose.
    """
    info = db.session().info
    assert "waiting" not in info, "transactions do not nest: call the rule, not the door"
    info["waiting"] = []
    try:
        yield
        db.session.commit()
    except BaseException:
        db.session.rollback()
        del info["waiting"]
        raise
    for call_ in info.pop("waiting"):
        try:
            call_()
        except Exception:
            # What was committed stands; the scheduler's poll does what this nudge could not.
            logger.exception("a call after commit failed")


def in_transaction() -> bool:
    """Whether a door has opened `transaction()` on this session."""
    return "waiting" in db.session().info


def after_commit(call_: Callable[[], object]) -> None:
    """Run `call_` once the current transaction is durable, or never."""
    db.session().info["waiting"].append(call_)


def as_rows(rows: Sequence[Any]) -> str:
    """Many rows as one parameter, for `json_to_recordset`: mappings of column to value.

    Takes what PostgreSQL reads from JSON: text, numbers, UUIDs, aware datetimes, dates, lists for
    arrays, any value for jsonb. Measured on orders, it costs an eighth of one array per column.
    """
    return msgspec.json.encode(rows).decode()


def as_array(values: Sequence[UUID | int]) -> str:
    """UUIDs or numbers as one parameter, to be cast to an array: a fifteenth of what a list takes
    psycopg, which looks at each of them."""
    return f"{{{msgspec.json.encode(values)[1:-1].decode()}}}"


def forget_waiting() -> None:
    """Drop what waits for the commit: the effect it belongs to was rolled back."""
    db.session().info["waiting"].clear()


def call(sql: str, params: Sequence[Any] = ()) -> tuple[Any, ...] | None:
    """Run one statement as a transaction of its own and return its first row; see `call_rows`."""
    found = call_rows(sql, params)
    return found[0] if found else None


def call_rows(sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Run one statement as a transaction of its own and return its rows.

    The hot paths' door: one round trip carries begin, statement and commit (`%s` parameters,
    psycopg types). The statement is all or nothing; an error leaves nothing behind. It may be sent
    twice when a connection breaks: its effect must hang on a key.
    """
    engine = db.engines[None]
    if isinstance(engine, Connection):  # inside an outer transaction (tests): a savepoint
        with engine.begin_nested():
            return _fetch(engine.connection.dbapi_connection, sql, params)
    return hot.rows(db.engines["autocommit"], sql, params)


def _fetch(connection: Any, sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall() if cursor.description else []
