"""What the HTML pages of runs, sweeps and storms share: `base.html`, `page.css`, and the engine.

A page needs nothing but itself. Everything from a record is escaped by the template engine; only
drawings made by this package go in as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

_HERE: Final = Path(__file__).parent


def page_template(folder: Path, **filters: Callable[..., Any]) -> Template:
    """The template `page.html` of a folder, which may extend `base.html`, with these filters."""
    environment = Environment(
        loader=FileSystemLoader([folder, _HERE]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= filters
    style = (_HERE / "page.css").read_text(encoding="utf-8")
    environment.globals["css"] = Markup(style)  # noqa: S704 - our own file
    return environment.get_template("page.html")
