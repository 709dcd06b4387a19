"""Templates: what the dialect takes, what it refuses and where, and what values can't do."""

import time

import pytest

from crm.messages.templates import compiling, forms, mjml
from crm.messages.templates.compiling import Wrong
from crm.messages.templates.forms import Language, Missing

pytestmark = pytest.mark.usefixtures("no_database")

MJML = """<mjml><mj-head><mj-preview>For {{ member.name | default: "you" }}</mj-preview></mj-head>
<mj-body><mj-section><mj-column>
<mj-text>Dear {{ member.name | default: "friend" }},
{% if points.available > 100 %}you have {{ points.available }} points{% elsif member.tier == "Gold"
%}you are golden{% else %}come and see us{% endif %}!</mj-text>
<mj-button href="{{ links.shop }}">To the shop</mj-button>
<mj-text>{{ coupon.code }} until {{ coupon.expires_on | date: "long" }}, from
{{ coupon.min_basis }}</mj-text>
</mj-column></mj-section></mj-body></mjml>"""

VALUES = {
    "member": {"name": "Li", "tier": "Gold"},
    "points": {"available": 12345},
    "links": {"shop": "https://shop.example/?a=1&b=2", "unsubscribe": "https://shop.example/u/1"},
    "coupon": {
        "code": "SPRING",
        "expires_on": "2027-01-31",
        "min_basis": {"amount": 10000, "currency": "CNY"},
    },
}


def made(
    channel: str = "inbox", purpose: str = "service", locale: str = "en", **saved: str
) -> Language:
    """A language compiled as it is when it is saved."""
    return compiling.compile_one(channel, purpose, locale, saved, check=True)


def text_of(source: str, values: dict | None = None, locale: str = "en") -> str:
    return made(text=source, locale=locale).written(values or VALUES)["text"]


def mistakes(channel: str = "inbox", **saved: str) -> list[tuple[str, str, int | None]]:
    """Part, code and line of everything that is refused."""
    with pytest.raises(Wrong) as caught:
        made(channel, **saved)
    return [(part, said.code, said.facts.get("line")) for part, said in caught.value.found]


def test_fields_filters_and_conditions_are_filled_in_for_a_member():
    assert text_of("Hello {{ member.name | upcase }}!") == "Hello LI!"
    assert text_of('{{ member.segment | default: "friend" | capitalize }}') == "Friend"
    assert text_of("{% if points.available >= 12345 and member.tier %}yes{% endif %}") == "yes"
    assert text_of('{% if member.tier contains "old" or member.name == "x" %}a{% endif %}') == "a"
    assert text_of("{% if member.segment %}a{% elsif member.name %}b{% else %}c{% endif %}") == "b"
    assert text_of("{{ coupon.code | truncate: 3 }}") == "SP…"


def test_a_field_without_a_value_is_false_and_equals_nil():
    assert text_of("{% if member.segment == nil %}none{% endif %}") == "none"
    assert text_of("{% if member.segment > 3 %}more{% else %}not{% endif %}") == "not"
    assert text_of("{% if order.amount > 100 %}more{% else %}not{% endif %}") == "not"


@pytest.mark.parametrize(
    ("locale", "shown"),
    [
        ("en", "12,345 | January 31, 2027 | CN¥100.00"),
        ("zh-Hans", "12,345 | 2027年1月31日 | ¥100.00"),
        ("zh-Hant", "12,345 | 2027年1月31日 | CN¥100.00"),
    ],
)
def test_numbers_days_and_money_are_written_in_the_members_language(locale: str, shown: str):
    source = '{{ points.available }} | {{ coupon.expires_on | date: "long" }} | '
    assert text_of(source + "{{ coupon.min_basis }}", locale=locale) == shown


