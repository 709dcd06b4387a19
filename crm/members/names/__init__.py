"""How a name is read, sorted and found: folded writing, pinyin, initials."""

from crm.members.names.keys import NameKeys, keys_of
from crm.members.names.query import keys_of_query

__all__ = ["NameKeys", "keys_of", "keys_of_query"]
