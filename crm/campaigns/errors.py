"""What campaigns refuse. A draft's gaps are told as fields (`Invalid`), all at once."""

from crm.errors import N_, NotFound, Refused, Unprocessable


class CampaignNotFound(NotFound):
    """No campaign has this id (404)."""

    code = "campaign_not_found"
    detail = N_("There is no such campaign.")


class CampaignStarted(Refused):
    """It was launched, so it can't change or be launched any more (409): `state`."""

    code = "campaign_started"
    detail = N_("This campaign was launched already. Make another one.")


class CampaignChanged(Refused):
    """The draft was changed meanwhile (409): `revision` is the newest."""

    code = "campaign_changed"
    detail = N_("The campaign was changed meanwhile. Look at it again.")


class CampaignNotRunning(Refused):
    """Only what runs or waits for its time can be paused (409): `state`."""

    code = "campaign_not_running"
    detail = N_("This campaign is not running, so it can't be paused.")


class CampaignNotPaused(Refused):
    """Only a paused campaign can be resumed (409): `state`."""

    code = "campaign_not_paused"
    detail = N_("This campaign is not paused.")


class CampaignOver(Refused):
    """It is not launched, or it is at its end: there is nothing to cancel (409): `state`."""

    code = "campaign_over"
    detail = N_("There is nothing to cancel: the campaign is not launched, or at its end.")


class CampaignCountDiffers(Refused):
    """The number that was confirmed is not what would be sent now (409): `will_send`."""

    code = "campaign_count_differs"
    detail = N_("The number of messages would be {will_send} now. Look at the campaign again.")


class CampaignReachesNobody(Unprocessable):
    """Nobody of the audience would get anything (422)."""

    code = "campaign_reaches_nobody"
    detail = N_("Nobody of this audience would get a message.")


class CampaignScheduleInThePast(Unprocessable):
    """The time to send has passed (422)."""

    code = "campaign_schedule_in_the_past"
    detail = N_("The time to send has passed. Choose a later one.")


class CampaignApprovalPending(Refused):
    """Somebody was asked to approve this launch, and has not decided (409): `approval`."""

    code = "campaign_approval_pending"
    detail = N_("A second person was asked about this launch already.")
