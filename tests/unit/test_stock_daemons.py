"""A server that is not ours: its folder, its last words, whether it serves; and what a trial makes
of one that does not."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from shipped import TOPOLOGIES
from stock_servers import Stock

from lab.judge.checks import Answered
from lab.scenario import trial as trials
from lab.scenario.model import Ask, Expectation, Reconfigure, Scenario, SetForward, Step
from lab.scenario.reconfiguring import Reconfigurations
from lab.scenario.runner import run_trials
from lab.scenario.seats import InputRefused
from lab.scenario.trial import Trial, run_trial
from lab.subjects.seating import Seating, seated
from lab.subjects.subject import CannotFill
from lab.topology.load import load_topology
from lab.topology.planner import make_plan
from lab.worlds import daemons
from lab.worlds.daemon_folders import folder_of, put_in_folder
from lab.worlds.daemons import complaints, end_group, last_words
from lab.worlds.serving import Serving
from lab.worlds.world import ServerRefused
from resolver.config import HostedZone, ResolverConfig
from resolver.machine import SECOND, Endpoint

ROSTER = {"unbound": Stock()}
DNS = Seating({"dns": "unbound"})
PLAN = make_plan(load_topology(TOPOLOGIES / "cluster.toml"), "cluster")


# --- words --------------------------------------------------------------------------------------


def test_the_folder_is_put_in_wherever_it_is_named():
    daemon = replace(
        Stock().render(type("Sitting", (), {"config": "in {folder}, {braces} stay"})),
        prepare=(("touch", "{folder}/key"),),
        reload=("ctl", "-s{folder}/socket"),
    )
    put = put_in_folder(daemon, folder_of("dns", "resolver"))
    assert put.files == (("stock.conf", "'in /run/forwardlab/dns/resolver, {braces} stay'"),)
    assert put.command == ("stock", "/run/forwardlab/dns/resolver/stock.conf")
    assert put.prepare == (("touch", "/run/forwardlab/dns/resolver/key"),)
    assert put.reload == ("ctl", "-s/run/forwardlab/dns/resolver/socket")


def test_of_a_long_start_the_complaint_is_told(tmp_path):
    said = tmp_path / "stderr"
    said.write_text("an error of the day before\n")
    since = said.stat().st_size
    with said.open("a") as more:
        more.write("built with -Werror=format\na.conf:3: unknown option 'x'\n\n")
        more.writelines(f"line {number}\n" for number in range(9))
    assert complaints(said, since) == "a.conf:3: unknown option 'x'"
    assert complaints(said, since + 60) == "line 6 / line 7 / line 8"
    assert last_words(said) == "line 6 / line 7 / line 8"
    assert last_words(tmp_path / "none") == "(it wrote nothing)"


# --- processes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_server_ends_with_all_that_it_started(how):
    started = "import os, time; os.fork(); os.fork(); print(flush=True); time.sleep(600)"
    leader = subprocess.Popen(
        [sys.executable, "-c", started], stdout=subprocess.PIPE, start_new_session=True
    )
    for _ in range(4):
        leader.stdout.readline()
    assert len(list(daemons._group(leader.pid))) == 4
    end_group(leader.pid, 5.0, how=how)
    assert list(daemons._group(leader.pid)) == []
    assert leader.wait() == -how
    leader.stdout.close()


def test_who_does_not_listen_is_killed():
    deaf = "import signal; signal.signal(15, signal.SIG_IGN); print(flush=True); signal.pause()"
    leader = subprocess.Popen(
        [sys.executable, "-c", deaf], stdout=subprocess.PIPE, start_new_session=True
    )
    leader.stdout.readline()
    end_group(leader.pid, 0.05)
    assert leader.wait() == -signal.SIGKILL
    leader.stdout.close()


@pytest.mark.parametrize("active", ["Y\n", "N\n", None])
def test_a_program_that_apparmor_confines_runs_as_a_copy(active, tmp_path, monkeypatch):
    switch, profiles, program = tmp_path / "enabled", tmp_path / "profiles", tmp_path / "named"
    if active is not None:
        switch.write_text(active)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    profiles.mkdir()
    (profiles / str(program).strip("/").replace("/", ".")).touch()
    monkeypatch.setattr(daemons, "_APPARMOR", switch)
    monkeypatch.setattr(daemons, "_CONFINED", profiles)
    started = Path(daemons._unconfined(program, tmp_path / "copies"))
    if active != "Y\n":
        assert started == program
        return
    assert started == tmp_path / "copies/named"
    assert started.read_text() == program.read_text()
    assert os.access(started, os.X_OK)
    assert daemons._unconfined(Path("/usr/sbin/other"), tmp_path) == "/usr/sbin/other"


# --- whether it serves --------------------------------------------------------------------------


@pytest.fixture
def bound():
    """A UDP and a TCP socket of the same port."""
    with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        stream.bind(("127.0.0.1", 0))
        port = stream.getsockname()[1]
        datagrams.bind(("127.0.0.1", port))
        datagrams.settimeout(10)  # so that a question never asked fails
        yield stream, datagrams, port


def serving(port, zones=()):
    config = ResolverConfig(
        listen=(Endpoint("127.0.0.1", port),), zones=tuple(HostedZone(zone, "") for zone in zones)
    )
    return closing(Serving(os.getpid(), config, nullcontext))


def test_a_server_serves_once_it_listens_and_reads(bound):
    stream, datagrams, port = bound
    with serving(port) as serves:
        assert not serves(0)  # bound, but nobody could connect
        stream.listen()
        assert not serves(0)  # the datagram lies there unread
        assert datagrams.recv(100) == b"\0"
        assert serves(0)
    with serving(1) as serves:
        assert not serves(0)


def test_a_server_with_zones_serves_once_it_answers_for_them(bound):
    stream, datagrams, port = bound
    stream.listen()

    def answer(rcode):
        question, asker = datagrams.recvfrom(100)
        datagrams.sendto(question[:2] + bytes([0x84, rcode]) + question[4:], asker)
        return question

    with serving(port, ("one.example", "two.example")) as serves:
        assert not serves(0)
        datagrams.recv(100)
        assert not serves(0)
        assert b"\x03one\x07example\0\0\x06\0\x01" in answer(2)  # SERVFAIL: it still reads them
        assert not serves(1)
        assert not serves(SECOND // 5)
        answer(5)  # REFUSED: it knows what it does
        assert not serves(SECOND // 5 + 1)
        assert b"\x03two" in answer(0)
        assert serves(SECOND // 5 + 2)


def test_a_server_that_ignores_its_own_host_serves_all_the_same(bound):
    stream, datagrams, port = bound
    stream.listen()
    with serving(port, ("one.example",)) as serves:
        assert not serves(0)
        assert datagrams.recv(100) == b"\0"
        assert not serves(0)
        assert b"\x03one" in datagrams.recv(100)
        assert not serves(1)
        assert serves(3 * SECOND)


# --- trials -------------------------------------------------------------------------------------


def scenario(*steps: Step):
    expected = Expectation(text="-", rules=("CLU-02",), check=Answered(count=1))
    return Scenario(title="-", story="", topology="cluster", steps=steps, expectations=(expected,))


@pytest.fixture
def trial(tmp_path):
    return Trial(
        id="one",
        scenario=scenario(Ask()),
        plan=PLAN,
        world="simulated",
        seed=1,
        folder=tmp_path / "nodes",
        capture=tmp_path / "one.pcapng",
        run_folder=tmp_path,
        reproduce="forwardlab run one",
        seating=DNS,
    )


class Silent:
    """Progress that nobody sees."""

    def scenario_started(self, identifier):
        pass

    def scenario_finished(self, record):
        pass

    def tick(self):
        pass


def told(monkeypatch, error):
    """Have the seats of trials be filled with this error."""

    def fill(*_given: object):
        raise error

    monkeypatch.setattr(trials, "filled", fill)


def test_what_a_subject_cannot_do_is_unsupported(trial, monkeypatch):
    told(monkeypatch, CannotFill("no rule below a rule"))
    record = run_trial(trial)
    assert (record.outcome, record.reason) == ("unsupported", "no rule below a rule")


def test_a_world_without_a_kernel_has_no_seat_for_it(trial, monkeypatch):
    plan = seated(PLAN, DNS, roster=ROSTER)
    monkeypatch.setattr(trials, "filled", lambda *_given: (plan, plan))
    record = run_trial(trial)
    assert record.outcome == "unsupported"
    assert record.reason.endswith("no servers other than ours: use --world mininet")


def test_a_server_that_refuses_what_we_wrote_breaks_the_trial(trial, monkeypatch):
    told(monkeypatch, ServerRefused("dns", "resolver", "unbound", "a.conf:1: unknown"))
    record = run_trial(trial)
    assert record.outcome == "broken"
    assert "dns: unbound did not start in the seat resolver: a.conf:1: unknown" in record.reason


def test_a_server_that_refuses_the_users_file_ends_the_run(trial, monkeypatch, tmp_path):
    told(monkeypatch, ServerRefused("dns", "resolver", "unbound", "my.conf:1: unknown"))
    mine = replace(trial, seating=Seating(DNS.subjects, {"dns": tmp_path / "my.conf"}))
    message = f"{tmp_path}/my.conf: unbound does not take it: my.conf:1: unknown"
    with pytest.raises(InputRefused, match=message):
        run_trial(mine)
    other = replace(trial, id="two", seating=Seating())
    with pytest.raises(InputRefused, match=message) as refused:
        run_trials([mine, other], workers=1, progress=Silent())
    assert str(pickle.loads(pickle.dumps(refused.value))) == message  # noqa: S301 - our own


def test_its_questions_wait_longer(trial):
    assert trial.steps[0].patience_s > Ask().patience_s
    assert replace(trial, seating=Seating()).steps == trial.scenario.steps


# --- reconfiguring ------------------------------------------------------------------------------


class World:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.marks = []
        self.given = []

    def mark(self, kind, text, **_fields):
        self.marks.append((kind, text))

    def reconfigure(self, node, program):
        self.given.append((node, program))


@pytest.mark.parametrize(
    ("changes", "anew"), [({}, True), ({"reload_signal": signal.SIGHUP}, False)]
)
def test_a_changed_configuration_is_rendered_and_a_fresh_start_is_told(changes, anew):
    roster = {"unbound": Stock(changes=changes)}
    world, plan = World(), seated(PLAN, DNS, roster=roster)

    def reseat(node, program):
        changed_plan = replace(
            plan,
            nodes=tuple(
                replace(each, programs=(program,)) if each.name == node else each
                for each in plan.nodes
            ),
        )
        return seated(changed_plan, DNS, roster=roster).node(node).program("resolver")

    step = Reconfigure(
        node="dns", changes=(SetForward(zone="moved.example", servers=("10.9.9.9",)),)
    )
    reconfigurations = Reconfigurations(world, plan, reseat)
    reconfigurations.perform(step)
    ((node, program),) = world.given
    assert node == "dns"
    assert "moved.example" in program.daemon.files[0][1]
    assert reconfigurations.program("dns", "resolver") is program
    ((kind, text),) = world.marks
    assert kind == "reconfigured"
    assert text.endswith("unbound reads it only when it starts, so it is started anew") is anew
