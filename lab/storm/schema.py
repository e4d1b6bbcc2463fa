"""The JSON schema of storm.json, and the command that writes it anew:

python -m lab.storm.schema > reports/storm.schema.json
"""

from __future__ import annotations

import json
import sys
from typing import Any

from lab.storm.record import StormRecord


def storm_schema() -> dict[str, Any]:
    """The schema; `reports/storm.schema.json` is this, and a test keeps it so."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **StormRecord.model_json_schema(),
    }


if __name__ == "__main__":
    json.dump(storm_schema(), sys.stdout, indent=2)
    sys.stdout.write("\n")
