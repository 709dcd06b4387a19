"""E-mail over SMTP: letters that any mail program reads, and what servers say taken at its word."""

import socket
import threading
from base64 import b64decode
from email import message_from_bytes, policy
from uuid import uuid4

import pytest
from mail_servers import mailer, outgoing, real_server, scripted

from crm.config import BadSetting, Config
from crm.messages.channels.provider import Accepted, Ambiguous, Refused, TryLater
from crm.messages.channels.smtp import connecting, provider
from crm.messages.channels.smtp.connecting import Opened
from crm.messages.channels.smtp.letters import Letters, is_address, subject, to_ascii
from crm.messages.channels.smtp.line import Letter, Line
from crm.messages.channels.smtp.replies import Garbled, Reader, Reply, meaning

pytestmark = pytest.mark.usefixtures("context")


def send(port: int, *messages, connections: int = 4, seconds: float = 5, whole: float = 10):
    """The outcomes of messages sent to a server on this port."""
    mail = mailer(port, connections, seconds)
    try:
        return mail.send(messages, seconds=whole)
    finally:
        mail.lines.close()


def test_a_letter_arrives_as_it_was_written():
    one = outgoing("lin@b.test", name="王小明 <&>")
    with real_server() as (box, port):
        (outcome,) = send(port, one)
    assert outcome == Accepted(ref="250 2.0.0 taken as 1")
    ((sender, recipients, letter),) = box.got
    assert (sender, recipients) == ("shop@shop.test", ["lin@b.test"])
    assert letter["Subject"] == "Hello 王小明 <&>"
    assert letter["From"] == "Café Regulars <shop@shop.test>"
    assert letter["To"] == "lin@b.test"
    assert letter["Message-ID"] == f"<{one.id}@shop.test>"
    assert letter["List-Unsubscribe"] == "<https://shop.test/u/abc>"
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert letter["Date"].datetime is not None
    text, html = letter.iter_parts()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert text.get_content().splitlines() == one.part("text").splitlines()
    assert html.get_content().strip() == one.part("html").strip()
    assert "王小明 &lt;&amp;&gt;" in html.get_content()
    assert not letter.defects
    assert not text.defects


def test_service_letters_have_no_way_to_unsubscribe():
    with real_server() as (box, port):
        send(port, outgoing(purpose="service"))
    assert box.got[0][2]["List-Unsubscribe"] is None


def test_a_letter_of_one_part_has_no_boundaries():
    languages = {"en": {"subject": "x", "text": "only text"}}
    with real_server() as (box, port):
        send(port, outgoing(languages=languages))
    letter = box.got[0][2]
    assert (letter.get_content_type(), letter.get_content().strip()) == ("text/plain", "only text")


@pytest.mark.parametrize("length", [0, 1, 56, 57, 58, 113, 114, 115, 5000])
def test_letters_are_whole_whatever_lengths_their_pieces_have(length):
    languages = {
        "en": {
            "subject": "x",
            "text": "é" * length
            + "{{ custom.name }}"
            + "." * length
            + "\n.\n..\n{{ custom.more }}",
        }
    }
    one = outgoing(languages=languages, name="n" * (length or 1), more=".\r\n.\r\nQUIT\r\n")
    with real_server() as (box, port):
        (outcome,) = send(port, one)
    assert isinstance(outcome, Accepted)
    got = b64decode(box.got[0][2].get_payload()).decode().replace("\r\n", "\n")
    assert got == one.part("text").replace("\r\n", "\n")


EVIL = "x\r\nBcc: all@b.test\r\n\r\n.\r\nMAIL FROM:<evil@b.test>\r\n\0\x1b\x85\u2028Y: 1"


