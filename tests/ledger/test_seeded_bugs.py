"""A test of the tests: bugs put in on purpose are noticed, and without them all is well."""

import os

import pytest
from history import History
from program import Api, Differs
from seeded_bugs import BUGS, Bug, Story
from walks import walk

STORIES = list(dict.fromkeys(bug.story for bug in BUGS))
HUNTS = int(os.environ.get("LEDGER_HUNTS", "0"))  # walks in which to find each bug


def told(history: History, story: Story) -> None:
    story(history)
    history.finish()


def walk_all(api: Api) -> None:
    for number in range(HUNTS):
        walk(api, number, shorten=False)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_seeded_bug_is_noticed(plain_shop, monkeypatch, bug: Bug):
    history = History(plain_shop)
    bug.put_in(monkeypatch)
    with pytest.raises(Differs):
        told(history, bug.story)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_without_the_bug_the_same_history_is_told_right(plain_shop, story: Story):
    told(History(plain_shop), story)


@pytest.mark.timeout(3600)
@pytest.mark.skipif(not HUNTS, reason="takes minutes: set LEDGER_HUNTS=300, see docs/testing.md")
@pytest.mark.parametrize("bug", BUGS if HUNTS else BUGS[:1], ids=lambda bug: bug.name)
def test_histories_by_dice_find_a_seeded_bug_by_themselves(plain_shop, monkeypatch, bug: Bug):
    bug.put_in(monkeypatch)
    with pytest.raises(Differs):
        walk_all(plain_shop)
