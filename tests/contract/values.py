"""Values made from JSON schemas: good ones, and all the wrong ones that a schema can meet."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from operations import SOME_ID, resolved

PATTERNS = {  # texts for the patterns of the contract; a new pattern needs one here
    r"[A-Za-z0-9][A-Za-z0-9._:/-]*": "some",
    r"[a-z0-9][a-z0-9_.-]*": "some",
    r"[A-Z]{3}": "CNY",
    r"[A-Za-z0-9][A-Za-z0-9 _-]{2,58}[A-Za-z0-9]": "some",
}
FORMATS = {"date-time": "2100-01-31T04:00:00Z", "uuid": SOME_ID, "date": "2026-11-20"}
WAYS_TO_NAME_A_MEMBER = {"id", "member_no", "phone", "email", "external_id"}
ANY_TYPE: list[Any] = [True, 1.5, -1, 2**53, 2**63, -(2**63) - 1, 1e300, "\x00", "", [], {}, [[]]]
NOT_INSTANTS = [
    "yesterday", "2027-01-01", "2027-01-01T00:00:00", "2027-02-30T00:00:00Z",
    "2027-01-01T25:00:00Z", "2027-01-01T00:00:00+99:99", "1969-12-31T23:59:59Z",
    "9999-12-31T23:59:59Z", "2027-01-01 00:00:00Z", "2027-01-01T00:00:00Z\n",
    "٢٠٢٧-01-01T00:00:00Z", "2027-01-01T00:00Z", "2027-W01-1T00:00:00Z",
]  # fmt: skip


def types(schema: dict[str, Any]) -> set[str]:
    """The JSON types that a schema takes."""
    said = schema.get("type", [])
    found = {said} if isinstance(said, str) else set(said)
    return found | {"null"} if schema.get("nullable") else found


def sample(schema: dict[str, Any], depth: int = 0) -> Any:
    """A value of the right shape, with every field that the schema knows.

    A member is named in one way only, as the contract wants it.
    """
    schema = resolved(schema)
    kinds = types(schema)
    if "enum" in schema:
        return schema["enum"][0]
    if "object" in kinds:
        fields = schema.get("properties", {}) if depth < 8 else {}
        if set(fields) >= WAYS_TO_NAME_A_MEMBER:
            return {"id": SOME_ID}
        return {name: sample(inner, depth + 1) for name, inner in fields.items()}
    if "array" in kinds:
        return [sample(schema.get("items", {}), depth + 1)]
    if "string" in kinds:
        pattern = re.sub(r"^\^\(\?:(.*)\)\$$", r"\1", schema.get("pattern", ""))
        text = FORMATS.get(schema.get("format", "")) or PATTERNS.get(pattern) or "1"
        return text.ljust(schema.get("minLength", 0), "1")
    if "integer" in kinds:
        return schema.get("minimum", 1)
    return {"boolean": True, "number": 1}.get(next(iter(kinds), ""))


@dataclass(frozen=True)
class Place:
    """A place inside a body: the keys that lead to it, and the schema of what stands there."""

    steps: tuple[str | int, ...]
    schema: dict[str, Any] = field(hash=False)

    @property
    def pointer(self) -> str:
        """As problem documents name it."""
        return "".join(f"/{step}" for step in self.steps)

    def put(self, body: Any, value: Any) -> None:
        """Set the value at this place of `body`."""
        for step in self.steps[:-1]:
            body = body.setdefault(step, {}) if isinstance(body, dict) else body[step]
        body[self.steps[-1]] = value


def places(schema: dict[str, Any], steps: tuple[str | int, ...] = ()) -> Iterator[Place]:
    """Every place of a body, outermost first, one item of each list."""
    schema = resolved(schema)
    if steps:
        yield Place(steps, schema)
    if len(steps) > 8:
        return
    for name, inner in schema.get("properties", {}).items():
        yield from places(inner, (*steps, name))
    if "array" in types(schema) and "items" in schema:
        yield from places(schema["items"], (*steps, 0))


def wrong_values(schema: dict[str, Any]) -> list[Any]:
    """What must be refused where `schema` stands: other types first, then the own type's limits."""
    kinds = types(schema)
    if not kinds:
        return []
    found: list[Any] = [value for value in ANY_TYPE if _type(value) not in kinds]
    if "null" not in kinds:
        found.append(None)
    if "string" in kinds:
        found += _wrong_texts(schema)
    if "integer" in kinds:
        found += ["1", 1.0, schema["minimum"] - 1, schema["maximum"] + 1, 2**63]
    if "array" in kinds and schema.get("maxItems", 10**6) <= 1000:
        found.append([sample(schema["items"])] * (schema["maxItems"] + 1))
    if "array" in kinds and schema.get("minItems"):
        found.append([])
    if "object" in kinds and schema.get("additionalProperties") is False:
        found += [{"nobody_knows_this": 1}, {"__class__": 1}]
    return found


def _wrong_texts(schema: dict[str, Any]) -> list[Any]:
    if schema.get("format") == "date-time":
        return [*NOT_INSTANTS, 1_700_000_000]
    if schema.get("format") == "uuid":
        return ["x", SOME_ID.replace("-", ""), SOME_ID + "0", f"{{{SOME_ID}}}"]
    found: list[Any] = ["\x00", "a\x07b", "\ud800", "x" * (schema.get("maxLength", 10**5) + 1)]
    if schema.get("minLength"):
        found += ["", " \t "]
    if "enum" in schema or "pattern" in schema:
        found += ["?!", "\u200b"]
    return found


def _type(value: Any) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
    return names.get(type(value), "object")
