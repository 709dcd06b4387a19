"""What rewards refuse; issuing and taking back their coupons may refuse more (`crm.coupons`)."""

from crm.errors import N_, NN_, NotFound, Refused


class RewardNotFound(NotFound):
    """No reward has this id (404)."""

    code = "reward_not_found"
    detail = N_("There is no such reward.")


class RewardRedemptionNotFound(NotFound):
    """No redemption of a reward has this id (404)."""

    code = "reward_redemption_not_found"
    detail = N_("There is no such redemption of a reward.")


class RewardNotYetAvailable(Refused):
    """The reward's first instant has not come (409): `starts_at`."""

    code = "reward_not_yet_available"
    detail = N_("This reward is available from {starts_at}.")


class RewardEnded(Refused):
    """The reward is given no more (409): `ended_at`."""

    code = "reward_ended"
    detail = N_("This reward has not been available since {ended_at}.")


class RewardOutOfStock(Refused):
    """As many as there are have been redeemed (409): `stock`."""

    code = "reward_out_of_stock"
    detail = N_("All {stock} of this reward have been redeemed.")


class RewardLimitReached(Refused):
    """The member has redeemed the reward as often as he may (409): `limit`."""

    code = "reward_limit_reached"
    detail = NN_(
        "A member may redeem this reward {limit} time.",
        "A member may redeem this reward {limit} times.",
        "limit",
    )


class RewardHandedOver(Refused):
    """What was redeemed has been handed over, so it can't be cancelled (409): `handed_over_at`."""

    code = "reward_handed_over"
    detail = N_("This reward was handed over at {handed_over_at}.")


class RewardCancelled(Refused):
    """The redemption was cancelled, so there is nothing to hand over (409): `cancelled_at`."""

    code = "reward_cancelled"
    detail = N_("This redemption was cancelled at {cancelled_at}.")


class NothingToHandOver(Refused):
    """The reward is a coupon, which its member has already (409)."""

    code = "nothing_to_hand_over"
    detail = N_("The member has this coupon already: there is nothing to hand over.")


class SpentOnReward(Refused):
    """These points bought a reward (409): cancel `reward_redemption`, which gives both back."""

    code = "spent_on_reward"
    detail = N_("These points were spent on a reward. Cancel that redemption instead.")
