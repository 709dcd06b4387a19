"""Templates in and out."""

from typing import Any, ClassVar

from crm.errors import N_
from crm.http import Schema, fields
from crm.http.pagination import PageQuery, page_of
from crm.i18n import LOCALES
from crm.members.schemas import MemberRefIn
from crm.messages.states import CHANNELS, PURPOSES

LONGEST_HTML = 200_000


class LanguageIn(Schema):
    """What a template says in one language; `html` may be MJML. Which parts there are, and which
    must be there, goes by the channel. `provider_template` is the name that a gateway of text
    messages gave the same words when it approved them."""

    subject = fields.Text(300, low=0, allow_none=True)
    text = fields.Text(20_000, low=0, multiline=True, allow_none=True)
    html = fields.Text(LONGEST_HTML, low=0, multiline=True, allow_none=True)
    provider_template = fields.code(64, allow_none=True)


_LANGUAGES: dict[str, Any] = {locale: fields.Nested(LanguageIn) for locale in LOCALES}
LanguagesIn = Schema.from_dict(_LANGUAGES, name="TemplateLanguages")


class TemplateIn(Schema):
    """A new template."""

    code = fields.code(required=True)
    channel = fields.Choice(*CHANNELS, required=True)
    purpose = fields.Choice(*PURPOSES, required=True)
    languages = fields.Nested(LanguagesIn, required=True)


class TemplatePut(Schema):
    """A new version. Code, channel and purpose may be repeated but not changed; `version`, if
    given, is the one that was changed; `archived` hides a template from lists, or shows it."""

    code = fields.code()
    channel = fields.Choice(*CHANNELS)
    purpose = fields.Choice(*PURPOSES)
    languages = fields.Nested(LanguagesIn)
    version = fields.Whole(1)
    archived = fields.Flag()


class TemplateQuery(PageQuery):
    """What a list of templates may be narrowed to; archived ones are left out."""

    channel = fields.Choice(*CHANNELS, load_default=None)
    purpose = fields.Choice(*PURPOSES, load_default=None)
    archived = fields.Flag(load_default=False)


class VersionQuery(Schema):
    """Which version; the newest by default."""

    version = fields.Whole(1, query=True, load_default=None)


class TemplateOut(Schema):
    """A template with what one of its versions says."""

    id = fields.Id()
    code = fields.Text()
    channel = fields.Choice(*CHANNELS)
    purpose = fields.Choice(*PURPOSES)
    version = fields.Whole(1)
    languages = fields.Mapping()
    created_at = fields.Instant()
    changed_at = fields.Instant()
    archived_at = fields.Instant(allow_none=True)


TemplatePage = page_of(TemplateOut)


class Value(fields.Field):
    """What a name stands for: a text, a number, or money."""

    default_error_messages: ClassVar = {
        "invalid_value": N_("This must be a text, a whole number, or an amount with its currency.")
    }

    def _deserialize(self, value: Any, attr: Any, data: Any, **_: Any) -> Any:
        if isinstance(value, str):
            return fields.Text(2000, low=0, multiline=True).deserialize(value)
        if isinstance(value, dict) and value.keys() == {"amount", "currency"}:
            currency = fields.Text(3, pattern="[A-Z]{3}").deserialize(value["currency"])
            amount = fields.minor(-fields.MINOR_LIMIT).deserialize(value["amount"])
            return {"amount": amount, "currency": currency}
        if type(value) is not int:
            raise self.make_error("invalid_value")
        return value


def variables_field(**kwargs: Any) -> fields.Mapping:
    """What a message carries, by the parts of names: {"coupon": {"code": "…"}}."""
    return fields.Mapping(fields.code(40), fields.Mapping(fields.code(40), Value()), **kwargs)


class PreviewIn(Schema):
    """On which member; `variables` as the message would carry them, by the parts of their names
    ({"coupon": {"code": "…"}}); `languages` to try what is not saved yet."""

    member = fields.Nested(MemberRefIn, required=True)
    variables = variables_field()
    languages = fields.Nested(LanguagesIn)
    version = fields.Whole(1)


class PreviewLanguageOut(Schema):
    """One language as the member would read it. `missing` names the values that he lacks, which
    stand in brackets; `chosen` is the language that he would get; `segments` of a text message."""

    locale = fields.Text()
    subject = fields.Text(allow_none=True)
    text = fields.Text(allow_none=True)
    html = fields.Text(allow_none=True)
    missing = fields.Items(fields.Text())
    segments = fields.Whole(allow_none=True)
    chosen = fields.Flag()


class PreviewOut(Schema):
    """Every language of the template for one member, the chosen one first."""

    languages = fields.Items(fields.Nested(PreviewLanguageOut))


class TestSendIn(Schema):
    """Filled in for `member`, sent to `to`: an e-mail address or a phone number. Without `to`,
    webhook and inbox messages go to the member himself. `version`: not the newest."""

    member = fields.Nested(MemberRefIn, required=True)
    to = fields.Text(254)
    locale = fields.Choice(*LOCALES)
    variables = variables_field()
    version = fields.Whole(1)
