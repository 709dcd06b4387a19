"""A scheduler."""

from .serving import main as main
