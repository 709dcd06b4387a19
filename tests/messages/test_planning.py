"""One row per occasion for life, written with its cause; figures that add up."""

from datetime import timedelta
from uuid import RFC_4122

import pytest
from readers import NOW
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from crm.db import db, transaction
from crm.ids import uuid7
from crm.messages import occasions, planning, sources, states, suppressions, versions
from crm.messages.errors import TemplateArchived, TemplateNotFound
from crm.messages.models import Message
from crm.messages.planning import Source
from crm.messages.states import Reason

SPRING = Source("campaign", "spring")


def plan(member, template, occasion="birthday:1", **more):
    with transaction():
        return planning.plan(
            member, occasion=occasion, template_id=template, source=SPRING, now=NOW, **more
        )


def figures(source=SPRING):
    return sources.figures(source)


def test_an_occasion_has_one_message_for_life(reader, template):
    member, form = reader(), template()
    first = plan(member, form, variables={"coupon": {"code": "A1"}})
    assert first is not None
    assert (first.state, first.channel, first.purpose) == ("waiting", "email", "marketing")
    assert (first.template_version, first.variables) == (1, {"coupon": {"code": "A1"}})
    assert plan(member, form) is None
    assert figures().planned == figures().pending == 1


def test_what_was_planned_goes_with_its_cause(reader, template):
    member, form = reader(), template()

    def cause() -> None:
        with transaction():
            assert planning.plan(member, occasion="o", template_id=form, source=SPRING, now=NOW)
            raise RuntimeError("the order could not be written")

    with pytest.raises(RuntimeError):
        cause()
    assert figures().planned == 0
    assert plan(member, form, "o") is not None


def test_a_message_keeps_the_version_it_was_planned_with(reader, template):
    form = template()
    message = plan(reader(), form)
    with transaction():
        db.session.execute(text("UPDATE message_template SET version = 2"))
    assert message is not None
    assert db.session.get(Message, message.id).template_version == 1


def test_an_unknown_template_or_version_is_refused(reader, template):
    with pytest.raises(TemplateNotFound):
        plan(reader(), reader())
    with pytest.raises(TemplateNotFound):
        versions.wording(template(), 2)


def test_versions_of_templates_never_change(template):
    template()
    for change in (
        "UPDATE message_template_version SET languages = '{}'",
        "DELETE FROM message_template_version",
    ):
        with pytest.raises(Exception, match="never change"), transaction():
            db.session.execute(text(change))


def test_many_are_planned_by_one_statement_and_each_occasion_counts_once(reader, template):
    members, form = [reader() for _ in range(3)], template()
    rows = [
        {
            "member_id": one,
            "occasion": f"campaign:1:{one}",
            "variables": {"coupon": {"code": str(n)}},
        }
        for n, one in enumerate(members)
    ]
    rows[1] |= {"due_at": NOW + timedelta(hours=1), "not_after": NOW + timedelta(days=1)}
    rows[2] |= {"state": "suppressed", "reason": "pool_empty"}
    with transaction():
        more = {"template_id": form, "source": SPRING, "now": NOW}
        assert planning.plan_many(rows, **more) == 3
        assert planning.plan_many([*rows, rows[0]], **more) == 0
    found = figures()
    assert (found.planned, found.pending, found.suppressed) == (3, 2, 1)
    assert found.reasons == {"pool_empty": 1}


def test_messages_made_together_have_ids_in_their_order_and_of_this_time(reader, template):
    form, rows = template(), [{"member_id": reader(), "occasion": f"o:{n}"} for n in range(5)]
    before = uuid7()
    with transaction():
        planning.plan_many(rows, template_id=form, source=SPRING, now=NOW)
    found = db.session.execute(text("SELECT id, occasion FROM message ORDER BY id")).all()
    assert [row.occasion for row in found] == [row["occasion"] for row in rows]
    for one in (row.id for row in found):
        assert (one.version, one.variant) == (7, RFC_4122)
        assert 0 <= (one.int >> 80) - (before.int >> 80) < 60_000


def test_an_audience_is_planned_from_a_query(reader, template):
    members, form = {reader() for _ in range(4)}, template()
    query = """
        SELECT id AS member_id, 'campaign:2:' || id AS occasion, NULL::jsonb AS variables,
               CAST(:due AS timestamptz) AS due_at, NULL::timestamptz AS not_after,
               NULL AS state, NULL AS reason
        FROM member WHERE id = ANY(:ids)
    """
    due = NOW + timedelta(days=1)
    with transaction():
        count = planning.plan_select(
            query, {"ids": list(members), "due": due}, template_id=form, source=SPRING, now=NOW
        )
    assert count == 4
    assert {row.member_id for row in db.session.query(Message)} == members
    assert {row.due_at for row in db.session.query(Message)} == {due}


