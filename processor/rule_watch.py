"""Keeps the rules in force in step with the user's folder, and an incident of the hub open for each file in error."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from health.machine import Patience
from health.rule import Level
from health.state import State
from processor.decision import Decision, Learnt
from processor.fold import fold_observations, origin_by_time
from processor.judgement import RemedyFinder, restated
from processor.keeper import Keeper
from processor.memory import FleetMemory
from processor.observation import Observation
from processor.rule import Rule
from processor.rule_book import RuleBook
from processor.rule_files import FILES_RULE
from store.model import HUB, Agent, Batch
from store.rule_files import keep_rule_files

FILES = Rule(
    rule_id=FILES_RULE,
    metric="rules.files_in_error",
    levels={State.WARNING: Level(limit=0, clear=1)},
    patience=Patience(),
    title="rule file {file} has an error",
    sentence="{problem}",
)
_HUB_AGENT = Agent(agent_id=HUB, first_seen_ms=0, last_seen_ms=0)


@dataclass(slots=True)
class RuleWatch:
    """`kept` are the contents that the store had last, `told` what people were told of files in error."""

    book: RuleBook
    keeper: Keeper
    kept: Mapping[str, str]
    told: Mapping[str, str] = field(default_factory=dict)

    def look(self) -> None:
        """To be called every few seconds. Only the active processor writes; raises as its batches do."""
        if self.book.look():
            self.keeper.judge_by(self.book.rules)
        contents = self.book.contents
        if contents != self.kept and self.keeper.write(self._keep):
            self.kept = contents
        before = self.told
        try:
            self.keeper.keep_timed(self._tell)
        except Exception:
            self.told = before  # nothing of it was kept: it is told by the next look
            raise

    def _keep(self, connection: Connection, now_ms: int) -> None:
        keep_rule_files(connection, self.book.contents, now_ms)

    def _tell(self, memory: FleetMemory, find_remedies: RemedyFinder, now_ms: int) -> Decision | None:
        problems, before = self.book.problems, self.told
        changed = {name for name, problem in problems.items() if before.get(name) != problem}
        self.told = problems
        return tell(problems, changed, memory, find_remedies, now_ms)


def tell(
    problems: Mapping[str, str],
    changed: Collection[str],
    memory: FleetMemory,
    find_remedies: RemedyFinder,
    now_ms: int,
) -> Decision | None:
    """What the files in error, by name, and those mended change in the hub's checks; None when that is nothing.

    Where another problem than before is the matter with a file (`changed`), its open incident says so.
    """
    checks = memory.checks(HUB)
    known = {subject for rule_id, subject in checks if rule_id == FILES_RULE}
    seen = {name: _observed(name, problems, now_ms) for name in sorted(known | problems.keys())}
    folded = fold_observations(_HUB_AGENT, list(seen.values()), checks, find_remedies, now_ms)
    news = {change.key.subject for change in folded.incidents}
    standing = [name for name in changed if name not in news and (FILES_RULE, name) in checks]
    origin = origin_by_time(_HUB_AGENT, now_ms)
    newer = [restated(seen[name], checks[FILES_RULE, name], origin) for name in standing]
    if not folded.checks and not newer:
        return None
    batch = Batch(checks=folded.checks, incidents=[*folded.incidents, *newer], received_ms=now_ms)
    return Decision(batch, Learnt(), names={HUB: "the hub"})


def _observed(name: str, problems: Mapping[str, str], now_ms: int) -> Observation:
    return Observation(
        rule=FILES,
        subject=name,
        labels={"file": name},
        value=float(name in problems),
        at_ms=now_ms,
        words={"problem": problems.get(name, f"{name} is in order again")},
    )
