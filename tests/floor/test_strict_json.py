"""The door's JSON: what RFC 8259 and PostgreSQL both can keep, and nothing else."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.errors import Invalid, Malformed
from crm.http import strict_json

pytestmark = pytest.mark.usefixtures("no_database")
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
numbers = st.integers(-(2**53 - 1), 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=20,
)
MALFORMED = [
    b"", b" ", b"{", b"]", b"{}{}", b"'a'", b"{a:1}", b"[1,]", b'{"a":1,}', b"NaN", b"-Infinity",
    b"1e400", b"-1e999", b'{"a":1,"a":2}', b'{"a":1,"\\u0061":2}', b'[{"a":[{"b":1,"b":1}]}]',
    b"\xff", b'"\xed\xa0\x80"', b'"\xc0\x80"', b"\xef\xbb\xbf{}", '"a"'.encode("utf-16"), b"01",
    b"+1", b".5", b"0x10", b"1_000", b'"\t"', b'"a\x00b"', b"1" * 41, b"-" + b"9" * 5000,
    b"[" * 100_000, b'{"a":' * 5000, b"[" * 62 + b"]" * 62, b"undefined", b"True", b"/**/1",
]  # fmt: skip
NOT_STORABLE = {
    b'"\\u0000"': "",
    b'{"a": ["x", "\\u0000"]}': "/a/1",
    b'{"a~b/c": "\\ud800"}': "/a~0b~1c",
    b'["\\udfff\\ud800"]': "/0",
    b'{"\\ud800": 1}': "",
    b"9007199254740992": "",
    b'{"n": -9223372036854775809}': "/n",
    b'{"n": {"m": [18446744073709551616]}}': "/n/m/0",
}


@settings(max_examples=150, derandomize=True, deadline=None)
@given(value=values, escaped=st.booleans())
def test_what_is_good_is_read_as_anyone_would(value: Any, escaped: bool):
    raw = json.dumps(value, ensure_ascii=escaped).encode()
    assert strict_json.loads(raw) == value


@pytest.mark.parametrize("raw", MALFORMED, ids=lambda raw: repr(raw[:24]))
def test_what_is_no_json_is_malformed_and_the_reason_said(raw: bytes):
    with pytest.raises(Malformed) as refused:
        strict_json.loads(raw)
    assert refused.value.facts["reason"]


@pytest.mark.parametrize(("raw", "pointer"), NOT_STORABLE.items(), ids=repr)
def test_what_cannot_be_kept_exactly_is_named_by_its_place(raw: bytes, pointer: str):
    with pytest.raises(Invalid) as refused:
        strict_json.loads(raw)
    assert refused.value.errors[0].pointer == pointer


@pytest.mark.parametrize(
    "raw", [b'"\\ud83d\\ude00"', b"9007199254740991", b"-9007199254740991", b"1e22", b"0.1", b"-0"]
)
def test_what_only_looks_suspicious_is_read(raw: bytes):
    assert strict_json.loads(raw) == json.loads(raw)


def test_sixty_levels_are_deep_enough_for_anybody():
    assert strict_json.loads(b"[" * 60 + b"]" * 60)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(raw=st.binary(max_size=60) | st.text(max_size=40).map(str.encode))
def test_no_bytes_make_it_fail(raw: bytes):
    try:
        strict_json.loads(raw)
    except (Malformed, Invalid):
        return
    json.loads(raw)


@pytest.mark.parametrize("raw", [b"[" * 61 + b"]" * 61, b'{"a":' * 61 + b"1" + b"}" * 61])
def test_one_level_more_is_too_deep(raw: bytes):
    with pytest.raises(Malformed):
        strict_json.loads(raw)


@pytest.mark.parametrize("value", ["[" * 99, [[]] * 99, {"a": "{" * 99}, [{"b": [1]}] * 99])
def test_many_brackets_are_not_deep(value):
    assert strict_json.loads(json.dumps(value).encode()) == value


@pytest.mark.parametrize("raw", [b"[9007199254740993]", b'{"a": -9007199254740993}', b"1" * 17])
def test_large_numbers_are_found_wherever_they_stand(raw: bytes):
    with pytest.raises(Invalid):
        strict_json.loads(raw)


@pytest.mark.parametrize(
    ("raw", "pointer"),
    [
        (b'{"filter": ' + b'{"not": ' * 70 + b"1" + b"}" * 71, "/filter" + "/not" * 59),
        (b'{"filter": ' + b'{"not": ' * 5_000 + b"1" + b"}" * 5_001, "/filter" + "/not" * 59),
        (b'{"a": [1, {"b": "]}{\\"["}, ' + b"[" * 70 + b"]" * 71 + b"}", "/a/2" + "/0" * 58),
    ],
)
def test_what_is_nested_too_deeply_is_refused_by_its_place(raw, pointer):
    with pytest.raises(Malformed) as refused:
        strict_json.loads(raw)
    assert refused.value.pointer == pointer
