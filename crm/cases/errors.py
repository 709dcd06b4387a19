"""What the room of cases says no with."""

from crm.errors import N_, NotFound, Unprocessable


class CaseNotFound(NotFound):
    """No case has this id (404)."""

    code = "case_not_found"
    detail = N_("There is no such case.")


class CaseOrderUnknown(Unprocessable):
    """The order that a case names is not known, or another member's (422)."""

    code = "case_order_unknown"
    detail = N_("This member has no such order.")


class CaseOwnerUnknown(Unprocessable):
    """The owner named is no member of staff, disabled, or may not work on cases (422)."""

    code = "case_owner_unknown"
    detail = N_("There is nobody of that kind on the staff who may look after cases.")


class CaseReasonMissing(Unprocessable):
    """A case is closed with a reason, and only then (422)."""

    code = "case_reason_missing"
    detail = N_("Say why the case is closed.")


class CaseReasonUnasked(Unprocessable):
    """A reason goes with closing a case (422)."""

    code = "case_reason_unasked"
    detail = N_("A reason is given when a case is closed.")


class CaseDueInThePast(Unprocessable):
    """A case can't be due before now (422)."""

    code = "case_due_in_the_past"
    detail = N_("Choose a time that is still to come.")
