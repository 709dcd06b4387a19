"""Audiences: members by saved filters or by uploaded lists, counted live and handed to campaigns.

A filter is JSON of groups and conditions. It is read against a register of fields, each of which
says its type and where it stands, and becomes one SQL statement with bound values: nothing that
people write is ever part of its text.
"""
