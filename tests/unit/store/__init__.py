"""Unit tests of the store: no database."""
