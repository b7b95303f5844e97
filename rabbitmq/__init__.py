"""What travels: records, the messages that carry them, the broker's topology, and how one connects."""
