"""What the rules of staff accounts and approvals say no with."""

from crm.errors import N_, Forbidden, NotFound, Refused, Unauthorized, Unprocessable


class StaffNotFound(NotFound):
    """No staff account has this id or e-mail address (404)."""

    code = "staff_not_found"
    detail = N_("There is no such staff account.")


class EmailTaken(Refused):
    """Another account has this e-mail address (409)."""

    code = "email_taken"
    detail = N_("Another staff account has this e-mail address.")


class LastAdmin(Refused):
    """Somebody must be able to administer (409)."""

    code = "last_admin"
    detail = N_("This is the last active administrator. Appoint another one first.")


class StaffStoreUnknown(Unprocessable):
    """No store has this code (422)."""

    code = "staff_store_unknown"
    detail = N_("There is no store {store}.")


class StaffMemberUnknown(Unprocessable):
    """No member has this id (422)."""

    code = "staff_member_unknown"
    detail = N_("There is no member {member_id}.")


class WrongCredentials(Unauthorized):
    """E-mail address and password don't belong together, or the account is disabled (401)."""

    code = "wrong_credentials"
    detail = N_("The e-mail address or the password is not right.")


class WrongPassword(Unprocessable):
    """Who changes his password must know the one until now (422)."""

    code = "wrong_password"
    detail = N_("This is not your password until now.")


class ApprovalNotFound(NotFound):
    """No request has this id, or it is not yours to see (404)."""

    code = "approval_not_found"
    detail = N_("There is no such request.")


class SecondPersonNeeded(Forbidden):
    """Nobody decides his own request (403); he may cancel it."""

    code = "second_person_needed"
    detail = N_("This is your own request: somebody else decides it. You may cancel it.")


class NotTheRequester(Forbidden):
    """Only who asked may cancel a request (403); others deny it."""

    code = "not_the_requester"
    detail = N_("Only {requester} may cancel this request. You may deny it.")


class ApprovalDecided(Refused):
    """The request was decided or cancelled before (409): `state`, `decided_by`."""

    code = "approval_decided"
    detail = N_("{decided_by} has decided this request already.")


class ApprovalExpired(Refused):
    """The request waited too long (409): it ended at `expired_at`."""

    code = "approval_expired"
    detail = N_("This request expired at {expired_at}. Ask again.")
