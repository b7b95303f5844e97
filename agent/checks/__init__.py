"""Active checks: what the agent tries out on its host, one file per kind, and who runs them when."""
