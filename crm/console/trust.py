"""Can the figures be trusted? The ledger's self-check in plain words."""

from flask import render_template, request

from crm import clock
from crm.console.blueprint import blp
from crm.console.pages import when
from crm.console.words import ngettext
from crm.errors import N_
from crm.http.permissions import needs
from crm.i18n import gettext
from crm.orders import checking
from crm.points import check

MOST_SHOWN = 20
PROMISES = {
    "balance_is_sum_of_entries": N_("Every balance is the sum of its entries"),
    "balance_is_lots_minus_debt": N_("Every balance is what its lots hold, less debt"),
    "lot_is_size_plus_movements": N_("Every lot holds what was put in less what was taken"),
    "lot_is_opened_by_its_entry": N_("Every lot began with the points of one entry"),
    "seq_has_no_gaps": N_("No entry is missing"),
    "balance_after_is_consistent": N_("Every entry shows the right balance after it"),
    "hash_chain_is_unbroken": N_("No entry was changed later"),
    "head_is_the_newest_hash": N_("No entry was cut off the end"),
    "earning_has_one_source": N_("Nothing earned points twice"),
    "movements_follow_their_entry": N_("Every spend names the lots that paid it"),
    "nothing_expired_early": N_("Nothing expired before its day"),
    "nothing_spent_outside_its_time": N_("Nothing was spent before or after its time"),
    "held_is_what_open_holds_keep": N_("Every lot keeps back just what is held of it"),
    "hold_is_the_sum_of_its_lots": N_("Every hold names the lots that it holds"),
    "open_holds_are_counted": N_("No open hold is forgotten"),
    "hold_has_its_entries": N_("Every hold was resolved at most once"),
    "entries_of_holds_have_their_hold": N_("Nothing was captured without a hold"),
    "capture_takes_what_was_held": N_("No capture took more than was held"),
    "restores_are_told_in_full": N_("Everything given back names what it was spent on"),
    "restores_are_at_most_spent": N_("Nothing was given back twice"),
    "restored_points_expire": N_("Points given back expire as they would have"),
    "transfers_come_in_pairs": N_("What one member gave another got"),
    "debt_is_what_entries_say": N_("Every debt is what is owed less what was paid"),
    "lifetime_is_what_was_earned": N_("What was ever earned is the sum of earnings"),
    "source_has_its_entry": N_("Every source has its entry"),
    "inactivity_is_watched": N_("Inactivity is counted from the last activity"),
    "clawback_is_at_most_earned": N_("No refund took back more than was earned"),
    "approved_adjustments_are_applied": N_("What a second person approved was done, once"),
    "merge_entries_come_in_pairs": N_("What left one record by a merge came into the other"),
    "rewards_are_paid_once": N_("Every reward was paid for once"),
    "cancelled_rewards_are_given_back_once": N_("Every cancelled reward was given back once"),
    "merged_accounts_are_empty": N_("A record that was merged away holds no points"),
}


@blp.get("/trust")
@needs("ledger:read")
def trust() -> str:
    """The page; the check itself, which reads the whole ledger, is fetched by it."""
    return render_template("trust.html", result=None, aggregates=_aggregates())


@blp.get("/trust/ledger")
@needs("ledger:read")
def ledger_check() -> str:
    """Run the self-check now and show each promise with what was found."""
    breaches = check.run()
    by_promise = {name: [b for b in breaches if b.invariant == name] for name in check.INVARIANTS}
    result = {
        "totals": check.totals(),
        "at": when(clock.now(), clock.now()),
        "broken": len(breaches),
        "promises": [
            {"name": PROMISES.get(name, name), "breaches": found[:MOST_SHOWN], "count": len(found)}
            for name, found in by_promise.items()
        ],
    }
    if "HX-Request" in request.headers:
        return render_template("parts/ledger_check.html", result=result)
    return render_template("trust.html", result=result, aggregates=_aggregates())


def _aggregates() -> dict[str, str | bool] | None:
    """What the last comparison of the running totals with the orders found."""
    found = checking.last()
    if found is None:
        return None
    told = ngettext("{count} member compared", "{count} members compared", found.checked)
    wrong = ngettext(
        "{count} differed from the orders",
        "{count} differed from the orders",
        found.wrong,
    )
    return {
        "at": when(found.at, clock.now()),
        "told": told,
        "right": not found.wrong,
        "found": gettext(N_("Every total is what the orders say")) if not found.wrong else wrong,
    }
