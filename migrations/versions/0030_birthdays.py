"""Birthdays are looked up by their day: for what tiers bring then."""

from crm.migrations import script

revision = "0030"
down_revision = "0029"

INDEX = """
CREATE INDEX ix_member_birthday ON member (birthday_month, birthday_day, id)
    WHERE birthday_month IS NOT NULL;
"""


def upgrade() -> None:
    script(INDEX)
