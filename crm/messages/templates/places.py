"""Where in HTML the marks stand: values are safe in text and in quoted attributes, nowhere else.

The states are those of HTML's own tokenizer (WHATWG HTML, 13.2.5), as far as they matter here.
"""

import re
from collections.abc import Iterator

from crm.errors import N_
from crm.http.fields import Said
from crm.messages.templates.fields import Kind
from crm.messages.templates.marks import Mark, Marked, Mistakes

ATTRIBUTE = re.compile(
    r"""\s*(?:(?P<name>[^\s=/>"']+)\s*(?:=\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'"""
    r"""|(?P<bare>[^\s>]*)))?|/)"""
)
OPEN = re.compile(r"<(?P<close>/?)(?P<name>[A-Za-z][^\s/>]*)|<!--|<[!?]")
ADDRESSES = frozenset(
    ("href", "src", "action", "formaction", "background", "poster", "cite", "data")
)
CODE = frozenset(("script", "style", "iframe", "object", "embed", "noscript", "xmp", "plaintext"))
BEGINNINGS = ("http://", "https://", "mailto:", "tel:", "/", "#", "?")

UNSAFE = N_("Line {line}: no value can stand here; put it into text or a quoted attribute.")
NEEDS_LINK = N_("Line {line}: an address begins with https:// or with a field of links.")
ACTIVE = N_("Mail can't hold the element {element}.")
TORN = N_("A tag of the HTML does not end.")

FORBIDDEN = frozenset(("script", "iframe", "object", "embed", "form", "base", "frame", "applet"))


def check(marked: Marked, html: str) -> None:
    """Raises `Mistakes` (`unsafe_place`, `unsafe_link`, `active_content`, `torn_tag`)."""
    said = [one for _, one in zip(range(20), _mistakes(marked, html), strict=False)]
    if said:
        raise Mistakes(*said)


def _mistakes(marked: Marked, html: str) -> Iterator[Said]:
    place = 0
    while (found := OPEN.search(html, place)) is not None:
        name = (found["name"] or "").lower()
        if not name:
            end = "-->" if found[0] == "<!--" else ">"
            place = _after(html, end, found.end())
            continue
        if marked.pattern.search(name):
            yield from _at(marked, name)
        if name in FORBIDDEN and not found["close"]:
            yield Said("active_content", ACTIVE, element=name)
        place, torn = found.end(), False
        while not torn and (part := ATTRIBUTE.match(html, place)) is not None:
            torn = part.end() == place
            place = part.end()
            yield from _attribute(marked, part)
        rest = re.compile(r"\s*>").match(html, place)
        if rest is None:
            yield Said("torn_tag", TORN)
            return
        place = rest.end()
        if name in CODE and not found["close"]:
            end = re.compile(f"</{re.escape(name)}", re.IGNORECASE).search(html, place)
            inner = html[place : end.start() if end else len(html)]
            yield from _at(marked, inner)
            place = end.start() if end else len(html)


def _after(html: str, text: str, place: int) -> int:
    end = html.find(text, place)
    return len(html) if end < 0 else end + len(text)


def _attribute(marked: Marked, part: re.Match[str]) -> Iterator[Said]:
    name = (part["name"] or "").lower()
    value = part["double"] if part["double"] is not None else part["single"]
    yield from _at(marked, name + (part["bare"] or ""))
    whole = value if value is not None else part["bare"] or ""
    if name.startswith("on") or name == "srcdoc":
        yield Said("active_content", ACTIVE, element=name[:40])
    if name in ADDRESSES or name.endswith(":href"):
        if re.match(r"[\s\x00-\x20]*(javascript|vbscript|data)[\s]*:", whole, re.IGNORECASE):
            yield Said("active_content", ACTIVE, element=f"{name}={whole.strip()[:20]}")
        yield from _address(marked, whole)
    elif name == "style":
        yield from _at(marked, whole)


def _address(marked: Marked, value: str) -> Iterator[Said]:
    """An address begins with what is known, or with a link; in every branch of a condition."""
    safe, anything = [False], False  # per open condition: is the beginning known already?
    for place, piece in enumerate(marked.pattern.split(value)):
        if place % 2 == 0:
            if not safe[-1] and not anything and piece.strip().lower().startswith(BEGINNINGS):
                safe[-1] = True
            anything = anything or bool(piece.strip())
            continue
        mark = marked.marks[int(piece)]
        if mark.kind == "if":
            safe.append(safe[-1])
        elif mark.kind == "endif":
            safe.pop()
        elif mark.kind != "out":
            safe[-1], anything = safe[-2], False
        elif not safe[-1]:
            is_link = mark.output is not None and mark.output.field.kind == Kind.LINK
            if anything or not is_link or (mark.output and mark.output.fallback):
                yield Said("unsafe_link", NEEDS_LINK, line=mark.line)
            safe[-1] = True


def _at(marked: Marked, text: str) -> Iterator[Said]:
    """What is wrong with marks in a text that can hold none."""
    for number in marked.pattern.findall(text):
        mark: Mark = marked.marks[int(number)]
        yield Said("unsafe_place", UNSAFE, line=mark.line)
