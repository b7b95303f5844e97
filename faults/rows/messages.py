"""What no agent of ours sends, sent nevertheless."""

import json
import time
import zlib
from collections import Counter

from faults.checker import DAMAGE, Excuse
from faults.evidence import read_evidence
from faults.rig import Rig
from faults.row import row
from faults.run import Run
from rabbitmq.message import MAX_BODY_BYTES, Envelope, Numbering, encode
from rabbitmq.records import Goodbye, Record, Snapshot, encode_record
from store import quarantine
from store.engine import transaction

STRANGER = "stranger"
MARKER = "deadly-marker"
MOST_CRASHES = 4
IN_ORDER = 20  # at one a second longer than a disk must be full, or not, before that counts


def message(seq: int, reason: str = "stopped") -> Envelope:
    """A valid message of an agent that nobody runs."""
    record = Goodbye(
        agent_id=STRANGER,
        epoch=1 << 33,
        seq=seq,
        boot_id="b",
        wall_seconds=time.time(),
        boot_seconds=1.0,
        reason=reason,
    )
    return _in_an_envelope(record)


def unreadable(rig: Rig) -> list[Envelope]:
    """Each must go into quarantine whole."""
    valid = message(1).body
    fields = json.loads(valid)
    cut = [valid[: rig.random.randrange(len(valid))] for _ in range(20)]
    bodies: list[tuple[bytes, str | None]] = [
        *((body, None) for body in cut),
        (b"\xff\xfe\xfd", None),
        (b"[" * 200_000, None),
        (b"x" * MAX_BODY_BYTES, None),
        (b'{"version":1}', None),
        (json.dumps(fields | {"version": 99}).encode(), None),
        (json.dumps(fields | {"agent_id": "another"}).encode(), None),
        (json.dumps(fields | {"records": []}).encode(), None),
        (json.dumps(fields | {"epoch": float("nan")}).encode(), None),
        (json.dumps(fields | {"epoch": -1}).encode(), None),
        (valid, "br"),
        (b"not deflated", "deflate"),
        (zlib.compress(valid)[:-4], "deflate"),
        (zlib.compress(bytes(50 * 1024 * 1024)), "deflate"),
    ]
    return [
        Envelope(STRANGER, body, message_id="", timestamp=int(time.time()), content_encoding=encoding)
        for body, encoding in bodies
    ]


@row(25, "poison: bad JSON, schema, UTF-8, compression; huge, deep", quick=True)
def unreadable_messages(rig: Rig) -> None:
    with rig.running(excuse=Excuse(quarantines=DAMAGE)) as run:
        run.flow(1)
        sent = unreadable(rig)
        run.publish(sent)
        run.until(lambda: len(quarantined(run)) >= len(sent), "all of it in quarantine")
        run.flow(2)
        assert Counter(quarantined(run)) == Counter(envelope.body for envelope in sent), (
            "quarantine holds other bytes than sent"
        )
        assert run.processors[0].is_alive
        assert not run.settle().quarantined, "records of our own agents lie there, too"
    rig.note(f"{len(sent)} messages in quarantine, byte by byte")


@row(26, "poison that kills the process", quick=True)
def deadly_message(rig: Rig) -> None:
    with rig.running(settings={"FAULTS_DEADLY_MARKER": MARKER}) as run:
        run.flow(1)
        run.publish(message(seq, MARKER if seq == 21 else "stopped") for seq in range(1, 42))
        crashes = _revive_until_quarantined(run)
        assert crashes <= MOST_CRASHES, f"{crashes} crashes, allowed are {MOST_CRASHES}"
        run.until(lambda: _strangers_stored(run) == set(range(1, 42)) - {21}, "its neighbours are stored")
        run.flow(2)
        _redrive_with_a_mended_processor(run)
        run.settle()
    rig.note(f"{crashes} crashes, read after its redrive")


@row(27, "messages five times, shuffled, an hour late")
def doubled_shuffled_and_late(rig: Rig) -> None:
    an_hour_ago = time.time() - 3600
    full = [old_snapshot(seq, an_hour_ago + seq, 97.0) for seq in range(1, 201)]
    emptied = [old_snapshot(seq, an_hour_ago + seq, 40.0) for seq in range(201, 241)]
    with rig.running(channels={"desk": "http"}) as run:
        run.flow(1)
        run.publish(_begun_in_order(full, rig))
        run.until(lambda: _strangers_stored(run) == set(range(1, 201)), "all of it stored")
        run.publish(_begun_in_order(emptied, rig))
        run.until(lambda: _strangers_stored(run) == set(range(1, 241)), "its end stored")
        run.settle()
        kept, told = read_evidence(run.engine), run.told()
    (account,) = (row for row in kept.accounts if row.agent_id == STRANGER)
    assert (account.stored, account.duplicates) == (240, 960), account
    lives = [life for life in told.lives if life.agent_id == STRANGER]
    assert len(lives) == 1, f"one disk was full once, but {lives}"
    assert lives[0].is_late, f"history opened an incident of now: {lives}"
    assert lives[0].to_ms is not None, f"history that is over is still open: {lives}"
    assert not [item for item in told.heard if item.transition.agent_id == STRANGER], "somebody was told of history"
    rig.note("one late incident, opened and ended as the reference makes it")


def _begun_in_order(envelopes: list[Envelope], rig: Rig) -> list[Envelope]:
    """Each five times, in any order but for the first ones: what comes behind a later one is not judged."""
    others = envelopes[IN_ORDER:] + envelopes * 4
    rig.random.shuffle(others)
    return envelopes[:IN_ORDER] + others


def old_snapshot(seq: int, wall_seconds: float, used_percent: float) -> Envelope:
    record = Snapshot(
        agent_id=STRANGER,
        epoch=1 << 33,
        seq=seq,
        boot_id="b",
        wall_seconds=wall_seconds,
        boot_seconds=float(seq),
        readings={'disk.usage_percent{mount="/late"}': used_percent},
        interval_seconds=1.0,
        scope="host",
    )
    return _in_an_envelope(record)


def quarantined(run: Run) -> list[bytes]:
    return [row.body for row in read_evidence(run.engine).quarantined if row.routing_key == STRANGER]


def _in_an_envelope(record: Record) -> Envelope:
    numbered = [(record.seq, encode_record(record))]
    return encode(STRANGER, record.epoch, numbered, Numbering(record.seq, 1), time.time())


def _revive_until_quarantined(run: Run) -> int:
    """As a supervisor would; returns how often it was needed."""
    (processor,), crashes = run.processors, 0
    deadline = time.monotonic() + 120
    while not quarantined(run) and crashes <= MOST_CRASHES + 2:
        assert time.monotonic() < deadline, f"not in quarantine after {crashes} crashes"
        if not processor.is_alive:
            crashes += 1
            processor.start()
        time.sleep(0.1)
    return crashes


def _redrive_with_a_mended_processor(run: Run) -> None:
    (processor,) = run.processors
    processor.kill()
    processor.start(FAULTS_DEADLY_MARKER="mended")
    with transaction(run.engine) as connection:
        (entry,) = quarantine.list_entries(connection, before=None, limit=10)
        assert quarantine.request_redrive(connection, [entry.no], time.time_ns() // 1_000_000) == 1
    run.until(lambda: _strangers_stored(run) == set(range(1, 42)), "the redriven message is stored")


def _strangers_stored(run: Run) -> set[int]:
    return {key.seq for key in read_evidence(run.engine).stored_keys if key.agent_id == STRANGER}
