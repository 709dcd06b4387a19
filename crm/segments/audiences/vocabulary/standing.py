"""`tags`, `consent.*`, `tier.*`, `rfm.segment`, `audience`: where the member stands."""

from datetime import datetime

from sqlalchemy import text

from crm.db import db
from crm.i18n import N_, locale
from crm.members.consents import CHANNELS, PURPOSES
from crm.members.tiers import storage
from crm.segments.audiences.field import Choice, Field
from crm.segments.audiences.kinds import CHOICE, FLAG, INSTANT, REFERENCE, WORDS

MOST_TAGS = 200

# For a channel and a purpose, each of which is one of our own words.
CONSENTED = """
    SELECT c.member_id FROM member_consent c
    WHERE c.channel = '{channel}' AND c.purpose = '{purpose}'
      AND c.granted AND c.superseded_at IS NULL"""
DECLINED = CONSENTED.replace("c.granted", "NOT c.granted")

CHANNEL_NAMES = {
    "sms": N_("Consent: text messages"),
    "email": N_("Consent: e-mail"),
    "wechat": N_("Consent: WeChat"),
    "push": N_("Consent: app push"),
    "phone": N_("Consent: phone calls"),
    "post": N_("Consent: post"),
    "inbox": N_("Consent: in-app inbox"),
}
PURPOSE_SAYS = {
    "marketing": N_("For marketing: whether the member agreed. Who was never asked did not."),
    "service": N_("For service messages: true unless the member declined them."),
    "profiling": N_("For profiling: whether the member agreed. Who was never asked did not."),
}


def _consent(channel: str, purpose: str) -> Field:
    service = purpose == "service"
    relation = (DECLINED if service else CONSENTED).format(channel=channel, purpose=purpose)
    return Field(
        f"consent.{channel}.{purpose}",
        CHANNEL_NAMES[channel],
        PURPOSE_SAYS[purpose],
        FLAG,
        f"({{r}}.member_id IS {'' if service else 'NOT '}NULL)",
        relation,
    )


def tags(_: datetime) -> list[Choice]:
    """The tags in use, at most two hundred, by name."""
    rows = db.session.scalars(
        text("""
            WITH RECURSIVE t AS (
                (SELECT tag FROM member_tag ORDER BY tag LIMIT 1)
                UNION ALL
                SELECT (SELECT n.tag FROM member_tag n WHERE n.tag > t.tag ORDER BY n.tag LIMIT 1)
                FROM t WHERE t.tag IS NOT NULL
            )
            SELECT tag FROM t WHERE tag IS NOT NULL LIMIT :most
        """),
        {"most": MOST_TAGS},
    )
    return [Choice(tag, tag) for tag in rows]


def tiers(now: datetime) -> list[Choice]:
    """The tiers of the ladder in force, lowest first."""
    return [Choice(tier.code, tier.name(locale())) for tier in storage.ladder_at(now).tiers]


TIER = "SELECT t.member_id, t.held, t.since, t.valid_until, t.floor FROM tier_standing t"

FIELDS = (
    Field(
        "tags",
        N_("Tags"),
        N_("Words that staff or programs put on the member."),
        WORDS,
        "SELECT t.member_id FROM member_tag t WHERE {match}",
        column="t.tag",
        choices=tags,
    ),
    *(_consent(channel, purpose) for channel in CHANNELS for purpose in PURPOSES),
    Field(
        "tier.code",
        N_("Tier"),
        N_("The tier that the member holds now, a manual floor included."),
        CHOICE,
        "{r}.held",
        TIER,
        choices=tiers,
        closed=True,
    ),
    Field(
        "tier.since",
        N_("In the tier since"),
        N_("When the tier was attained."),
        INSTANT,
        "{r}.since",
        TIER,
    ),
    Field(
        "tier.valid_until",
        N_("Tier valid until"),
        N_("When the tier is reviewed next; missing for a tier without an end."),
        INSTANT,
        "{r}.valid_until",
        TIER,
        ahead=True,
    ),
    Field(
        "tier.manual",
        N_("Tier given by hand"),
        N_("Whether a floor was set by hand."),
        FLAG,
        "({r}.floor IS NOT NULL)",
        TIER,
    ),
    Field(
        "audience",
        N_("Audience"),
        N_("In another audience, a filter or a list, by its id."),
        REFERENCE,
    ),
)
