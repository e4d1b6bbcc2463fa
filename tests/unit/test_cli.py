"""The command as a user types it: what it prints, and what it ends with."""

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest
from shipped import shipped_topologies
from typer.testing import CliRunner

from lab import cli_choices
from lab.cli import app
from lab.cli_frame import Exit
from lab.doctor import Diagnosis
from lab.report.record import RunRecord

ROOT = Path(__file__).parents[2]
TOPOLOGIES = shipped_topologies()
ERRATA = ROOT / "topologies" / "errata" / "faq-as-printed.toml"
FIVE_STEPS = "cluster/five_steps"


@pytest.fixture
def forwardlab(monkeypatch):
    """Run the command in the project's folder."""
    monkeypatch.chdir(ROOT)

    def run(*words: str):
        return CliRunner().invoke(app, [str(word) for word in words])

    return run


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "out"
    words = ["run", FIVE_STEPS, "--world", "simulated", "--out", str(folder)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == Exit.PASSED, result.output
    return folder


# --- topologies -------------------------------------------------------------------------------


@pytest.mark.parametrize("path", TOPOLOGIES, ids=lambda path: path.stem)
def test_check_passes_what_we_ship(forwardlab, path: Path) -> None:
    result = forwardlab("check", path)
    assert (result.exit_code, result.stdout) == (Exit.PASSED, f"{path}: good\n")


def test_check_refuses_the_faq_as_printed_and_says_why(forwardlab) -> None:
    result = forwardlab("check", ERRATA, TOPOLOGIES[0])
    assert result.exit_code == Exit.BAD_INPUT
    complaints = result.stderr.splitlines()
    assert all(line.startswith(f"{ERRATA}: ") for line in complaints)
    for place, word in (
        (".addresses.lan", "191.168.1.102"),
        ("expected_answers[0].addresses", "192.168.1.103"),
        (".name", "tgpro1"),
        (".label", "TightGate-Pro 1"),
    ):
        assert any(place in line and word in line for line in complaints), (place, word)
    assert f"{TOPOLOGIES[0]}: good" in result.stdout


def test_check_of_a_file_that_is_not_there_is_one_line(forwardlab) -> None:
    result = forwardlab("check", "nowhere.toml")
    assert result.exit_code == Exit.BAD_INPUT
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("nowhere.toml: ")


def test_the_schema_fits_what_we_ship_and_not_a_misspelt_key(forwardlab) -> None:
    schema = json.loads(forwardlab("schema").stdout)
    content = tomllib.loads(TOPOLOGIES[0].read_text())
    jsonschema.validate(content, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content | {"nodez": []}, schema)


def test_draw_writes_a_picture(forwardlab, tmp_path: Path) -> None:
    out = tmp_path / "nat.svg"
    assert forwardlab("draw", ROOT / "topologies/cluster-nat.toml", "-o", out).exit_code == 0
    assert out.read_text().startswith("<svg")
    assert forwardlab("draw", ROOT / "topologies/cluster-nat.toml").stdout.startswith("<svg")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("draw", ERRATA), "191.168.1.102"),
        (("draw", TOPOLOGIES[0], "-o", "x.png"), "x.png: only SVG is drawn"),
        (("draw", TOPOLOGIES[0], "-o", "/nowhere/x.svg"), "/nowhere/x.svg: No such file"),
    ],
)
def test_draw_refuses_with_a_reason(forwardlab, words, complaint: str) -> None:
    result = forwardlab(*words)
    assert result.exit_code == Exit.BAD_INPUT
    assert complaint in result.stderr


# --- runs -------------------------------------------------------------------------------------


