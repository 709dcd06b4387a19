"""What surveys say no with. Members read these sentences on the survey's page."""

from crm.errors import N_, NotFound, Refused


class SurveyLinkNotValid(NotFound):
    """The link was not made by this shop, or was cut short (404)."""

    code = "survey_link_not_valid"
    detail = N_("This link is not valid. Copy it whole from the message.")


class SurveyExpired(Refused):
    """The time to answer is over (410)."""

    code, status = "survey_expired", 410
    detail = N_("The time to answer is over.")
