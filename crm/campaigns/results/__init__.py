"""What came of it: incremental profit against members who got nothing, and how sure that is.

`moments`, `effects`, `comparisons`, `power` and `standing` are arithmetic and know no tables;
journeys, or whatever holds some members out by chance, may use them as campaigns do.
"""
