"""Segments: who buys recently, often and much, in groups that have stable names and reasons.

Owns segmentation runs and the history of assignments; a member's current segment is written to the
member's own row. Input: the running aggregates that orders keep.
"""
