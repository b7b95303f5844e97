"""Why nothing is heard of an agent: facts joined into one verdict, and what follows from it."""
