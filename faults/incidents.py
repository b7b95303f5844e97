"""The incidents of a run, as people read them."""

from faults.run import Run
from store.engine import reading
from store.incidents import list_incidents
from store.model import Incident

MOST_LISTED = 2_000


def incidents_of(run: Run, rule: str) -> list[Incident]:
    """All of this rule, newest first, open or closed. Raises StoreUnavailable."""
    with reading(run.engine) as connection:
        found = list_incidents(connection, "all", None, None, MOST_LISTED)
    return [incident for incident in found if incident.key.rule == rule]
