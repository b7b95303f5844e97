"""A build whose note that a notice was delivered comes to nothing: whoever looks next tells it once more."""

from faults.witnessed_processor import main
from store import outbox


def note_nothing(*_of_what: object) -> None:
    """The transaction ends as if it had."""


if __name__ == "__main__":
    vars(outbox)["mark_delivered"] = note_nothing
    raise SystemExit(main())
