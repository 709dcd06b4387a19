"""Finds every text that the program marks for translation: in Python and in templates."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from jinja2.ext import babel_extract

ROOT = Path(__file__).resolve().parents[2]
MARKS = {"N_", "_", "gettext"}
COUNTING = {"NN_", "ngettext"}


class Text(NamedTuple):
    """A text and where it stands; `counts`: it has a form for one."""

    text: str
    place: str
    counts: bool = False


def all_texts() -> Iterator[Text]:
    """Every marked text of the program; plurals by their first form."""
    for path in sorted((ROOT / "crm").rglob("*.py")):
        yield from in_python(path)
    for path in sorted((ROOT / "crm").rglob("*.html")):
        yield from in_template(path)


def in_python(path: Path) -> Iterator[Text]:
    """N_("…"), gettext("…"), _("…"), NN_("…", "…", "n") and ngettext("…", "…", n)."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", None))
        first = node.args[0]
        is_text = isinstance(first, ast.Constant) and isinstance(first.value, str)
        if name in MARKS | COUNTING and is_text:
            place = f"{path.relative_to(ROOT)}:{node.lineno}"
            yield Text(first.value, place, name in COUNTING)


def in_template(path: Path) -> Iterator[Text]:
    """The same in a Jinja template, and trans blocks."""
    with path.open("rb") as file:
        options = {"trimmed": "true"}
        for line, name, found, _ in babel_extract(file, (*MARKS, "ngettext"), [], options):
            text = found[0] if isinstance(found, tuple) else found
            if text is not None:  # a variable's text was marked where it was written
                yield Text(text, f"{path.relative_to(ROOT)}:{line}", name in COUNTING)
