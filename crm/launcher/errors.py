"""The one error that the launcher shows as a sentence instead of a traceback."""


class CannotStart(Exception):
    """Something outside the program prevents the start; the message says what to do about it."""
