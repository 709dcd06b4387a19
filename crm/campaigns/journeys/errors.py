"""Refusals of journeys."""

from crm.errors import N_, NotFound, Refused


class JourneyNotFound(NotFound):
    """There is no journey of this code (404)."""

    code = "journey_not_found"
    detail = N_("There is no such journey.")


class JourneyChanged(Refused):
    """The version that this change was made from is not the newest (409): `version` is."""

    code = "journey_changed"
    detail = N_("The journey was changed meanwhile: version {version} is in force.")
