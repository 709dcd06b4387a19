"""The text of an HTML mail, for those who read no HTML: headings, lines, links with addresses."""

import re
from html.parser import HTMLParser

SKIPPED = frozenset(("head", "style", "script", "title"))
LINES = frozenset(
    ("p", "div", "tr", "table", "section", "article", "header", "footer", "blockquote", "pre")
) | frozenset(("h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol"))
VOID = frozenset(  # elements without an end
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source")
) | frozenset(("track", "wbr"))
HIDDEN = re.compile(r"display\s*:\s*none", re.IGNORECASE)
SPACES = re.compile(r"[ \t\r\f\v\xa0]+")


def text_of(html: str) -> str:
    """The text in `html`. Marks stay where they are."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    lines = [SPACES.sub(" ", line).strip() for line in "".join(reader.pieces).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


class _Reader(HTMLParser):
    """Collects text; what is not shown is left out."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self.skipped: list[str] = []  # the open elements from the first that is not shown
        self.links: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag in VOID:
            self._void(tag, found)
        elif self.skipped or tag in SKIPPED or HIDDEN.search(found.get("style", "")):
            self.skipped.append(tag)
        elif tag == "a":
            self.links.append((found.get("href", ""), len(self.pieces)))
        elif tag == "li":
            self.pieces.append("\n- ")
        elif tag in LINES:
            self.pieces.append("\n")
        elif tag in ("td", "th"):
            self.pieces.append(" ")

    def _void(self, tag: str, found: dict[str, str]) -> None:
        if self.skipped:
            return
        if tag == "br":
            self.pieces.append("\n")
        elif tag == "hr":
            self.pieces.append("\n---\n")
        elif tag == "img" and found.get("alt"):
            self.pieces.append(found["alt"])

    def handle_endtag(self, tag: str) -> None:
        if self.skipped:
            if tag in self.skipped:
                while self.skipped.pop() != tag:
                    pass
        elif tag == "a" and self.links:
            address, start = self.links.pop()
            label = "".join(self.pieces[start:]).strip()
            if address and not address.startswith("#") and address != label:
                self.pieces.append(f" ({address})" if label else address)
        elif tag in LINES:
            self.pieces.append("\n\n" if tag in ("p", "h1", "h2", "h3", "table") else "\n")

    def handle_data(self, data: str) -> None:
        if not self.skipped:
            self.pieces.append(data.replace("\n", " "))
