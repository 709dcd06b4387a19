"""Messages: what we tell a member, by which channel, when it may go, and what became of it."""
