"""What the members' room says no with."""

from crm.errors import N_, FieldError, Invalid, NotFound, Refused, Unprocessable


class MemberNotFound(NotFound):
    """No such member, or not yours to see (404)."""

    code = "member_not_found"
    detail = N_("There is no such member.")


class MemberMerged(MemberNotFound):
    """This record went into another one (404); `merged_into` is the member's id now."""

    code = "member_merged"
    detail = N_("This record was merged into the member {merged_into}.")


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


class MergeWithSelf(Unprocessable):
    """Both references name the same member (422)."""

    code = "merge_with_self"
    detail = N_("A member can't be merged with himself.")


class MergeChain(Refused):
    """Merges don't build chains (409): `member_id` was merged already, or another record was merged
    into it and that can still be undone. Merge the other way round, or undo that merge first.
    """

    code = "merge_chain"
    detail = N_("The member {member_id} is part of another merge.")


class MergeCycle(Refused):
    """The member to merge into was himself merged into the other one (409)."""

    code = "merge_cycle"
    detail = N_("These two were merged the other way round.")


class MemberErased(Refused):
    """One of the two was erased (409); nothing can be moved to or from him."""

    code = "member_erased"
    detail = N_("The member {member_id} was erased.")


class MergeNotFound(NotFound):
    """No merge has this id (404)."""

    code = "merge_not_found"
    detail = N_("There is no such merge.")


class MergeFinal(Refused):
    """The time in which a merge can be undone is over (409): `undo_until`."""

    code = "merge_final"
    detail = N_("This merge could be undone until {undo_until}.")


class MergeNotLast(Refused):
    """A later merge stands on top of this one (409). Undo `merge_id` first."""

    code = "merge_not_last"
    detail = N_("The merge {merge_id} came later. Undo that one first.")


def invalid_field(pointer: str, code: str, text: str, **facts: object) -> Invalid:
    """The refusal of one field that a rule looked at."""
    return Invalid([FieldError(pointer, code, text, facts)])
