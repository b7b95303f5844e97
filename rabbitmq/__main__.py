"""`python -m rabbitmq setup`."""

import sys

from rabbitmq.setup import main

if sys.argv[1:] != ["setup"]:
    sys.exit("usage: python -m rabbitmq setup")
sys.exit(main())
