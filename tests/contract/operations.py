"""The operations of the API's own document, so that a new route is tested without being listed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from crm.app import create_app
from crm.config import Config

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"  # making the document asks no database
SOME_ID = "01900000-0000-7000-8000-00000000ffff"


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document as the application serves it."""
    app = create_app(Config(database_url=NOWHERE, secret_key="x" * 32, sandbox=True))
    return app.test_client().get("/api/v1/openapi.json").get_json()


@dataclass(frozen=True)
class Operation:
    """One method of one path. `body` is the schema of its JSON body, references resolved."""

    method: str
    path: str
    parameters: list[dict[str, Any]] = field(hash=False)
    body: dict[str, Any] | None = field(hash=False)

    def __str__(self) -> str:
        return f"{self.method} {self.path.removeprefix('/api/v1')}"

    def named(self, place: str) -> dict[str, dict[str, Any]]:
        """The schemas of the parameters in `place` ("path", "query", "header"), by name."""
        return {
            item["name"]: resolved(item["schema"])
            for item in self.parameters
            if item["in"] == place
        }

    def address(self, **given: str) -> str:
        """The path below /api/v1 with its parameters filled in."""
        found = self.path.removeprefix("/api/v1")
        for name, schema in self.named("path").items():
            plain = SOME_ID if schema.get("format") == "uuid" else "some"
            plain = "1" if schema.get("type") == "integer" else plain
            found = found.replace(f"{{{name}}}", given.get(name, plain))
        return found


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema with its reference followed; of alternatives with null, the other one."""
    while "$ref" in schema:
        schema = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for way in schema.get("anyOf", ()):
        if way.get("type") != "null":
            return resolved(way) | {"nullable": True}
    return schema


def _operations() -> Iterator[Operation]:
    for path, methods in document()["paths"].items():
        shared = methods.get("parameters", [])
        for method, said in methods.items():
            if method == "parameters":
                continue
            content = said.get("requestBody", {}).get("content", {})
            body = content.get("application/json", {}).get("schema")
            parameters = shared + said.get("parameters", [])
            yield Operation(method.upper(), path, parameters, body and resolved(body))


OPERATIONS = sorted(_operations(), key=str)
WITH_BODY = [one for one in OPERATIONS if one.body is not None]
