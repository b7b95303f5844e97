"""How a list is answered: as JSON, as rows for programs, or as lines for people."""

from collections.abc import Callable, Sequence
from typing import Any

from cli.answers import read
from cli.screen import Screen, show_json
from cli.terminal import Terminal
from cli.text import escaped


def show_list(
    terminal: Terminal,
    name: str,
    answered: Sequence[Any],
    *,
    as_json: bool,
    plain: bool,
    row: Callable[[Any], Sequence[object]],
    lines: Callable[[Sequence[Any], Screen], Sequence[str]],
) -> None:
    """Write the items of a list in the form asked for: JSON has them as they came, under `name` and its schema.

    `row` makes one item's fields, `lines` the whole answer for people. Raises Trouble for items of another shape.
    """
    if as_json:
        show_json(f"{name}/1", {name: answered})
        return
    screen = terminal.screen()
    clean = escaped(answered)
    if plain:
        screen.show_rows(read(lambda items: [row(one) for one in items], clean))
    else:
        screen.show(read(lambda items: lines(items, screen), clean))
