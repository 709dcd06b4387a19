"""One turn of the program in a process of its own, so that its memory is its own too.

python -m bench.segment_turn score|refit|rebuild|why: prints seconds (of each, for `why`) and the
peak of resident memory in MB as JSON. Settings come from the environment, as a worker's do.
"""

import json
import os
import random
import resource
import sys
import time
from uuid import UUID

from crm import clock
from crm.app import create_app
from crm.config import Config
from crm.db import transaction
from crm.orders import checking
from crm.segments import jobs, member_rfm, runs

LOOKS = 500  # members whose why is asked for


def run(kind: str) -> dict:
    """A run as the worker does it, scikit-learn's loading and all."""
    with transaction():
        queued = jobs.queue_run(None, {}, asked=kind, now=clock.now())
    assert queued is not None
    began = time.perf_counter()
    jobs.run(str(queued.id))
    seconds = time.perf_counter() - began
    found = runs.get(queued.id)
    assert (found.state, found.kind, found.applied) == ("done", kind, True), found.error
    moved = sum(one["members"] for one in found.movement or [] if one["from"] != one["to"])
    return {"seconds": [seconds], "moved": moved, "method": found.method}


def rebuild() -> dict:
    """All aggregates from the orders."""
    began = time.perf_counter()
    with transaction():
        done = checking.rebuild(clock.now())
    return {"seconds": [time.perf_counter() - began], "moved": done["missing"]}


def why(members: int) -> dict:
    """The why of some members, one after the other."""
    draws, seconds = random.Random(7), []
    for number in draws.sample(range(1, members + 1), min(LOOKS, members)):
        began = time.perf_counter()
        member_rfm.rfm(UUID(int=MEMBER + number), now=clock.now())
        seconds.append(time.perf_counter() - began)
    return {"seconds": seconds, "moved": 0}


MEMBER = UUID("01900000-0000-7000-8000-000000000000").int

if __name__ == "__main__":
    app = create_app(Config.read(os.environ))
    with app.app_context():
        what = sys.argv[1]
        answer = {
            "rebuild": rebuild,
            "why": lambda: why(int(sys.argv[2])),
        }.get(what, lambda: run(what))()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(answer | {"megabytes": peak}))
