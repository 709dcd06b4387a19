"""hf-nostro's `credit` behind the request of an award. Started by granian in the peers' venv.

It opens a lot that expires, as an award does. It checks neither an API key nor the request.
"""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask, request
from nostro import AccountKey, Ledger
from psycopg_pool import ConnectionPool

YEAR = timedelta(days=365)


def create_app() -> Flask:
    """A credit with an expiry to an account, which is the member's."""
    pool = ConnectionPool(os.environ["DATABASE_URL"], min_size=8, max_size=8, open=True)
    ledger = Ledger(pool=pool, scale=0)
    app = Flask(__name__)
    app.add_url_rule("/healthz", "healthz", lambda: {"status": "ok"})

    @app.post("/api/v1/points/awards")
    def credit() -> tuple[dict[str, Any], int]:
        body: Any = request.get_json()
        entry = ledger.credit(
            AccountKey("shop", body["member"]["id"]),
            ledger.amount(body["points"]),
            category=body["activity"],
            idempotency_key=request.headers["Idempotency-Key"],
            expires_at=datetime.now(UTC) + YEAR,
        )
        return {"id": str(entry.id), "balance_after": str(entry.balance_after)}, 201

    return app
