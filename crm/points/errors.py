"""What the ledger refuses."""

from crm.errors import N_, NN_, NotFound, Refused, Unprocessable


class InsufficientPoints(Unprocessable):
    """Fewer points are spendable than asked for (422): `required`, `available`, `missing`."""

    code = "insufficient_points"
    detail = NN_(
        "{required} point is asked for and {available} are available; {missing} missing.",
        "{required} points are asked for and {available} are available; {missing} missing.",
        "required",
    )


class NotRedeemableAmount(Unprocessable):
    """The programme redeems from `minimum` on, in whole multiples of `step` (422)."""

    code = "not_redeemable_amount"
    detail = N_("Points are redeemed from {minimum} on, in steps of {step}.")


class HoldNotFound(NotFound):
    """No hold has this id (404)."""

    code = "hold_not_found"
    detail = N_("There is no such hold.")


class HoldExpired(Refused):
    """The hold's end came before it was captured (409): its points were free from `expired_at`."""

    code = "hold_expired"
    detail = N_("This hold ended at {expired_at}. Place a new one.")


class HoldCaptured(Refused):
    """The hold was captured before (409): `captured` points of it were spent."""

    code = "hold_captured"
    detail = NN_(
        "This hold was captured already, for {captured} point.",
        "This hold was captured already, for {captured} points.",
        "captured",
    )


class HoldVoid(Refused):
    """The hold was given free before (409)."""

    code = "hold_void"
    detail = N_("This hold was released already. Place a new one.")


class CaptureExceedsHold(Unprocessable):
    """More is to be captured than is `held` (422)."""

    code = "capture_exceeds_hold"
    detail = NN_("Only {held} point is held.", "Only {held} points are held.", "held")


class RedemptionNotFound(NotFound):
    """No entry that spent points has this id (404)."""

    code = "redemption_not_found"
    detail = N_("There is no such redemption.")


class RedemptionReversed(Refused):
    """All that was spent was given back before (409)."""

    code = "redemption_reversed"
    detail = NN_(
        "The {points_given_back} point of this redemption was given back already.",
        "All {points_given_back} points of this redemption were given back already.",
        "points_given_back",
    )


class RestoreExceedsSpent(Unprocessable):
    """More is to be given back than is left of what was spent (422): `restorable`."""

    code = "restore_exceeds_spent"
    detail = NN_(
        "Only {restorable} point of this is left to give back.",
        "Only {restorable} points of this are left to give back.",
        "restorable",
    )


class SelfTransfer(Unprocessable):
    """Both sides of a transfer are one member (422)."""

    code = "self_transfer"
    detail = N_("Nobody can transfer points to himself.")


class SourceKeyUsed(Refused):
    """Another member has the award of this activity and source key (409)."""

    code = "source_key_used"
    detail = N_("This source key was used for another member.")


class ExpiryInThePast(Unprocessable):
    """An award must be valid for some time (422)."""

    code = "expiry_in_the_past"
    detail = N_("The award would expire before it begins.")


class OrderNotForAct(Unprocessable):
    """An award of so many points asks no rule, so it names no order (422)."""

    code = "order_not_asked_for"
    detail = N_("Leave out the order, or leave out the points and let the rules say.")


class SourceKeyMissing(Unprocessable):
    """The activity can be done many times, so this time needs a name (422)."""

    code = "source_key_missing"
    detail = N_("Name what this award is for, so that it is given once.")


class ReferralByRegistration(Unprocessable):
    """Rules for referrals give their points by themselves (422)."""

    code = "referral_by_registration"
    detail = N_(
        "Points for a referral are given by themselves: "
        "name the referrer when the friend registers."
    )


class EntryNotFound(NotFound):
    """The member's ledger has no entry of this number (404)."""

    code = "entry_not_found"
    detail = N_("There is no such entry.")


class OrderRequired(Unprocessable):
    """The rule asks for a paid order, and none was named (422); `reasons` as elsewhere."""

    code = "order_required"
    detail = N_("Name the paid order that this is about; the rule asks for one.")


class OrderNotPaid(Unprocessable):
    """The rule asks for a paid order, and this one is not paid (422)."""

    code = "order_not_paid"
    detail = N_("The order is not paid.")


class OrderRefunded(Unprocessable):
    """The rule asks for an order that stands; this one was refunded whole or cancelled (422)."""

    code = "order_refunded"
    detail = N_("The order was refunded or cancelled.")


class OrderOfAnother(Unprocessable):
    """The order is not this member's (422)."""

    code = "order_of_another"
    detail = N_("The order is another member's.")


class NoRuleForActivity(Unprocessable):
    """No points were given, and no rule that applies says how many this activity earns (422).

    `reasons` names each rule for it with the first condition that failed."""

    code = "no_rule_for_activity"
    detail = N_("No rule says how many points {activity} earns. Send points, or add a rule.")
