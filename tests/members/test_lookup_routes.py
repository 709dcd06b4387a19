"""What was typed into the box is understood by its shape."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.members import numbers
from crm.members.lookup import routes
from crm.members.lookup.routes import Route

pytestmark = pytest.mark.usefixtures("no_database")
NUMBER = "8020041730"
MEMBER_NO = st.integers(100_000_000, 999_999_999).map(
    lambda digits: f"{digits}{numbers.check_digit(str(digits))}"
)


def shapes(typed: str) -> list[str]:
    """The ways that are tried, in order."""
    return [route.shape for route in routes(typed, "CN")]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("13812344471", ["phone", "phone_end"]),
        ("138 1234 4471", ["phone", "phone_end"]),
        ("+86 138-1234-4471", ["phone", "phone_end"]),
        ("4471", ["phone_end"]),
        ("44 71", ["phone_end"]),
        ("12344471", ["phone", "phone_end"]),
        ("447", []),
        ("１２３４", ["phone_end"]),
        ("lin@example.com", ["email", "email_prefix"]),
        ("Lin@exa", ["email_prefix"]),
        ("li@", []),
        ("lin.xw", ["email_prefix", "name"]),
        ("lin_88", ["email_prefix", "name"]),
        ("linxw", ["name"]),
        ("林", ["name"]),
        ("林晓雯", ["name"]),
        ("l", []),
        ("", []),
        ("…", []),
    ],
)
def test_the_shape_says_what_is_meant(typed: str, expected: list[str]):
    assert shapes(typed) == expected


@given(
    MEMBER_NO, st.sampled_from(["{}", " {} ", "RG:{}", "https://shop.example/m/{}", "member-{}"])
)
def test_a_member_number_is_read_bare_or_out_of_a_code(number: str, form: str):
    assert routes(form.format(number), "CN")[0] == Route("member_no", number)


@given(MEMBER_NO)
def test_a_member_number_is_read_in_groups_of_four(number: str):
    grouped = f"{number[:4]} {number[4:8]} {number[8:]}"
    assert routes(grouped, "CN")[0] == Route("member_no", number)


@given(st.integers(0, 9_999).map(lambda end: f"{end:04d}"))
def test_four_digits_are_always_the_end_of_a_phone(ending: str):
    assert routes(ending, "CN") == [Route("phone_end", ending, (f"#{ending}",))]


@given(st.text(max_size=200))
def test_no_text_makes_the_router_fail(typed: str):
    for route in routes(typed, "CN"):
        assert route.value
        assert all(route.keys)


@given(st.text(max_size=40))
def test_blanks_around_what_was_typed_make_no_difference(typed: str):
    assert routes(f"  {typed}\t", "CN") == routes(typed.strip(), "CN")
