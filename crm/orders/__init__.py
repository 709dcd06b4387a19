"""What members bought and returned: orders, refunds as facts, and the running aggregates.

An order is written whole, any number of times, in any order of arrival. One engine serves the
single `PUT`, the batch and the import; points, tiers and aggregates follow in the same transaction.
"""
