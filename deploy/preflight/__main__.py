"""`python -m deploy.preflight`: exit 0 when the stack may be published, 1 with the reason when not."""

import os
import sys
from collections.abc import Mapping

import psycopg

from deploy.preflight import database
from deploy.preflight.exposure import bind_address, is_exposed, passwords_in_default, refusal
from rabbitmq.setup import BadSettings
from store.engine import StoreUnavailable

COMPOSE_COMMANDS = {"up": "docker-compose up -d", "healthmon": "docker-compose exec helpdesk healthmon"}
LOCAL_COMMANDS = {"up": "make up MODE=local", "healthmon": ".venv/bin/healthmon"}


def why_not(environment: Mapping[str, str]) -> str | None:
    """The reason not to publish the stack, for people; None when it may be.

    1. A PostgreSQL volume made under the default password gets the configured one.
    2. On a loopback address everything is allowed.
    3. Elsewhere no default password may be in force and an API key must exist.
    """
    with_postgres = database.is_postgres(environment)
    if with_postgres and database.adopt_password(environment):
        print("preflight: the database's user has the configured password now, no longer the default one")
    if not is_exposed(environment):
        return None
    return refusal(
        bind_address(environment),
        passwords_in_default(environment, with_postgres=with_postgres),
        has_key=database.has_active_key(environment),
        **(COMPOSE_COMMANDS if with_postgres else LOCAL_COMMANDS),
    )


def main() -> int:
    try:
        reason = why_not(os.environ)
    except (StoreUnavailable, psycopg.OperationalError) as error:
        first_line = (str(error).splitlines() or ["no reason given"])[0]
        reason = (
            f"The database cannot be asked: {first_line}\n"
            "Why: nothing is published before the passwords and the API keys are known to be safe.\n"
            "Now: if POSTGRES_PASSWORD was changed by hand, set the earlier one again; the data hold that one."
        )
    except BadSettings as error:
        reason = str(error)
    if reason is not None:
        print(reason, file=sys.stderr)
    return 1 if reason else 0


if __name__ == "__main__":
    sys.exit(main())
