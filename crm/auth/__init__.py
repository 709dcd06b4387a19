"""Who may do what: API keys, staff accounts, their sessions, and the door that checks them."""
