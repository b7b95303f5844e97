"""Many agents in one process: true records over true connections, of hosts that do not exist."""
