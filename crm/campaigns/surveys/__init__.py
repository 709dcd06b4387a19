"""Surveys after a sale: a signed link, a rating of 1 to 5 with a few words, answered once."""
