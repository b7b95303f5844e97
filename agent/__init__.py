"""The program on each monitored host: collect, spool, publish."""
