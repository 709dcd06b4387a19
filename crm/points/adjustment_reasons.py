"""Why points are adjusted by hand: stable codes, and their names in the reader's language."""

from crm.errors import N_
from crm.i18n import gettext

REASONS = {
    "goodwill": N_("Goodwill"),
    "complaint": N_("Complaint settled"),
    "correction": N_("Mistake corrected"),
    "promotion": N_("Promotion"),
    "migration": N_("Brought from another system"),
    "fraud": N_("Fraud or abuse"),
    "other": N_("Other"),
}


def name(code: str) -> str:
    """The reason in words."""
    return gettext(REASONS[code])
