"""What the ledger refuses."""

from crm.errors import N_, Refused, Unprocessable


class InsufficientPoints(Unprocessable):
    """Fewer points are spendable than asked for (422): `required`, `available`, `missing`."""

    code = "insufficient_points"
    detail = N_("{required} points are asked for and {available} are available; {missing} missing.")


class NotRedeemableAmount(Unprocessable):
    """The programme redeems from `minimum` on, in whole multiples of `step` (422)."""

    code = "not_redeemable_amount"
    detail = N_("Points are redeemed from {minimum} on, in steps of {step}.")


class SourceKeyUsed(Refused):
    """Another member has the award of this activity and source key (409)."""

    code = "source_key_used"
    detail = N_("This source key was used for another member.")


class ExpiryInThePast(Unprocessable):
    """An award must be valid for some time (422)."""

    code = "expiry_in_the_past"
    detail = N_("The award would expire before it begins.")


class NoRuleForActivity(Unprocessable):
    """No points were given, and no rule in force says how many this activity earns (422)."""

    code = "no_rule_for_activity"
    detail = N_("No rule says how many points {activity} earns. Send points, or add a rule.")
