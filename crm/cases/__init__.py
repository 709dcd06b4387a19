"""Cases: complaints and bad ratings, who looks after them, by when, and what was done.

While a member has an open case he gets no marketing. Locks are taken in one order: the order
that it is about (shared), the member's record (shared), then the case.
"""
