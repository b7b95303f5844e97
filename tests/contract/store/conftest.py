"""Every test here runs on each kind of store."""

from tests.databases import empty_url, postgres_server, sqlite_template, store_engine, store_url

__all__ = ["empty_url", "postgres_server", "sqlite_template", "store_engine", "store_url"]
