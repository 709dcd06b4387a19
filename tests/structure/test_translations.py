"""Everything that people read is there in all three languages."""

import re
import string
from collections import defaultdict
from collections.abc import Iterator

import pytest
from babel.messages.catalog import Message
from babel.messages.pofile import read_po
from translatable import Text, all_texts

from crm.app import create_app
from crm.console import words
from crm.errors import NN_, kinds
from crm.http import problems
from crm.i18n import FOLDER, use

CHINESE = ("zh_Hans", "zh_Hant")
SIMPLIFIED_ONLY = set("这会员钥积门销户认证务员说请订单价额过数选时间无误账号邮码录页条续")
TRADITIONAL_ONLY = set("這會員鑰積門銷戶認證務說請訂單價額過數選時間無誤帳號郵碼錄頁條續")

# What stands behind numbers in our texts.
NOUNS = (
    "account case category character condition coupon customer day entrie group hour item line lot "
    "member message minute month order output part point product question rule second store tag "
    "time week year"
).replace(" ", "|")
COUNTED = re.compile(rf"\{{(\w+)\}} (?:[\w-]+ )?(?:{NOUNS})s\b")
# Numbers that are never one: bounds, and what stands for a share or a longer stretch.
NEVER_ONE = {"buyers", "k", "limit", "members", "most", "share", "times", "to_days"}
NEVER_ONE_HERE = {
    "The benefits of a tier take at most {high} characters.",
    "New password, at least {count} characters",
    "The last {days} days",
    "Figures of the last {days} days. Due: who would get something as things stand; of a journey "
    "that is off too. Revenue afterwards is what members bought within the days that are set; not "
    "all of it was because of the journey.",
    "All methods that were tried for {days} days",
    "Foretold and come, within {days} days",
}

pytestmark = pytest.mark.usefixtures("no_database")


def messages(locale: str) -> Iterator[tuple[str, Message]]:
    """The file's name and each message of the catalogues of one locale."""
    for path in sorted((FOLDER / locale / "LC_MESSAGES").glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=locale):
                if message.id:
                    yield path.name, message


def first(text: object) -> str:
    """The text itself, or the first of its plural forms."""
    return str(text if isinstance(text, str) else text[0])  # type: ignore[index]


def translated(locale: str) -> dict[str, str]:
    return {
        first(message.id): first(message.string)
        for _, message in messages(locale)
        if message.string and not message.fuzzy
    }


def placeholders(text: str) -> set[str]:
    try:
        braces = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    except ValueError:  # a lone brace: no format text
        braces = set()
    percents = {part.split(")")[0] for part in text.split("%(")[1:]}
    return braces | percents


@pytest.mark.parametrize("locale", CHINESE)
def test_every_text_is_translated(locale: str):
    known = translated(locale)
    missing = sorted({f"{place}: {text}" for text, place, _ in all_texts() if text not in known})
    assert missing == []


@pytest.mark.parametrize("locale", CHINESE)
def test_every_kind_of_refusal_is_translated(locale: str):
    assert create_app  # imports every room, so that every kind is known
    known = translated(locale)
    missing = [
        kind.code
        for kind in kinds()
        if is_ours(kind) and getattr(kind.detail, "one", kind.detail) not in known
    ]
    assert missing == []


def is_ours(kind: type) -> bool:
    return kind.__module__.startswith("crm.")


@pytest.mark.parametrize("locale", CHINESE)
def test_translations_fill_in_no_fact_that_the_text_lacks(locale: str):
    broken = [
        message.id
        for _, message in messages(locale)
        for text in (message.string if isinstance(message.string, tuple) else (message.string,))
        if text and not placeholders(str(text)) <= placeholders(joined(message.id))
    ]
    assert broken == []


def joined(texts: object) -> str:
    return texts if isinstance(texts, str) else " ".join(texts)  # type: ignore[arg-type]


@pytest.mark.parametrize("locale", CHINESE)
def test_a_text_is_translated_the_same_way_by_every_room(locale: str):
    found: dict[str, set[str]] = defaultdict(set)
    for _, message in messages(locale):
        found[first(message.id)].add(first(message.string))
    assert {text: ways for text, ways in found.items() if len(ways) > 1} == {}


@pytest.mark.parametrize("locale", CHINESE)
def test_no_catalogue_translates_what_nobody_says(locale: str):
    said = {text.text for text in all_texts()}
    unused = [
        f"{name}: {first(message.id)}"
        for name, message in messages(locale)
        if first(message.id) not in said
    ]
    assert unused == []


def test_the_two_chinese_catalogues_are_written_in_their_own_script():
    simplified = SIMPLIFIED_ONLY - TRADITIONAL_ONLY
    traditional = TRADITIONAL_ONLY - SIMPLIFIED_ONLY
    for locale, foreign in (("zh_Hans", traditional), ("zh_Hant", simplified)):
        strange = {m: set(t) & foreign for m, t in translated(locale).items() if set(t) & foreign}
        assert strange == {}


def test_a_text_that_counts_has_a_form_for_one():
    """`NN_` or `ngettext`, where a number stands before a noun in the plural."""
    wrong = [
        f"{place}: {text}"
        for text, place, counts in all_texts()
        if not counts
        and text not in NEVER_ONE_HERE
        and any(one[1] not in NEVER_ONE for one in COUNTED.finditer(text))
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("points", "said"),
    [("1", "1 point"), ("−1", "−1 point"), ("+1", "+1 point"), ("11", "11 points"), (1, "1 point")],
)
def test_a_text_that_counts_is_said_in_the_form_for_its_number(points, said):
    text = NN_("{points} point", "{points} points", "points")
    assert words.say(text, points=points) == said
    assert problems.say(text, {"points": points}) == said
    with use("zh-Hans"):
        assert problems.say(text, {"points": points}) == f"{points} points"


def test_texts_are_found_in_python_and_in_templates(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("translatable.ROOT", tmp_path)
    (tmp_path / "crm").mkdir()
    (tmp_path / "crm" / "a.py").write_text('A = N_("one")\nB = ngettext("two", "twos", 2)\n_(A)\n')
    (tmp_path / "crm" / "a.html").write_text(
        '{{ _("three") }}{{ _(name) }}{% trans %}four{% endtrans %}'
    )
    assert list(all_texts()) == [
        Text("one", "crm/a.py:1"),
        Text("two", "crm/a.py:2", counts=True),
        Text("three", "crm/a.html:1"),
        Text("four", "crm/a.html:1"),
    ]
