"""A browser's name out of its own, famously dishonest, description."""

from crm.errors import N_
from crm.i18n import gettext

# The first that matches counts: everything claims to be Safari, and Edge to be Chrome.
PROGRAMS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("MicroMessenger", "WeChat"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)
UNKNOWN = N_("Unknown browser")


def name(user_agent: str) -> str:
    """Firefox, Windows; or that it is unknown."""
    program = next((said for sign, said in PROGRAMS if sign in user_agent), "")
    system = next((said for sign, said in SYSTEMS if sign in user_agent), "")
    return ", ".join(part for part in (program, system) if part) or gettext(UNKNOWN)
