"""Whether the stack may be published at an address. Pure: passwords and the key's existence are passed in."""

from collections.abc import Mapping

from configuration.addresses import is_loopback
from rabbitmq.setup import PASSWORD_VARIABLES, read_settings

ADMIN_PASSWORD = "HEALTHMON_RABBITMQ_ADMIN_PASSWORD"  # noqa: S105 - the variable's name
DATABASE_PASSWORD = "POSTGRES_PASSWORD"  # noqa: S105 - the variable's name
DEFAULT_DATABASE_PASSWORD = "healthmon"  # noqa: S105 - the password that we refuse
WELL_KNOWN = frozenset({"", "guest", *PASSWORD_VARIABLES, DEFAULT_DATABASE_PASSWORD})
LOOPBACK = "127.0.0.1"


def bind_address(environment: Mapping[str, str]) -> str:
    """Where the stack is to be published; an empty variable counts as not set."""
    return environment.get("HEALTHMON_BIND") or LOOPBACK


def is_exposed(environment: Mapping[str, str]) -> bool:
    return not is_loopback(bind_address(environment))


def passwords_in_default(environment: Mapping[str, str], *, with_postgres: bool) -> list[str]:
    """Names of the variables whose password is not set or well known; never a value.

    Raises rabbitmq.setup.BadSettings when a file of a password cannot be read.
    """
    broker = read_settings(environment)
    passwords = {ADMIN_PASSWORD: broker.management.password}
    passwords |= {variable: broker.passwords[user] for user, variable in PASSWORD_VARIABLES.items()}
    if with_postgres:
        passwords[DATABASE_PASSWORD] = environment.get(DATABASE_PASSWORD, "")
    easy = WELL_KNOWN | {broker.management.user}
    return [variable for variable, password in passwords.items() if password in easy]


def refusal(
    bind: str, default_passwords: list[str], *, old_data: bool, has_key: bool, up: str, healthmon: str
) -> str | None:
    """What is wrong, why it matters, what to run now; None when the stack may be published at `bind`.

    `old_data` were made under the default passwords. `up` and `healthmon` are this stack's commands.
    """
    if is_loopback(bind) or not (default_passwords or old_data or not has_key):
        return None
    faults = [
        *([f"the default password is in force for {', '.join(default_passwords)}"] if default_passwords else []),
        *(["the data volumes still hold the default passwords"] if old_data else []),
        *([] if has_key else ["no API key exists"]),
    ]
    commands = [
        *(["make secrets"] if default_passwords else []),
        f"HEALTHMON_BIND={LOOPBACK} {up}",  # puts new passwords in force before anybody can reach them
        *([] if has_key else [f"{healthmon} keys create --role admin"]),
    ]
    return "\n".join(
        [
            f"Refused to publish at HEALTHMON_BIND={bind}: {', and '.join(faults)}.",
            "Why: everyone who reaches that address could read every host and write any record.",
            "Now run, in this order:",
            *(f"    {command}" for command in commands),
            f"and start again with HEALTHMON_BIND={bind}.",
        ]
    )
