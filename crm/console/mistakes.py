"""What schemas and rules say is wrong, put beside the fields of a form."""

from collections.abc import Iterable, Mapping
from typing import Any

import marshmallow as ma

from crm.console import formats
from crm.console.forms import Form
from crm.console.leaves import MONEY, Leaf, Manner
from crm.errors import N_, FieldError, Invalid, Refused
from crm.http import problems
from crm.http.schema import invalid

NO_AMOUNT = N_("This must be an amount such as 12.50.")


def load(schema: ma.Schema, document: Mapping[str, Any], at: str = "") -> dict[str, Any]:
    """The document as the schema reads it. Raises `Invalid`."""
    try:
        return schema.load(document)  # type: ignore[return-value]  # one object, not many
    except ma.ValidationError as error:
        raise invalid(error, at) from None


def blame(form: Form, refused: Refused, known: Iterable[Leaf], manner: Manner) -> None:
    """Put each mistake beside its field; what belongs to no field is said above them all."""
    by_pointer = {leaf.pointer: leaf for leaf in known}
    if not isinstance(refused, Invalid):
        said = problems.document(refused)["detail"]
        if refused.pointer in by_pointer:
            form.errors[refused.pointer] = said
        else:
            form.said.append(said)
        return
    for error in refused.errors:
        pointer = error.pointer
        while pointer and pointer not in by_pointer:
            pointer = pointer.rpartition("/")[0]  # an entry of a list is shown with its list
        leaf = by_pointer.get(pointer)
        text = _sentence(error, leaf, manner)
        if leaf is None:
            form.said.append(text)
        else:
            form.errors.setdefault(pointer, text)


def _sentence(error: FieldError, leaf: Leaf | None, manner: Manner) -> str:
    facts = dict(error.facts)
    if leaf is not None and leaf.kind == MONEY:
        if error.code == "invalid_type":
            return problems.say(NO_AMOUNT, {})
        for name, value in facts.items():
            if isinstance(value, int):
                facts[name] = formats.money(value, manner.currency)
    return problems.say(error.detail, facts)
