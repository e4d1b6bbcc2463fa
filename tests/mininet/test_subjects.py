"""`forwardlab run --subject`: a stock server in a seat, as a user sees it."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest
from cli_process import COMMAND
from leftovers import Watch, processes_marked

from lab.report.render import read_record

pytestmark = pytest.mark.netns

PLAIN = "cluster/five_steps"
LONG = "forwarding/late_answer_ignored"


def judged(record):
    """The one scenario of a run, which the lab did not break but by being slow."""
    (scenario,) = record.scenarios
    assert scenario.nodes, scenario.reason
    assert scenario.outcome != "broken" or "too busy" in scenario.reason, scenario.reason
    return scenario


def test_a_stock_server_takes_the_seat_and_the_record_says_with_what(forwardlab, tmp_path):
    words = ("--subject", "dns=unbound", "--subject", "translator=dnsmasq")
    done = forwardlab("run", PLAIN, *words, "--out", tmp_path / "out")
    assert "dns: Unbound 1." in done.stdout, done.stderr
    assert "dnsmasq has no part in it: cluster has no DNS translator" in done.stdout
    record = read_record(tmp_path / "out")
    assert {seat: who.name for seat, who in record.subjects.items()} == {
        "dns": "unbound",
        "translator": "dnsmasq",
    }
    scenario = judged(record)
    dns = next(node for node in scenario.nodes if node.name == "dns")
    assert dns.configs == {}
    daemon = dns.daemons["resolver"]
    assert (daemon.subject, daemon.overrides) == ("unbound", ())
    assert "internet.intern.netz" in "".join(daemon.files.values())
    folder = tmp_path / "out/nodes" / PLAIN / "dns/resolver"
    assert {name: (folder / name).read_text() for name in daemon.files} == daemon.files
    assert scenario.reproduce.endswith("--subject=dns=unbound --subject=translator=dnsmasq")
    page = (tmp_path / "out/report.html").read_text()
    assert "Seat dns" in page
    assert "resolver: unbound.conf" in page


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--subject", "dns=unbond"), "no subject 'unbond'; did you mean 'unbound'?"),
        (("--subject", "dns=unbound", "--world", "simulated"), "leave --world away, or say"),
    ],
)
def test_words_that_make_no_sense_end_it_before_anything_runs(forwardlab, project, words, told):
    done = forwardlab("run", PLAIN, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert not (project / "reports/runs").exists()


def test_a_users_own_file_runs_and_each_override_is_told(forwardlab, tmp_path):
    config = tmp_path / "my unbound.conf"
    config.write_text(
        'server:\n  interface: 192.0.2.53\n  chroot: "/var/lib/unbound"\n  username: "unbound"\n'
        '  access-control: 192.168.1.0/24 allow\n  local-zone: "intern.netz." static\n'
        '  local-data: "internet.intern.netz. A 10.10.10.100"\n'
    )
    words = ("--subject", "dns=unbound", "--config", f"dns={config}")
    done = forwardlab("run", PLAIN, *words, "--out", tmp_path / "out")
    assert "Traceback" not in done.stderr
    scenario = judged(read_record(tmp_path / "out"))
    daemon = next(node for node in scenario.nodes if node.name == "dns").daemons["resolver"]
    assert "10.10.10.100" in "".join(daemon.files.values())
    assert any("192.0.2.53" in line for line in daemon.overrides), daemon.overrides
    # What it says is what the viewer was told, and not what the topology would have said.
    hops = [hop.text for exchange in scenario.exchanges for hop in exchange.hops]
    assert any(hop.startswith("10.10.10.100") for hop in hops), hops


def test_a_users_own_file_that_the_server_refuses_is_bad_input(forwardlab, project, tmp_path):
    config = tmp_path / "my.conf"
    config.write_text("server:\n  interfacce: 192.0.2.53\n")
    watch = Watch()
    words = ("--subject", "dns=unbound", "--config", f"dns={config}")
    done = forwardlab("run", "cluster", *words, env=watch.environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert str(config) in done.stderr
    assert "interfacce" in done.stderr
    assert "Traceback" not in done.stderr
    assert list((project / "reports/runs").iterdir()) == []
    watch.wait_until_nothing_is_left()


def test_killing_the_command_leaves_no_server(project, tmp_path):
    watch = Watch()
    command = [*COMMAND, "run", LONG, "--subject", "dns=unbound", "--out", str(tmp_path / "out")]
    process = subprocess.Popen(
        command, cwd=project, env=watch.environment, stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 30
    while not marked(watch, "unbound"):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert watch.look()
    process.kill()
    assert process.wait() == -signal.SIGKILL
    watch.wait_until_nothing_is_left(str(tmp_path))


def marked(watch, name):
    """The processes of that program in the nodes that the command made; one that only tells its
    version is in none."""
    own = Path("/proc/self/ns/net").readlink()
    return [
        place
        for place, words in processes_marked(watch.mark)
        if Path(words.split("\0")[0]).name == name and network_of(place) not in {own, None}
    ]


def network_of(process):
    try:
        return (process / "ns/net").readlink()
    except FileNotFoundError:
        return None  # it has just ended
