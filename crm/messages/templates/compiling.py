"""From what was saved to what is filled in: per channel, per language, checked or trusted.

Mail: MJML becomes HTML, a missing text is made of the HTML, and marketing mail that offers no way
out gets the link for it. Text messages of marketing get the words of opting out, which count.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from crm.errors import N_, NN_
from crm.http.fields import Said
from crm.i18n import gettext, use
from crm.messages.templates import counting, mjml, places, plaintext
from crm.messages.templates.forms import Language, language
from crm.messages.templates.marks import Marked, Mistakes, read
from crm.messages.templates.parts import Part, assemble, in_header, in_html, in_text

Saved = Mapping[str, str]  # subject, text, html, as far as there
UNSUBSCRIBE = "links.unsubscribe"
WAY_OUT = "{{ links.unsubscribe }}"
NO_MORE = N_("No more such mail: {link}")
STOP = N_("Reply STOP to opt out")

# Which parts a channel takes, and which of them (any of a group) it must have.
TAKES: Mapping[str, tuple[frozenset[str], tuple[tuple[str, ...], ...]]] = {
    "email": (frozenset(("subject", "text", "html")), (("subject",), ("html", "text"))),
    "sms": (frozenset(("text", "provider_template")), (("text",),)),
    "webhook": (frozenset(("subject", "text")), (("text",),)),
    "inbox": (frozenset(("subject", "text")), (("text",),)),
}
REQUIRED = N_("This field is required.")
TOO_LONG = NN_(
    "This must have at most {high} character.", "This must have at most {high} characters.", "high"
)
LONGEST_SMS = 1000
NO_CONDITION = N_("A text that the gateway approved is always the same: it takes no conditions.")
NOT_TAKEN = N_("Messages of this channel have no such part.")


class Wrong(Exception):
    """What is wrong with a language: part and mistake, as many as were found."""

    def __init__(self, found: Sequence[tuple[str, Said]]) -> None:
        super().__init__([(part, said.code) for part, said in found])
        self.found = found


def compiled(channel: str, purpose: str, languages: Mapping[str, Saved]) -> dict[str, Language]:
    """Every language of a saved version. Raises `Wrong` for one that could not have been saved."""
    return {
        locale: compile_one(channel, purpose, locale, saved) for locale, saved in languages.items()
    }


def compile_one(
    channel: str, purpose: str, locale: str, saved: Saved, *, check: bool = False
) -> Language:
    """One language, made ready. `check` looks also at where in HTML the values stand.

    Raises `Wrong`.
    """
    wrong: list[tuple[str, Said]] = list(_parts_wrong(channel, saved)) if check else []
    parts: dict[str, tuple[Part, ...]] = {}
    names: set[str] = set()
    links: list[str] | None = [] if (channel, purpose) == ("email", "marketing") else None
    for name in ("subject", "html", "text"):
        source = saved.get(name)
        if not source or name not in TAKES[channel][0]:
            continue
        try:
            if check:
                _check(name, source)
            whole = _with_way_out(channel, purpose, locale, name, source)
            found, used = _html(whole, links, locale) if name == "html" else _MAKE[name](whole)
        except Mistakes as mistakes:
            wrong.extend((name, said) for said in mistakes.said)
            continue
        names |= used
        for part, pieces in found.items():
            parts[part] = pieces
    approved = saved.get("provider_template")
    counted = tuple(links) if links is not None and "html" in parts else None
    made = language(locale, parts, frozenset(names), approved, counted)
    if check and approved and None in made.hole_names:
        wrong.append(("text", Said("condition_in_approved_text", NO_CONDITION)))
    if wrong:
        raise Wrong(wrong)
    return made


def _parts_wrong(channel: str, saved: Saved) -> Iterator[tuple[str, Said]]:
    takes, musts = TAKES[channel]
    for name in sorted(saved.keys() - takes):
        yield name, Said("not_of_channel", NOT_TAKEN)
    if channel == "sms" and len(saved.get("text", "")) > LONGEST_SMS:
        yield "text", Said("too_long", TOO_LONG, high=LONGEST_SMS)
    for group in musts:
        if not any(saved.get(name) for name in group):
            yield group[0], Said("required", REQUIRED)


NO_LANGUAGE = '<html lang="und"'  # as mrml writes it; screen readers go by it
Made = tuple[dict[str, tuple[Part, ...]], set[str]]


def _subject(source: str) -> Made:
    marked = read(source)
    one_line = " ".join(marked.text.split())
    return {"subject": assemble(marked, one_line, in_header)}, set(marked.names)


def _text(source: str) -> Made:
    marked = read(source)
    return {"text": assemble(marked, marked.text, in_text)}, set(marked.names)


def _html(source: str, links: list[str] | None, locale: str) -> Made:
    """HTML and the text of it; addresses of links that are counted are added to `links`."""
    marked = read(source)
    html = _as_html(marked, source).replace(NO_LANGUAGE, f'<html lang="{locale}"', 1)
    text = _text_of(marked, html)
    if links is not None:
        html, addresses = counting.counted(marked, html)
        links.extend(addresses)
    return {"html": assemble(marked, html, in_html), "text": text}, set(marked.names)


def _as_html(marked: Marked, source: str) -> str:
    return mjml.to_html(marked.text) if mjml.is_mjml(source) else marked.text


def _check(name: str, source: str) -> None:
    """What the author wrote, by itself: lines are his, and no tag of his swallows what follows."""
    marked = read(source)
    if name == "html":
        places.check(marked, _as_html(marked, source))


_MAKE = {"subject": _subject, "text": _text}


def _text_of(marked: Marked, html: str) -> tuple[Part, ...]:
    return assemble(marked, plaintext.text_of(html), in_text, whole=False)


def _with_way_out(channel: str, purpose: str, locale: str, name: str, source: str) -> str:
    """Marketing always says how to get no more of it."""
    if purpose != "marketing" or name == "subject":
        return source
    if channel == "sms":
        suffix = stop_words(locale)
        return source if suffix in source else f"{source.rstrip()} {suffix}"
    if channel != "email" or UNSUBSCRIBE in source:
        return source
    said = no_more(locale)
    if name == "text":
        return f"{source.rstrip()}\n\n{said.format(link=WAY_OUT)}\n"
    before, _, after = said.partition("{link}")
    link = f'<a href="{WAY_OUT}">{before.strip(" :：") or after}</a>'
    if mjml.is_mjml(source):
        block = f"<mj-section><mj-column><mj-text>{link}</mj-text></mj-column></mj-section>"
        return _before(source, "</mj-body>", block)
    return _before(source, "</body>", f"<p>{link}</p>")


def _before(source: str, end: str, block: str) -> str:
    place = source.lower().rfind(end)
    return source + block if place < 0 else source[:place] + block + source[place:]


@cache
def stop_words(locale: str) -> str:
    """The words that end a text message of marketing."""
    with use(locale):
        return gettext(STOP)


@cache
def no_more(locale: str) -> str:
    """The words of the link by which a member gets no more such mail; `{link}` is its place."""
    with use(locale):
        return gettext(NO_MORE)