def test_no_value_can_add_a_header_a_recipient_or_a_letter():
    one = outgoing(name=EVIL)
    with real_server() as (box, port):
        send(port, one)
    ((_, recipients, letter),) = box.got
    assert recipients == ["lin@b.test"]
    assert (letter["Bcc"], letter["Y"]) == (None, None)
    assert "\n" not in letter["Subject"]
    raw = Letters("s@b.test").write(one, "lin@b.test", b"Sun, 22 Nov 2026 04:00:00 +0000")
    assert raw.count(b"\r\n.\r\n") == 1
    assert raw.endswith(b"\r\n.\r\n")
    assert all(len(line) <= 78 for line in raw.split(b"\r\n") if b"Message-ID" not in line)


@pytest.mark.parametrize(
    "address",
    ["a@b.test>\r\nRCPT TO:<c@d.test", "a b@c.test", "<a@b.test>", "a@", "@b", "ünï@b.test", ""],
)
def test_what_is_no_address_is_never_said_to_a_server(address):
    with scripted() as server:
        outcomes = send(server.port, outgoing(address), outgoing("good@b.test"))
    assert isinstance(outcomes[0], Refused)
    assert outcomes[0].bad_address
    assert isinstance(outcomes[1], Accepted)
    assert [line for line in server.heard if "RCPT" in line] == ["RCPT TO:<good@b.test>"]


def test_domains_are_written_as_dns_has_them(no_database):
    assert to_ascii("lin@münchen.test") == "lin@xn--mnchen-3ya.test"
    assert is_address("o'neil+x@b.test")


@pytest.mark.parametrize(
    "text",
    ["short", "", "ünï", "王" * 60, "a" * 67, "=?utf-8?b?eA==?=", "🎂" * 40, "tab\there", " x "],
)
def test_subjects_are_read_back_as_they_were(no_database, text):
    raw = b"Subject: " + subject(text) + b"\r\n\r\n"
    assert all(len(line) <= 78 for line in raw.split(b"\r\n"))
    letter = message_from_bytes(raw, policy=policy.default)
    assert letter["Subject"] == text.replace("\t", " ").strip()


def test_many_letters_go_over_few_connections_which_stay_open():
    batch = [outgoing(f"m{n}@b.test") for n in range(60)]
    with scripted() as server:
        mail = mailer(server.port, connections=3)
        for _ in range(3):
            assert all(isinstance(one, Accepted) for one in mail.send(batch, seconds=10))
        assert (len(server.texts), server.connections) == (180, 3)
        mail.lines.close()


@pytest.mark.parametrize("pipelining", [True, False])
def test_servers_that_take_one_command_at_a_time_are_served_too(pipelining):
    batch = [outgoing(f"m{n}@b.test") for n in range(10)]
    with scripted(pipelining=pipelining) as server:
        outcomes = send(server.port, *batch, connections=2)
    assert all(isinstance(one, Accepted) for one in outcomes)
    assert sorted(line for line in server.heard if line.startswith("RCPT")) == sorted(
        f"RCPT TO:<m{n}@b.test>" for n in range(10)
    )


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(
    ("verb", "said", "outcome"),
    [
        ("MAIL", "451 4.3.0 busy", TryLater("451 4.3.0 busy")),
        ("MAIL", "550 5.7.1 go away", Refused("550 5.7.1 go away")),
        ("RCPT", "450 4.2.1 busy", TryLater("450 4.2.1 busy")),
        ("RCPT", "550 5.1.1 nobody", Refused("550 5.1.1 nobody", bad_address=True)),
        ("RCPT", "550 nobody here", Refused("550 nobody here", bad_address=True)),
        ("RCPT", "550 5.7.1 spam", Refused("550 5.7.1 spam")),
        ("RCPT", "552 5.2.2 full", Refused("552 5.2.2 full")),
        ("DATA", "451 4.3.0 later", TryLater("451 4.3.0 later")),
        ("DATA", "554 5.5.1 never", Refused("554 5.5.1 never")),
        ("TEXT", "452 4.3.1 full", TryLater("452 4.3.1 full")),
        ("TEXT", "421 4.3.2 closing", TryLater("421 4.3.2 closing")),
        ("TEXT", "554 5.6.0 spam", Refused("554 5.6.0 spam")),
    ],
)
def test_what_is_said_to_one_letter_is_not_said_to_the_next(pipelining, verb, said, outcome):
    def answers(word: str, texts: list) -> str | None:
        if word == verb and not spoken.is_set():
            spoken.set()
            return said
        return None

    spoken = threading.Event()
    with scripted(answers, pipelining=pipelining) as server:
        outcomes = send(server.port, *(outgoing(f"m{n}@b.test") for n in range(4)), connections=1)
    assert outcomes[0] == outcome
    assert all(isinstance(one, Accepted) for one in outcomes[1:]), outcomes
    assert len([text for text in server.texts if text]) == (4 if verb == "TEXT" else 3)


