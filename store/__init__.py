"""What is kept: domain types, tables, migrations and queries, on SQLite or PostgreSQL."""
