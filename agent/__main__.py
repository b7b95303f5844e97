"""`python -m agent` is `healthmon-agent`."""

from agent.main import main

raise SystemExit(main())
