"""How every program speaks to the person who watches it: log lines and when they have colour."""
