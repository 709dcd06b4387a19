"""The till's one box: what was typed is routed by its shape, and the hits are ranked and masked."""

from crm.members.lookup.finding import Found, find, show
from crm.members.lookup.routes import Route, routes
from crm.members.lookup.statements import MOST_HITS

__all__ = ["MOST_HITS", "Found", "Route", "find", "routes", "show"]
