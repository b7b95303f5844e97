"""From a rule in trouble to the known problems that explain it, as the store keeps them."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from health.state import State
from knowledge.matcher import Matcher
from knowledge.model import Match
from processor.check_results import CHECK_RULE
from store.model import Remedy, Step

FAILING_RULE = "rule-fails"  # asked for in place of a rule that cannot be judged

log = logging.getLogger(__name__)


class Remedies:
    """Asks the matcher; a `processor.judgement.RemedyFinder`."""

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher

    def __call__(self, rule: str, severity: State, labels: Mapping[str, str]) -> Sequence[Remedy]:
        """The best first. Never raises: people are told without a remedy rather than not at all.

        Of an unknown state the rule itself is the trouble, but for active checks, which say unknown themselves.
        """
        try:
            if severity is State.UNKNOWN and rule != CHECK_RULE:
                return self._of_failing(rule)
            return [remedy(match) for match in self._matcher.match_symptom(rule, str(severity), labels)]
        except Exception:
            log.exception("no remedy was found for an incident of the rule %s", rule)
            return ()

    def _of_failing(self, rule: str) -> Sequence[Remedy]:
        found = self._matcher.match_symptom(FAILING_RULE, State.UNKNOWN, {"rule": rule})
        return [replace(remedy(match), reason=f"the rule {rule} cannot be judged") for match in found]


def remedy(match: Match) -> Remedy:
    """The one mapping between what is known and what is kept."""
    return Remedy(
        slug=match.slug,
        title=match.title,
        confidence=str(match.confidence),
        reason=match.reason,
        steps=[Step(text=step.text, command=step.command) for step in match.steps],
        verify=match.verify,
        captured=dict(match.captured),
    )
