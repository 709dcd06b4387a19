"""Where the clock shows a midnight twice, the day ends with the first: so do points and coupons."""

from crm.migrations import script

revision = "0026"
down_revision = "0025"

EXPIRY = """
CREATE FUNCTION local_midnight(day date, zone text) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE AS $$
-- The instant at which a day begins in a zone. Where clocks go back over midnight (Azores, Havana)
-- it comes twice, and PostgreSQL names the second; where they skip it, the day begins later.
DECLARE
    v_local timestamp := day::timestamp;
    v_at timestamptz := v_local AT TIME ZONE zone;
BEGIN
    IF (v_at - interval '1 hour') AT TIME ZONE zone = v_local THEN
        RETURN v_at - interval '1 hour';
    END IF;
    RETURN v_at;
END $$;

CREATE OR REPLACE FUNCTION points_expiry(policy jsonb, from_at timestamptz, zone text)
RETURNS timestamptz LANGUAGE plpgsql IMMUTABLE AS $$
-- The exclusive instant at which points available from from_at lapse: local midnight after the last
-- valid day. 31 January + 1 month has 28 or 29 February as its last valid day.
DECLARE
    v_kind text := policy ->> 'policy';
    v_months integer := coalesce((policy ->> 'months')::integer, 12);
    v_day date := (from_at AT TIME ZONE zone)::date;
    v_last date;
BEGIN
    IF from_at IS NULL OR v_kind = 'never' THEN
        RETURN NULL;
    END IF;
    v_last := (v_day + make_interval(months => v_months))::date;
    CASE v_kind
        WHEN 'rolling_months', 'inactivity_months' THEN NULL;
        WHEN 'rolling_months_month_end' THEN
            v_last := (date_trunc('month', v_last) + interval '1 month - 1 day')::date;
        WHEN 'rolling_months_quarter_end' THEN
            v_last := (date_trunc('quarter', v_last) + interval '3 months - 1 day')::date;
        WHEN 'rolling_months_year_end' THEN
            v_last := (date_trunc('year', v_last) + interval '1 year - 1 day')::date;
        WHEN 'fixed_day' THEN
            -- clamped, so that a 29 or 31 is the month's last day where the month is shorter
            v_last := (make_date(extract(year FROM v_day)::integer + 1,
                                 (policy ->> 'month')::integer, 1)
                       + interval '1 month - 1 day')::date;
            v_last := least(v_last, date_trunc('month', v_last)::date
                                    + (policy ->> 'day')::integer - 1);
        ELSE RAISE EXCEPTION 'unknown expiry policy %', v_kind;
    END CASE;
    RETURN local_midnight(v_last + 1, zone);
END $$;

CREATE OR REPLACE FUNCTION coupon_expiry(p_at timestamptz, p_days integer, p_zone text)
RETURNS timestamptz LANGUAGE sql STABLE AS $$
    -- Local midnight after the last valid day, which is p_days after the local day of p_at.
    SELECT local_midnight(CAST(p_at AT TIME ZONE p_zone AS date) + p_days + 1, p_zone)
$$;
"""


def upgrade() -> None:
    script(EXPIRY)
