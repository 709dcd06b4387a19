"""Messages over HTTP: reading, retrying, the policy, what the sandbox kept, and leaving."""

from uuid import UUID, uuid4

import pytest
from api_client import Api
from providers import Scripted
from sqlalchemy import text
from test_delivery import plan, went

from crm.db import config, db
from crm.members import consents
from crm.messages import channels, delivery
from crm.messages.channels.provider import Refused
from crm.messages.links import Links


def path_of(member: UUID, channel: str = "email", message: UUID | None = None) -> str:
    """Where this member leaves."""
    url = Links(config()).unsubscribe(member, channel, message or uuid4())
    return url.removeprefix(config().base_url)


def granted(member: UUID) -> dict[tuple[str, str], bool]:
    return {(one.channel, one.purpose): one.granted for one in consents.current(member)}


def test_messages_are_listed_by_member_and_state_and_addresses_in_part(
    admin: Api, reader, template
):
    member, form = reader(email="lin@b.test"), template()
    sent = plan(member, form)
    stranger = plan(reader(consents={}), form)
    delivery.drain(5)
    (one,) = admin.get(f"/messages?member={member}").get_json()["data"]
    assert (one["id"], one["state"], one["address"]) == (str(sent), "sent", "l•••@b.test")
    assert one["source"] == {"type": "campaign", "id": "spring"}
    assert one["template"] == {"id": str(form), "version": 1}
    assert one["sent_at"] == "2026-11-22T04:00:00Z"
    (other,) = admin.get("/messages?state=suppressed").get_json()["data"]
    assert (other["id"], other["reason"]) == (str(stranger), "opted_out")
    of_member = admin.get(f"/members/{member}/messages").get_json()
    assert [row["id"] for row in of_member["data"]] == [str(sent)]
    assert admin.get(f"/members/{uuid4()}/messages").status_code == 404


def test_pages_of_messages_follow_each_other(admin: Api, reader, template):
    form = template()
    ids = [str(plan(reader(), form)) for _ in range(5)]
    first = admin.get("/messages?limit=3").get_json()
    second = admin.get(f"/messages?limit=3&cursor={first['next_cursor']}").get_json()
    assert [row["id"] for row in first["data"] + second["data"]] == ids[::-1]
    assert second["next_cursor"] is None
    assert admin.get("/messages?cursor=x").get_json()["errors"][0]["code"] == "bad_cursor"
    assert admin.get("/messages?state=lost").get_json()["errors"][0]["pointer"] == "/state"


def test_a_failed_message_is_retried_by_hand_once_per_key(
    admin: Api, reader, template, monkeypatch
):
    failing = Scripted(lambda one: Refused("554"))
    monkeypatch.setattr(channels, "provider_of", lambda channel: failing)
    message = plan(reader(), template())
    delivery.drain(5)
    found = admin.get(f"/messages/{message}").get_json()
    assert (found["state"], found["events"][0]["data"]["code"]) == ("failed", "554")
    failing.script = lambda one: None
    answers = [admin.post(f"/messages/{message}/retry", idem="k") for _ in range(2)]
    assert [one.status_code for one in answers] == [200, 200]
    assert answers[0].get_json()["state"] == "waiting"
    delivery.drain(5)
    assert (went(message), failing.calls[message]) == ("sent", 2)
    refused = admin.post(f"/messages/{message}/retry")
    assert (refused.status_code, refused.get_json()["code"]) == (409, "message_not_retryable")
    assert admin.post(f"/messages/{uuid4()}/retry").get_json()["code"] == "message_not_found"
    assert admin.get(f"/messages/{uuid4()}").status_code == 404


def test_retrying_wakes_a_worker(admin: Api, reader, template, monkeypatch):
    monkeypatch.setattr(channels, "provider_of", lambda channel: None)
    message = plan(reader(), template())
    delivery.drain(5)
    tasks = text("SELECT count(*) FROM task WHERE job = 'messages.deliver'")
    before = db.session.execute(tasks).scalar_one()
    admin.post(f"/messages/{message}/retry")
    assert db.session.execute(tasks).scalar_one() == before + 1


def test_the_policy_is_changed_in_part_and_by_version(admin: Api):
    assert admin.get("/message-policy").get_json()["version"] == 0
    changed = admin.put("/message-policy", {"caps": {"per_week": 5}}).get_json()
    assert (changed["version"], changed["caps"]) == (1, {"per_day": 1, "per_week": 5})
    hours = {"marketing": {"from": "10:00", "to": "20:00"}}
    changed = admin.put("/message-policy", {"quiet_hours": hours}).get_json()
    assert (changed["version"], changed["quiet_hours"]) == (2, hours)
    assert admin.put("/message-policy", {"quiet_hours": hours}).get_json()["version"] == 2
    assert admin.get("/message-policy").get_json()["caps"]["per_week"] == 5


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"timezone": "Mars/Olympus"}, "/timezone"),
        ({"quiet_hours": {"marketing": {"from": "20:00", "to": "09:00"}}},
         "/quiet_hours/marketing/to"),
        ({"quiet_hours": {"marketing": {"from": "22:00", "to": "23:00"}}},
         "/quiet_hours/marketing/to"),
        ({"quiet_hours": {"marketing": {"from": "9", "to": "20:00"}}},
         "/quiet_hours/marketing/from"),
        ({"caps": {"per_day": -1}}, "/caps/per_day"),
        ({"rates": {"smtp": 0}}, "/rates/smtp"),
        ({"nonsense": 1}, "/nonsense"),
    ],
)  # fmt: skip
def test_a_policy_that_makes_no_sense_is_refused_by_field(admin: Api, body, pointer):
    answer = admin.put("/message-policy", body)
    assert answer.status_code == 422
    assert pointer in [error["pointer"] for error in answer.get_json()["errors"]]


