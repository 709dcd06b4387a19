"""What other rooms ask of members, and tell about them."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from joining import join, open_shops

from crm.db import db, transaction
from crm.errors import Invalid
from crm.members import identity, profiles
from crm.members.errors import MemberNotFound
from crm.members.identity import MemberRef
from crm.members.models import Member


def test_the_zone_is_the_members_else_the_stores_else_the_programmes(now: datetime):
    open_shops(now)
    own = join(now, timezone="Asia/Tokyo", home_store="hongkong")
    stores_ = join(now, home_store="hongkong")
    none = join(now, name="A")
    found = profiles.facts([own.id, stores_.id, none.id, uuid4()], default_zone="Asia/Shanghai")
    assert [found[one.id].zone for one in (own, stores_, none)] == [
        "Asia/Tokyo",
        "Asia/Hong_Kong",
        "Asia/Shanghai",
    ]
    assert len(found) == 3


def test_a_lunar_birthday_has_no_month_of_the_solar_year(now: datetime):
    solar = join(now, birthday={"month": 5, "day": 1})
    lunar = join(now, birthday={"month": 5, "day": 1, "calendar": "lunar"})
    found = profiles.facts([solar.id, lunar.id], default_zone="UTC")
    assert (found[solar.id].birthday_month, found[lunar.id].birthday_month) == (5, None)


def test_facts_of_nobody_are_refused_or_empty():
    assert profiles.facts([], default_zone="UTC") == {}
    with pytest.raises(MemberNotFound):
        profiles.require_facts(uuid4(), default_zone="UTC")
    with pytest.raises(MemberNotFound):
        profiles.require(uuid4())


def test_segments_change_only_where_they_differ(now: datetime):
    first, second = join(now, name="A"), join(now, name="B")
    with transaction():
        assert profiles.assign_segments([first.id, second.id], ["loyal", None]) == 1
        assert profiles.assign_segments([first.id, second.id], ["loyal", "new"]) == 1
        assert profiles.assign_segments([first.id], [None]) == 1
    db.session.expire_all()
    assert db.session.get_one(Member, first.id).segment is None
    assert db.session.get_one(Member, second.id).segment == "new"


def test_the_latest_visit_is_kept(now: datetime):
    member = join(now - timedelta(days=9), name="A")
    with transaction():
        profiles.seen_many({})
        profiles.seen_many({member.id: now, uuid4(): now})
        profiles.seen_many({member.id: now - timedelta(days=1)})
    db.session.expire_all()
    assert db.session.get_one(Member, member.id).last_seen_at == now


def test_every_kind_of_reference_resolves_in_the_order_asked(now: datetime):
    member = join(
        now,
        phone="13812344471",
        email="lin@example.com",
        external_ids=[
            {"channel": "shopify", "id": "7"},
            {"channel": "wechat_unionid", "id": "u-1"},
        ],
    )
    refs = [
        MemberRef("phone", "+8613900000000"),
        identity.parse_ref({"phone": "138 1234 4471"}),
        identity.parse_ref({"email": "LIN@example.com"}),
        identity.parse_ref({"external_id": {"channel": "shopify", "id": "7"}}),
        identity.parse_ref({"external_id": {"channel": "wechat_unionid", "id": "u-1"}}),
        identity.parse_ref({"member_no": member.member_no}),
        identity.parse_ref({"id": member.id}),
        MemberRef("id", str(uuid4())),
    ]
    assert identity.resolve_many(refs) == [None, *[member.id] * 6, None]
    assert identity.resolve_many([]) == []


def test_a_reference_to_nobody_is_refused():
    with pytest.raises(MemberNotFound):
        identity.require(MemberRef("phone", "+8613812344471"))


def test_a_malformed_reference_names_its_place():
    with pytest.raises(Invalid) as refused:
        identity.parse_ref({"phone": "12"}, at="/member")
    assert refused.value.errors[0].pointer == "/member/phone"
