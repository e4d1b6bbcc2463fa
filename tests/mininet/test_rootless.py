"""Mininet worlds without root, in a user namespace; and what is said where a part of them cannot
be had so."""

import os
from pathlib import Path

import pytest
from leftovers import Watch

from lab.report.render import read_record

pytestmark = pytest.mark.netns

NOBODY = 65534
WITHOUT_NAT = "cluster/five_steps"
BAD_LINK = "failures/lossy_links/every_second_question"
WITH_NAT = "cluster/eight_steps/translator_address"


@pytest.fixture
def as_user(forwardlab, project):
    """Run the command as an unprivileged user: as ourselves, or as nobody when we are root."""
    own = Path(os.environ.get("TMPDIR", "/tmp")) / f"forwardlab-rootless-{os.getpid()}"  # noqa: S108
    own.mkdir(mode=0o700)
    ids = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.getuid() == 0 else {}
    if ids:
        os.chown(own, NOBODY, NOBODY)
        _open_way(project)
    watch = Watch()

    def run(*words: str, out="out"):
        environment = {**watch.environment, "HOME": str(own), "PYTHONDONTWRITEBYTECODE": "1"}
        folder = own / out
        done = forwardlab("run", *words, "--out", folder, env=environment, **ids)
        assert "Traceback" not in done.stdout + done.stderr
        record = read_record(folder) if (folder / "record.json").exists() else None
        return done, record

    yield run
    watch.wait_until_nothing_is_left(str(own))
    for path in sorted(own.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    own.rmdir()


def _open_way(folder):
    """Let everybody into a folder of pytest's, which are its user's own."""
    for each in (folder, *folder.parents):
        if "pytest-" in str(each):
            each.chmod(0o755)


def test_scenarios_run_in_mininet_without_root(as_user):
    scenarios = (WITHOUT_NAT, "forwarding/first_forwarder_fails", BAD_LINK)
    done, record = as_user(*scenarios, "--world", "mininet")
    assert done.returncode == 0, done.stdout + done.stderr
    assert record.world == "mininet"
    assert {each.outcome for each in record.scenarios} == {"passed"}
    assert {each.clock for each in record.scenarios} == {"measured"}
    assert done.stderr == ""


def tun_is_closed():
    """Whether the user we become may not open the device: its mode says so, root's eye does not."""
    mode = Path("/dev/net/tun").stat().st_mode
    return not mode & 0o006 if os.getuid() == 0 else not os.access("/dev/net/tun", os.W_OK)


def test_nat_runs_without_root_or_says_what_it_lacks(as_user):
    done, record = as_user(WITHOUT_NAT, WITH_NAT, "--world", "mininet")
    outcomes = {each.id: each for each in record.scenarios}
    assert outcomes[WITHOUT_NAT].outcome == "passed"
    assert done.returncode == 0
    if not tun_is_closed():
        assert outcomes[WITH_NAT].outcome == "passed"
        return
    assert outcomes[WITH_NAT].outcome == "unsupported"
    reason = outcomes[WITH_NAT].reason
    assert reason == (
        "/dev/net/tun: Permission denied, the NAT translator needs it: "
        "chmod 0666 /dev/net/tun as root"
    )
    assert reason in done.stdout
    done, record = as_user(WITH_NAT, "--world", "mininet", out="alone")
    assert done.returncode == 3  # nothing was judged


def test_auto_takes_mininet_for_all_or_for_none(as_user):
    done, record = as_user(WITHOUT_NAT, out="without")
    assert (done.returncode, record.world, record.world_reason) == (0, "mininet", "")
    done, record = as_user(WITHOUT_NAT, WITH_NAT, out="with")
    assert done.returncode == 0
    assert {each.outcome for each in record.scenarios} == {"passed"}
    assert record.world_requested == "auto"
    if tun_is_closed():
        assert record.world == "simulated"
        assert "/dev/net/tun" in record.world_reason
        assert done.stdout.splitlines()[0] == record.world_reason
    else:
        assert record.world == "mininet"
