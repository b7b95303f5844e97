"""What is known: the catalogue of known problems with their remedies, and the pure matcher."""
