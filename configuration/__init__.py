"""What a server program is told at its start, and where each value came from."""
