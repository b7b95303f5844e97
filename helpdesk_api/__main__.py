"""`python -m helpdesk_api` runs the help desk."""

import sys

from helpdesk_api.main import main

sys.exit(main())
