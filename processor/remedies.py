"""From a rule in trouble to the known problems that explain it, as the store keeps them."""

from collections.abc import Mapping, Sequence

from health.state import State
from knowledge.matcher import Matcher
from knowledge.model import Match
from store.model import Remedy, Step


class Remedies:
    """Asks the matcher; a `processor.fold.RemedyFinder`."""

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher

    def __call__(self, rule: str, severity: State, labels: Mapping[str, str]) -> Sequence[Remedy]:
        return [remedy(match) for match in self._matcher.match_symptom(rule, str(severity), labels)]


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