def test_an_instant_is_shown_as_the_day_of_the_members_zone():
    sent = made(text="{{ order.placed_on }}")
    values = {"order": {"placed_on": "2027-01-31T20:00:00+00:00"}}
    assert sent.written(values, "UTC")["text"] == "Jan 31, 2027"
    assert sent.written(values, "Asia/Shanghai")["text"] == "Feb 1, 2027"


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("{{config}}", "unknown_template_field"),
        ("{{ config.items }}", "unknown_template_field"),
        ("{{ member.__class__ }}", "unknown_template_field"),
        ("{{ member.attributes.__class__ }}", "unknown_template_field"),
        ("{{ member.name.first }}", "unknown_template_field"),
        ("{{ member[0] }}", "unknown_template_field"),
        ("{% for i in (1..300000000) %}x{% endfor %}", "tag_not_allowed"),
        ("{% tablerow i in (1..300000000) %}x{% endtablerow %}", "tag_not_allowed"),
        ('{% include "x" %}', "tag_not_allowed"),
        ('{% render "x" %}', "tag_not_allowed"),
        ("{% assign a = 1 %}", "tag_not_allowed"),
        ("{% capture a %}b{% endcapture %}", "tag_not_allowed"),
        ("{% liquid assign a = 1 %}", "tag_not_allowed"),
        ('{{ "text" }}', "not_a_field"),
        ("{{ (1..300000000) }}", "not_a_field"),
        ('{{ member.name | replace: "a", "bb" }}', "unknown_filter"),
        ("{{ member.name | truncate: 1000000 }}", "bad_filter"),
        ("{{ member.name | default: member.tier }}", "bad_filter"),
        ('{{ member.name | date: "long" }}', "bad_filter"),
        ("{{ member.name" + " | strip" * 6 + " }}", "bad_filter"),
        ("{% if (1..300000000) contains 5 %}x{% endif %}", "liquid_syntax"),
        ("{% if member.name %}a{% else %}b{% else %}c{% endif %}", "liquid_syntax"),
        ("{% if member.name %}", "liquid_syntax"),
        ("{{ member.name", "liquid_not_closed"),
        ("{{}}", "liquid_syntax"),
    ],
)
def test_what_is_not_of_the_dialect_is_refused_when_it_is_saved(source: str, code: str):
    assert mistakes(text=f"one\ntwo\n{source}") == [("text", code, 3)]


@pytest.mark.parametrize(
    "source",
    [
        "{% if member.name %}" * 20_000,
        "{% if member.name %}" * 9 + "{% endif %}" * 9,
        "{{ a" + "[a" * 50_000 + "]" * 50_000 + "}}",
        "{% if " + " and ".join(["member.name"] * 5_000) + " %}x{% endif %}",
        "{{" * 50_000,
        "{%" * 50_000,
        "{{ member.name }}" * 501,
    ],
    ids=lambda source: source[:20],
)
def test_deep_and_endless_sources_are_refused_soon(source: str):
    began = time.process_time()
    assert mistakes(text=source)
    assert time.process_time() - began < 5


def test_every_mistake_is_named_at_once_by_part_and_line():
    found = mistakes("email", subject="{{ a.b }}", html="<p>\n{{ c.d }}\n{{ e.f | g }}</p>")
    assert found == [
        ("subject", "unknown_template_field", 1),
        ("html", "unknown_template_field", 2),
        ("html", "unknown_template_field", 3),
    ]


@pytest.mark.parametrize("name", ["{phone}", "{{7*7}}", "{% for %}", "<script>x</script>", "%s"])
def test_a_members_name_is_printed_as_it_is_and_never_evaluated(name: str):
    values = VALUES | {"member": {"name": name}}
    sent = made("email", subject="Hi {{ member.name }}", html="<p>{{ member.name }}</p>")
    written = sent.written(values)
    escaped = name.replace("<", "&lt;").replace(">", "&gt;")
    assert written == {"subject": f"Hi {name}", "html": f"<p>{escaped}</p>", "text": name}


def test_no_value_begins_another_header():
    name = "Li\r\nBcc: everybody@example.com\u2028x\x85y"
    sent = made("email", subject="Hi\n{{ member.name }}", text="x")
    subject = sent.written({"member": {"name": name}})["subject"]
    assert subject == "Hi Li Bcc: everybody@example.com x y"
    assert len(subject.splitlines()) == 1


def test_a_value_can_not_leave_its_attribute():
    sent = made("email", subject="s", html='<p title="{{ member.name }}">x</p>')
    assert (
        'title="&quot; onclick=&quot;x"'
        in sent.written({"member": {"name": '" onclick="x'}})["html"]
    )


