"""What the help desk answers over HTTP, on a real SQLite store."""
