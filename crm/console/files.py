"""The console's own files, and Bootstrap's and htmx's out of their installed packages.

Nothing third-party is committed or fetched at run time. An address carries a hash of the content,
so browsers keep a file for a year and still see a new one at once.
"""

import hashlib
from functools import cache
from importlib.util import find_spec
from mimetypes import guess_type
from pathlib import Path

from flask import Response, abort, request, url_for

from crm.console.blueprint import blp, public
from crm.http.permissions import needs

OWN = Path(__file__).parent / "static"
# Found by find_spec, so that neither Django nor flask_bootstrap is imported.
PACKAGED = {
    "bootstrap.min.css": ("flask_bootstrap", "static/bootstrap5/css/bootstrap.min.css"),
    "htmx.min.js": ("django_htmx", "static/django_htmx/htmx-2.min.js"),
}
OWNED = ("console.css", "console.js", "preview.js", "till.js", "mark.svg")


def path_of(name: str) -> Path:
    """Where a file that we serve lies; KeyError for any other name."""
    if name in OWNED:
        return OWN / name
    package, inside = PACKAGED[name]
    spec = find_spec(package)
    assert spec is not None, f"{package} is in requirements.txt but not installed"
    assert spec.origin is not None
    return Path(spec.origin).parent / inside


@cache
def content(name: str) -> tuple[bytes, str]:
    """A file's bytes and the short hash of them."""
    data = path_of(name).read_bytes()
    return data, hashlib.sha256(data).hexdigest()[:16]


def address(name: str) -> str:
    """The address of a file, with its hash."""
    return url_for("console.file", name=name, v=content(name)[1])


@blp.get("/files/<name>")
@needs(None)
@public
def file(name: str) -> Response:
    """Public: styles and scripts hold no secret, and the sign-in page needs them."""
    if name not in OWNED and name not in PACKAGED:
        abort(404)
    data, digest = content(name)
    response = Response(data, content_type=f"{guess_type(name)[0]}; charset=utf-8")
    same = request.args.get("v") == digest
    response.headers["Cache-Control"] = (
        "public, max-age=31536000, immutable" if same else "no-cache"
    )
    return response