def test_messages_need_their_own_permissions(api_with, reader, template):
    message = plan(reader(), template())
    reading, nobody = api_with("messages:read"), api_with("members:read")
    assert reading.get("/messages").status_code == 200
    assert reading.post(f"/messages/{message}/retry").status_code == 403
    assert reading.put("/message-policy", {}).status_code == 403
    for path in ("/messages", f"/messages/{message}", "/message-policy", "/sandbox/messages"):
        assert nobody.get(path).status_code == 403


def test_the_sandbox_shows_what_would_have_been_sent(admin: Api, reader, template):
    form = template()
    members = [reader(name="Lin", locale="en") for _ in range(3)]
    for member in members:
        plan(member, form)
    delivery.drain(5)
    (one,) = admin.get(f"/sandbox/messages?member={members[0]}").get_json()["data"]
    assert one["subject"] == "Hello Lin"
    assert one["text"].startswith("Your coupon: A&B\n")
    page = admin.get("/sandbox/messages?limit=2").get_json()
    rest = admin.get(f"/sandbox/messages?cursor={page['next_cursor']}").get_json()
    shown = [row["member_id"] for row in page["data"] + rest["data"]]
    assert set(shown) == {str(member) for member in members}


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "Stop these messages?"),
        ("zh-CN", "停止接收这类消息？"),
        ("zh-TW", "停止接收這類訊息？"),
    ],
)
def test_looking_at_the_link_changes_nothing(client, reader, language, words):
    member = reader()
    for method in (client.get, client.head):
        answer = method(path_of(member), headers={"Accept-Language": language})
        assert answer.status_code == 200
    page = client.get(path_of(member), headers={"Accept-Language": language}).get_data(as_text=True)
    assert words in page
    assert granted(member) == {("email", "marketing"): True}


def test_posting_opts_out_at_once_and_as_often_as_one_likes(client, reader, template):
    member = reader()
    waiting = plan(member, template())
    for _ in range(2):
        answer = client.post(
            path_of(member, message=waiting), data={"List-Unsubscribe": "One-Click"}
        )
        assert answer.status_code == 200
        assert "You are unsubscribed." in answer.get_data(as_text=True)
    assert granted(member) == {("email", "marketing"): False}
    assert len(consents.page(member, 50, None)["data"]) == 2
    delivery.drain(5)
    assert went(waiting) == "suppressed: opted_out"
    (decision,) = consents.current(member)
    assert (decision.source, decision.proof) == ("unsubscribe_link", str(waiting))
    kinds = db.session.scalars(text("SELECT kind FROM message_event")).all()
    assert kinds == ["opted_out"]


def test_a_member_who_never_decided_can_leave(client, reader):
    member = reader(consents={})
    assert client.post(path_of(member)).status_code == 200
    assert granted(member) == {("email", "marketing"): False}


def test_leaving_under_a_merged_record_counts_for_the_one_that_lives_on(client, reader):
    gone, kept = reader(), reader()
    db.session.execute(
        text("UPDATE member SET status = 'merged', merged_into = :kept WHERE id = :gone"),
        {"kept": kept, "gone": gone},
    )
    db.session.commit()
    client.post(path_of(gone))
    assert granted(kept) == {("email", "marketing"): False}


def test_a_link_of_an_erased_member_answers_and_does_nothing(client, reader):
    member = reader()
    db.session.execute(text("UPDATE member SET status = 'erased' WHERE id = :m"), {"m": member})
    db.session.commit()
    assert client.post(path_of(member)).status_code == 200
    assert granted(member) == {("email", "marketing"): True}


def test_links_that_were_changed_or_cut_short_are_not_valid(client, reader):
    member = reader()
    path = path_of(member)
    token = path.removeprefix("/u/")
    flipped = ("B" if token[5] != "B" else "C").join((token[:5], token[6:]))
    for broken in (token[:-1], token[:-20], flipped, token + "AAAA", "x", "é", "%00", "a" * 5000):
        for answer in (client.get(f"/u/{broken}"), client.post(f"/u/{broken}")):
            assert answer.status_code == 404, broken
            assert "script" not in answer.get_data(as_text=True)
    assert granted(member) == {("email", "marketing"): True}


def test_the_page_loads_nothing_and_cannot_be_framed(client, reader):
    answer = client.get(path_of(reader()))
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "Set-Cookie" not in answer.headers


def test_the_link_in_a_message_is_the_one_that_leaves(client, reader, template):
    member = reader()
    plan(member, template(languages={"en": {"subject": "x", "text": "{{ links.unsubscribe }}"}}))
    delivery.drain(5)
    (url,) = db.session.scalars(text("SELECT text FROM sandbox_message")).all()
    url = url.split()[0]
    assert url.startswith("http://127.0.0.1:8000/u/")
    assert client.post(url.removeprefix("http://127.0.0.1:8000")).status_code == 200
    assert granted(member) == {("email", "marketing"): False}
