"""`points.*`: what a member can spend, waits for, loses soon, owes, and ever earned."""

from crm.i18n import N_
from crm.segments.audiences.field import Field
from crm.segments.audiences.kinds import WHOLE

SPENDABLE = "l.available_at <= {now} AND (l.expires_at IS NULL OR l.expires_at > {now})"

# The account's balance is all that lots hold, less a debt. Not to be spent of it: lots whose time
# has not come or is over, and what live holds keep of the others. A hold that is over keeps
# nothing, whether or not a job has ended it.
KEPT = """
            SELECT l.member_id, l.remaining AS points FROM points_lot l
            WHERE l.remaining > 0 AND l.released_at IS NULL
              AND (l.available_at IS NULL OR l.available_at > {now})
              AND (l.expires_at IS NULL OR l.expires_at > {now})
            UNION ALL
            SELECT l.member_id, l.remaining FROM points_lot l
            WHERE l.remaining > 0 AND l.expires_at <= {now}
            UNION ALL
            SELECT x.member_id, x.points
            FROM points_hold o JOIN points_hold_lot x ON x.hold_id = o.id
            JOIN points_lot l ON l.member_id = x.member_id AND l.id = x.lot_id
            WHERE o.state = 'held' AND o.expires_at > {now} AND SPENDABLE""".replace(
    "SPENDABLE", SPENDABLE
)
# Of most members nothing is kept: theirs is the balance as it stands, of which the planner knows
# how it is spread.
AVAILABLE = """
    SELECT a.member_id, a.balance AS n FROM points_account a
    WHERE a.debt = 0 AND NOT EXISTS (SELECT FROM (KEPT) k WHERE k.member_id = a.member_id)
    UNION ALL
    SELECT a.member_id, greatest(a.balance - k.points, 0)::bigint
    FROM (
        SELECT member_id, sum(points) AS points FROM (KEPT
            UNION ALL
            SELECT d.member_id, 0 FROM points_account d WHERE d.debt > 0
        ) all_ GROUP BY member_id
    ) k JOIN points_account a ON a.member_id = k.member_id""".replace("KEPT", KEPT)
# The same for one member, by his lots.
AVAILABLE_OF = """
    SELECT greatest(coalesce(sum(l.remaining - coalesce(h.points, 0)), 0)
                    - coalesce(max(a.debt), 0), 0)::bigint AS n
    FROM points_lot l
    LEFT JOIN (
        SELECT x.lot_id, sum(x.points)::bigint AS points
        FROM points_hold o JOIN points_hold_lot x ON x.hold_id = o.id
        WHERE o.member_id = m.id AND o.state = 'held' AND o.expires_at > {now} GROUP BY x.lot_id
    ) h ON h.lot_id = l.id
    LEFT JOIN points_account a ON a.member_id = l.member_id AND a.debt > 0
    WHERE l.member_id = m.id AND l.remaining > 0 AND SPENDABLE""".replace("SPENDABLE", SPENDABLE)
PENDING = """
    SELECT l.member_id, sum(l.remaining)::bigint AS n FROM points_lot l
    WHERE l.remaining > 0 AND l.released_at IS NULL
      AND (l.available_at IS NULL OR l.available_at > {now})
      AND (l.expires_at IS NULL OR l.expires_at > {now})
    GROUP BY l.member_id"""
EXPIRING = """
    SELECT l.member_id, sum(l.remaining - l.held)::bigint AS n FROM points_lot l
    WHERE l.remaining > 0 AND SPENDABLE {within} GROUP BY l.member_id""".replace(
    "SPENDABLE", SPENDABLE
)
EXPIRING_OF = """
    SELECT sum(l.remaining - l.held)::bigint AS n FROM points_lot l
    WHERE l.member_id = m.id AND l.remaining > 0 AND SPENDABLE {within}""".replace(
    "SPENDABLE", SPENDABLE
)
ACCOUNT = "SELECT a.member_id, a.lifetime_earned, a.debt FROM points_account a"

FIELDS = (
    Field(
        "points.available",
        N_("Points available"),
        N_("What the member can spend now."),
        WHOLE,
        "{r}.n",
        AVAILABLE,
        lookup=AVAILABLE_OF,
        default=0,
    ),
    Field(
        "points.pending",
        N_("Points pending"),
        N_("Earned, and not yet to be spent."),
        WHOLE,
        "{r}.n",
        PENDING,
        default=0,
    ),
    Field(
        "points.expiring",
        N_("Points expiring"),
        N_("How many of the available ones lapse within so many days."),
        WHOLE,
        "{r}.n",
        EXPIRING,
        lookup=EXPIRING_OF,
        at="l.expires_at",
        window="required",
        ahead=True,
        default=0,
    ),
    Field(
        "points.lifetime",
        N_("Points ever earned"),
        N_("All that was earned since the member joined."),
        WHOLE,
        "{r}.lifetime_earned",
        ACCOUNT,
        default=0,
    ),
    Field(
        "points.debt",
        N_("Points owed"),
        N_("What refunds took that had been spent already."),
        WHOLE,
        "{r}.debt",
        ACCOUNT,
        default=0,
    ),
)
