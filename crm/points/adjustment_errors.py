"""What adjustments by hand are refused with."""

from crm.errors import N_, NN_, Forbidden, Refused


class OwnMemberRecord(Forbidden):
    """Nobody adjusts, or approves an adjustment of, his own points (403)."""

    code = "own_member_record"
    detail = N_("This is your own member record. Ask somebody else to adjust it.")


class AboveOwnLimit(Forbidden):
    """Who approves needs a limit of his own that is high enough (403): `per_act`, `per_day`,
    and `used` of the day."""

    code = "above_own_limit"
    detail = NN_(
        "This is above your own limit: {per_act} point at once and {per_day} a day, "
        "of which {used} are used.",
        "This is above your own limit: {per_act} points at once and {per_day} a day, "
        "of which {used} are used.",
        "per_act",
    )


class MemberNotActive(Refused):
    """The member was merged or erased since the adjustment was asked for (409)."""

    code = "member_not_active"
    detail = N_("This member is not active any more.")
