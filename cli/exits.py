"""How the terminal ends: one number per kind of ending, and the error that carries it."""

from enum import IntEnum


class ExitCode(IntEnum):
    """0 to 64 answer the question, from 69 on there is no answer (numbers as in sysexits.h)."""

    OK = 0
    NONE = 1
    USAGE = 64
    UNREACHABLE = 69
    NOT_WRITTEN = 74
    TRY_AGAIN = 75
    NOT_ALLOWED = 77
    INTERRUPTED = 130


EXIT_CODES_HELP = (
    "Exit codes: 0 answered; 1 nothing matched or nothing of that name; 64 usage; 69 the help desk cannot be reached; "
    "74 the answer cannot be written; 75 try again; 77 not allowed; 130 interrupted."
)


class Trouble(Exception):
    """Trouble that was foreseen. The message says what happened, why, and what now."""

    def __init__(self, told: str, code: int) -> None:
        super().__init__(told)
        self.code = code
