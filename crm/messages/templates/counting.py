"""Links of marketing mails that are counted: each leads to an address of ours, which sends on.

Only addresses that stand in the template as they are; one with a value in it is the member's own
and goes out as it is. Where the shop counts nothing (or shows a preview) all stay what they are.
"""

import re
from collections.abc import Callable
from html import escape, unescape

from crm.messages.links import OPENED
from crm.messages.templates.marks import Marked
from crm.messages.templates.showing import Scene

ADDRESS = re.compile(r"""(<a\b[^<>]*?\shref\s*=\s*)("|')(https?://[^"'<>\s]+)\2""", re.IGNORECASE)
DOT = '<img src="{}" width="1" height="1" alt="">'
END = "</body>"


def counted(marked: Marked, html: str) -> tuple[str, tuple[str, ...]]:
    """The HTML with marks for its links and for the dot that tells of an opening; and the
    addresses, in the order of their numbers."""
    addresses: list[str] = []

    def replaced(found: re.Match[str]) -> str:
        before, quote, address = found.groups()
        if marked.pattern.search(address):
            return found[0]
        address = unescape(address)
        if address not in addresses:
            addresses.append(address)
        link = _link(addresses.index(address), escape(address))
        return f"{before}{quote}{marked.place_for(link)}{quote}"

    html = ADDRESS.sub(replaced, html)
    dot, place = marked.place_for(_dot), html.lower().rfind(END)
    html = html + dot if place < 0 else html[:place] + dot + html[place:]
    return html, tuple(addresses)


def _begin(scene: Scene) -> str | None:
    links = scene.values.get("links")
    return links.get("counted") if isinstance(links, dict) else None


def _link(number: int, address: str) -> Callable[[Scene], str]:
    def put(scene: Scene) -> str:
        begin = _begin(scene)
        return address if begin is None else f"{begin}{number}"

    return put


def _dot(scene: Scene) -> str:
    begin = _begin(scene)
    return "" if begin is None else DOT.format(begin + OPENED)
