"""The files of a run, and reading a record back."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from sample_record import eight_steps, nodes, run_of, sample_run, scenario

from lab.report.render import (
    FolderUnusable,
    RecordUnreadable,
    find_record,
    read_record,
    read_run,
    write_reports,
)

PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 3"><path d="M0 0"/></svg>'


def test_everything_a_run_leaves_is_written(tmp_path):
    page = write_reports(tmp_path, sample_run(), {"cluster-nat": PICTURE})
    assert page == tmp_path / "report.html"
    names = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert {"record.json", "junit.xml", "timing.csv", "report.html"} <= names
    assert "topologies/cluster-nat.svg" in names
    config = tmp_path / "nodes/translation/cluster_nat/dns/resolver.toml"
    assert config.read_text() == nodes()[1].configs["resolver"]
    journal = tmp_path / "nodes/translation/cluster_nat/dns/resolver.stderr"
    assert journal.read_text() == nodes()[1].stderr["resolver"]


def test_a_record_comes_back_as_it_was(tmp_path):
    write_reports(tmp_path, sample_run(), {})
    assert read_record(tmp_path) == read_record(tmp_path / "record.json") == sample_run()


def test_a_run_can_be_drawn_again_from_its_folder_alone(tmp_path):
    page = write_reports(tmp_path, sample_run(), {"cluster-nat": PICTURE})
    drawn = page.read_text()
    page.unlink()
    write_reports(tmp_path, read_record(tmp_path))
    assert page.read_text() == drawn
    assert 'id="topology-cluster-nat"' in drawn


def test_latest_a_name_a_folder_and_a_file_all_mean_a_run(tmp_path):
    folder = tmp_path / "runs/one"
    write_reports(folder, run_of(eight_steps()), {})
    (tmp_path / "latest").symlink_to("runs/one")
    for run in ("latest", "one", str(folder), str(folder / "record.json")):
        record, where = read_run(run, tmp_path)
        assert record.seed == 7
        assert where.resolve() == folder.resolve()


def test_what_is_no_run_is_named_with_the_remedy(tmp_path):
    with pytest.raises(RecordUnreadable, match=r"latest: no complete run yet; make one"):
        find_record("latest", tmp_path)
    with pytest.raises(RecordUnreadable, match=r"nowhere: no run there; name a folder of"):
        find_record("nowhere", tmp_path)
    (tmp_path / "runs/half").mkdir(parents=True)
    (tmp_path / "runs/half/INCOMPLETE").write_text("")
    with pytest.raises(RecordUnreadable, match=r"half: this run did not finish"):
        find_record("half", tmp_path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RecordUnreadable, match=r"record\.json: No such file .*; name a run's"):
        read_record(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'{"schema_version": 1,\n  oops}', r"record\.json: line 2: not JSON"),
        (b"\xff\xfe", "it is not UTF-8 text"),
        (b"[]", "schema_version: is None, this forwardlab reads 1"),
        (b'{"schema_version": 99}', "schema_version: is 99, .*; read it with the forwardlab"),
    ],
)
def test_a_damaged_file_is_told_where(tmp_path, text, message):
    (tmp_path / "record.json").write_bytes(text)
    with pytest.raises(RecordUnreadable, match=message) as caught:
        read_record(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_wrong_value_is_told_with_its_key_path(tmp_path):
    content = sample_run().model_dump(mode="json")
    content["scenarios"][2]["expectations"][0]["outcome"] = "fine"
    del content["seed"]
    (tmp_path / "record.json").write_text(json.dumps(content))
    with pytest.raises(RecordUnreadable) as caught:
        read_record(tmp_path)
    assert "record.json: seed: Field required (1 more);" in str(caught.value)
    content["seed"] = 1
    (tmp_path / "record.json").write_text(json.dumps(content))
    with pytest.raises(RecordUnreadable, match=r"scenarios\[2\]\.expectations\[0\]\.outcome: "):
        read_record(tmp_path)


def test_a_full_or_forbidden_place_is_one_clear_error(tmp_path):
    (tmp_path / "run").write_text("in the way")
    with pytest.raises(FolderUnusable, match=r"run: .*; make room there"):
        write_reports(tmp_path / "run", sample_run(), {})


@pytest.mark.parametrize("name", ["../../evil", "/tmp/evil", ".."])  # noqa: S108 - that is the point
def test_a_record_cannot_write_outside_its_folder(tmp_path, name):
    node = nodes()[1].model_copy(update={"name": name})
    with pytest.raises(RecordUnreadable, match="leads out of the run's folder"):
        write_reports(tmp_path / "run", run_of(scenario("a/b", nodes=(node,))), {})
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_matplotlib_and_scapy_are_not_imported_until_something_is_drawn():
    program = (
        "import sys, lab.report.render, lab.report.folder, lab.report.terminal, "
        "lab.report.ladder_text\n"
        "print([name for name in ('matplotlib', 'numpy', 'scapy') if name in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "[]\n"


def test_what_a_world_wrote_of_its_nodes_stays(tmp_path):
    kept = tmp_path / "nodes/translation/cluster_nat/dns/resolver.stderr"
    kept.parent.mkdir(parents=True)
    kept.write_text("the world's own words")
    write_reports(tmp_path, sample_run(), {})
    assert kept.read_text() == "the world's own words"
    assert (kept.parent / "resolver.toml").exists()
