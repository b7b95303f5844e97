"""What people do about incidents: the same for programs and for the forms of the pages."""

from collections.abc import Callable
from http import HTTPStatus

from sqlalchemy import Connection

from helpdesk_api.desk import Desk
from helpdesk_api.problem import Problem, not_found
from store import incident_acts, mutes
from store.engine import transaction
from store.incident_acts import Acted
from store.response import Mute

MOST_MUTES = 1_000
LONGEST_NOTE = 2_000
Act = Callable[[Connection, int, str, int, str], Acted]


def acknowledge(desk: Desk, number: int, author: str, note: str) -> None:
    """Raises a 404 or 409 problem."""
    _act(desk, incident_acts.acknowledge, number, author, note, "It is acknowledged already: somebody looks after it.")


def unacknowledge(desk: Desk, number: int, author: str, note: str) -> None:
    """Raises a 404 or 409 problem."""
    _act(desk, incident_acts.unacknowledge, number, author, note, "It is not acknowledged: there is nothing to undo.")


def add_note(desk: Desk, number: int, author: str, note: str) -> None:
    """Raises a 404 problem."""
    _act(desk, incident_acts.add_note, number, author, note, "")


def mute(desk: Desk, wanted: Mute) -> Mute:
    """Raises a 409 problem when there are too many."""
    with transaction(desk.engine) as connection:
        if mutes.count_current(connection, desk.now_ms()) >= MOST_MUTES:
            detail = f"There are {MOST_MUTES} mutes. Lift some (healthmon mutes), or mute a group instead of its hosts."
            raise Problem(HTTPStatus.CONFLICT, "too-many-mutes", "Too many mutes", detail)
        return mutes.add_mute(connection, wanted)


def unmute(desk: Desk, mute_no: int, author: str) -> Mute:
    """Raises a 404 problem."""
    with transaction(desk.engine) as connection:
        lifted = mutes.lift(connection, mute_no, author, desk.now_ms())
    if lifted is None:
        raise not_found(f"mute {mute_no}", "/api/v1/mutes?state=all lists those there are.")
    return lifted


def _act(desk: Desk, act: Act, number: int, author: str, note: str, already: str) -> None:
    with transaction(desk.engine) as connection:
        acted = act(connection, number, author, desk.now_ms(), note.strip())
    if acted is Acted.UNKNOWN:
        raise not_found(f"incident {number}", "/api/v1/incidents?state=all lists those there are.")
    if acted is Acted.CLOSED:
        detail = "It is closed: only an open incident can be acknowledged. A note can still be added."
        raise Problem(HTTPStatus.CONFLICT, "incident-closed", "Incident closed", f"Incident {number}: {detail}")
    if acted is Acted.ALREADY:
        raise Problem(HTTPStatus.CONFLICT, "nothing-to-do", "Nothing to do", f"Incident {number}: {already}")
