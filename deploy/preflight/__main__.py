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

    1. On a loopback address everything is allowed, and data made under the default password get the configured one.
    2. Elsewhere such data are refused: the broker's are as old, and it would be published before `setup` mends them.
    3. Elsewhere no default password may be in force and an API key must exist.
    """
    with_postgres = database.is_postgres(environment)
    old_data = with_postgres and database.keeps_default_password(environment)
    if not is_exposed(environment):
        if old_data:
            database.replace_default_password(environment)
            print("preflight: the database's user has the configured password now, no longer the default one")
        return None
    return refusal(
        bind_address(environment),
        passwords_in_default(environment, with_postgres=with_postgres),
        old_data=old_data,
        has_key=old_data or database.has_active_key(environment),
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
