"""What the rules of staff accounts say no with."""

from crm.errors import N_, NotFound, Refused, Unauthorized, Unprocessable


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
