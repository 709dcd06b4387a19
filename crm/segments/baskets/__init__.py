"""Baskets: which products customers buy after which, and what to suggest to a member.

Owns the table of product pairs and that of best sellers, which a nightly job makes anew from order
lines.
"""