def test_a_link_that_is_no_web_address_counts_as_missing():
    sent = made("email", subject="s", html='<a href="{{ links.shop }}">x</a>')
    with pytest.raises(Missing) as caught:
        sent.written({"links": {"shop": "javascript:alert(1)"}})
    assert caught.value.names == ("links.shop",)


@pytest.mark.parametrize(
    ("html", "code"),
    [
        ('<script>var a="{{ member.name }}"</script>', "active_content"),
        ("<style>{{ member.name }}</style>", "unsafe_place"),
        ("<p title={{ member.name }}>x</p>", "unsafe_place"),
        ("<p {{ member.name }}>x</p>", "unsafe_place"),
        ("<{{ member.name }}>", "unsafe_place"),
        ('<p style="color:{{ member.name }}">x</p>', "unsafe_place"),
        ('<p onclick="{{ member.name }}">x</p>', "active_content"),
        ('<a href="{{ member.name }}">x</a>', "unsafe_link"),
        ('<a href="java{{ member.name }}">x</a>', "unsafe_link"),
        (
            '<a href="{% if member.name %}https://x{% endif %}{{ custom.y }}">x</a>',
            "unsafe_link",
        ),
        ('<a href="{{ links.a | default: "javascript:x" }}">x</a>', "unsafe_link"),
        ('<a href=" javascript:x">x</a>', "active_content"),
        ("<iframe>", "active_content"),
        ('<p title="x', "torn_tag"),
        ('<a href="{% if member.name %}x" title="y{% endif %}">x</a>', "misplaced_condition"),
    ],
)
def test_values_stand_only_where_html_keeps_them_harmless(html: str, code: str):
    found = mistakes("email", subject="s", html=html)
    assert code in [found_code for _, found_code, _ in found]


@pytest.mark.parametrize(
    "html",
    [
        '<a href="{{ links.shop }}?no={{ member.member_no | url_encode }}">x</a>',
        '<a href="https://x.example/{{ member.member_no }}">x</a>',
        '<a href="{% if member.name %}{{ links.a }}{% else %}https://x{% endif %}">x</a>',
        "<!--[if mso]><td>{{ member.name }}</td><![endif]--><br/>{{ member.name }}",
    ],
)
def test_values_in_text_and_quoted_attributes_are_taken(html: str):
    assert made("email", subject="s", html=html)


def test_mjml_becomes_html_and_the_text_is_made_of_it():
    sent = made("email", "marketing", subject="Hi", html=MJML)
    written = sent.written(VALUES)
    assert "<mj-" not in written["html"]
    assert '<html lang="en"' in written["html"]  # what a screen reader goes by
    assert 'href="https://shop.example/?a=1&amp;b=2"' in written["html"]
    assert "you have 12,345 points!" in written["html"]
    assert "googleapis" not in written["html"]  # nothing is fetched from others
    assert written["text"] == (
        "Dear Li, you have 12,345 points!\n\n"
        "To the shop (https://shop.example/?a=1&b=2)\n\n"
        "SPRING until January 31, 2027, from CN¥100.00\n\n"
        "No more such mail (https://shop.example/u/1)"
    )


def test_a_text_of_ones_own_is_kept_and_marketing_gets_its_way_out():
    sent = made("email", "marketing", "zh-Hans", subject="s", html="<p>好</p>", text="好")
    written = sent.written(VALUES)
    assert written["text"].startswith("好\n\n不再接收此类邮件：https://shop.example/u/1")
    assert '<a href="https://shop.example/u/1">' in written["html"]
    service = made("email", subject="s", html="<p>x</p>").written(VALUES)
    assert service["html"] == "<p>x</p>"


def test_a_template_with_its_own_way_out_gets_no_second_one():
    html = '<body><a href="{{ links.unsubscribe }}">bye</a></body>'
    assert (
        made("email", "marketing", subject="s", html=html).written(VALUES)["html"].count("/u/1")
        == 1
    )


