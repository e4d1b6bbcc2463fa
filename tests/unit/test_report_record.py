"""The record: its schema is the committed one, and holds what reports need."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from sample_record import sample_run

from lab.json_schema import json_schema
from lab.report.record import RunRecord

SCHEMA = Path("reports/record.schema.json")


def test_the_committed_schema_is_current():
    assert json.loads(SCHEMA.read_text()) == json_schema(RunRecord), (
        f"write it anew: python -m lab.report.record > {SCHEMA}"
    )


def test_a_record_keeps_to_the_schema_and_survives_its_file():
    record = sample_run()
    text = record.model_dump_json()
    jsonschema.validate(json.loads(text), json_schema(RunRecord))
    assert RunRecord.model_validate_json(text) == record


@pytest.mark.parametrize(
    ("place", "value"),
    [("outcome", "fine"), ("time_to_connect_ms", "soon"), ("clock", "wall"), ("extra", 1)],
)
def test_the_schema_refuses_a_wrong_record(place, value):
    content = sample_run().model_dump(mode="json")
    content["scenarios"][0][place] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, json_schema(RunRecord))


def test_what_every_reader_relies_on_is_required():
    required = set(json_schema(RunRecord)["required"])
    assert {"world", "world_requested", "seed", "started", "host", "scenarios"} <= required
    scenario = json_schema(RunRecord)["$defs"]["ScenarioRecord"]
    assert {"id", "topology", "outcome", "wall_s", "time_to_connect_ms", "clock"} <= set(
        scenario["required"]
    )
    assert {"expectations", "exchanges"} <= set(scenario["properties"])
