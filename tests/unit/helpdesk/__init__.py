"""The help desk's parts without a database or a network."""
