"""Journeys: what runs by itself. Each finds, on its own clock, for whom an occasion has come.

One definition says which members are due when (one statement), under which occasion, and why
somebody gets nothing; the engine gives each occasion once for life.
"""
