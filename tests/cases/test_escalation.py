"""Overdue cases are announced once; whether one is overdue never waits for that."""

from datetime import timedelta

from order_bodies import stamp

from crm.cases.jobs import escalate, next_due


def test_an_overdue_case_is_announced_once_each_time_it_is(admin, person, complain, stand_at, now):
    case = complain(person(), due_at=stamp(now + timedelta(hours=1)))
    complain(person())
    assert next_due(now) == now + timedelta(hours=1)
    assert escalate(now) == 0
    later = now + timedelta(hours=1)
    stand_at(later)
    assert admin.get(f"/cases/{case['id']}").get_json()["overdue"] is True
    assert [escalate(later) for _ in range(2)] == [1, 0]
    found = admin.get(f"/cases/{case['id']}").get_json()
    assert [(one["kind"], one["actor"]) for one in found["history"][1:]] == [("overdue", "system")]
    moved = {"due_at": stamp(later + timedelta(hours=1))}
    assert admin.patch(f"/cases/{case['id']}", moved).get_json()["overdue"] is False
    stand_at(later + timedelta(hours=1))
    assert escalate(later) == 1


def test_a_closed_case_is_never_overdue(admin, person, complain, stand_at, now):
    case = complain(person(), due_at=stamp(now + timedelta(hours=1)))
    admin.patch(f"/cases/{case['id']}", {"state": "closed", "reason": "resolved"})
    stand_at(now + timedelta(days=3))
    assert escalate(now) == 0
    assert admin.get(f"/cases/{case['id']}").get_json()["overdue"] is False
    again = admin.patch(f"/cases/{case['id']}", {"state": "open"}).get_json()
    assert again["due_at"] == stamp(now + timedelta(days=5))