def test_members_of_the_holdout_have_rows_without_a_template(reader):
    row = {"member_id": reader(), "occasion": "campaign:3:x", "state": "holdout"}
    with transaction():
        planning.plan_many([row], template_id=None, source=SPRING, now=NOW)
    assert (figures().planned, figures().holdout) == (1, 1)


def test_withdrawing_cancels_what_waits_and_says_why(reader, template):
    message = plan(reader(), template(), "aftersale:1")
    assert message is not None
    with transaction():
        args = {"reason": Reason.ORDER_REFUNDED, "now": NOW}
        assert occasions.withdraw(["aftersale:1", "unknown"], **args) == 1
        assert occasions.withdraw(["aftersale:1"], **args) == 0
    db.session.refresh(message)
    assert (message.state, message.reason) == ("cancelled", "order_refunded")
    assert (figures().planned, figures().cancelled, figures().pending) == (1, 1, 0)


def test_folding_the_figures_changes_none(reader, template):
    form = template()
    for number in range(5):
        plan(reader(), form, f"o{number}")
    with transaction():
        occasions.withdraw(["o1", "o2"], now=NOW)
    before = figures()
    with transaction():
        assert db.session.execute(text("SELECT message_count_fold()")).scalar_one() > 0
    assert figures() == before
    assert db.session.execute(text("SELECT count(*) FROM message_count")).scalar_one() == 2
    with transaction():
        assert db.session.execute(text("SELECT message_count_fold()")).scalar_one() == 0


def test_narrow_keys_are_the_same_in_the_program_and_in_the_database():
    for text_ in ("birthday:1:2:2026", "生日", ""):
        in_database = db.session.execute(
            text("SELECT message_occasion_key(:t), message_address_key('email', :t)"), {"t": text_}
        ).one()
        here = (occasions.occasion_key(text_), suppressions.address_key("email", text_))
        assert tuple(one.hex for one in in_database) == here


def test_an_address_that_bounced_stays_suppressed_when_it_also_complains():
    with transaction():
        suppressions.add("email", ["a@b.test"], scope="marketing", reason="complaint", now=NOW)
        suppressions.add("email", ["a@b.test"], scope="all", reason="bounced", now=NOW)
        suppressions.add("email", ["a@b.test"], scope="marketing", reason="complaint", now=NOW)
        assert suppressions.scope_of("email", "a@b.test") == "all"
        assert suppressions.scope_of("sms", "a@b.test") is None
        assert suppressions.lift("email", "a@b.test") is True
        assert suppressions.scope_of("email", "a@b.test") is None


def test_every_word_for_a_state_and_a_consent_is_known_to_the_database(context):
    accepted = db.session.execute(
        text(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'ck_message_state'"
        )
    ).scalar_one()
    assert all(f"'{state}'" in accepted for state in states.State)
    assert set(states.CONSENT) == set(states.CHANNELS)


def test_with_an_archived_template_nothing_new_is_planned(reader, template):
    form, member = template(), reader()
    before = plan(member, form, "before")
    with transaction():
        db.session.execute(
            text("UPDATE message_template SET archived_at = :now, code = 'old'"), {"now": NOW}
        )
    db.session.expire_all()
    row = {"member_id": member, "occasion": "after"}
    for act, given in (
        (planning.plan, {"member_id": member, "occasion": "after"}),
        (planning.plan_many, {"rows": [row]}),
    ):
        with pytest.raises(TemplateArchived) as refused, transaction():
            act(**given, template_id=form, source=SPRING, now=NOW)
        assert refused.value.facts == {"template": "old"}
    assert before is not None
    assert versions.wording(form).archived == "old"
    assert figures().planned == 1
    query = "SELECT CAST(:m AS uuid) AS member_id, 'begun' AS occasion, NULL::jsonb AS variables," \
        " NULL::timestamptz AS due_at, NULL::timestamptz AS not_after, NULL AS state," \
        " NULL AS reason"  # fmt: skip
    with transaction():
        assert planning.plan_select(
            query, {"m": member}, template_id=form, source=SPRING, now=NOW, version=1
        ) == 1  # fmt: skip


@pytest.mark.parametrize("wrong", ["member_id", "template_id", "template_version"])
def test_a_message_is_for_somebody_and_says_something(reader, template, wrong):
    plan(reader(), template())
    other = {"template_version": "9"}.get(wrong, "uuidv7()")
    columns = "member_id, template_id, template_version".replace(wrong, other)
    copy = text(f"""
        INSERT INTO message (id, occasion_key, channel, purpose, source_type, source_id, zone,
                             state, created_at, member_id, template_id, template_version)
        SELECT uuidv7(), uuidv7(), channel, purpose, source_type, source_id, zone, state,
               created_at, {columns} FROM message
    """)  # names that stand here
    with pytest.raises(IntegrityError), transaction():
        db.session.execute(copy)
