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
