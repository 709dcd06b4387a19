"""Hot statements: one round trip each, on connections that the process keeps for them.

It goes under SQLAlchemy's pool and psycopg's cursors, which take longer than all the rest of an
award in this process; values are adapted by psycopg all the same.
"""

import os
from collections.abc import Sequence
from itertools import count
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg import errors
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ConnStatus, ExecStatus
from sqlalchemy import Engine


class Line:
    """One connection in autocommit mode, and the statements prepared on it."""

    def __init__(self, engine: Engine) -> None:
        pooled = engine.raw_connection()
        self._connection: Any = pooled.driver_connection
        pooled.detach()  # the pool forgets it: this process keeps it
        # Else PostgreSQL plans for the length of each array anew: a sixth of an award's time.
        self._connection.pgconn.exec_(b"SET plan_cache_mode = force_generic_plan")
        self._names: dict[tuple[str, tuple[int, ...]], bytes] = {}
        self._numbers = count(1)

    @property
    def works(self) -> bool:
        """Whether the server has not gone away."""
        return self._connection.pgconn.status == ConnStatus.OK

    def rows(self, sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
        """The statement's rows. Raises psycopg's errors."""
        values = Transformer(self._connection)
        sent = values.dump_sequence(params, (PyFormat.AUTO,) * len(params))
        types = values.types or ()
        name = self._names.get((sql, types)) or self._prepare(sql, types)
        result = self._connection.pgconn.exec_prepared(name, sent, values.formats)
        self._check(result, ExecStatus.TUPLES_OK)
        values.set_pgresult(result)
        return values.load_rows(0, result.ntuples, tuple)

    def _prepare(self, sql: str, types: tuple[int, ...]) -> bytes:
        first, *rest = sql.split("%s")
        text = first + "".join(f"${place}{part}" for place, part in enumerate(rest, 1))
        name = b"hot_%d" % next(self._numbers)
        self._check(
            self._connection.pgconn.prepare(name, text.encode(), types), ExecStatus.COMMAND_OK
        )
        self._names[sql, types] = name
        return name

    def _check(self, result: Any, expected: ExecStatus) -> None:
        if result.status == expected:
            return
        if not self.works:
            raise psycopg.OperationalError(result.get_error_message())
        raise errors.error_from_result(result)


# The lines that nobody uses right now. The one used last is used next: the server's process behind
# it has its plans at hand, in the processor's caches too.
_idle: WeakKeyDictionary[Engine, list[Line]] = WeakKeyDictionary()


def _forget() -> None:
    """A forked process must not speak on its parent's connections (psycopg leaves them open)."""
    global _idle
    _idle = WeakKeyDictionary()


os.register_at_fork(after_in_child=_forget)


def rows(engine: Engine, sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Run one statement (`%s` parameters) as a transaction of its own; its rows.

    `engine` makes connections in autocommit mode. A kept connection that turns out to be broken
    (the server was restarted) is replaced and the statement sent again, once: what is said here
    must bear being said twice.
    """
    idle = _idle.setdefault(engine, [])
    try:
        line, kept = idle.pop(), True  # one step of the interpreter: no two threads get the same
    except IndexError:
        line, kept = Line(engine), False
    try:
        return line.rows(sql, params)
    except psycopg.OperationalError:
        if line.works or not kept:
            raise
        line = Line(engine)
        return line.rows(sql, params)
    finally:
        if line.works:
            idle.append(line)
