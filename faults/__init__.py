"""Real faults on real programs, a witness outside of them, and a checker that says what became of every record."""
