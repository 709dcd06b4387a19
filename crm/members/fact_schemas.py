"""Consents, tags and notes as the API gives them."""

from crm.http import Schema, fields
from crm.http.pagination import page_of


class ConsentOut(Schema):
    """One decision; `current` until the next one about the same channel and purpose."""

    channel = fields.Text()
    purpose = fields.Text()
    granted = fields.Flag()
    at = fields.Instant()
    wording = fields.Text(allow_none=True)
    source = fields.Text(allow_none=True)
    proof = fields.Text(allow_none=True)
    actor = fields.Text()
    current = fields.Flag()


ConsentPage = page_of(ConsentOut)


class TagsOut(Schema):
    """All tags of a member."""

    tags = fields.Items(fields.Text())


class NoteIn(Schema):
    """A note of up to 2,000 characters."""

    text = fields.Text(2000, multiline=True, required=True)


class NoteOut(Schema):
    """A note, who wrote it and when."""

    id = fields.Id()
    text = fields.Text()
    at = fields.Instant()
    author = fields.Text()


class RevealOut(Schema):
    """The phone and the e-mail address in full. Asking is recorded."""

    phone = fields.Text(allow_none=True)
    email = fields.Text(allow_none=True)
