"""Changing a profile: what is named changes, null clears, everything is written down."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from joining import join, open_shops

from crm.audit import AuditEntry
from crm.db import db, transaction
from crm.errors import Invalid
from crm.members import amendment, lookup
from crm.members.errors import IdentityConflict, MemberNotFound, UnknownStore
from crm.members.identity import MemberRef, resolve
from crm.members.models import Member, MemberEvent


def change(member_id: UUID, now: datetime, **patch: Any) -> list[dict[str, Any]]:
    """Amend in a transaction."""
    with transaction():
        return amendment.amend(member_id, patch, now=now)


def entries(action: str) -> list[AuditEntry]:
    return list(db.session.query(AuditEntry).filter_by(action=action))


def test_only_what_is_named_changes(now: datetime):
    member = join(now, name="林晓雯", gender="female", phone="13812344471")
    change(member.id, now, name="林晓文")
    kept = db.session.get_one(Member, member.id)
    assert (kept.name, kept.gender) == ("林晓文", "female")
    assert resolve(MemberRef("phone", "+8613812344471")) == member.id


def test_null_clears(now: datetime):
    member = join(now, name="林晓雯", phone="13812344471", birthday={"month": 2, "day": 29})
    change(member.id, now, name=None, phone=None, birthday=None)
    kept = db.session.get_one(Member, member.id)
    assert (kept.name, kept.name_keys, kept.birthday_day) == (None, [], None)
    assert resolve(MemberRef("phone", "+8613812344471")) is None
    assert lookup.find("4471", now=now).hits == []
    assert lookup.find("晓雯", now=now).hits == []


def test_a_freed_phone_can_be_taken_by_another(now: datetime):
    first, second = join(now, phone="13812344471"), join(now, name="B")
    change(first.id, now, phone=None)
    change(second.id, now, phone="13812344471")
    assert resolve(MemberRef("phone", "+8613812344471")) == second.id


def test_the_same_phone_in_another_writing_is_no_change(now: datetime):
    member = join(now, phone="13812344471")
    change(member.id, now, phone="+86 138 1234 4471")
    assert entries("member.changed") == []
    assert db.session.query(MemberEvent).filter_by(kind="profile_changed").count() == 0


@pytest.mark.parametrize(
    ("patch", "pointer", "field"),
    [
        ({"phone": "139 0000 0001"}, "/phone", "phone"),
        ({"email": "B@example.com"}, "/email", "email"),
        (
            {"external_ids": [{"channel": "x", "id": "1"}, {"channel": "shopify", "id": "7"}]},
            "/external_ids/1",
            "external_id",
        ),
    ],
)
def test_an_identity_of_another_member_is_a_conflict_and_nothing_changes(
    patch: dict, pointer: str, field: str, now: datetime
):
    member = join(now, phone="13812344471", name="A")
    join(
        now,
        phone="13900000001",
        email="b@example.com",
        external_ids=[{"channel": "shopify", "id": "7"}],
    )
    with pytest.raises(IdentityConflict) as refused:
        change(member.id, now, name="Z", **patch)
    assert (refused.value.pointer, refused.value.facts["field"]) == (pointer, field)
    assert db.session.get_one(Member, member.id).name == "A"
    assert resolve(MemberRef("phone", "+8613812344471")) == member.id


def test_lists_are_replaced_and_attributes_merged(now: datetime):
    member = join(
        now,
        tags=["a", "b"],
        attributes={"size": "M", "vip": True},
        external_ids=[{"channel": "shopify", "id": "7"}],
    )
    change(
        member.id,
        now,
        tags=["b", "c"],
        attributes={"size": None, "shoe": 38},
        external_ids=[{"channel": "youzan", "id": "9"}],
    )
    from_api = db.session.get_one(Member, member.id)
    assert from_api.attributes == {"vip": True, "shoe": 38}
    assert resolve(MemberRef("external:shopify", "7")) is None
    assert resolve(MemberRef("external:youzan", "9")) == member.id


def test_a_change_of_name_or_store_is_found_at_once(now: datetime):
    open_shops(now)
    member = join(now, name="林晓雯", home_store="jingan", phone="13812344471")
    join(now + timedelta(days=1), name="王四", home_store="jingan", phone="13912344471")
    change(member.id, now, name="赵敏", home_store="hongkong")
    assert lookup.find("lxw", now=now).hits == []
    assert [hit["id"] for hit in lookup.find("zm", now=now).hits] == [member.id]
    assert lookup.find("4471", store="hongkong", now=now).hits[0]["id"] == member.id


def test_the_audit_says_what_changed_without_telling_who_it_is(now: datetime):
    member = join(now, name="林晓雯", phone="13812344471", gender="female")
    change(member.id, now, name="林晓文", phone="13900000001", gender="other")
    entry = entries("member.changed")[0]
    assert entry.before == {"gender": "female", "name": "••••", "phone": "138 •••• 4471"}
    assert entry.after == {"gender": "other", "name": "••••", "phone": "139 •••• 0001"}
    event = db.session.query(MemberEvent).filter_by(kind="profile_changed").one()
    assert event.data == {"fields": ["gender", "name", "phone"]}


def test_an_unknown_time_zone_is_told_as_a_warning(now: datetime):
    member = join(now, timezone="Asia/Tokyo")
    warnings = change(member.id, now, timezone="Mars/Olympus")
    assert [one["code"] for one in warnings] == ["unknown_timezone"]
    assert db.session.get_one(Member, member.id).timezone is None


def test_unknown_stores_and_members_are_refused(now: datetime):
    member = join(now, name="A")
    with pytest.raises(UnknownStore):
        change(member.id, now, home_store="atlantis")
    with pytest.raises(MemberNotFound):
        change(uuid4(), now, name="B")


def test_attributes_are_bounded_after_the_merge_too(now: datetime):
    member = join(now, attributes={f"a{number}": number for number in range(40)})
    with pytest.raises(Invalid) as refused:
        change(member.id, now, attributes={f"b{number}": number for number in range(11)})
    assert refused.value.errors[0].pointer == "/attributes"