@pytest.mark.parametrize("verb", ["GREET", "MAIL", "RCPT", "DATA", "CUT"])
def test_a_connection_that_breaks_before_the_end_of_a_letter_loses_and_doubles_none(verb):
    def answers(word: str, texts: list) -> str | None:
        if word == verb and len(broken) < 2:
            broken.append(word)
            return "drop"
        return None

    broken: list[str] = []
    with scripted(answers) as server:
        batch = [outgoing(f"m{n}@b.test", more="x" * 10) for n in range(12)]
        outcomes = send(server.port, *batch, connections=3)
    taken = [one for one in outcomes if isinstance(one, Accepted)]
    doubtful = [one for one in outcomes if isinstance(one, Ambiguous)]
    # A text that was cut short had left here whole: only the server knows that it did not arrive.
    assert len(doubtful) == (len(broken) if verb == "CUT" else 0)
    assert len(taken) == 12 - len(doubtful) == len(server.texts)
    assert len(broken) == 2


def test_a_server_that_hangs_up_after_a_letter_leaves_it_in_doubt():
    def answers(word: str, texts: list) -> str | None:
        return "drop" if word == "TEXT" and len(texts) == 2 else None

    with scripted(answers) as server:
        outcomes = send(server.port, *(outgoing(f"m{n}@b.test") for n in range(5)), connections=1)
    kinds = [type(one) for one in outcomes]
    assert kinds == [Accepted, Ambiguous, Accepted, Accepted, Accepted]
    assert len(server.texts) == 5


def test_a_text_is_in_doubt_once_its_last_byte_has_left_and_no_sooner(no_database):
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    ours.setblocking(False)
    line = Line(Opened(ours, pipelining=True))
    first, second = (
        Letter(place, "s@b.test", f"m{place}@b.test", lambda: b"x" * 500_000 + b"\r\n.\r\n")
        for place in range(2)
    )
    following = iter([second])
    line.begin(first)
    assert theirs.recv(1000).endswith(b"DATA\r\n")
    for reply in (Reply(250, "ok"), Reply(250, "ok"), Reply(354, "go")):
        assert not line.in_doubt
        line.hear(reply, lambda: next(following, None))
        line.flush()
    while not line.in_doubt:
        assert line.wants_to_write
        assert theirs.recv(65_536)
        line.flush()
    assert line.hear(Reply(250, "taken"), lambda: None) is first
    assert (line.current, line.in_doubt) == (second, False)
    line.close()
    theirs.close()


@pytest.mark.parametrize(
    ("verb", "kind"), [("MAIL", TryLater), ("DATA", TryLater), ("TEXT", Ambiguous)]
)
def test_a_server_that_falls_silent_is_given_up(verb, kind):
    with scripted(lambda word, texts: "silence" if word == verb else None) as server:
        (outcome,) = send(server.port, outgoing(), seconds=0.2)
    assert isinstance(outcome, kind)
    assert getattr(outcome, "counts", False) is False


