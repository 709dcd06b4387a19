"""The product's worker with one more job, for tests that kill it in the middle: three steps, each
with an effect of its own, and a stop before the last until a file is there."""

import os
import time
from pathlib import Path
from uuid import UUID

from sqlalchemy import text

from crm.cli import main
from crm.db import db, transaction
from crm.queue import job

STEP = text("""
    INSERT INTO installation (key, value) VALUES (:key, '1')
    ON CONFLICT (key) DO UPDATE SET value = to_jsonb((installation.value #>> '{}')::integer + 1)
""")
GIVE = text("""
    WITH new AS (
        INSERT INTO points_source (key, member_id, seq)
        SELECT points_source_key('award:custom', :source), :member, a.seq + 1
        FROM points_account a WHERE a.member_id = :member ON CONFLICT DO NOTHING RETURNING 1
    )
    SELECT points_give(:member, 'award', 10, now(), 'award:custom', :source, now(), NULL,
                       NULL, NULL, NULL, points_open(:member), uuidv7()) FROM new
""")


@job("test.three_steps")
def three_steps(member: str, folder: str) -> None:
    """Give ten points thrice; every step that is begun is counted, and told by a file."""
    for step in (1, 2, 3):
        with transaction():
            db.session.execute(STEP, {"key": f"step {step}"})
        (Path(folder) / f"step {step}").write_text(str(os.getpid()))
        while step == 3 and not (Path(folder) / "go on").exists():
            time.sleep(0.02)
        with transaction():
            db.session.execute(text("SELECT points_open(:member)"), {"member": UUID(member)})
            db.session.execute(GIVE, {"member": UUID(member), "source": f"{folder}:{step}"})


@job("test.one_step")
def one_step(key: str) -> None:
    """Count how often this was run."""
    with transaction():
        db.session.execute(STEP, {"key": key})


if __name__ == "__main__":
    main()
