"""Who is told of which incident, when, and how it gets there."""
