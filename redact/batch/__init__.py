"""A batch of requests: reading and checking them, and the table and report of what became of them."""
