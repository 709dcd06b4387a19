"""A sample of members that is the same for the same members, whatever the order of the rows."""

from sqlalchemy import text

from crm.db import db

# The last eight digits of a UUID are random; a member is in the sample when they are small enough.
SAMPLED = (
    "CAST(CAST('x' || right(CAST({} AS text), 8) AS bit(32)) AS bigint)"
    " < CAST(:share AS double precision) * 4294967296"
)
BUYERS = text("SELECT count(*) FROM purchase_summary WHERE orders > 0")


def share_of(most: int) -> float:
    """The share of members that makes about `most` buyers, 1 where there are no more."""
    buyers = db.session.execute(BUYERS).scalar_one()
    return 1.0 if buyers <= most else most / buyers
