"""audience − exclusions − no consent − suppressed − capped − holdout = will send: the figures.

`crm.campaigns.judging` says who is taken by which step, `crm.campaigns.counting` counts them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from crm.campaigns.models import HELD_OUT
from crm.messages.states import Reason

EXCLUDED = "excluded"
# The steps between the audience and what is sent, as they are shown.
STEPS = (
    EXCLUDED,
    Reason.OPTED_OUT,
    Reason.NO_ADDRESS,
    Reason.ADDRESS_SUPPRESSED,
    Reason.OPEN_CASE,
    Reason.EXPIRED,
    Reason.CAPPED,
    "holdout",
)


@dataclass(frozen=True, slots=True)
class Waterfall:
    """How many the audience has, how many each step takes, how many each arm gets.

    audience = the sum of `taken` + the sum of `arms`.
    """

    audience: int
    taken: Mapping[str, int] = field(default_factory=dict)
    arms: Mapping[int, int] = field(default_factory=dict)

    @property
    def will_send(self) -> int:
        """How many messages it comes to."""
        return sum(self.arms.values())

    @property
    def holdout(self) -> int:
        """How many are held out."""
        return self.taken.get("holdout", 0)

    def steps(self) -> list[dict[str, Any]]:
        """As it is shown: the audience, what each step takes, what is sent."""
        others = [name for name in self.taken if name not in STEPS]
        names = [*STEPS[:-2], *sorted(others), *STEPS[-2:]]
        between = [{"step": str(name), "members": self.taken.get(name, 0)} for name in names]
        ends = [{"step": "audience", "members": self.audience},
                {"step": "will_send", "members": self.will_send}]  # fmt: skip
        return [ends[0], *between, ends[1]]

    def document(self) -> dict[str, Any]:
        """As it is kept."""
        return {
            "audience": self.audience,
            "taken": dict(self.taken),
            "arms": {str(no): members for no, members in self.arms.items()},
        }

    @classmethod
    def read(cls, found: Mapping[str, Any]) -> "Waterfall":
        """As it was kept."""
        arms = {int(no): members for no, members in found["arms"].items()}
        return cls(found["audience"], found["taken"], arms)

    def plus(self, other: "Waterfall") -> "Waterfall":
        """Two parts of one audience together."""
        return Waterfall(
            self.audience + other.audience,
            {name: self.taken.get(name, 0) + other.taken.get(name, 0)
             for name in {*self.taken, *other.taken}},
            {no: self.arms.get(no, 0) + other.arms.get(no, 0) for no in {*self.arms, *other.arms}},
        )  # fmt: skip


def counted(rows: Iterable[tuple[str, int, int]]) -> Waterfall:
    """A waterfall of rows (verdict, arm, members)."""
    taken: dict[str, int] = {}
    arms: dict[int, int] = {}
    whole = 0
    for verdict, arm, members in rows:
        whole += members
        if arm > HELD_OUT:
            arms[arm] = arms.get(arm, 0) + members
        else:
            name = verdict or "holdout"
            taken[name] = taken.get(name, 0) + members
    return Waterfall(whole, taken, arms)
