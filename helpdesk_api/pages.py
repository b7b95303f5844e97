"""Pages for people: templates that escape everything, no script, one style sheet."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from console.quantities import size, span
from console.text import escape
from helpdesk_api.times import rfc3339
from helpdesk_api.words import clock, count, percent, when

FOLDER = Path(__file__).parent


def _visible(value: object) -> object:
    """What a template writes of any text but its own markup: no character in it hides or turns others."""
    return escape(value, keep_lines=True) if isinstance(value, str) and not hasattr(value, "__html__") else value


_templates = Environment(
    loader=FileSystemLoader(FOLDER / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=_visible,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters.update(
    rfc3339=rfc3339, clock=clock, count=count, percent=percent, size=size, span=span, visible=escape, when=when
)


def page(
    template: str, context: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None
) -> HTMLResponse:
    return HTMLResponse(_templates.get_template(template).render(context), status, headers)
