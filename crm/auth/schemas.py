"""What goes in and out of the API of keys, staff and the audit trail."""

from crm.auth import passwords
from crm.auth.staff_checks import EMAIL
from crm.http import Schema, fields
from crm.http.pagination import PageQuery
from crm.http.permissions import PERMISSIONS, ROLES
from crm.i18n import LOCALES

LONGEST_OVERLAP_HOURS = 24 * 30


class KeyIn(Schema):
    """A key to create."""

    name = fields.Text(100, required=True)
    kind = fields.Choice("live", "test", load_default="live")
    scopes = fields.Items(fields.Choice(*PERMISSIONS), len(PERMISSIONS), low=1, required=True)
    expires_at = fields.Instant(load_default=None, allow_none=True)


class RollIn(Schema):
    """How long the old secret still works beside the new one. The body may be left out."""

    body_optional = True

    overlap_hours = fields.Whole(0, LONGEST_OVERLAP_HOURS, load_default=24)


class KeyOut(Schema):
    """A key without its secret."""

    id = fields.Id(required=True)
    name = fields.Text(100, required=True)
    prefix = fields.Text(32, required=True)
    kind = fields.Choice("live", "test", required=True)
    scopes = fields.Items(fields.Choice(*PERMISSIONS), len(PERMISSIONS), required=True)
    replaces = fields.Id(required=True, allow_none=True)
    created_by = fields.Text(200, required=True)
    created_at = fields.Instant(required=True)
    last_used_at = fields.Instant(required=True, allow_none=True)
    expires_at = fields.Instant(required=True, allow_none=True)
    revoked_at = fields.Instant(required=True, allow_none=True)


class NewKeyOut(KeyOut):
    """A new key with its secret, shown this once."""

    secret = fields.Text(80, required=True)


class StaffIn(Schema):
    """An account to create. Without `password` one is generated and shown once."""

    email = fields.Text(254, pattern=EMAIL, required=True)
    name = fields.Text(100, required=True)
    role = fields.Choice(*ROLES, required=True)
    store = fields.code(load_default=None, allow_none=True)
    locale = fields.Choice(*LOCALES, load_default="en")
    member_id = fields.Id(load_default=None, allow_none=True)
    password = fields.Text(passwords.LONGEST, low=passwords.SHORTEST)


class StaffPatch(Schema):
    """What to change of an account; everything else stays."""

    email = fields.Text(254, pattern=EMAIL)
    name = fields.Text(100)
    role = fields.Choice(*ROLES)
    store = fields.code(allow_none=True)
    locale = fields.Choice(*LOCALES)
    member_id = fields.Id(allow_none=True)
    active = fields.Flag()
    password = fields.Text(passwords.LONGEST, low=passwords.SHORTEST)


class StaffOut(Schema):
    """An account; its password is never shown."""

    id = fields.Id(required=True)
    email = fields.Text(254, required=True)
    name = fields.Text(100, required=True)
    role = fields.Choice(*ROLES, required=True)
    store = fields.Text(64, required=True, allow_none=True)
    locale = fields.Choice(*LOCALES, required=True)
    member_id = fields.Id(required=True, allow_none=True)
    active = fields.Flag(required=True)
    created_at = fields.Instant(required=True)
    password_changed_at = fields.Instant(required=True)
    last_login_at = fields.Instant(required=True, allow_none=True)


class NewStaffOut(StaffOut):
    """A new account; `password` where one was generated, shown this once."""

    password = fields.Text(passwords.LONGEST, required=True, allow_none=True)


class AuditQuery(PageQuery):
    """What to look for in the audit trail; `actor` is an id or a name."""

    object_type = fields.Text(64, load_default=None)
    object_id = fields.Text(200, load_default=None)
    action = fields.Text(64, load_default=None)
    actor = fields.Text(200, load_default=None)


class ActorOut(Schema):
    """Who acted: a key, a member of staff or the system."""

    kind = fields.Choice("key", "staff", "system", required=True)
    id = fields.Id(required=True, allow_none=True)
    name = fields.Text(200, required=True)


class AuditOut(Schema):
    """One act: who, what, before and after, why."""

    id = fields.Id(required=True)
    at = fields.Instant(required=True)
    actor = fields.Nested(ActorOut, required=True)
    action = fields.Text(64, required=True)
    object_type = fields.Text(64, required=True)
    object_id = fields.Text(200, required=True)
    before = fields.Mapping(required=True, allow_none=True)
    after = fields.Mapping(required=True, allow_none=True)
    reason = fields.Text(500, required=True, allow_none=True)
