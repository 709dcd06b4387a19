"""Points: programme and rules, the ledger of accounts, entries and lots, awards and redemptions.

The ledger is append-only and exact. What is spendable is computed for the instant of reading.
"""
