"""What every part of a scenario is: a frozen value that knows its fields and no others."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """A part of a scenario."""

    model_config = ConfigDict(frozen=True, extra="forbid")
