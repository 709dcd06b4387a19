"""Any history that can happen, drawn by Hypothesis and told twice."""

import os
from itertools import product

from history import History
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from program import SWEEPS, Api
from served import HttpApi

LONGER = int(os.environ.get("LEDGER_EXAMPLES", "0"))  # histories per test, instead of a few
STEPS = int(os.environ.get("LEDGER_STEPS", "30"))

names = st.sampled_from(["ann", "ann", "ann", "ben", "cleo"])  # so that steps meet
points = st.integers(1, 300)
parts = st.none() | st.integers(1, 110)  # per cent of what is held or was spent; None: all
lines = st.lists(st.tuples(st.integers(1, 4), st.integers(100, 20_000)), min_size=1, max_size=3)
lifetimes = st.sampled_from([None, None, 0.5, 1, 20, 400])
waits = st.sampled_from([0.001, 0.02, 0.02, 0.3, 1, 1, 6, 15, 16, 100, 366])
seconds = st.sampled_from([60, 900, 3 * 86400, 7 * 86400])


def some(part: int | None, points: int) -> int | None:
    """A part of points, more than nothing."""
    return None if part is None else max(points * part // 100, 1)


class Histories(RuleBasedStateMachine):
    """A step is one of the methods of `History`; which, and with what, is drawn."""

    api: Api
    jobs_run = False  # on the way of time, now and then: needs real commits

    @initialize()
    def begin(self) -> None:
        self.history = History(self.api)
        for name, days in product(("ann", "ben"), (None, 20, 2)):
            self.history.award(name, 200, days)

    def place(self, data: st.DataObject, things: list) -> int:
        """Mostly the newest, so that steps have to do with each other."""
        newest = len(things) - 1
        return max(newest - data.draw(st.integers(0, 3)), 0)

    @rule(name=names, points=points, days=lifetimes)
    def award(self, name: str, points: int, days: float | None) -> None:
        self.history.award(name, points, days)

    @rule(name=names, points=points)
    def award_again(self, name: str, points: int) -> None:
        self.history.award_again(name, points)

    @rule(name=names, points=st.integers(-300, 300).filter(bool))
    def adjust(self, name: str, points: int) -> None:
        self.history.adjust(name, points)

    @rule(name=names, points=points)
    def redeem(self, name: str, points: int) -> None:
        self.history.redeem(name, points)

    @rule(name=names, points=points, seconds=seconds)
    def hold(self, name: str, points: int, seconds: int) -> None:
        self.history.hold(name, points, seconds)

    @precondition(lambda self: self.history.holds)
    @rule(data=st.data(), part=parts)
    def capture(self, data: st.DataObject, part: int | None) -> None:
        place = self.place(data, self.history.holds)
        self.history.capture(place, some(part, self.history.holds[place][1].points))

    @precondition(lambda self: self.history.holds)
    @rule(data=st.data())
    def void(self, data: st.DataObject) -> None:
        self.history.void(self.place(data, self.history.holds))

    @precondition(lambda self: self.history.spends)
    @rule(data=st.data(), part=parts)
    def reverse(self, data: st.DataObject, part: int | None) -> None:
        place = self.place(data, self.history.spends)
        self.history.reverse(place, some(part, self.history.spends[place][1].points))

    @rule(giver=names, taker=names, points=points)
    def transfer(self, giver: str, taker: str, points: int) -> None:
        self.history.transfer(giver, taker, points)

    @rule(into=names, gone=names)
    def merge(self, into: str, gone: str) -> None:
        self.history.merge(into, gone)

    @precondition(lambda self: self.history.merges)
    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        self.history.undo(self.place(data, self.history.merges))

    @rule(name=names, lines=lines)
    def order(self, name: str, lines: list[tuple[int, int]]) -> None:
        self.history.order(name, *lines)

    @precondition(lambda self: self.history.orders)
    @rule(data=st.data(), status=st.sampled_from(["paid", "delivered", "delivered", "cancelled"]))
    def write(self, data: st.DataObject, status: str) -> None:
        self.history.write(self.place(data, self.history.orders), status)

    @precondition(lambda self: self.history.orders)
    @rule(data=st.data())
    def release_order(self, data: st.DataObject) -> None:
        self.history.release_order(self.place(data, self.history.orders))

    @precondition(lambda self: self.history.orders)
    @rule(data=st.data(), amount=st.integers(1, 30_000))
    def refund_amount(self, data: st.DataObject, amount: int) -> None:
        self.history.refund_amount(self.place(data, self.history.orders), amount)

    @precondition(lambda self: self.history.orders)
    @rule(data=st.data(), line=st.integers(0, 2), pieces=st.integers(1, 3))
    def refund_pieces(self, data: st.DataObject, line: int, pieces: int) -> None:
        self.history.refund_pieces(self.place(data, self.history.orders), line, pieces)

    @rule(name=names, golden=st.booleans())
    def promote(self, name: str, golden: bool) -> None:
        self.history.promote(name, golden)

    @rule(days=waits, with_jobs=st.booleans())
    def let_pass(self, days: float, with_jobs: bool) -> None:
        self.history.let_pass(days, with_jobs=with_jobs and self.jobs_run)

    @rule(name=st.sampled_from(sorted(SWEEPS)))
    def sweep(self, name: str) -> None:
        self.history.sweep(name)

    @precondition(lambda self: self.history.sent)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        self.history.repeat(self.place(data, self.history.sent))

    @precondition(lambda self: self.history.sent)
    @rule(data=st.data())
    def reuse(self, data: st.DataObject) -> None:
        self.history.reuse(self.place(data, self.history.sent))

    def teardown(self) -> None:
        if hasattr(self, "history"):
            self.history.finish()


class Served(Histories):
    """Over HTTP. Once in each history the server is killed while a write is on its way; the caller,
    who got no answer, sends it again with its key."""

    api: HttpApi
    jobs_run = True

    @initialize(writes=st.integers(1, 12), milliseconds=st.integers(0, 12))
    def crash_amid_a_write(self, writes: int, milliseconds: int) -> None:
        """That many writes from now the server dies, that long after the write was sent."""
        self.api.kill_amid(writes, milliseconds / 1000)

    def teardown(self) -> None:
        self.api.kill_amid(0, 0)
        super().teardown()


def tell(machine: type[Histories], *, examples: int) -> None:
    """So many histories, always the same ones; more, and new ones, with LEDGER_EXAMPLES."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=LONGER or examples,
            stateful_step_count=STEPS,
            derandomize=not LONGER,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
