"""A known problem with what to do, in lines: the same below an incident and below an explained text."""

from cli.answers import Fix
from cli.screen import Screen

INDENT = "  "


def fix_lines(fix: Fix, screen: Screen) -> list[str]:
    """Why it fits, what was captured, the steps, how to verify. Commands stand alone on their lines, never wrapped."""
    lines = screen.prose(f"Why: {fix.reason}", INDENT)
    if fix.captured:
        values = ", ".join(f"{name} = {value}" for name, value in fix.captured.items())
        lines += screen.prose(f"Captured: {values}", INDENT)
    for number, step in enumerate(fix.steps, start=1):
        lines += ["", *screen.prose(f"{number}. {step.text}", INDENT)]
        lines += [f"{INDENT * 3}{line}" for line in (step.command or "").splitlines()]
    if fix.verify:
        lines += ["", *screen.prose(f"Verify: {fix.verify}", INDENT)]
    return lines
