"""Links of marketing mails lead where their author said, and tell that somebody followed them."""

import re
from html import unescape

import pytest
from readers import make_reader
from sqlalchemy import text
from test_delivery import kept_in_sandbox, plan

from crm.config import Config
from crm.db import config, db
from crm.messages import delivery
from crm.messages.links import Links

SPRING = "https://shop.example/spring?a=1&b=2"
HTML = (
    f'<html><body><p><a class="x" href="{SPRING.replace("&", "&amp;")}">Tea</a>'
    "<A HREF='https://shop.example/account'>Account</A>"
    '<a href="{{ links.own }}">Own</a><a href="mailto:a@b.test">Write</a>'
    '{% if member.name %}<a href="https://shop.example/named">Named</a>{% endif %}'
    f'<a href="{SPRING.replace("&", "&amp;")}">again</a></p></body></html>'
)
AGREED = {"email.marketing": True, "email.profiling": True}
SAID = {"en": {"subject": "x", "html": HTML}}


@pytest.fixture
def letter(template):
    """The HTML of a mail that was sent, and its message."""

    def send(purpose: str = "marketing", consents=AGREED, **more):
        form = template(purpose=purpose, languages=SAID)
        message = plan(make_reader(name="Lin", consents=consents), form, **more)
        db.session.execute(
            text("""
                UPDATE message SET variables = '{"links": {"own": "https://own.example/1"}}'
                WHERE id = :id
            """),
            {"id": message},
        )
        db.session.commit()
        assert delivery.drain(5).sent == 1
        return kept_in_sandbox()[-1].html, message

    return send


def addresses(html: str) -> list[str]:
    return [unescape(one) for one in re.findall(r"""(?i)href=["']([^"']+)""", html)]


def events(message) -> list[tuple[str, str | None]]:
    rows = db.session.execute(
        text("SELECT kind, data FROM message_event WHERE message_id = :m ORDER BY id"),
        {"m": message},
    )
    return [(row.kind, row.data.get("link")) for row in rows]


def path(address: str) -> str:
    return address.removeprefix(config().base_url)


def test_links_lead_here_first_and_then_to_what_was_written(client, letter):
    html, message = letter()
    spring, account, own, mailto, named, again, _ = addresses(html)
    assert (own, mailto) == ("https://own.example/1", "mailto:a@b.test")
    assert spring == again != account
    for address, expected in (
        (spring, SPRING), (account, "https://shop.example/account"),
        (named, "https://shop.example/named"),
    ):  # fmt: skip
        answer = client.get(path(address))
        assert (answer.status_code, answer.headers["Location"]) == (302, expected)
        assert answer.headers["Cache-Control"] == "no-store"
    assert events(message) == [
        ("clicked", SPRING), ("clicked", "https://shop.example/account"),
        ("clicked", "https://shop.example/named"),
    ]  # fmt: skip


def test_each_link_and_the_opening_count_once(client, letter):
    html, message = letter()
    dot = re.findall(r'<img src="([^"]+)"', html)[0]
    first = addresses(html)[0]
    for _ in range(3):
        answer = client.get(path(dot))
        assert (answer.status_code, answer.mimetype) == (200, "image/gif")
        client.get(path(first))
        client.head(path(first))
    assert events(message) == [("opened", None), ("clicked", SPRING)]
    assert html.endswith('alt=""></body></html>')


def test_a_head_request_counts_nothing(client, letter):
    html, message = letter()
    assert client.head(path(addresses(html)[0])).status_code == 302
    assert events(message) == []


def test_service_mails_and_texts_are_not_counted(letter):
    html, _ = letter("service")
    assert SPRING in addresses(html)
    assert "<img" not in html
    letter()
    assert SPRING in kept_in_sandbox()[-1].text


def test_a_shop_can_count_nothing(letter, monkeypatch):
    monkeypatch.setattr(Config, "track_links", property(lambda self: False), raising=False)
    html, _ = letter()
    assert addresses(html)[0] == SPRING
    assert "<img" not in html


def test_nobody_can_make_a_link_that_leads_elsewhere(client, letter):
    html, message = letter()
    good = path(addresses(html)[0])
    name = good.rpartition(".")[0]
    wrong = [
        f"{name}.9", f"{name}.-1", f"{name}.x", f"{name}.", name, f"{name}.٣", f"{name}.99999",
        good.replace("/l/", "/l/A"), "/l/.0", f"{name[:-2]}.0", f"{name}.https://evil.test",
    ]  # fmt: skip
    for one in wrong:
        assert client.get(one).status_code == 404, one
    assert events(message) == []
    links = Links(config())
    unsubscribe = links.unsubscribe(message, "email", message).rpartition("/")[2]
    assert client.get(f"/l/{unsubscribe}.0").status_code == 404


def test_an_erased_member_leaves_no_new_traces(client, letter):
    html, message = letter()
    db.session.execute(text("UPDATE member SET status = 'erased'"))
    db.session.commit()
    answer = client.get(path(addresses(html)[0]))
    assert (answer.status_code, answer.headers["Location"]) == (302, SPRING)
    assert events(message) == []


@pytest.mark.parametrize(
    "consents",
    [{"email.marketing": True}, {"email.marketing": True, "email.profiling": False},
     {"email.marketing": True, "sms.profiling": True}],
)  # fmt: skip
def test_links_to_who_did_not_agree_to_profiling_go_as_they_were_written(letter, consents):
    html, _ = letter(consents=consents)
    assert addresses(html)[:2] == [SPRING, "https://shop.example/account"]
    assert "<img" not in html


def test_who_takes_his_agreement_back_is_led_on_and_not_counted(client, letter):
    html, message = letter()
    db.session.execute(
        text("UPDATE member_consent SET granted = false WHERE purpose = 'profiling'")
    )
    db.session.commit()
    answer = client.get(path(addresses(html)[0]))
    assert (answer.status_code, answer.headers["Location"]) == (302, SPRING)
    dot = re.findall(r'<img src="([^"]+)"', html)[0]
    assert client.get(path(dot)).status_code == 200
    assert events(message) == []
