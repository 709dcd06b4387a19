"""How likely a customer of a category is to buy in it again soon.

A member and a category in which he has bought are a pair. One model per horizon is learned from
the pairs of all categories together, as the one for the store is from members.
"""
