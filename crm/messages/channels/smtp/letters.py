"""Letters: mail as it goes over the wire, from a skeleton that is encoded once per language.

What no member changes (headers, boundaries, the stretches between holes) is encoded already; per
member remain the address, the subject, the links and what stands in the holes. Bodies are base64,
so no line is too long, none begins with a dot, and whatever a value holds can't end the letter.
"""

import re
from binascii import b2a_base64
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import format_datetime, formataddr, parseaddr
from functools import lru_cache
from struct import Struct

from crm import clock
from crm.messages.channels.provider import Outgoing
from crm.messages.wording import Form, Language

CRLF = b"\r\n"
BOUNDARY = b"=_regulars"  # "=" never stands inside base64 lines but at their end
MOST_KEPT = 256  # skeletons that one process keeps
LINE = 57  # bytes that make a line of `WIDTH` characters
WIDTH = 76
WORD = 42  # bytes of one encoded word: 56 characters, and 12 around them
CONTROLS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
ADDRESS = re.compile(r"[!-;=?-~]+@[!-;=?-~]+")  # printable ASCII without < > and space


@dataclass(frozen=True, slots=True)
class Stretch:
    """What stands behind a hole and is the same for all, encoded for each way it can fall.

    Base64 takes three bytes at a time, so what was not encoded yet before the stretch leaves one of
    three rests. `ways[rest]`: the bytes that fill the last group, the lines after them, and what
    is left for the next hole. None where it is too short to be worth it.
    """

    raw: bytes
    ways: tuple[tuple[bytes, bytes, bytes], ...] | None


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a letter: its header and its first lines as bytes; then for each member the
    holes, each with the stretch behind it. `lead` stands before the first hole."""

    head: bytes
    lead: bytes = b""
    holes: tuple[tuple[int, Stretch], ...] = ()

    def encoded(self, values: Sequence[str]) -> bytes:
        """The part for one member."""
        if not self.holes:
            return self.head
        pieces, open_ = [self.head], self.lead
        for hole, stretch in self.holes:
            value = values[hole]
            if "\n" in value or "\r" in value:
                value = crlf(value)
            open_ += value.encode()
            if stretch.ways is None:
                open_ += stretch.raw
                continue
            filling, whole, left = stretch.ways[len(open_) % 3]
            pieces.append(lines(open_ + filling))
            pieces.append(whole)
            open_ = left
        if open_:
            pieces.append(lines(open_))
        return b"".join(pieces)


@dataclass(frozen=True, slots=True)
class Skeleton:
    """One language of a template, encoded as far as it goes."""

    subject: Form
    head: bytes
    parts: tuple[Part, ...]
    tail: bytes


class Letters:
    """Writes letters from one sender. `sender` as in `Shop <shop@example.com>`."""

    def __init__(self, sender: str) -> None:
        name, self.address = parseaddr(sender)
        self.domain = self.address.rpartition("@")[2]
        self.sender = formataddr((name, self.address), charset="utf-8").encode("ascii")
        self.skeletons: dict[Language, Skeleton] = {}

    def write(self, one: Outgoing, address: str, date: bytes) -> bytes:
        """The letter, ready for DATA: it ends with the line that holds a dot."""
        skeleton = self.skeletons.get(one.language) or self._skeleton(one.language)
        pieces = [
            b"Message-ID: <", str(one.id).encode(), b"@", self.domain.encode(), b">\r\nDate: ",
            date, b"\r\nTo: ", address.encode("ascii"), b"\r\nSubject: ",
            subject(skeleton.subject.filled(one.values)), CRLF,
        ]  # fmt: skip
        if one.unsubscribe:
            pieces += (b"List-Unsubscribe: <", one.unsubscribe.encode("ascii"), b">\r\n",
                       b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n")  # fmt: skip
        pieces.append(skeleton.head)
        pieces += [part.encoded(one.values) for part in skeleton.parts]
        pieces.append(skeleton.tail)
        return b"".join(pieces)

    def _skeleton(self, language: Language) -> Skeleton:
        if len(self.skeletons) >= MOST_KEPT:
            self.skeletons.clear()
        head = b"From: " + self.sender + b"\r\nMIME-Version: 1.0\r\n"
        names = [name for name in ("text", "html") if name in language.parts]
        several = len(names) > 1
        if several:
            head += b'Content-Type: multipart/alternative; boundary="' + BOUNDARY + b'"\r\n\r\n'
        before = b"--" + BOUNDARY + CRLF if several else b""
        found = Skeleton(
            language.parts.get("subject", Form(("",), ())),
            head,
            tuple(_part(name, language.parts[name], before) for name in names),
            b"--" + BOUNDARY + b"--\r\n.\r\n" if several else b".\r\n",
        )
        self.skeletons[language] = found
        return found


def date_header() -> bytes:
    """The time at which letters are written."""
    return format_datetime(clock.now()).encode("ascii")


def is_address(text: str) -> bool:
    """Whether a letter can be addressed to it: nothing that could end a command or a header."""
    return ADDRESS.fullmatch(text) is not None


def to_ascii(address: str) -> str:
    """An address with its domain as DNS writes it. A local part that is not ASCII stays so, and
    is then no address to this channel."""
    if address.isascii():
        return address
    name, _, domain = address.rpartition("@")
    try:
        return f"{name}@{domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        return address


@lru_cache(maxsize=4096)
def subject(text: str) -> bytes:
    """A subject as RFC 2047 has it: as it stands when it is short ASCII, else in encoded words."""
    if text.isascii() and text.isprintable() and len(text) <= 66 and "=?" not in text:
        return text.strip().encode("ascii")
    plain = CONTROLS.sub(" ", text).strip()
    if plain.isascii() and len(plain) <= 66 and "=?" not in plain:
        return plain.encode("ascii")
    return b"\r\n ".join(b"=?utf-8?b?" + b2a_base64(word, newline=False) + b"?=" for word in
                         _words(plain))  # fmt: skip


def _words(text: str) -> list[bytes]:
    """The text in pieces of at most `WORD` bytes, never cut inside a character."""
    words, raw = [], text.encode()
    while len(raw) > WORD:
        end = WORD
        while raw[end] & 0xC0 == 0x80:
            end -= 1
        words.append(raw[:end])
        raw = raw[end:]
    return [*words, raw]


def crlf(text: str) -> str:
    """Lines as mail ends them."""
    if "\n" not in text and "\r" not in text:
        return text
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")


def lines(raw: bytes) -> bytes:
    """Base64 in lines of at most 76 characters, each ended."""
    whole = b2a_base64(raw, newline=False)
    count, rest = divmod(len(whole), WIDTH)
    if not count:
        return whole + CRLF
    cut = _cutter(count).unpack_from(whole)
    return CRLF.join((*cut, whole[-rest:], b"") if rest else (*cut, b""))


@lru_cache(maxsize=128)
def _cutter(count: int) -> Struct:
    """Cuts so many lines in one call: a third of what slicing them takes."""
    return Struct(f"{WIDTH}s" * count)


def _part(name: str, form: Form, before: bytes) -> Part:
    kind = b"html" if name == "html" else b"plain"
    head = (
        before + b"Content-Type: text/" + kind + b"; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n"
    )  # fmt: skip
    first, *rest = [crlf(one).encode() for one in form.between]
    if not rest:
        return Part(head + lines(first))
    whole = len(first) // LINE * LINE  # lines that no hole reaches
    if whole:
        head += lines(first[:whole])
    last = len(rest) - 1
    stretches = [_stretch(raw, is_last=place == last) for place, raw in enumerate(rest)]
    return Part(head, first[whole:], tuple(zip(form.holes, stretches, strict=True)))


def _stretch(raw: bytes, *, is_last: bool) -> Stretch:
    if len(raw) < 2 * LINE:
        return Stretch(raw, None)
    return Stretch(raw, tuple(_way(raw, rest, is_last) for rest in range(3)))


def _way(raw: bytes, rest: int, is_last: bool) -> tuple[bytes, bytes, bytes]:
    """The stretch behind bytes of which `rest` were left over."""
    begin = -rest % 3
    end = len(raw) if is_last else begin + (len(raw) - begin) // LINE * LINE
    return raw[:begin], lines(raw[begin:end]), raw[end:]