def test_no_server_costs_no_try():
    outcomes = send(1, outgoing(), outgoing())
    assert outcomes == [TryLater("unreachable", counts=False)] * 2


def test_a_server_that_refuses_more_connections_is_served_over_those_it_gave():
    def answers(word: str, texts: list) -> str | None:
        if word == "GREET" and next(count) > 2:
            return "421 too many"
        return None

    count = iter(range(1, 1000))
    with scripted(answers) as server:
        outcomes = send(server.port, *(outgoing(f"m{n}@b.test") for n in range(20)), connections=6)
    assert all(isinstance(one, Accepted) for one in outcomes)


def test_a_server_that_hangs_up_after_some_letters_is_called_again():
    with scripted(
        lambda word, texts: (
            "421 enough" if word == "MAIL" and len(texts) % 5 == 4 and next(odd) else None
        )
    ) as server:
        odd = iter([True, False] * 100)
        outcomes = send(server.port, *(outgoing(f"m{n}@b.test") for n in range(20)), connections=1)
    assert all(isinstance(one, Accepted) for one in outcomes), outcomes
    assert server.connections > 1


def test_what_was_not_begun_in_time_is_said_not_to_be():
    with scripted(lambda word, texts: "silence" if word == "MAIL" else None) as server:
        batch = [outgoing(f"m{n}@b.test") for n in range(6)]
        outcomes = send(server.port, *batch, connections=2, seconds=30, whole=0.3)
    assert all(isinstance(one, TryLater) and not one.counts for one in outcomes)


def test_a_letter_sent_again_has_the_same_message_id():
    one = outgoing(id=uuid4())
    with scripted() as server:
        send(server.port, one)
        send(server.port, one)
    ids = {text.split(b"\r\n")[0] for text in server.texts}
    assert ids == {f"Message-ID: <{one.id}@shop.test>".encode()}


def test_replies_of_many_lines_and_in_pieces_are_read(no_database):
    reader = Reader()
    assert reader.feed(b"250-first\r\n25") == []
    assert reader.feed(b"0 second\r\n354 go\r\n") == [Reply(250, "first second"), Reply(354, "go")]
    for nonsense in (b"hello\r\n", b"25\r\n", b"2500 x\r\n", b"x" * 5000):
        with pytest.raises(Garbled):
            Reader().feed(nonsense)


def test_other_mailbox_trouble_says_nothing_about_the_address(no_database):
    for said in ("552 5.2.2 full", "550 5.7.26 unauthenticated", "554 5.1.8 bad sender"):
        code, text = said.split(" ", 1)
        found = meaning(Reply(int(code), text), of_recipient=True)
        assert found == Refused(said)


@pytest.mark.parametrize(
    "sender", ["", "shop", "shop@", "Shop <shop@b.test>\r\nBcc: x", "ünï@b.test"]
)
def test_a_server_without_a_good_sender_is_refused_at_the_start(no_database, sender):
    with pytest.raises(BadSetting, match="CRM_SMTP_FROM"):
        Config(
            database_url="postgresql://x/y", secret_key="x" * 32, smtp_host="h", smtp_from=sender
        )


def test_settings_make_the_provider(no_database):
    bare = Config(database_url="postgresql://x/y", secret_key="x" * 32)
    assert provider(bare) is None
    found = provider(
        Config(
            database_url="postgresql://x/y", secret_key="x" * 32, smtp_host="mail.test",
            smtp_from="Shop <shop@b.test>", smtp_connections=8,
        )
    )  # fmt: skip
    assert found is not None
    assert (found.batch, found.letters.domain, found.lines.server.port) == (200, "b.test", 587)


def test_a_server_that_lets_nobody_sign_in_is_no_connection():
    with scripted() as server:  # offers no AUTH
        asked = connecting.Server("127.0.0.1", server.port, "none", "user", "secret", seconds=2)
        assert connecting.open_many(asked, 1) == ([], connecting.Trouble.SIGN_IN_REFUSED)
