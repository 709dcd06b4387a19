"""Two records of one person: the register of merges, and what this room moves or gives back.

`crm.overview.merging` conducts a merge through all rooms, under one set of locks.
"""
