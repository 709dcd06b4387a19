"""Member numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.members import numbers

pytestmark = pytest.mark.usefixtures("no_database")
NINE_DIGITS = st.integers(100_000_000, 999_999_999).map(str)


def luhn_sum(text: str) -> int:
    """The checksum as ISO/IEC 7812-1 words it: every second digit from the right is doubled."""
    total = 0
    for place, sign in enumerate(text[::-1]):
        total += sum(map(int, str(int(sign) * 2))) if place % 2 else int(sign)
    return total


@given(NINE_DIGITS)
def test_a_number_with_its_check_digit_has_a_checksum_that_ends_in_zero(digits: str):
    assert luhn_sum(digits + numbers.check_digit(digits)) % 10 == 0


@given(NINE_DIGITS, st.integers(0, 9), st.integers(0, 9))
def test_one_wrong_digit_is_always_noticed(digits: str, place: int, other: int):
    number = digits + numbers.check_digit(digits)
    wrong = number[:place] + str(other) + number[place + 1 :]
    assert numbers.is_number(wrong) == (wrong == number)


@given(NINE_DIGITS, st.integers(0, 8))
def test_swapped_neighbours_are_noticed_but_for_nine_and_zero(digits: str, place: int):
    number = digits + numbers.check_digit(digits)
    pair = number[place : place + 2]
    swapped = number[:place] + pair[::-1] + number[place + 2 :]
    if pair[0] != pair[1] and set(pair) != {"0", "9"}:
        assert not numbers.is_number(swapped)


def test_the_check_digit_is_that_of_the_standards_example():
    assert numbers.check_digit("7992739871") == "3"


def test_drawn_numbers_are_valid_and_follow_no_order():
    drawn = [numbers.draw() for _ in range(200)]
    assert all(map(numbers.is_number, drawn))
    assert len(set(drawn)) == 200
    assert drawn != sorted(drawn)


@pytest.mark.parametrize(
    "text", ["", "0000000000", "123", "12345678901", "１２３４５６７８９０", "abcdefghij"]
)
def test_other_shapes_are_no_member_numbers(text: str):
    assert not numbers.is_number(text)
