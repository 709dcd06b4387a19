"""The console's blueprint; the page modules hang their views on it."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Blueprint

View = TypeVar("View", bound=Callable[..., Any])

blp = Blueprint("console", __name__, url_prefix="/console", template_folder="templates")


def public(view: View) -> View:
    """Mark a view that needs no session: the sign-in page and the files it loads."""
    view.public = True  # type: ignore[attr-defined]  # functions take attributes
    return view
