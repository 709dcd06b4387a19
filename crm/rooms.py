"""The rooms that the application opens: their blueprints, jobs and installers, in one list."""

from collections.abc import Callable, Sequence

from flask import Flask

from crm.auth import door
from crm.db import Base
from crm.http import Blueprint, operations

# Importing a room's `jobs` declares its jobs; each room below does so.

METADATA = Base.metadata  # complete once the rooms are imported, that is, here

BLUEPRINTS: Sequence[Blueprint] = ()

INSTALLERS: Sequence[Callable[[Flask], None]] = (operations.install, door.install)
