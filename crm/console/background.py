"""Background work: what waits, what failed and why, what was done last."""

from flask import render_template
from sqlalchemy import text

from crm import clock
from crm.console.blueprint import blp
from crm.console.pages import when
from crm.db import db
from crm.errors import N_
from crm.http.permissions import needs
from crm.queue import JOBS

JOB_NAMES = {
    "approvals.expire": N_("Close requests that nobody decided in time"),
    "auth.purge": N_("Forget old sessions and failed sign-ins"),
    "campaigns.advance": N_("Take the next steps of campaigns"),
    "campaigns.measure_before": N_("Note what members had bought before a campaign"),
    "campaigns.work": N_("Prepare the messages of a campaign"),
    "cases.escalate": N_("Announce overdue cases"),
    "cases.tell_owner": N_("Mail owners of overdue cases"),
    "coupons.tidy": N_("Free what expired coupons and reservations held"),
    "floor.forget": N_("Forget what is no longer needed"),
    "journeys.tick": N_("Handle what journeys find due"),
    "journeys.take_back": N_("Look for coupons that nobody was told of"),
    "journeys.untold": N_("Take back coupons that nobody was told of"),
    "ledger.check": N_("Check the ledger at night"),
    "members.refresh_ranking": N_("Bring the order of search results up to date"),
    "messages.deliver": N_("Deliver messages"),
    "messages.figures": N_("Add up the figures of messages"),
    "messages.forget": N_("Forget how many messages members got two weeks ago"),
    "messages.recover": N_("Take up deliveries that were broken off"),
    "orders.aggregates": N_("Compare the running totals with the orders"),
    "points.expire": N_("Close points that expired"),
    "points.holds": N_("Release points whose hold is over"),
    "points.referrals": N_("Reward referrals whose order can't come back any more"),
    "points.release": N_("Make pending points available"),
    "segments.baskets": N_("Count what is bought next"),
    "segments.daily": N_("Calculate the segments at night"),
    "segments.next_purchase": N_("Learn who buys soon"),
    "segments.roll_back": N_("Take calculations of the segments back"),
    "segments.run": N_("Calculate the segments when asked"),
    "segments.usual_windows": N_("Measure when members usually buy again"),
    "tiers.benefits": N_("Give members the coupons of their tiers"),
    "tiers.ladder_changed": N_("Bring members onto a changed ladder"),
    "tiers.lift": N_("Lift members to the tiers that awards have won"),
    "tiers.review": N_("Judge tiers whose time has ended"),
}
TASKS = text("""
    SELECT job, count(*) FILTER (WHERE state = 'waiting') AS waiting,
           count(*) FILTER (WHERE state = 'failed') AS failed,
           max(finished_at) FILTER (WHERE state = 'done') AS done_at,
           (array_agg(error ORDER BY due_at DESC) FILTER (WHERE error IS NOT NULL))[1] AS error
    FROM task GROUP BY job
""")


@blp.get("/tasks")
@needs("tasks:read")
def tasks() -> str:
    """All jobs; those that failed stand first, then those that wait."""
    return render_template("tasks.html", tasks=_tasks())


def _tasks() -> list[dict[str, object]]:
    now = clock.now()
    found = {row.job: row for row in db.session.execute(TASKS)}
    rows = []
    for name in sorted(set(JOBS) | set(found)):
        row = found.get(name)
        done_at = row.done_at if row else None
        rows.append(
            {
                "code": name,
                "name": JOB_NAMES.get(name, ""),
                "waiting": row.waiting if row else 0,
                "failed": row.failed if row else 0,
                "done": when(done_at, now) if done_at else "",
                "error": row.error if row and (row.waiting or row.failed) else "",
            }
        )
    return sorted(rows, key=lambda item: (not item["failed"], not item["waiting"], item["code"]))
