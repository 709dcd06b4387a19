"""Coupons: templates, codes and pools, to whom they were given, and what became of them.

Everything works inside the caller's transaction. Locks are taken in one order: the member's record
(shared), then coupons ascending by code, then templates ascending by id. Issuing has the template
before it takes codes of a pool, and waits for none of them.
"""
