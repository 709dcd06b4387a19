"""Hot statements: one round trip each, on a connection that the thread keeps to itself.

It goes under SQLAlchemy's pool and psycopg's cursors, which take longer than all the rest of an
award in this process; values are adapted by psycopg all the same.
"""

import os
import threading
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
        pooled.detach()  # the pool forgets it: this thread keeps it
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


class _Kept(threading.local):
    def __init__(self) -> None:
        self.lines: WeakKeyDictionary[Engine, Line] = WeakKeyDictionary()


_kept = _Kept()


def _forget() -> None:
    """A forked process must not speak on its parent's connections (psycopg leaves them open)."""
    global _kept
    _kept = _Kept()


os.register_at_fork(after_in_child=_forget)


def rows(engine: Engine, sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Run one statement (`%s` parameters) as a transaction of its own; its rows.

    `engine` makes connections in autocommit mode. A kept connection that turns out to be broken
    (the server was restarted) is replaced and the statement sent again, once: what is said here
    must bear being said twice.
    """
    line = _kept.lines.get(engine)
    if line is not None and line.works:
        try:
            return line.rows(sql, params)
        except psycopg.OperationalError:
            if line.works:
                raise
    line = _kept.lines[engine] = Line(engine)
    return line.rows(sql, params)
