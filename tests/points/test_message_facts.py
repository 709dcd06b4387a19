"""What messages say of points is what the balance says, for many members at once."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from api_client import Api

from crm import clock
from crm.db import transaction
from crm.messages.templates import previewing
from crm.points import balances, message_facts


def test_what_is_said_is_the_balance_whoever_holds_or_owes(
    person: Callable[..., UUID], award: Callable[..., Any], admin: Api
):
    plain, holding, empty, stranger = person(), person(), person(), uuid4()
    now = clock.now()
    award(plain, 100, expires_at=now + timedelta(days=20))
    award(plain, 50, expires_at=now + timedelta(days=10))
    award(plain, 1000)
    award(holding, 300, expires_at=now + timedelta(days=5))
    held = {"member": {"id": str(holding)}, "points": 100, "reference": "cart"}
    assert admin.post("/points/holds", held).status_code == 201
    now = clock.now()
    said = message_facts.of_members([plain, holding, empty, stranger], now)
    for one in (plain, holding, empty):
        assert said[one]["available"] == balances.balance(one, now, now=now)["available"]
    assert (said[plain]["available"], said[plain]["expiring"]) == (1150, 150)
    assert said[plain]["expires_on"][:10] == (now + timedelta(days=10)).date().isoformat()
    assert (said[holding]["available"], said[holding]["expiring"]) == (200, 200)
    assert said[empty] == said[stranger] == {"available": 0, "expiring": 0, "expires_on": None}


def test_a_template_says_them_without_being_told(
    person: Callable[..., UUID], award: Callable[..., Any], admin: Api
):
    member = person()
    award(member, 1234)
    said = "{{ points.available }}{% if points.expires_on %} soon gone{% endif %}"
    body = {
        "code": "p",
        "channel": "inbox",
        "purpose": "service",
        "languages": {"en": {"text": said}},
    }
    template = admin.post("/templates", body).get_json()["id"]
    shown = admin.post(f"/templates/{template}/preview", {"member": {"id": str(member)}})
    (english,) = shown.get_json()["languages"]
    assert (english["text"], english["missing"]) == ("1,234", [])
    with transaction():
        lacking = previewing.missing_for(UUID(template), [member], now=clock.now())
    assert lacking == {}
