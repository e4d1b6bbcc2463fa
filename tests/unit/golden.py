"""Comparison with a text kept in tests/golden."""

from __future__ import annotations

import os
from pathlib import Path

GOLDEN = Path(__file__).parent.parent / "golden"


def assert_golden(name: str, text: str) -> None:
    """The text is the kept one. After a change that was meant, REWRITE_GOLDEN=1 keeps the new one
    (and fails still, so that nobody leaves the variable set)."""
    kept = GOLDEN / name
    if os.environ.get("REWRITE_GOLDEN"):
        kept.write_text(text, encoding="utf-8")
        raise AssertionError(f"{kept} was rewritten; look at the difference, then run without")
    assert text == kept.read_text(encoding="utf-8"), f"{name} changed; meant? REWRITE_GOLDEN=1"
