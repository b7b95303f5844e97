"""The operator's terminal against the help desk itself, over a real connection."""
