"""Marks stand where their numbers say."""

from datetime import UTC, datetime, timedelta

import pytest

from crm.console import charts

pytestmark = pytest.mark.usefixtures("no_database")
START = datetime(2026, 1, 1, tzinfo=UTC)


def points(line: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in line.split())]


def test_a_step_line_keeps_its_value_until_the_next_change():
    changes = [(START + timedelta(days=50), 200)]
    found = charts.steps(changes, START, START + timedelta(days=100), opening=100, width=200)
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = points(found.line)
    assert (x0, x1, x2, x3) == (0, 100, 100, 200)
    assert y0 == y1 > y2 == y3, "SVG counts downwards, so more points stand higher"
    assert found.last == (x3, y3)


def test_a_flat_line_and_an_empty_history_are_drawn_too():
    found = charts.steps([], START, START, opening=0)
    assert points(found.line)[-1] == (234.0, points(found.line)[0][1])


def test_the_heat_scale_has_nine_steps_and_its_top_is_the_largest_cell():
    assert [charts.heat(value, 100) for value in (0, 1, 25, 100)] == [0, 0, 4, 8]
    assert charts.heat(5, 0) == 0


def test_bars_are_drawn_to_one_scale_from_zero():
    rows = [("a", 0.1, 0.4), ("b", 0.2, 0.0)]
    first, second = charts.paired_bars(rows, [("", ""), ("", "")], room=200)
    assert (first.first, first.second, second.first, second.second) == (50, 200, 100, 0)


def test_a_course_leaves_the_time_of_what_is_missing_empty():
    found = charts.course(
        [(0, 1.0), (1, 5.0), (4, 3.0)], ["a", "b", "e"], ["1", "5", "3"], low=1, high=5,
        width=448, height=114,
    )  # fmt: skip
    assert [mark.x for mark in found.marks] == [24, 124, 424]
    assert [mark.y for mark in found.marks] == [114, 14, 64]
    assert found.line == "24.0,114.0 124.0,14.0 424.0,64.0"
    assert [value for value, _ in found.lines] == [1, 2, 3, 4, 5]


def test_a_course_of_one_value_is_drawn():
    assert charts.course([(7, 4.0)], ["a"], ["4"], low=1, high=5).marks[0].x == 24


def test_intervals_share_a_scale_that_holds_zero_and_are_coloured_by_what_they_say():
    rows = [("a", 100.0, 200.0, 300.0, ""), ("b", -100.0, 50.0, 200.0, ""),
            ("c", -100.0, -60.0, -20.0, "")]  # fmt: skip
    found = charts.intervals(rows, left=0, right=400)
    assert found.zero == 100
    gain, chance, loss = found.rows
    assert (gain.low, gain.estimate, gain.high) == (200, 300, 400)
    assert (chance.low, chance.high, loss.high) == (0, 300, 80)
    assert [one.mark for one in found.rows] == ["c-1", "c-5", "c-2"]


def test_an_interval_of_nothing_is_drawn_at_zero():
    found = charts.intervals([("a", 0.0, 0.0, 0.0, "")], left=10, right=20)
    assert (found.rows[0].low, found.rows[0].high, found.zero) == (10, 10, 10)
