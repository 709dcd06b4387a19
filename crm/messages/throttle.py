"""How fast a provider may be fed: a token bucket in PostgreSQL, shared by all workers.

Buckets fill by the database's clock, not by the sandbox's: they protect a provider, not a rule.
"""

from datetime import timedelta
from math import ceil

from crm.db import call

TAKE = "SELECT * FROM message_tokens(%s, %s, %s, %s)"
AWAY = """
    UPDATE message_provider
    SET failures = failures + 1, trouble = %s,
        away_until = clock_timestamp()
            + least(5 * power(2, least(failures, 10)), 300) * interval '1 second'
    WHERE name = %s AND (away_until IS NULL OR away_until < clock_timestamp())
    RETURNING true
"""
BACK = """
    UPDATE message_provider SET failures = 0, away_until = NULL, trouble = NULL
    WHERE name = %s AND failures > 0 RETURNING true
"""
UNLIMITED = 1_000_000.0  # per second


def take(provider: str, wanted: int, per_second: float | None) -> tuple[int, timedelta]:
    """At most `wanted` tokens, and how long until there is another when there was none.

    A bucket holds what comes in a second, at least one. While the provider is away it is empty.
    """
    rate = per_second or UNLIMITED
    found = call(TAKE, (provider, rate, max(ceil(rate), 1), wanted))
    assert found is not None
    return found[0], timedelta(seconds=found[1])


def give_back(provider: str, unused: int) -> None:
    """Put back what was taken and not needed."""
    if unused > 0:
        call(
            "UPDATE message_provider SET tokens = least(burst, tokens + %s) WHERE name = %s"
            " RETURNING true",
            (unused, provider),
        )


def away(provider: str, trouble: str) -> None:
    """The provider could not be reached, and why: leave it alone for 5, 10, 20 … seconds, at most
    300."""
    call(AWAY, (trouble, provider))


def back(provider: str) -> None:
    """The provider was reached again."""
    call(BACK, (provider,))
