"""One writing for all: width, case, accents and Chinese variants are folded away."""

import unicodedata
from functools import cache, lru_cache

from opencc_purepy import OpenCC

# Written both ways in names, and not (or not both ways) in the conversion tables.
_SAME_NAME = str.maketrans("萧阎锺衞尙甯馀昇淼", "肖闫钟卫尚宁余升渺")
_SCRIPTS = (
    ("⺀", "〇"),  # CJK radicals, the iteration mark, zero
    ("\u3041", "ヿ"),  # kana
    ("㐀", "鿿"),
    ("가", "힣"),
    ("豈", "\ufaff"),
    ("\U00020000", "\U0003ffff"),
)


@cache
def _converter() -> OpenCC:
    return OpenCC("t2s")


@lru_cache(maxsize=20_000)
def simplified(sign: str) -> str:
    """The character that stands for `sign` in search keys.

    By single characters on purpose: a part of a name must fold as it does inside the whole.
    """
    return _converter().convert(sign).translate(_SAME_NAME)


@lru_cache(maxsize=20_000)
def is_ideographic(sign: str) -> bool:
    """Whether each character is a word part by itself (Han, kana, Hangul)."""
    return any(first <= sign <= last for first, last in _SCRIPTS)


def plain(text: str) -> str:
    """Full width to half, no case, no accents, no apostrophes; Chinese as it was written."""
    wide = unicodedata.normalize("NFKC", text).casefold().replace("'", "").replace("’", "")
    if wide.isascii():
        return wide
    parts = []
    for sign in wide:
        if is_ideographic(sign):
            parts.append(sign)
        else:
            split = unicodedata.normalize("NFKD", sign)
            parts.append("".join(part for part in split if not unicodedata.combining(part)))
    return "".join(parts)


def words(text: str) -> list[str]:
    """The runs of a plain text: ideographs in a row, or letters and digits in a row."""
    found: list[str] = []
    kind = ""
    for sign in text:
        this = "han" if is_ideographic(sign) else "word" if sign.isalnum() else ""
        if not this:
            kind = ""
        elif this == kind:
            found[-1] += sign
        else:
            found.append(sign)
            kind = this
    return found
