"""The form of a template: three languages of parts, what is wrong beside each, and samples."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from crm.console import forms
from crm.errors import N_, Invalid, Refused
from crm.http import problems
from crm.i18n import LOCALES, gettext
from crm.messages.templates.compiling import TAKES

LANGUAGES = {"en": "English", "zh-Hans": "简体中文", "zh-Hant": "繁體中文"}
PARTS = ("subject", "html", "text", "provider_template")
NAMES = {
    "subject": N_("Subject"),
    "html": N_("Message in MJML or HTML"),
    "text": N_("Message as text"),
    "provider_template": N_("Number of the approved text at the gateway"),
}
MAIL_TEXT = N_("Text for programs that show no HTML; made of the message if left empty")
START = """<mjml>
  <mj-body>
    <mj-section>
      <mj-column>
        <mj-text>{{ member.name | default: "…" }}</mj-text>
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>"""


@dataclass
class TemplateForm:
    """What stands in the form: by pointer, such as `/languages/en/subject`."""

    channel: str
    purpose: str
    code: str = ""
    version: int | None = None
    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, list[str]] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    @property
    def parts(self) -> list[tuple[str, str]]:
        """The parts that this channel has, with their names."""
        takes = TAKES[self.channel][0]
        return [(part, self._name(part)) for part in PARTS if part in takes]

    def _name(self, part: str) -> str:
        is_mail_text = self.channel == "email" and part == "text"
        return gettext(MAIL_TEXT if is_mail_text else NAMES[part])

    def languages(self) -> dict[str, dict[str, str]]:
        """What was typed, without what is empty."""
        found: dict[str, dict[str, str]] = {}
        for locale in LOCALES:
            parts = {
                part: text
                for part, _ in self.parts
                if (text := self.values.get(f"/languages/{locale}/{part}", ""))
            }
            if parts:
                found[locale] = parts
        return found

    def blame(self, refused: Refused) -> None:
        """Put what is wrong beside the parts; what belongs to none stands above."""
        if not isinstance(refused, Invalid):
            self.said.append(problems.document(refused)["detail"])
            return
        known = {f"/languages/{locale}/{part}" for locale in LOCALES for part, _ in self.parts}
        for error in refused.errors:
            text = problems.say(error.detail, error.facts)
            if error.pointer in known or error.pointer == "/code":
                self.errors.setdefault(error.pointer, []).append(text)
            else:
                self.said.append(text)


def typed(channel: str, purpose: str, given: Mapping[str, str]) -> TemplateForm:
    """The form as it was sent. Browsers write lines with CR and LF; we keep LF."""
    form = TemplateForm(channel, purpose, code=given.get("/code", "").strip())
    version = forms.whole(given.get("version", ""))
    form.version = version if isinstance(version, int) else None
    for locale in LOCALES:
        for part, _ in form.parts:
            pointer = f"/languages/{locale}/{part}"
            form.values[pointer] = given.get(pointer, "").replace("\r\n", "\n").strip()
    return form


def of_document(found: Mapping[str, Any], newest: int) -> TemplateForm:
    """The form of a saved version; `newest` is what a change is made from."""
    form = TemplateForm(found["channel"], found["purpose"], found["code"], newest)
    for locale, parts in found["languages"].items():
        for part, text in parts.items():
            form.values[f"/languages/{locale}/{part}"] = text
    return form


def empty(channel: str, purpose: str) -> TemplateForm:
    """The form of a new template, with a beginning to write on."""
    form = TemplateForm(channel, purpose)
    if channel == "email":
        form.values["/languages/en/html"] = START
    return form
