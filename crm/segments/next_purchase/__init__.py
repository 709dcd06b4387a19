"""Next purchase: when a member usually buys, and how likely he is to buy soon.

Owns the store's and the members' usual windows, the nightly models with their back-tests, and the
chances that the newest model gives. Input: counted orders and the running aggregates.
"""
