"""A second pair of hands: talks to the database while a worker talks to a provider."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from flask import Flask, current_app
from sqlalchemy import Connection

from crm.db import db

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Answer(Protocol[T_co]):
    """What was asked for, once it is there."""

    def result(self) -> T_co:
        """Wait for it. Raises what the function raised."""
        ...


class _Later(Generic[T]):
    """Done when somebody wants to know: inside an outer transaction nothing runs beside it."""

    def __init__(self, do: Callable[[], T]) -> None:
        self.do = do

    def result(self) -> T:
        return self.do()


class Desk:
    """One thread with a session of its own, for as long as the `with` block lasts."""

    def __enter__(self) -> Self:
        self.app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
        alone = isinstance(db.engines[None], Connection)
        self.pool = None if alone else ThreadPoolExecutor(1, "desk")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.pool is not None:
            self.pool.shutdown()

    def ask(self, do: Callable[[], T]) -> Answer[T]:
        """Begin something that opens transactions of its own."""
        if self.pool is None:
            return _Later(do)
        answer: Future[T] = self.pool.submit(self._do, do)
        return answer

    def _do(self, do: Callable[[], T]) -> T:
        with self.app.app_context():
            return do()
