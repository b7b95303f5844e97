"""What is judged: the states of checks, and how observations move them. The agent and the processor judge alike."""
