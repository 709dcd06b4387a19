"""The rooms that the application opens: their blueprints, jobs and installers, in one list."""

from collections.abc import Callable, Sequence
from types import ModuleType

from flask import Flask

from crm.auth import api as auth
from crm.auth import door
from crm.auth import jobs as auth_jobs
from crm.db import Base
from crm.http import Blueprint, operations
from crm.points import programme_api as points_programme

# Importing a room's `jobs` declares its jobs.
JOB_MODULES: Sequence[ModuleType] = (auth_jobs,)

METADATA = Base.metadata  # complete once the rooms are imported, that is, here

BLUEPRINTS: Sequence[Blueprint] = (auth.blp, points_programme.blp)

INSTALLERS: Sequence[Callable[[Flask], None]] = (operations.install, door.install)
