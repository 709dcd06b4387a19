"""Calls that come together: everyone gets his own answer, and an error belongs to one caller."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Lock

import pytest

from crm.coalescing import Coalescer

pytestmark = pytest.mark.usefixtures("no_database")


class Slow:
    """Doubles numbers; the first call waits until it is let go, so that others gather."""

    def __init__(self) -> None:
        self.parties: list[list[int]] = []
        self.began, self.go = Event(), Event()
        self.lock = Lock()

    def __call__(self, numbers):
        with self.lock:
            self.parties.append(list(numbers))
            first = len(self.parties) == 1
        if first:
            self.began.set()
            assert self.go.wait(10)
        if -1 in numbers:
            raise ValueError("no")
        return [2 * number for number in numbers]


def gather(coalescer: Coalescer, slow: Slow, numbers: list[int], queued) -> list:
    """Ask for 0 first, the others while it is on its way; each one's answer or error."""

    def ask(number: int):
        try:
            return coalescer.ask(number)
        except ValueError as error:
            return str(error)

    with ThreadPoolExecutor(len(numbers) + 1) as pool:
        first = pool.submit(ask, 0)
        assert slow.began.wait(10)
        others = [pool.submit(ask, number) for number in numbers]
        while len(coalescer._waiting) < queued:
            pass
        slow.go.set()
        return [future.result() for future in (first, *others)]


def test_a_call_alone_goes_at_once():
    slow = Slow()
    slow.go.set()
    assert Coalescer(slow, lanes=1, most=9).ask(4) == 8
    assert slow.parties == [[4]]


def test_who_waits_for_a_lane_goes_together_and_each_gets_his_own_answer():
    slow = Slow()
    answers = gather(Coalescer(slow, lanes=1, most=9), slow, [1, 2, 3, 4], queued=4)
    assert answers == [0, 2, 4, 6, 8]
    assert [len(party) for party in slow.parties] == [1, 4]


def test_a_party_has_its_most_and_the_rest_goes_next():
    slow = Slow()
    answers = gather(Coalescer(slow, lanes=1, most=2), slow, [1, 2, 3, 4, 5], queued=5)
    assert answers == [0, 2, 4, 6, 8, 10]
    assert [len(party) for party in slow.parties] == [1, 2, 2, 1]


def test_an_error_is_raised_to_the_one_who_caused_it():
    slow = Slow()
    answers = gather(Coalescer(slow, lanes=1, most=9), slow, [1, -1, 3], queued=3)
    assert answers == [0, 2, "no", 6]


def test_an_error_of_one_alone_is_his_and_frees_the_lane():
    slow = Slow()
    slow.go.set()
    coalescer = Coalescer(slow, lanes=1, most=9)
    with pytest.raises(ValueError, match="no"):
        coalescer.ask(-1)
    assert coalescer.ask(1) == 2


def test_no_call_is_lost_in_a_crowd():
    coalescer = Coalescer(lambda numbers: [-number for number in numbers], lanes=2, most=3)
    start = Barrier(16)

    def ask_many(first: int) -> bool:
        start.wait()
        return all(coalescer.ask(number) == -number for number in range(first, first + 200))

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask_many, range(0, 16_000, 1000)))
    assert coalescer._free == 2
    assert not coalescer._waiting
