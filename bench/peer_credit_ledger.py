"""credit-ledger's `grant` behind the request of an award. Started by granian in the peers' venv.

It checks neither an API key nor the request, which is to its advantage.
"""

import os
from typing import Any

from credit_ledger import metering
from flask import Flask, request
from sqlalchemy import create_engine


def create_app() -> Flask:
    """A grant of credits to a tenant, who is the member."""
    url = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://", 1)
    engine = create_engine(url, pool_size=10)
    app = Flask(__name__)
    app.add_url_rule("/healthz", "healthz", lambda: {"status": "ok"})

    @app.post("/api/v1/points/awards")
    def grant() -> tuple[dict[str, Any], int]:
        body: Any = request.get_json()
        found = metering.grant(
            body["member"]["id"],
            body["points"],
            reason=body["activity"],
            idempotency_key=request.headers["Idempotency-Key"],
            engine=engine,
        )
        return {"balance_after": str(found.balance)}, 201 if found.ok else 409

    return app
