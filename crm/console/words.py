"""Translation in templates: sentences with their facts, escaped, and words for stable codes."""

from markupsafe import Markup

from crm import i18n
from crm.console.formats import number


def say(text: str, /, **facts: object) -> Markup:
    """`text` in the reader's language with `facts` filled in.

    The sentence is ours and may hold <strong>; every fact is escaped.
    """
    return Markup(i18n.form(text, facts)).format(**facts)  # noqa: S704 — msgids are source code


def ngettext(one: str, many: str, count: int, /, **facts: object) -> Markup:
    """`say` with the form for `count`, which the sentence shows as {count}."""
    text = Markup(i18n.ngettext(one, many, count))  # noqa: S704 — msgids are source code
    return text.format(count=number(count), **facts)
