"""A run's folder: its name, its notice, and the link to the newest complete run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sample_record import eight_steps, run_of

from lab.report.folder import RunFolder
from lab.report.render import FolderUnusable, read_record, write_reports

STARTED = datetime(2026, 4, 15, 21, 50, 0, tzinfo=UTC)


def test_the_name_is_the_time_in_utc(tmp_path):
    here = STARTED.astimezone(timezone(timedelta(hours=2)))
    folder = RunFolder.create(tmp_path / "reports", None, here)
    assert folder.path == tmp_path / "reports/runs/2026-04-15T21-50-00Z"


def test_two_runs_at_once_do_not_meet(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: RunFolder.create(tmp_path, None, STARTED), range(24)))
    assert len({folder.path for folder in made}) == 24
    assert all((folder.path / "INCOMPLETE").is_file() for folder in made)
    assert len(list((tmp_path / "runs").iterdir())) == 24


def test_a_run_is_incomplete_until_it_is_finished(tmp_path):
    folder = RunFolder.create(tmp_path, None, STARTED)
    assert "has not finished" in (folder.path / "INCOMPLETE").read_text()
    write_reports(folder.path, run_of(eight_steps()), {})
    assert (folder.path / "INCOMPLETE").exists()
    assert not (tmp_path / "latest").is_symlink()
    folder.finish()
    assert not (folder.path / "INCOMPLETE").exists()
    assert (tmp_path / "latest").resolve() == folder.path.resolve()
    assert read_record(tmp_path / "latest") == run_of(eight_steps())


def test_latest_moves_to_the_next_run_and_not_to_one_that_breaks_off(tmp_path):
    first = RunFolder.create(tmp_path, None, STARTED)
    first.finish()
    second = RunFolder.create(tmp_path, None, STARTED)
    write_reports(second.path, run_of(eight_steps()), {})
    assert str((tmp_path / "latest").readlink()) == f"runs/{first.path.name}"
    second.finish()
    assert str((tmp_path / "latest").readlink()) == f"runs/{second.path.name}"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latest", "runs"]


def test_the_link_never_points_nowhere_while_it_is_turned(tmp_path):
    RunFolder.create(tmp_path, None, STARTED).finish()
    folders = [RunFolder.create(tmp_path, None, STARTED) for _ in range(50)]
    with ThreadPoolExecutor(1) as pool:
        turning = pool.submit(lambda: [folder.finish() for folder in folders])
        while not turning.done():
            assert (tmp_path / "latest").is_dir()
        turning.result()


def test_a_chosen_folder_is_the_run_s_folder_and_leaves_latest_alone(tmp_path):
    folder = RunFolder.create(tmp_path / "reports", tmp_path / "mine/deep", STARTED)
    assert folder.path == tmp_path / "mine/deep"
    folder.finish()
    assert not (tmp_path / "reports").exists()


def test_a_folder_with_something_in_it_is_refused(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter").write_text("dear")
    with pytest.raises(FolderUnusable, match=r"mine: this folder is not empty; name a new one"):
        RunFolder.create(tmp_path, tmp_path / "mine", STARTED)


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(FolderUnusable, match=r"runs: .*; choose another place with --out"):
        RunFolder.create(tmp_path, None, STARTED)
    with pytest.raises(FolderUnusable, match=r"runs/deep: .*; choose another place"):
        RunFolder.create(tmp_path, tmp_path / "runs/deep", STARTED)


def test_a_folder_called_latest_is_not_destroyed(tmp_path):
    (tmp_path / "latest").mkdir()
    (tmp_path / "latest/letter").write_text("dear")
    folder = RunFolder.create(tmp_path, None, STARTED)
    with pytest.raises(FolderUnusable, match=r"latest: .*; it must be a link"):
        folder.finish()
    assert (tmp_path / "latest/letter").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latest", "runs"]


def test_each_scenario_has_its_places(tmp_path):
    folder = RunFolder.create(tmp_path, None, STARTED)
    assert folder.scenario_folder("a/b_c") == folder.path / "nodes/a/b_c"
    assert folder.scenario_folder("a/b_c").is_dir()
    assert folder.capture_path("a/b_c") == folder.path / "captures/a.b_c.pcapng"
    assert folder.capture_path("a/b_c").parent.is_dir()


@pytest.mark.parametrize("bad", ["../a", "/etc", "a//b", "", "a/..", "a b", "a\n"])
def test_a_scenario_cannot_lead_out_of_the_folder(tmp_path, bad):
    folder = RunFolder.create(tmp_path, None, STARTED)
    with pytest.raises(FolderUnusable, match="not usable as a folder"):
        folder.scenario_folder(bad)
    with pytest.raises(FolderUnusable):
        folder.capture_path(bad)
