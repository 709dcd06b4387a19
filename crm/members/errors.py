"""What the members' room says no with."""

from crm.errors import N_, FieldError, Invalid, NotFound, Refused, Unprocessable


class MemberNotFound(NotFound):
    """No such member, or not yours to see (404)."""

    code = "member_not_found"
    detail = N_("There is no such member.")


class StoreNotFound(NotFound):
    """No store has this code (404)."""

    code = "store_not_found"
    detail = N_("There is no such store.")


class StoreExists(Refused):
    """A store has this code already (409)."""

    code = "store_exists"
    detail = N_("There is a store with this code already.")


class UnknownStore(Unprocessable):
    """The store that a member's record names is not known (422)."""

    code = "unknown_store"
    detail = N_("There is no store {store}.")


class IdentityConflict(Refused):
    """An identity belongs to another member (409); `field` names it."""

    code = "identity_conflict"
    detail = N_("This {field} belongs to another member.")


class UnknownReferrer(Unprocessable):
    """The member named as referrer is not known (422)."""

    code = "unknown_referrer"
    detail = N_("There is no such member to be referred by.")


class ReferralCycle(Unprocessable):
    """Members registered together name each other as referrers, in a circle (422)."""

    code = "referral_cycle"
    detail = N_("These members refer each other in a circle.")


class SelfReferral(Unprocessable):
    """Nobody refers himself (422), nor from another address of the same mailbox."""

    code = "self_referral"
    detail = N_("A member can't be referred by himself.")


def invalid_field(pointer: str, code: str, text: str, **facts: object) -> Invalid:
    """The refusal of one field that a rule looked at."""
    return Invalid([FieldError(pointer, code, text, facts)])
