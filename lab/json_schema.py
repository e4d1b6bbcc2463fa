"""The JSON schemas of the files that the lab reads and writes, made from their models."""

from __future__ import annotations

import json
import sys
from typing import Any

from pydantic import BaseModel


def json_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of a model's JSON, with the draft that it is written in."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **model.model_json_schema(),
    }


def print_schema(model: type[BaseModel]) -> None:
    """Write a model's schema to standard output, as it is committed."""
    sys.stdout.write(json.dumps(json_schema(model), indent=2) + "\n")