def test_a_run_prints_a_line_per_scenario_the_totals_and_where_the_report_is(
    forwardlab, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    result = forwardlab("run", "cluster", "--world", "simulated", "--out", out)
    assert result.exit_code == Exit.PASSED
    lines = result.stdout.splitlines()
    assert sum("passed" in line and "cluster/" in line for line in lines) == 4
    assert any("4 passed" in line for line in lines)
    assert f"report: {out / 'report.html'}" in lines[-1]
    assert {path.name for path in out.iterdir()} >= {
        "record.json",
        "junit.xml",
        "timing.csv",
        "captures",
        "report.html",
    }


def test_json_is_the_record_and_nothing_else(forwardlab, tmp_path: Path) -> None:
    result = forwardlab(
        "run", FIVE_STEPS, "--world", "simulated", "--json", "--seed", "7", "--out", tmp_path / "o"
    )
    record = RunRecord.model_validate_json(result.stdout)
    schema = json.loads((ROOT / "reports" / "record.schema.json").read_text())
    jsonschema.validate(json.loads(result.stdout), schema)
    assert (record.world, record.world_requested, record.seed) == ("simulated", "simulated", 7)
    scenario = record.scenarios[0]
    assert (scenario.id, scenario.outcome, scenario.clock) == (FIVE_STEPS, "passed", "virtual")
    assert scenario.time_to_connect_ms is not None
    assert all(each.evidence and each.rules for each in scenario.expectations)


def test_the_same_seed_gives_the_same_run(forwardlab, tmp_path: Path) -> None:
    captures = []
    for name in ("one", "two"):
        words = ("run", FIVE_STEPS, "--world", "simulated", "--seed", "3", "--out", tmp_path / name)
        assert forwardlab(*words).exit_code == 0
        captures.append((tmp_path / name / "captures" / "cluster.five_steps.pcapng").read_bytes())
    assert captures[0] == captures[1]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("run", "cluster/five_step"), "did you mean cluster/five_steps"),
        (("run", "--seed", "-1"), "--seed"),
        (("run", "--workers", "0"), "--workers"),
        (("run", "--world", "moon"), "moon"),
        (("run", FIVE_STEPS, "--world", "simulated", "--out", ROOT), "not empty"),
        (("list", "nothing*"), "no scenario, folder or pattern"),
        (("report", "no-such-run"), "no run there"),
        (("ladder", "no-such-run", FIVE_STEPS), "no run there"),
        (("frobnicate",), "frobnicate"),
    ],
)
def test_bad_words_are_refused_with_a_reason(forwardlab, words, complaint: str) -> None:
    result = forwardlab(*words)
    assert result.exit_code == Exit.BAD_INPUT
    assert complaint in result.stderr.replace("\n", " ")
    assert "Traceback" not in result.stderr


def test_ladder_draws_a_scenario_of_a_run(forwardlab, finished_run: Path) -> None:
    result = forwardlab("ladder", finished_run, FIVE_STEPS)
    assert result.exit_code == Exit.PASSED
    assert "① A internet.intern.netz?" in result.stdout
    assert "⑤ SYN" in result.stdout


def test_ladder_names_the_nearest_scenario(forwardlab, finished_run: Path) -> None:
    result = forwardlab("ladder", finished_run, "cluster/five")
    assert result.exit_code == Exit.BAD_INPUT
    assert "did you mean cluster/five_steps" in result.stderr


def test_report_is_written_anew_from_the_record(forwardlab, finished_run: Path) -> None:
    page = finished_run / "report.html"
    before = page.read_text()
    page.unlink()
    result = forwardlab("report", finished_run)
    assert (result.exit_code, result.stdout.strip()) == (Exit.PASSED, str(page))
    assert page.read_text() == before


def test_list_shows_every_scenario(forwardlab) -> None:
    lines = forwardlab("list", "cluster").stdout.splitlines()
    assert [line.split()[0] for line in lines] == [
        "cluster/eight_steps/alias_addresses",
        "cluster/eight_steps/translator_address",
        "cluster/five_steps",
        "cluster/single_system",
    ]


# --- help and host ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command", ["run", "list", "rules", "check", "schema", "draw", "doctor", "report", "ladder"]
)
def test_help_has_an_example(forwardlab, command: str) -> None:
    result = forwardlab(command, "--help")
    assert result.exit_code == Exit.PASSED
    assert "Example" in result.stdout
    assert f"forwardlab {command}" in result.stdout


@pytest.mark.parametrize(("fine", "code"), [(True, Exit.PASSED), (False, Exit.HOST_CANNOT)])
def test_doctor_says_what_is_missing_and_the_remedy(forwardlab, monkeypatch, fine, code) -> None:
    diagnosis = Diagnosis("mnexec", fine, "found or not", "apt-get install mininet", needed=True)
    monkeypatch.setattr("lab.doctor.examine", lambda: (diagnosis,))
    result = forwardlab("doctor")
    assert result.exit_code == code
    assert "apt-get install mininet" in result.stdout


def test_completion_offers_scenario_ids_and_topologies(monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    assert FIVE_STEPS in cli_choices.scenario_ids()
    assert {"cluster-nat", "errata/faq-as-printed"} <= set(cli_choices.topology_names())
