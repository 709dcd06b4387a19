"""What next purchases refuse."""

from crm.errors import N_, NotFound


class NoModelYet(NotFound):
    """No night has made a model yet (404)."""

    code = "next_purchase_model_not_found"
    detail = N_("There is no model yet: the first is made in the coming night.")
