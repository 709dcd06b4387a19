"""What operators, groups and rooms of fields are called in the builder of audiences."""

from crm.errors import N_
from crm.i18n import gettext
from crm.segments.audiences.field import Field

HOWS = {
    "all": N_("All of these"),
    "any": N_("Any of these"),
    "none": N_("None of these"),
    "not_all": N_("Not all of these"),
}
ROOMS = {
    "member": N_("Profile"),
    "tags": N_("Tags and lists"),
    "audience": N_("Tags and lists"),
    "consent": N_("Consent"),
    "tier": N_("Tier"),
    "points": N_("Points"),
    "rfm": N_("Buying behaviour"),
    "next_purchase": N_("Next purchase"),
    "orders": N_("Orders and articles"),
    "coupon": N_("Coupons"),
    "campaign": N_("Campaigns"),
}
OPS = {
    "eq": N_("is"),
    "ne": N_("is not"),
    "lt": N_("is less than"),
    "le": N_("is at most"),
    "gt": N_("is more than"),
    "ge": N_("is at least"),
    "in": N_("is one of"),
    "between": N_("is between"),
    "has": N_("contains"),
    "exists": N_("is known"),
    "within_days": N_("is within the last days"),
    "before": N_("is before"),
    "after": N_("is after"),
}
MANY = {"has": N_("is among them"), "in": N_("one of these is"), "exists": N_("is there any")}
AHEAD = N_("is within the next days")
YES, NO = N_("yes"), N_("no")
PURPOSES = {
    "marketing": N_("Marketing"),
    "service": N_("Service"),
    "profiling": N_("Profiling"),
}


def op_name(known: Field, op: str) -> str:
    """An operator as it is said of a field."""
    if op == "within_days" and known.ahead:
        return gettext(AHEAD)
    if known.is_many:
        return gettext(MANY[op])
    return gettext(OPS[op])


def field_name(known: Field) -> str:
    """A field as lists name it; consent with its purpose."""
    room, _, rest = known.name.partition(".")
    if room == "consent":
        return f"{gettext(known.label)} · {gettext(PURPOSES[rest.partition('.')[2]])}"
    return gettext(known.label)


def room_name(name: str) -> str:
    """The heading under which a field stands in lists."""
    return gettext(ROOMS[name.partition(".")[0]])
