"""A step that asks the lab itself: would it take this topology file?"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from lab.scenario.value import Value


class CheckTopology(Value):
    """The topology check reads a file and says what is wrong with it, as `forwardlab check` does;
    all of that is written into the capture. Nothing happens to the set-up."""

    kind: Literal["check-topology"] = "check-topology"
    label: Annotated[str, Field(min_length=1)]
    """What expectations call the file: "as printed"."""
    text: str
    """What stands in the file."""
