"""MJML, a language for e-mail that every mail program shows alike, turned into HTML by mrml."""

import re

import mrml

from crm.errors import N_
from crm.http.fields import Said
from crm.messages.templates.marks import Mistakes
from crm.messages.templates.plaintext import VOID

BEGIN = re.compile(r"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<mjml[\s>]", re.DOTALL)
TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9-]*)([^<>]*?)(/?)>")
COMPONENT = re.compile(
    r"mjml|mj-(?:head|body|attributes|all|class|breakpoint|font|preview|style|title"
    r"|accordion(?:-element|-title|-text)?|button|carousel(?:-image)?|column|divider|group|hero"
    r"|image|navbar(?:-link)?|raw|section|social(?:-element)?|spacer|table|text|wrapper)"
)
DEEPEST = 60  # the library has no limit of its own and ends the process some thousands deep

UNKNOWN = N_("Line {line}: there is no MJML element {element}.")
TOO_DEEP = N_("Line {line}: elements are nested more than {most} deep.")
NOT_READ = N_("The MJML can't be read: {reason}.")


def is_mjml(source: str) -> bool:
    """Whether a source is MJML rather than HTML."""
    return BEGIN.match(source) is not None


def to_html(source: str) -> str:
    """The HTML of some MJML. Nothing is included or fetched, no font is linked.

    Raises `Mistakes` (`mjml_unknown_element`, `nested_too_deep`, `mjml_not_read`).
    """
    _check(source)
    try:
        options = mrml.RenderOptions(fonts={})  # type: ignore[call-arg]
        return mrml.to_html(source, mrml.ParserOptions(), options).content
    except OSError as error:
        reason = str(error).replace(" in root template", "")[:200]
        raise Mistakes(Said("mjml_not_read", NOT_READ, reason=reason)) from None


def _check(source: str) -> None:
    """Known elements only, none too deep. What closes nothing still does not make room."""
    depth = 0
    for tag in TAG.finditer(source):
        closing, name, _, alone = tag.groups()
        name = name.lower()
        if name.startswith("mj") and not COMPONENT.fullmatch(name):
            line = source.count("\n", 0, tag.start()) + 1
            raise Mistakes(Said("mjml_unknown_element", UNKNOWN, line=line, element=name[:40]))
        if closing:
            depth = max(depth - 1, 0)
        elif not alone and name not in VOID:
            depth += 1
        if depth > DEEPEST:
            line = source.count("\n", 0, tag.start()) + 1
            raise Mistakes(Said("nested_too_deep", TOO_DEEP, line=line, most=DEEPEST))
