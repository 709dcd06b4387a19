"""How many parts a text message takes: GSM 03.38 where its alphabet is enough, else UCS-2.

A message of one part holds 160 GSM characters or 70 UCS-2 units; in longer ones each part gives
up 6 octets to the header that ties them together (3GPP TS 23.040, 9.2.3.24): 153 or 67. Characters
of the extension table take two places and are never split, nor are surrogate pairs.
"""

from collections.abc import Iterator
from dataclasses import dataclass

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = frozenset("\f^{}\\[~]|€")
GSM, UCS2 = "gsm7", "ucs2"
ROOM = {GSM: (160, 153), UCS2: (70, 67)}


@dataclass(frozen=True, slots=True)
class Segments:
    """`count` parts in `encoding`; `units` taken of the `room` of all of them."""

    encoding: str
    count: int
    units: int
    room: int


def of_text(text: str) -> Segments:
    """What a text message comes to. An empty one is one part."""
    encoding = GSM if all(char in BASIC or char in EXTENSION for char in text) else UCS2
    widths = list(_widths(text, encoding))
    units, (single, part) = sum(widths), ROOM[encoding]
    if units <= single:
        return Segments(encoding, 1, units, single)
    count, filled = 1, 0
    for width in widths:
        if filled + width > part:
            count, filled = count + 1, 0
        filled += width
    return Segments(encoding, count, units, count * part)


def _widths(text: str, encoding: str) -> Iterator[int]:
    for char in text:
        if encoding == GSM:
            yield 2 if char in EXTENSION else 1
        else:
            yield 2 if ord(char) > 0xFFFF else 1
