"""Why a message is in quarantine, in words: what happened, why, and what now. One entry for each reason there is."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Explanation:
    """`what` happened, `why` that comes about, what to do `now`; not `redrivable` where a redrive would do harm."""

    what: str
    why: str
    now: str
    redrivable: bool = True


_FOREIGN = "Something else than an agent sends to this exchange, or bytes were damaged on the way."
_FIND_SENDER = (
    "Find who sends: the routing key and the headers name it. Its agent's account shows whether records lack."
)
_UPGRADE = "Upgrade the processor to the agent's version, then redrive these messages."
_FAULTY_AGENT = "Only a faulty or foreign agent sends this."
_REINSTALL = "Upgrade or reinstall the agent on that host; redriving helps only after a newer processor takes it."
_CLOCK = "Set the host's time, on Linux: timedatectl set-ntp true. New records are taken in at once."

EXPLANATIONS: Mapping[str, Explanation] = {
    "not-json": Explanation("The body is not JSON.", _FOREIGN, _FIND_SENDER),
    "invalid-message": Explanation(
        "The body is JSON, but no message of an agent.",
        "A field lacks or is of another kind. " + _FOREIGN,
        _FIND_SENDER,
    ),
    "invalid-record": Explanation(
        "One record of a message is not valid; its neighbours were stored.",
        "A field lacks, is of another kind or out of its bounds: the agent is newer than the processor, or faulty.",
        _UPGRADE,
    ),
    "unknown-version": Explanation(
        "The message is of a version that the processor does not read.",
        "The agent is newer than the processor.",
        _UPGRADE,
    ),
    "unknown-encoding": Explanation(
        "The body is compressed in a way that the processor does not read.",
        "The agent is newer than the processor, or something else sends.",
        _UPGRADE,
    ),
    "bad-compression": Explanation(
        "The compressed body cannot be unpacked.",
        "Bytes were damaged or cut off on the way, or something else sends.",
        _FIND_SENDER,
    ),
    "too-large": Explanation(
        "The message or one record of it is larger than is read.",
        "Agents keep each record below 256 KiB, so this is no agent's, or a faulty one's.",
        _FIND_SENDER,
    ),
    "too-deep": Explanation("The JSON is nested deeper than any record is.", _FAULTY_AGENT, _FIND_SENDER),
    "record-count": Explanation("The message has no record, or more than 100.", _FAULTY_AGENT, _REINSTALL),
    "nul-character": Explanation(
        "A text of the record holds the character U+0000, which no database column takes.",
        "A program on the host gave it, in a process or device name for example, and the agent passed it on.",
        _REINSTALL,
    ),
    "foreign-agent-id": Explanation(
        "The message names another agent than the one that sent it.",
        "An agent's state folder was edited, or somebody tries to write into another host's series.",
        "Look at who connects to RabbitMQ from where. On the sending host, remove the state folder of a copied "
        "agent: it joins as one of its own.",
    ),
    "key-reused": Explanation(
        "A record came under a number that is stored with other content.",
        "An agent's state folder was copied to a second host, or restored from an old copy.",
        "Stop the second agent and delete its state folder: it joins as one of its own. Redrive nothing: the stored "
        "series is one host's and stays so.",
        redrivable=False,
    ),
    "identity-conflict": Explanation(
        "A second agent sends under the id of one that runs.",
        "A state folder or a virtual machine was copied, and both copies run.",
        "Its incident names both hosts. On the copy: stop the agent, delete its state folder, start it again.",
        redrivable=False,
    ),
    "implausible-clock": Explanation(
        "The record's time lies outside any real time.", "The host's clock is broken, or the agent is faulty.", _CLOCK
    ),
    "implausible-interval": Explanation(
        "The record tells an interval that no agent may have.",
        "Intervals are 0.1 to 300 s; the agent is faulty, or of a version that allows others.",
        _REINSTALL,
    ),
    "future-epoch": Explanation(
        "The record is of an epoch far later than this agent can have reached.",
        "Its state folder is damaged, or somebody sends in its name; taken in, it would make every real record late.",
        "On that host: stop the agent, delete its state folder, start it again. If it happens again, look at who "
        "connects to RabbitMQ from where.",
    ),
    "mixed-epochs": Explanation(
        "A record is of another epoch than the message that carries it.", _FAULTY_AGENT, _REINSTALL
    ),
    "implausible-loss": Explanation(
        "A loss record names numbers that its agent cannot have lost.",
        _FAULTY_AGENT + " Taken at its word, it would hide real losses.",
        _REINSTALL,
    ),
    "invalid-canary": Explanation(
        "A message under the canary's routing key is no canary.",
        "Only the processor may send there: its account is used by something else.",
        "Change the processor's password in RabbitMQ (python -m rabbitmq setup), and look at who connects as it.",
    ),
    "store-refused": Explanation(
        "The database refused this message alone; its neighbours were stored.",
        "It holds a value that the database does not take: a mistake in this program.",
        "The processor's log has the database's words. Report them, upgrade, then redrive.",
    ),
    "processor-error": Explanation(
        "The processor failed on this message alone; its neighbours were stored.",
        "A mistake in this program.",
        "The processor's log has the trace. Report it, upgrade, then redrive.",
    ),
    "killed-the-processor": Explanation(
        "The processor died each time that it read this message, so it was put aside unread.",
        "The message uses up memory or hits a mistake in this program or in a library.",
        "Keep the bytes, report them, upgrade, then redrive. Redriven too early it kills the processor again and comes "
        "back here alone.",
    ),
}
UNKNOWN = Explanation(
    "The message was put aside.",
    "The processor gives a reason that this help desk does not know: it is of another version.",
    "Run the same version of both. Redriving does no harm: what cannot be read comes back here.",
)


def explanation_of(reason: str) -> Explanation:
    return EXPLANATIONS.get(reason, UNKNOWN)
