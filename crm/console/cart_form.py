"""The cart on which a draft of a rule is tried out, as a form."""

from typing import Any

from werkzeug.datastructures import MultiDict

from crm.console import forms, mistakes
from crm.console.forms import Leaf, Manner
from crm.console.rule_preview import PreviewIn, PreviewLine
from crm.console.rule_words import CART_LABELS
from crm.console.telling import Words
from crm.errors import N_, FieldError, Invalid

LINES = 3
NO_GOODS = N_("Put something into the cart: a price at least.")


class CartWords(Words):
    """Lines have no names of their own: each is called by the last part of its pointer."""

    def key(self, pointer: str) -> str:
        """The last part of a line's pointer; other values' pointers as they are."""
        return pointer.rpartition("/")[2] if pointer.startswith("/cart/lines/") else pointer


CART_WORDS = CartWords(CART_LABELS, {}, {})


def cart_leaves() -> tuple[Leaf, ...]:
    """Whose cart it is, where and when."""
    return tuple(forms.leaves(PreviewIn, "/cart"))


def line_leaves(place: int) -> tuple[Leaf, ...]:
    """One line of goods."""
    return tuple(forms.leaves(PreviewLine, f"/cart/lines/{place}"))


def read_cart(
    given: MultiDict[str, str], manner: Manner, *, goods: bool
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The lines that are filled in, and the facts. Raises `Invalid` for what is no cart.

    An act has no goods: then none are read.
    """
    facts = forms.read(cart_leaves(), given, manner, blank="omit").get("cart", {})
    lines = []
    for place in range(LINES) if goods else ():
        read = forms.read(line_leaves(place), given, manner, blank="omit")
        line = read.get("cart", {}).get("lines", {}).get(str(place), {})
        if any(value for name, value in line.items() if name != "quantity"):
            lines.append(mistakes.load(PreviewLine(), line, f"/cart/lines/{place}"))
    if goods and not lines:
        raise Invalid([FieldError("/cart/lines/0/unit_price", "required", NO_GOODS)])
    return lines, mistakes.load(PreviewIn(), facts, "/cart")
