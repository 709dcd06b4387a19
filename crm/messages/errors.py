"""What the room of messages refuses."""

from crm.errors import N_, NotFound, Refused, Unauthorized


class TemplateNotFound(NotFound):
    """There is no such template, or it has no such version (404)."""

    code = "template_not_found"
    detail = N_("There is no such template.")


class TemplateCodeTaken(Refused):
    """Another template has this code (409)."""

    code = "template_code_taken"
    detail = N_("There is a template with this code already.")


class TemplateArchived(Refused):
    """Nothing new is planned with a template that was archived (409); `template` is its code."""

    code = "template_archived"
    detail = N_("The template {template} was archived. Restore it, or choose another.")


class TemplateInUse(Refused):
    """A journey that is on, or a campaign under way, tells by this template (409): `used_by` names
    them by `type`, `id` and `name`. Give them another one, or wait until they are over."""

    code = "template_in_use"
    detail = N_("The template is in use: {names}.")


class TemplateChanged(Refused):
    """The template was changed since it was read (409); `version` is the newest."""

    code = "template_changed"
    detail = N_("The template was changed meanwhile: its version is {version}.")


class MessageNotFound(NotFound):
    """There is no such message (404)."""

    code = "message_not_found"
    detail = N_("There is no such message.")


class MessageNotRetryable(Refused):
    """Only messages that failed, or whose fate is unknown, are retried (409); `state` is its."""

    code = "message_not_retryable"
    detail = N_("Only failed messages are tried again; this one is {state}.")


class CallbackNotSigned(Unauthorized):
    """What a gateway told carries no valid proof that it is the gateway (401)."""

    code = "callback_not_signed"
    detail = N_("This call carries no valid signature.")


class ReceiptTooEarly(Refused):
    """A receipt came before the message it is about was recorded (409); tell it again."""

    code = "receipt_too_early"
    detail = N_("The message of this receipt is not known yet. Tell it again in a moment.")


class LinkNotValid(NotFound):
    """The link was not made by this shop, or was cut short on its way (404)."""

    code = "link_not_valid"
    detail = N_("This link is not valid. Copy it whole from the message.")
