"""News of a changed ladder, for the room above that knows what members bought."""

import json
from functools import partial

from crm import outbox, queue
from crm.db import after_commit
from crm.members.tiers.ladder import Ladder

LADDER_CHANGED = "tiers.ladder_changed"
QUEUE = "default"


def announce(ladder: Ladder) -> None:
    """Let every member be judged by a new ladder once it is in force; once per version."""
    assert ladder.effective_at is not None, "it was read from the database"
    key, args = f"{LADDER_CHANGED}:{ladder.version}", json.dumps([ladder.version])
    outbox.put(LADDER_CHANGED, QUEUE, key, args, ladder.effective_at)
    after_commit(partial(queue.wake, QUEUE))