@pytest.mark.parametrize(
    ("html", "code"),
    [
        (
            '<mjml><mj-body><mj-include path="/etc/passwd"/></mj-body></mjml>',
            "mjml_unknown_element",
        ),
        ("<mjml><mj-body><mj-nope/></mj-body></mjml>", "mjml_unknown_element"),
        ("<mjml><mj-body><mj-section></mj-body></mjml>", "mjml_not_read"),
        ("<mjml><mj-body>" + "<mj-wrapper>" * 5_000 + "</mj-body></mjml>", "nested_too_deep"),
        ("<mjml><mj-body>" + "<div\n>" * 20_000 + "</mj-body></mjml>", "nested_too_deep"),
    ],
    ids=lambda value: value[:30],
)
def test_mjml_that_can_not_be_read_is_refused(html: str, code: str):
    assert code in [found for _, found, _ in mistakes("email", subject="s", html=html)]


def test_deep_mjml_never_reaches_the_library_that_would_die_of_it():
    deep = "<mjml><mj-body><mj-raw>" + '<div a="<b>">' * 30_000 + "</mj-raw></mj-body></mjml>"
    with pytest.raises(compiling.Mistakes):
        mjml.to_html(deep)


def test_missing_values_are_named_and_a_branch_not_taken_misses_nothing():
    sent = made(
        text="{{ member.name }} {% if coupon.code %}{{ coupon.name }}{% endif %} {{ order.store }}"
    )
    with pytest.raises(Missing) as caught:
        sent.written({"member": {"name": ""}})
    assert caught.value.names == ("member.name", "order.store")
    assert sent.names == {"member.name", "coupon.code", "coupon.name", "order.store"}


def test_marketing_by_text_message_ends_with_how_to_stop_it_once():
    assert made("sms", "marketing", "zh-Hans", text="好").written({})["text"] == "好 拒收请回复R"
    assert made("sms", "marketing", "zh-Hant", text="好").written({})["text"] == "好 拒收請回覆R"
    assert made("sms", "marketing", text="Hi").written({})["text"] == "Hi Reply STOP to opt out"
    own = made("sms", "marketing", text="Reply STOP to opt out. Hi").written({})["text"]
    assert own == "Reply STOP to opt out. Hi"
    assert made("sms", text="Hi").written({})["text"] == "Hi"


@pytest.mark.parametrize(
    ("channel", "saved", "found"),
    [
        ("sms", {"subject": "x", "text": "x"}, ("subject", "not_of_channel")),
        ("sms", {}, ("text", "required")),
        ("email", {"subject": "x"}, ("html", "required")),
        ("email", {"html": "x"}, ("subject", "required")),
        ("inbox", {"text": "x", "html": "x"}, ("html", "not_of_channel")),
    ],
)
def test_each_channel_has_its_parts(channel: str, saved: dict, found: tuple[str, str]):
    assert found in [(part, code) for part, code, _ in mistakes(channel, **saved)]


def test_a_reader_gets_his_language_or_the_nearest_there_is():
    def chosen(wanted: str | None, *there: str, default: str = "en") -> str:
        version = {name: made(locale=name, text="x") for name in there}
        return forms.choose(version, wanted, default).locale

    assert chosen("zh-Hant", "en", "zh-Hans", "zh-Hant") == "zh-Hant"
    assert chosen("zh-Hant", "en", "zh-Hans") == "zh-Hans"
    assert chosen("zh-Hans", "en") == "en"
    assert chosen("en", "zh-Hant", "zh-Hans") == "zh-Hans"
    assert chosen(None, "en", "zh-Hans", default="zh-Hans") == "zh-Hans"


def test_a_huge_value_is_cut_so_that_no_message_grows_without_bound():
    huge = {"member": {"name": "x" * 300_000_000}}
    assert len(text_of("{{ member.name }}", huge)) == 2000


def test_filling_in_a_mail_takes_few_microseconds():
    sent = made("email", "marketing", subject="Hi {{ member.name }}", html=MJML)
    sent.written(VALUES)
    rounds = []
    for _ in range(5):
        began = time.process_time()
        for _ in range(500):
            sent.written(VALUES)
        rounds.append((time.process_time() - began) / 500)
    assert min(rounds) < 60e-6  # 20 µs on the machine it was written on
