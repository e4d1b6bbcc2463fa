"""What `forwardlab import --out` writes runs, passes, and fails when the table is not kept."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lab.cli import app
from lab.cli_frame import Exit
from lab.report.render import read_record

ROOT = Path(__file__).parents[2]

FILES = {
    "named.conf": """
options { forwarders { 203.0.113.101; 203.0.113.102; }; recursion yes; };
zone "corp.example" { type forward; forward only; forwarders { 10.2.0.54; 10.2.0.55; }; };
zone "deep.lab.corp.example" { type static-stub; server-addresses { 10.1.0.54; }; };
zone "10.in-addr.arpa" { type forward; forward only; forwarders { 10.2.0.54; }; };
zone "open.corp.example" { type forward; forwarders { }; };
zone "own.example" { type primary; file "own"; };
""",
    "unbound.conf": """
server:
  interface: 10.1.0.53
  access-control: 10.1.0.0/24 allow
forward-zone:
  name: corp.example
  forward-addr: 10.1.0.54
  forward-addr: 2001:db8::54
stub-zone:
  name: widgets.tailspintoys.com
  stub-addr: 172.31.255.255
""",
    "dnsmasq.conf": """
no-resolv
strict-order
server=/corp.example/10.2.0.54
server=/corp.example/10.2.0.55
local=/lan/
""",
    "recursor.conf": "forward-zones-recurse=corp.example=10.2.0.54;10.2.0.55, .=203.0.113.101",
    "kresd.conf": "policy.add(policy.suffix(policy.STUB('10.2.0.54'), {todname('corp.example')}))",
    "windows.json": json.dumps(
        [
            {
                "UseRootHint": False,
                "Timeout": 3,
                "EnableReordering": False,
                "IPAddress": ["203.0.113.101", "203.0.113.102"],
            },
            {
                "ZoneName": "corp.example",
                "ZoneType": "Forwarder",
                "MasterServers": ["10.2.0.54", "10.2.0.55"],
                "ForwarderTimeout": 5,
                "UseRecursion": False,
            },
        ]
    ),
}


@pytest.fixture
def forwardlab(monkeypatch):
    monkeypatch.chdir(ROOT)

    def run(*words: object):
        return CliRunner().invoke(app, [str(word) for word in words])

    return run


@pytest.fixture
def imported(forwardlab, tmp_path):
    """The folder that is made of a file."""

    def make(name):
        config = tmp_path / name
        config.write_text(FILES[name])
        done = forwardlab("import", config, "--out", tmp_path / "ours")
        assert done.exit_code == Exit.PASSED, done.output
        return tmp_path / "ours"

    return make


@pytest.fixture
def judged(forwardlab, imported, tmp_path):
    """Outcomes of some scenarios of a file, by a server that has something else in its rules."""

    def judge(name, before, after, cases):
        folder = imported(name)
        topology = folder / "topology.toml"
        head, rule, tail = topology.read_text().partition("[[nodes.forward]]")
        assert before in tail
        topology.write_text(head + rule + tail.replace(before, after))
        files = [folder / f"{case}.json" for case in cases]
        words = ("--world", "simulated", "--workers", 1, "--out", tmp_path / "run")
        done = forwardlab("run", *files, *words)
        assert done.exit_code == Exit.FAILED, done.output
        return {each.id: each.outcome for each in read_record(tmp_path / "run").scenarios}

    return judge


@pytest.mark.parametrize("name", FILES)
def test_every_scenario_passes_with_our_own_resolver(forwardlab, imported, tmp_path, name):
    folder = imported(name)
    # It may lie anywhere: nothing in it names its place.
    folder = folder.rename(tmp_path / "moved")
    done = forwardlab(
        "run", folder, "--world", "simulated", "--workers", 1, "--out", tmp_path / "run"
    )
    assert done.exit_code == Exit.PASSED, done.output
    record = read_record(tmp_path / "run")
    cases = {each.id.rpartition("corp.example-")[2] for each in record.scenarios}
    assert {"hit", "sibling", "parent", "child", "all-down"} - cases <= {"sibling", "parent"}
    assert len(record.scenarios) == len(list(folder.glob("*.json")))


# What is another way in the topology than in the file, the scenarios that must notice, and one that
# is not concerned.
WRONGS = {
    "a server that is not in the table": (
        '"10.2.0.55",\n]',
        '"203.0.113.101",\n]',
        ("corp.example-server-1-down", "corp.example-all-down"),
        "corp.example-hit",
    ),
    "a rule for another domain": (
        'zone = "corp.example"',
        'zone = "xcorp.example"',
        ("corp.example-hit", "corp.example-child", "corp.example-sibling"),
        "corp.example-parent",
    ),
    "a rule too high up": (
        'zone = "corp.example"',
        'zone = "example"',
        ("corp.example-parent", "corp.example-sibling"),
        "corp.example-hit",
    ),
    "the wrong way round": (
        '"203.0.113.101",\n    "203.0.113.102"',
        '"203.0.113.102",\n    "203.0.113.101"',
        ("all-names-hit", "all-names-child", "all-names-server-1-down"),
        "corp.example-hit",
    ),
    "another timeout": (
        "timeout_s = 5.0",
        "timeout_s = 4.0",
        ("corp.example-server-1-down",),
        "corp.example-server-2-down",
    ),
}


@pytest.mark.parametrize("wrong", WRONGS)
def test_a_server_that_does_otherwise_fails(judged, wrong):
    before, after, must_fail, unconcerned = WRONGS[wrong]
    outcomes = judged("windows.json", before, after, (*must_fail, unconcerned))
    assert outcomes == {unconcerned: "passed", **dict.fromkeys(must_fail, "failed")}


def test_a_fall_back_that_was_not_meant_fails(judged):
    rule = 'zone = "corp.example"'
    cases = ("corp.example-all-down", "corp.example-hit")
    outcomes = judged("named.conf", rule, f"{rule}\nrecursion = true", cases)
    assert outcomes == {"corp.example-all-down": "failed", "corp.example-hit": "passed"}
