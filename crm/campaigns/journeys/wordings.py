"""The templates that journeys start with: mail and text message, in three languages, to be changed.

A shop that switches a journey on without a template of its own is given the mail; `install` makes
all of them. What a shop has changed stays as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from crm.campaigns.journeys.definition import Journey
from crm.campaigns.journeys.directory import JOURNEYS
from crm.db import db
from crm.errors import N_
from crm.i18n import LOCALES, gettext, use
from crm.messages.models import MessageTemplate
from crm.messages.templates import store

FRIEND = N_("friend")
HELLO = N_("Dear {{ member.name | default: 'friend' }},")
POINTS = N_("{{ points.amount }} points are yours.")
COUPON = N_("Your coupon: {{ coupon.value }}. Code: {{ coupon.code }}")
UNTIL = N_("Good until {{ coupon.expires_on }}.")
SHOP = "{{ shop.name }}"


@dataclass(frozen=True, slots=True)
class Words:
    """What a journey says: subject, text of the mail, text message; `gift`: whether points that
    come with it are a gift; `link` names a link with its words."""

    purpose: str
    subject: str
    text: str
    sms: str
    gift: bool = True
    link: tuple[str, str] | None = None


WORDS: Mapping[str, Words] = {
    "welcome": Words(
        "service",
        N_("Welcome to {{ shop.name }}"),
        N_("it is good to have you with us. Your member number is {{ member.member_no }}."),
        N_("{{ shop.name }}: Welcome! Your member number is {{ member.member_no }}."),
    ),
    "birthday": Words(
        "marketing",
        N_("Happy birthday, {{ member.name | default: 'friend' }}"),
        N_("all of us wish you a happy birthday and a good year."),
        N_("{{ shop.name }}: Happy birthday, {{ member.name | default: 'friend' }}."),
    ),
    "after_sale": Words(
        "service",
        N_("How do you like your order {{ order.order_no }}?"),
        N_(
            "your order {{ order.order_no }} arrived some days ago. How do you like it? It takes "
            "half a minute to tell us."
        ),
        N_("{{ shop.name }}: How do you like your order {{ order.order_no }}? {{ links.survey }}"),
        link=("survey", N_("Tell us")),
    ),
    "repurchase": Words(
        "marketing",
        N_("Time for more? {{ product.name }}"),
        N_("you may be running out soon. What members like you choose: {{ product.name }}."),
        N_("{{ shop.name }}: Time for more? {{ product.name }} is waiting for you."),
    ),
    "win_back": Words(
        "marketing",
        N_("We have not seen you for a while"),
        N_(
            "we have not seen you since {{ product.last_bought_on }}, and would be glad to see "
            "you again."
        ),
        N_(
            "{{ shop.name }}: We have not seen you for a while, and would be glad to see you "
            "again."
        ),
    ),
    "points_expiring": Words(
        "service",
        N_("{{ points.amount }} of your points end on {{ points.expires_on }}"),
        N_(
            "{{ points.amount }} of your points can be used until {{ points.expires_on }}. You "
            "have {{ points.available }} in all."
        ),
        N_(
            "{{ shop.name }}: {{ points.amount }} of your points can be used until {{ "
            "points.expires_on }}."
        ),
        gift=False,
    ),
    "tier_up": Words(
        "service",
        N_("You are {{ tier.name }} now"),
        N_("congratulations: you are {{ tier.name }} now. Thank you for coming so often."),
        N_("{{ shop.name }}: Congratulations, you are {{ tier.name }} now."),
    ),
    "tier_at_risk": Words(
        "service",
        N_("Keep your tier {{ tier.name }}"),
        N_(
            "you are {{ tier.name }} until {{ tier.until }}. To keep it you need: {{ tier.missing "
            "}}."
        ),
        N_(
            "{{ shop.name }}: You are {{ tier.name }} until {{ tier.until }}. To keep it you "
            "need: {{ tier.missing }}."
        ),
    ),
    "holiday": Words(
        "marketing",
        N_("{{ event.name }}: our best wishes"),
        N_("all of us wish you a happy {{ event.name }}."),
        N_("{{ shop.name }}: We wish you a happy {{ event.name }}."),
    ),
    "member_day": Words(
        "marketing",
        N_("Today is member day"),
        N_("today is member day: there is something for you in the shop."),
        N_("{{ shop.name }}: Today is member day. There is something for you in the shop."),
    ),
}  # fmt: skip


def template_of(journey: Journey, channel: str = "email", *, now: datetime) -> UUID:
    """The journey's default mail or text message (`sms`), made if there is none."""
    return _template(journey.code, channel, now)


def install(*, now: datetime) -> list[str]:
    """Make every default template that is missing; returns the codes of those made."""
    before = set(db.session.scalars(select(MessageTemplate.code)))
    for code in JOURNEYS:
        for channel in ("email", "sms"):
            _template(code, channel, now)
    wanted = [_code(code, channel) for code in JOURNEYS for channel in ("email", "sms")]
    return [code for code in wanted if code not in before]


def _code(journey: str, channel: str) -> str:
    return f"journey-{journey.replace('_', '-')}" + ("" if channel == "email" else f"-{channel}")


def _template(journey: str, channel: str, now: datetime) -> UUID:
    code = _code(journey, channel)
    known = db.session.scalar(select(MessageTemplate.id).filter_by(code=code))
    if known is not None:
        return known
    words = WORDS[journey]
    make = _mail if channel == "email" else _sms
    languages: dict[str, dict[str, Any]] = {}
    for locale in LOCALES:
        with use(locale):
            languages[locale] = make(words)
    body = {"code": code, "channel": channel, "purpose": words.purpose, "languages": languages}
    return store.create(body, now=now)["id"]


def _mail(words: Words) -> dict[str, str]:
    lines = [gettext(HELLO), gettext(words.text)]
    if words.link is not None:
        name, text = words.link
        lines.append(f'<a href="{{{{ links.{name} }}}}">{gettext(text)}</a>')
    body = "".join(f"<p>{line}</p>" for line in lines) + _gift(words, "<p>", "</p>")
    html = (
        "<mjml><mj-body><mj-section><mj-column><mj-text>"
        f"{body}<p>{SHOP}</p>"
        "</mj-text></mj-column></mj-section></mj-body></mjml>"
    )
    return {"subject": gettext(words.subject), "html": html}


def _sms(words: Words) -> dict[str, str]:
    return {"text": gettext(words.sms) + _gift(words, " ", "")}


def _gift(words: Words, begin: str, end: str) -> str:
    """What was given, where something was."""
    points = f"{{% if points.amount %}}{begin}{gettext(POINTS)}{end}{{% endif %}}"
    until = f"{{% if coupon.expires_on %}} {gettext(UNTIL)}{{% endif %}}"
    coupon = f"{{% if coupon.code %}}{begin}{gettext(COUPON)}{until}{end}{{% endif %}}"
    return (points if words.gift else "") + coupon
