"""Token buckets: how fast each provider of messages may be fed."""

from crm.migrations import script

revision = "0025"
down_revision = "0024"
branch_labels = depends_on = None

TOKENS = """
CREATE FUNCTION message_tokens(
    provider text, rate double precision, size integer, wanted integer,
    OUT granted integer, OUT wait_seconds double precision
) LANGUAGE plpgsql AS $$
-- Take at most `wanted` tokens. The bucket's row is locked for this statement only.
DECLARE
    t timestamptz;
    bucket message_provider;
BEGIN
    INSERT INTO message_provider (name, per_second, burst, tokens, refilled_at)
    VALUES (provider, rate, size, size, clock_timestamp()) ON CONFLICT DO NOTHING;
    SELECT * INTO bucket FROM message_provider WHERE name = provider FOR UPDATE;
    t := greatest(clock_timestamp(), bucket.refilled_at);
    bucket.tokens := least(
        size, bucket.tokens + rate * extract(epoch FROM t - bucket.refilled_at));
    granted := CASE WHEN bucket.away_until > t THEN 0
                    ELSE least(wanted, floor(bucket.tokens)::integer) END;
    wait_seconds := CASE WHEN bucket.away_until > t
                             THEN extract(epoch FROM bucket.away_until - t)
                         WHEN granted = 0 THEN (1 - bucket.tokens) / rate
                         ELSE 0 END;
    UPDATE message_provider
    SET per_second = rate, burst = size, tokens = bucket.tokens - granted, refilled_at = t
    WHERE name = provider;
END $$;
"""


def upgrade() -> None:
    script(TOKENS)
