"""What the room of activities refuses."""

from crm.errors import N_, NotFound, Refused


class ReferralNotFound(NotFound):
    """Nobody brought this member, or no rule promised anything for it (404)."""

    code = "referral_not_found"
    detail = N_("There is no such referral.")


class ReferralDecided(Refused):
    """The referral does not wait for a decision (409); `state` says what came of it."""

    code = "referral_decided"
    detail = N_("This referral does not wait for a decision: it is {state}.")


class OwnReferral(Refused):
    """Nobody decides on a referral of his own (409)."""

    code = "own_referral"
    detail = N_("You are one of the two members. Let somebody else decide.")
