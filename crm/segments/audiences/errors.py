"""What the audiences' room refuses."""

from crm.errors import N_, NotFound, Refused, Unprocessable


class AudienceNotFound(NotFound):
    """No audience has this id (404); in a filter, `audience` names it."""

    code = "audience_not_found"
    detail = N_("There is no such audience.")


class AudienceChanged(Refused):
    """The audience was changed since it was read (409); `version` is the newest."""

    code = "audience_changed"
    detail = N_("The audience was changed meanwhile: its version is {version}.")


class AudienceNameTaken(Refused):
    """Another audience has this name (409)."""

    code = "audience_name_taken"
    detail = N_("Another audience is called {name}.")


class AudienceCycle(Unprocessable):
    """An audience would contain itself, by way of others (422); `audience` is met twice."""

    code = "audience_cycle"
    detail = N_("An audience can't contain itself, not even by way of others.")


class AudienceTooLarge(Unprocessable):
    """With all the audiences that it refers to, a filter has too many conditions (422)."""

    code = "audience_too_large"
    detail = N_("With the audiences in it, a filter has at most {most} conditions.")


class NotAList(Refused):
    """Members are uploaded to lists, not to audiences that are filters (409)."""

    code = "audience_not_a_list"
    detail = N_("This audience is a filter; members are uploaded to lists.")


class NotAFilter(Refused):
    """A list has members, not a filter (409)."""

    code = "audience_not_a_filter"
    detail = N_("This audience is a list of members; it has no filter.")
