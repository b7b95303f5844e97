"""A value that somebody computed for a rule: what the fold needs to move a check by it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from processor.rule import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """`value` of the `subject` (the labels as one text, like `mount="/var"`, or empty) by the processor's clock.

    `words` are what the rule's title and sentence may use beside the labels, `value` and `limit`. With an `error`, what
    the rule raised, there is no value.
    """

    rule: Rule
    subject: str
    labels: Mapping[str, str]
    value: float
    at_ms: int
    words: Mapping[str, object] = field(default_factory=dict)
    error: Exception | None = None
