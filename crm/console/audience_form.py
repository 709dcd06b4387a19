"""A filter as a form: a tree of groups and conditions, read from flat fields and written to JSON.

Each part has a path (`0`, `0.1`, …); its fields are named by it: `how:0`, `field:0.1`, `op:0.1`,
`value:0.1`. What a filter may hold is decided by the audiences' room alone; here texts are only
turned into the values that they say.
"""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import MultiDict

from crm.console.forms import amount, decimal
from crm.segments.audiences import registry
from crm.segments.audiences.field import Field

MOST_PARTS = 150
PATH = re.compile(r"0(\.\d{1,3}){0,12}", re.ASCII)
LONGEST = 100_000
FIRST_FIELD = "rfm.segment"
# A group as people say it, and as JSON has it.
HOWS = {"all": ("all",), "any": ("any",), "none": ("not", "any"), "not_all": ("not", "all")}
DAYS_OPS = {"within_days"}


@dataclass
class Part:
    """A group (`how`) of parts, or a condition (`field`). `at` is its place in the JSON."""

    path: str
    how: str = ""
    parts: list["Part"] = dataclasses.field(default_factory=list)
    field: str = ""
    rest: str = ""
    op: str = ""
    values: list[str] = dataclasses.field(default_factory=list)
    days: str = ""
    at: str = ""

    def known(self) -> Field | None:
        """What the register says of the condition's field."""
        name = self.field.removesuffix("*") + (self.rest or "…") if self.field.endswith("*") else ""
        return registry.find(name or self.field)

    def walk(self) -> Iterator["Part"]:
        """This part and all in it."""
        yield self
        for part in self.parts:
            yield from part.walk()


def read(given: MultiDict[str, str]) -> Part:
    """The tree that a form's fields say; a group without parts where they say none."""
    root = Part("0", how="all")
    known: dict[str, Part] = {}
    for path in given.getlist("node")[:MOST_PARTS]:
        if not PATH.fullmatch(path) or path in known:
            continue
        part = _part(path, given)
        parent = known.get(path.rpartition(".")[0])
        if path == "0" and part.how:
            root = part
        elif parent is None or not parent.how:
            continue
        else:
            parent.parts.append(part)
        known[path] = part
    return renumbered(root)


def _part(path: str, given: MultiDict[str, str]) -> Part:
    how = given.get(f"how:{path}", "")
    if how:
        return Part(path, how=how if how in HOWS else "all")
    part = Part(
        path,
        field=given.get(f"field:{path}", ""),
        rest=given.get(f"rest:{path}", "").strip(),
        op=given.get(f"op:{path}", ""),
        values=[text[:LONGEST] for text in given.getlist(f"value:{path}")],
        days=given.get(f"days:{path}", "").strip(),
    )
    return settled(part)


def settled(part: Part) -> Part:
    """The condition with an operator that its field knows; for another field, the values go."""
    found = part.known()
    if found is None:
        part.field, part.values = FIRST_FIELD, []
        found = part.known()
        assert found is not None, "the register has the field that forms begin with"
    if part.op not in found.ops:
        part.op, part.values = found.ops[0], []
    if not found.window:
        part.days = ""
    return part


def renumbered(root: Part, path: str = "0") -> Part:
    """The tree with paths that follow its order."""
    root.path = path
    for place, part in enumerate(root.parts):
        renumbered(part, f"{path}.{place}")
    return root


def act(root: Part, said: str) -> Part:
    """The tree after a button: `add:PATH`, `group:PATH` or `remove:PATH`."""
    what, _, path = said.partition(":")
    for part in list(root.walk()):
        if part.path == path and part.how and what == "add":
            part.parts.append(settled(Part("", field=FIRST_FIELD)))
        if part.path == path and part.how and what == "group":
            part.parts.append(Part("", how="any", parts=[settled(Part("", field=FIRST_FIELD))]))
        if what == "remove":
            part.parts = [one for one in part.parts if one.path != path]
    return renumbered(root)


