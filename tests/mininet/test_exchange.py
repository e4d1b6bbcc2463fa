"""A user's own server with a user's own file, judged by the scenarios that the file leads to; and
what is exported, judged by them likewise."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cli_process import COMMAND

from lab.report.render import read_record

pytestmark = pytest.mark.netns

UNBOUND = """
# what runs at the branch office
server:
    interface: 127.0.0.1
    interface: 10.1.0.53
    chroot: "/etc/unbound"
    username: "unbound"
    directory: "/etc/unbound"
    pidfile: "/run/unbound.pid"
    access-control: 10.1.0.0/16 allow
    trust-anchor: ". DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D"
    domain-insecure: "corp.example"
    private-address: 10.0.0.0/8
    include: "conf.d/*.conf"
forward-zone:
    name: "."
    forward-addr: 203.0.113.100
    forward-addr: 203.0.113.101
remote-control:
    control-enable: yes
"""
FURTHER = """
forward-zone:
    name: "corp.example"
    forward-addr: 10.20.0.15
    forward-addr: 10.20.0.16
"""
NAMED = """
// what runs at headquarters
include "/etc/bind/of-headquarters.options";
acl clients { 10.1.0.0/16; localhost; };
zone "corp.example" { type forward; forward only; forwarders { 10.20.0.15; 10.20.0.16; }; };
zone "hq.example" { type primary; file "hq.zone"; };
logging { channel q { file "/var/log/named/queries.log"; }; category queries { q; }; };
"""
OPTIONS = """
options {
    directory "/var/cache/bind";
    listen-on { 10.1.0.53; };
    allow-query { clients; };
    forwarders { 203.0.113.100; 203.0.113.101; };
    forward only;
    dnssec-validation auto;  /* as Debian has it */
    pid-file "/run/named/named.pid";
};
"""
ZONE = "$TTL 300\n@ SOA ns hostmaster 1 7200 900 1209600 60\n@ NS ns\nns A 10.1.0.53\n"
CASES = ("all-names-hit", "corp.example-hit", "corp.example-sibling", "corp.example-server-1-down")


@pytest.fixture
def files(tmp_path):
    """Each server's main file, with what belongs to it."""
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d/corp.conf").write_text(FURTHER)
    (tmp_path / "unbound.conf").write_text(UNBOUND)
    (tmp_path / "named.conf").write_text(NAMED)
    (tmp_path / "of-headquarters.options").write_text(OPTIONS)
    (tmp_path / "hq.zone").write_text(ZONE)
    return {"unbound": tmp_path / "unbound.conf", "bind": tmp_path / "named.conf"}


@pytest.fixture
def judge(project, tmp_path):
    """Import a file, run some of its scenarios with its server and another file, all at once;
    returns each server's record."""

    def run(imported: dict[str, Path], judged: dict[str, Path], cases=CASES):
        started = []
        for subject, config in imported.items():
            folder = tmp_path / f"{subject}-imported"
            words = [*COMMAND, "import", str(config), "--out", str(folder)]
            subprocess.run(words, cwd=project, check=True, capture_output=True, timeout=600)
            scenarios = [str(folder / f"{case}.json") for case in cases]
            seat = ["--subject", f"dns={subject}", "--config", f"dns={judged[subject]}"]
            out = tmp_path / f"{subject}-run"
            words = [*COMMAND, "run", *scenarios, *seat, "--out", str(out)]
            started.append(
                (subject, out, subprocess.Popen(words, cwd=project, stdout=-1, text=True))
            )
        records = {}
        for subject, out, process in started:
            said, _ = process.communicate(timeout=600)
            records[subject] = read_record(out), said
        return records

    return run


def test_users_own_servers_pass_the_scenarios_of_their_own_files(files, judge):
    for subject, (record, said) in judge(files, files).items():
        outcomes = {each.id: each.outcome for each in record.scenarios}
        assert outcomes == dict.fromkeys(CASES, "passed"), said
        node = next(each for each in record.scenarios[0].nodes if each.name == "dns")
        daemon = node.daemons["resolver"]
        told = "\n".join(daemon.overrides)
        texts = "\n".join(daemon.files.values())
        if subject == "unbound":
            assert texts.count("forward-addr: ") == 4
            assert "trust-anchor" in texts
            assert all(word in told for word in ("interface", "chroot", "username", "pidfile"))
        else:
            assert "dnssec-validation auto;  /* as Debian has it */" in texts
            assert ZONE in texts
            assert all(word in told for word in ("listen-on", "directory", "pid-file", "logging"))


def test_users_own_servers_fail_the_scenarios_of_another_file(files, judge, tmp_path):
    others = {}
    for subject, path in files.items():
        others[subject] = tmp_path / f"other-{path.name}"
        others[subject].write_text(path.read_text().replace("10.20.0.1", "10.20.1.1"))
    (tmp_path / "conf.d/corp.conf").write_text(FURTHER.replace("corp.example", "corp.other"))
    (tmp_path / "first").mkdir()
    first = tmp_path / "first/unbound.conf"
    first.write_text(UNBOUND.replace("conf.d/*.conf", "nowhere/*.conf") + FURTHER)
    imported = {"unbound": first, "bind": files["bind"]}
    for record, said in judge(imported, others, ("corp.example-hit",)).values():
        (scenario,) = record.scenarios
        # A busy host is blamed for what fails on it.
        assert scenario.outcome in {"failed", "broken"}, said


def test_what_is_exported_passes_in_the_lab(project, judge, tmp_path):
    exported = {}
    for product in ("bind", "unbound", "dnsmasq", "powerdns", "knot"):
        folder = tmp_path / product
        words = ["export", "conditional", "--for", product, "--folder", folder, "--out", folder]
        command = [*COMMAND, *map(str, words)]
        done = subprocess.run(
            command, cwd=project, check=True, capture_output=True, text=True, timeout=600
        )
        exported[product] = Path(done.stdout.splitlines()[0])
    cases = ("tailspintoys.com-server-2-down", "corp.internal-hit")
    for record, said in judge(exported, exported, cases).values():
        assert {each.outcome for each in record.scenarios} == {"passed"}, said
