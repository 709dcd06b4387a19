"""The reader's language, from headers of any shape."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm import i18n

pytestmark = pytest.mark.usefixtures("no_database")
WORD = "Malformed request"


@settings(max_examples=200, derandomize=True, deadline=None)
@given(header=st.text(max_size=60) | st.from_regex(r"[a-zA-Z*-]{1,8}(;q=[0-9.]{0,6})?(,.*)?"))
def test_no_header_makes_the_choice_fail(header: str):
    assert i18n.choose(header) in i18n.LOCALES


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        (None, "en"), ("", "en"), ("de", "en"), ("de,zh", "zh-Hans"), ("zh-Hant-CN", "zh-Hant"),
        ("zh-Hans-TW", "zh-Hans"), ("en;q=0.5,zh;q=0.6", "zh-Hans"), ("zh_TW", "zh-Hant"),
        ("zh;q=bad,en", "en"), ("zh-MO", "zh-Hant"), ("x" * 5000, "en"), ("zh," * 5000, "zh-Hans"),
    ],
)  # fmt: skip
def test_chinese_is_traditional_where_it_is_written_so(header, chosen):
    assert i18n.choose(header) == chosen


def test_the_language_holds_inside_its_block_only():
    with i18n.use("zh-Hant"):
        assert i18n.gettext(WORD) != WORD
        with i18n.use("en"):
            assert i18n.gettext(WORD) == WORD
        assert i18n.locale() == "zh-Hant"
    assert i18n.locale() == "en"


def test_an_unknown_language_is_english():
    with i18n.use("tlh"):
        assert (i18n.locale(), i18n.gettext(WORD)) == ("en", WORD)


def test_a_text_that_no_catalogue_has_is_shown_as_it_is():
    for name in i18n.LOCALES:
        with i18n.use(name):
            assert i18n.gettext("nobody translated this") == "nobody translated this"
            assert i18n.ngettext("one {n}", "many {n}", 1) in ("one {n}", "many {n}")


def test_the_two_chinese_catalogues_know_the_same_texts():
    assert set(i18n.catalogue("zh-Hans")) == set(i18n.catalogue("zh-Hant"))
