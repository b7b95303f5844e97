"""The operator's terminal, an HTTP client of the help desk."""
