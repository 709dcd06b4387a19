"""One writing for phones and e-mail addresses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.errors import Invalid
from crm.members import contacts

pytestmark = pytest.mark.usefixtures("no_database")
MOBILE = st.integers(0, 99_999_999).map(lambda end: f"138{end:08d}")
SEPARATORS = st.lists(st.sampled_from(["", " ", "-", ".", "·"]), min_size=3, max_size=3)


@pytest.mark.parametrize(
    "written",
    [
        "13812344471",
        " 138 1234 4471 ",
        "138-1234-4471",
        "+86 138 1234 4471",
        "+8613812344471",
        "0086 13812344471",
        "１３８１２３４４４７１",
        "(+86) 138.1234.4471",
    ],
)
def test_a_chinese_mobile_has_one_form_however_it_is_written(written: str):
    assert contacts.phone(written, "CN") == "+8613812344471"


@given(MOBILE, SEPARATORS)
def test_separators_make_no_difference(digits: str, signs: list[str]):
    first, second, third = signs
    written = f"{digits[:3]}{first}{digits[3:7]}{second}{digits[7:]}{third and ' '}"
    assert contacts.phone(written, "CN") == f"+86{digits}"


@given(MOBILE)
def test_the_one_form_stays_as_it_is(digits: str):
    once = contacts.phone(digits, "CN")
    assert contacts.phone(once, "CN") == contacts.phone(once, "US") == once


@pytest.mark.parametrize(
    ("written", "region", "expected"),
    [
        ("6123 4567", "HK", "+85261234567"),
        ("0912 345 678", "TW", "+886912345678"),
        ("(212) 555-0134", "US", "+12125550134"),
        ("+44 7400 123456", "CN", "+447400123456"),
        ("010-12345678", "CN", "+861012345678"),
    ],
)
def test_numbers_without_a_country_code_are_of_the_shops_region(
    written: str, region: str, expected: str
):
    assert contacts.phone(written, region) == expected


@pytest.mark.parametrize(
    "written",
    ["12345", "abc", "1-800-FLOWERS", "+", "+86", "138123444711234567", "13812344471 ext 5", "()"],
)
def test_what_can_be_no_phone_is_refused_naming_the_field(written: str):
    with pytest.raises(Invalid) as refused:
        contacts.phone(written, "CN", "/member/phone")
    assert refused.value.errors[0].pointer == "/member/phone"
    assert refused.value.errors[0].code == "invalid_phone"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Lin.XW@Example.COM", "lin.xw@example.com"),
        (" a+b@example.org ", "a+b@example.org"),
        ("用户@例子.广告", "用户@例子.广告"),
        ("shop@tea.test", "shop@tea.test"),
    ],
)
def test_an_address_has_one_form_whatever_its_case(written: str, expected: str):
    assert contacts.email(written) == expected


@pytest.mark.parametrize(
    "written", ["", "a", "a@", "@b.com", "a@b", "a b@c.com", "a@b..com", "x" * 250 + "@b.com"]
)
def test_what_can_be_no_address_is_refused(written: str):
    with pytest.raises(Invalid) as refused:
        contacts.email(written)
    assert refused.value.errors[0].code == "invalid_email"


@given(st.text(max_size=60))
def test_no_text_makes_the_readers_fail(text: str):
    contacts.phone_or_none(text, "CN")
    contacts.email_or_none(text)


@given(MOBILE)
def test_a_masked_phone_shows_its_beginning_and_its_last_four_only(digits: str):
    assert contacts.masked_phone(f"+86{digits}", "CN") == f"138 •••• {digits[-4:]}"


def test_foreign_and_short_numbers_are_masked_with_their_country_code():
    assert contacts.masked_phone("+85261234567", "CN") == "+852 •••• 4567"
    assert contacts.masked_phone("+85261234567", "HK") == "+852 •••• 4567"


def test_a_masked_address_shows_one_letter_and_the_domain():
    assert contacts.masked_email("lin.xw@example.com") == "l•••@example.com"
