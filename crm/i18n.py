"""Words in the reader's language. English is the source; catalogues are .po files, one per room.

They are compiled in memory at start, so that no compiled file is ever out of date.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

from babel.messages.pofile import read_po

from crm.errors import N_, NN_, Plural

__all__ = ["LOCALES", "NN_", "N_", "choose", "form", "gettext", "locale", "ngettext", "use"]

LOCALES = ("en", "zh-Hans", "zh-Hant")
FOLDER = Path(__file__).parent / "translations"
_current: ContextVar[str] = ContextVar("locale", default="en")


@cache
def catalogue(name: str) -> dict[str, str | tuple[str, ...]]:
    """All messages of one locale, of every room: msgid to text (a tuple where it has plurals)."""
    found: dict[str, str | tuple[str, ...]] = {}
    for path in sorted((FOLDER / name.replace("-", "_") / "LC_MESSAGES").glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=name.replace("-", "_")):
                if not message.id or message.fuzzy:
                    continue
                key = message.id if isinstance(message.id, str) else message.id[0]
                text = message.string
                if text and (isinstance(text, str) or text[0]):
                    found[key] = text if isinstance(text, str) else tuple(text)
    return found


def locale() -> str:
    """The language of the person being answered: one of `LOCALES`."""
    return _current.get()


@contextmanager
def use(name: str) -> Iterator[None]:
    """Speak `name` inside the block."""
    token = _current.set(name if name in LOCALES else "en")
    try:
        yield
    finally:
        _current.reset(token)


def gettext(text: str) -> str:
    """`text` in the current language; English when a catalogue lacks it."""
    found = catalogue(locale()).get(text, text) if locale() != "en" else text
    return found if isinstance(found, str) else found[0]


def ngettext(one: str, many: str, count: int) -> str:
    """The form for `count`. Chinese has one form, English two."""
    if locale() == "en":
        return one if count == 1 else many
    found = catalogue(locale()).get(one, many)
    return found if isinstance(found, str) else found[-1]


def form(text: str, facts: Mapping[str, object]) -> str:
    """`text` in the current language; of one that counts (`NN_`) the form for its fact, which may
    be a number as people read it, with a sign."""
    if not isinstance(text, Plural):
        return gettext(text)
    is_one = str(facts.get(text.by)).lstrip("+-−") == "1"
    return ngettext(text.one, text, 1 if is_one else 2)


def choose(header: str | None) -> str:
    """The best locale for an Accept-Language header.

    Traditional for Hant, Taiwan, Hong Kong and Macau; Simplified for all other Chinese.
    """
    wishes = []
    for place, part in enumerate((header or "").split(",")[:20]):
        tag, _, weight = part.strip().partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        wishes.append((-quality, place, tag.strip().lower().replace("_", "-")))
    for _, _, tag in sorted(wishes):
        if tag.startswith("zh"):
            traditional = {"hant", "tw", "hk", "mo"} & set(tag.split("-"))
            return "zh-Hant" if traditional and "hans" not in tag else "zh-Hans"
        if tag.startswith("en"):
            return "en"
    return "en"