def document(part: Part, currency: str, at: str = "/filter") -> dict[str, Any]:
    """The filter as JSON, for the audiences' room to judge; each part learns its place in it."""
    part.at = at
    if not part.how:
        return _condition(part, currency)
    steps = HOWS[part.how]
    inner = at + "".join(f"/{step}" for step in steps)
    found: Any = [
        document(one, currency, f"{inner}/{place}") for place, one in enumerate(part.parts)
    ]
    for step in reversed(steps):
        found = {step: found}
    return found


def _condition(part: Part, currency: str) -> dict[str, Any]:
    known = part.known()
    assert known is not None, "settled"
    found: dict[str, Any] = {"field": known.name, "op": part.op}
    if part.field.endswith("*"):
        found["field"] = part.field.removesuffix("*") + part.rest
    if part.days:
        found["within_days"] = _number(part.days)
    if part.op == "exists":
        found["value"] = "false" not in part.values
        return found
    texts = [text.strip() for text in part.values if text.strip()]
    if part.op == "in":
        lines = [line.strip() for text in texts for line in text.splitlines() if line.strip()]
        found["value"] = [_value(line, known, part.op, currency) for line in lines]
    elif part.op == "between":
        found["value"] = [_value(text, known, part.op, currency) for text in texts]
    elif texts:
        found["value"] = _value(texts[0], known, part.op, currency)
    return found


def _number(text: str) -> int | str:
    plain = text.replace(",", "").replace("−", "-")
    return int(plain) if re.fullmatch(r"-?\d{1,15}", plain, re.ASCII) else text


def _value(text: str, known: Field, op: str, currency: str) -> Any:
    """What a text says; a text that says nothing of the kind stays one, to be refused."""
    kind = known.kind.name
    if op in DAYS_OPS or kind == "whole":
        return _number(text)
    if kind == "money":
        return amount(text, currency)
    if kind == "flag":
        return {"true": True, "false": False}.get(text, text)
    if kind == "share":
        return _share(text)
    if kind == "scalar" and op != "has":
        return _scalar(text)
    return text


def _share(text: str) -> float | str:
    plain = text.removesuffix("%").strip()
    if re.fullmatch(r"\d{1,3}(\.\d{1,4})?", plain, re.ASCII):
        return round(float(plain) / 100, 6)
    return text


def _scalar(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(r"-?\d{1,12}", text, re.ASCII):
        return int(text)
    return float(text) if re.fullmatch(r"-?\d{1,12}\.\d{1,6}", text, re.ASCII) else text


def of_document(given: Mapping[str, Any], currency: str) -> Part:
    """The tree of a saved filter; a condition alone is put into a group."""
    found = _of(given, currency)
    if not found.how:
        found = Part("0", how="all", parts=[found])
    return renumbered(found)


def _of(given: Mapping[str, Any], currency: str) -> Part:
    if "field" in given:
        return _of_condition(given, currency)
    ((how, inner),) = given.items()
    if how != "not":
        return Part("", how=how, parts=[_of(one, currency) for one in inner])
    part = _of(inner, currency)
    turned = {"all": "not_all", "any": "none", "none": "any", "not_all": "all"}
    if part.how:
        part.how = turned[part.how]
        return part
    return Part("", how="none", parts=[part])


def _of_condition(given: Mapping[str, Any], currency: str) -> Part:
    known = registry.find(given["field"])
    assert known is not None, "what was saved was read before"
    value = given.get("value", True)
    values = value if isinstance(value, list) else [value]
    rest = known.rest
    return Part(
        "",
        field=known.name.removesuffix(rest) + "*" if rest else known.name,
        rest=rest,
        op=given["op"],
        values=[_written(one, known, given["op"], currency) for one in values],
        days="" if given.get("within_days") is None else str(given["within_days"]),
    )


def _written(value: Any, known: Field, op: str, currency: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if op in DAYS_OPS:
        return str(value)
    if known.kind.name == "money":
        return decimal(value, currency)
    if known.kind.name == "share":
        return f"{100 * value:g}"
    return str(value)
