"""Other people's servers in the seats of a Mininet world, with NSD for all of them."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from mininet_stage import ask, live, run, two_hosts

from lab.topology.plan import PlannedDaemon, PlannedProgram
from lab.worlds import mininet_daemons
from lab.worlds.isolation import IsolationFailed
from lab.worlds.world import ServerRefused
from resolver.config import HostedZone, ResolverConfig
from resolver.machine import SECOND, Endpoint

pytestmark = pytest.mark.netns

SERVER = "10.0.0.2"


def zone(address="192.0.2.1"):
    return f"""\
$TTL 60
@ SOA ns hostmaster 1 3600 900 604800 300
@ NS ns
ns A {SERVER}
internet A {address}
"""


CONFIG = """\
server:
    ip-address: 10.0.0.2
    server-count: 2
    zonesdir: "{folder}"
    database: ""
    zonelistfile: "{folder}/zone.list"
    xfrdfile: ""
    xfrdir: "{folder}"
    pidfile: ""
    username: ""
    rrl-ratelimit: 0
remote-control:
    control-enable: no
zone:
    name: intern.netz
    zonefile: intern.netz
"""


def nsd(config=CONFIG, address="192.0.2.1", **changes):
    daemon = PlannedDaemon(
        subject="nsd",
        version="4",
        files=(("nsd.conf", config), ("intern.netz", zone(address))),
        command=("nsd", "-d", "-c", "{folder}/nsd.conf"),
    )
    settings = ResolverConfig(
        listen=(Endpoint(SERVER, 53),), zones=(HostedZone("intern.netz", zone(address)),)
    )
    return PlannedProgram("resolver", settings, replace(daemon, **changes))


def plan_with(program):
    plan = two_hosts(programs=[program])
    viewer, server = plan.nodes
    return replace(plan, nodes=(replace(viewer, name="viewer"), replace(server, name="dns")))


def alive(name):
    """The processes of that name in this world."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                comm = (entry / "comm").read_text().strip()
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if comm.startswith(name) and state not in "ZX":
                found.append(int(entry.name))
    return found


def test_a_server_answers_from_its_seat_as_soon_as_the_world_has_started(tmp_path):
    def story(world):
        return ask(world, SERVER)

    assert live(plan_with(nsd()), tmp_path, story) == ("192.0.2.1",)
    assert "zonefile: intern.netz" in (tmp_path / "dns/resolver/nsd.conf").read_text()
    assert "{folder}" not in (tmp_path / "dns/resolver/nsd.conf").read_text()
    assert "nsd started" in (tmp_path / "dns/resolver.stderr").read_text()


def test_the_simplest_failures_of_a_start_are_told_with_the_servers_own_words(tmp_path):
    with pytest.raises(IsolationFailed, match=r"nsd did not start in the seat resolver.*tipo"):
        live(plan_with(nsd(CONFIG.replace("ip-address", "tipo"))), tmp_path, lambda _: None)
    with pytest.raises(IsolationFailed, match="there is no program 'nsdd' here"):
        live(plan_with(nsd(command=("nsdd",))), tmp_path, lambda _: None)
    with pytest.raises(IsolationFailed, match="false ended with 1"):
        live(plan_with(nsd(prepare=(("false",),))), tmp_path, lambda _: None)


def test_a_stopped_and_a_killed_server_are_gone_with_all_their_processes(tmp_path):
    def story(world):
        seen = [len(alive("nsd"))]
        world.stop_program("dns", "resolver")
        seen += [len(alive("nsd")), ask(world, SERVER, patience_s=0.3)]
        world.start_program("dns", nsd())
        seen += [ask(world, SERVER)]
        world.kill_program("dns", "resolver")
        seen += [len(alive("nsd")), ask(world, SERVER, patience_s=0.3)]
        return seen, world.seal().problems

    seen, problems = live(plan_with(nsd()), tmp_path, story)
    assert seen[0] > 1
    assert seen[1:] == [0, (), ("192.0.2.1",), 0, ()]
    assert problems == ()


def test_a_server_that_dies_by_itself_is_told_with_its_last_words(tmp_path):
    def story(world):
        (leader,) = (pid for pid in alive("nsd") if os.getpgid(pid) == pid)
        os.kill(leader, signal.SIGKILL)
        world.run_until(lambda: leader not in alive("nsd"), world.now() + 5 * SECOND)
        return world.seal().problems

    (problem,) = live(plan_with(nsd()), tmp_path, story)
    assert problem.startswith("dns: nsd in the seat resolver was killed by SIGKILL by itself: ")
    assert "nsd started" in problem


UNBOUND = """\
server:
    interface: 10.0.0.2
    access-control: 10.0.0.0/8 allow
    do-daemonize: no
    username: ""
    chroot: ""
    directory: "{folder}"
    pidfile: ""
    use-syslog: no
    module-config: "iterator"
    local-zone: intern.netz static
    local-data: "intern.netz 60 SOA ns.intern.netz. hostmaster.intern.netz. 1 1 1 1 1"
    local-data: "internet.intern.netz 60 A %s"
remote-control:
    control-enable: no
"""


def unbound(address="192.0.2.1", **changes):
    return nsd(
        subject="unbound",
        files=(("unbound.conf", UNBOUND % address),),
        command=("unbound", "-d", "-c", "{folder}/unbound.conf"),
        **changes,
    )


NAMED = """\
options {
    directory "{folder}";
    listen-on { 10.0.0.2; };
    listen-on-v6 { none; };
    recursion no;
    dnssec-validation no;
    pid-file none;
    session-keyfile none;
};
controls { };
zone "intern.netz" { type primary; file "intern.netz"; };
"""


def bind(address="192.0.2.1", **changes):
    return nsd(
        subject="named",
        files=(("named.conf", NAMED), ("intern.netz", zone(address))),
        command=("named", "-g", "-n", "1", "-4", "-c", "{folder}/named.conf"),
        reload_signal=signal.SIGHUP,
        **{"reload_words": "all zones loaded", **changes},
    )


@pytest.mark.parametrize(
    ("make", "stays"),
    [(nsd, False), (partial(unbound, reload_signal=signal.SIGHUP), True), (bind, True)],
    ids=["anew", "signal", "words"],
)
def test_a_changed_configuration_is_gone_by_when_it_returns(tmp_path, make, stays):
    def story(world):
        name = make().daemon.subject
        before, processes = ask(world, SERVER), alive(name)
        world.reconfigure("dns", make(address="192.0.2.2"))
        return before, ask(world, SERVER), alive(name) == processes

    assert live(plan_with(make()), tmp_path, story) == (("192.0.2.1",), ("192.0.2.2",), stays)


def test_a_changed_configuration_that_is_refused_is_told(tmp_path):
    def story(world):
        with pytest.raises(ServerRefused, match="tipo"):
            world.reconfigure("dns", nsd(CONFIG.replace("ip-address", "tipo")))
        return True

    assert live(plan_with(nsd()), tmp_path, story)


def test_a_server_that_never_goes_by_its_new_files_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(mininet_daemons, "_READ_WITHIN_NS", SECOND // 10)

    def story(world):
        with pytest.raises(ServerRefused, match="it did not say 'all went well'"):
            world.reconfigure("dns", bind(reload_words="all went well"))
        with pytest.raises(ServerRefused, match="it did not read its files again"):
            world.reconfigure("dns", unbound("192.0.2.9", reload_signal=signal.SIGWINCH))
        return True

    assert live(plan_with(unbound()), tmp_path, story)


def test_a_state_of_the_kernel_is_made_and_taken_back(tmp_path):
    kernel = nsd(
        command=(),
        prepare=(("ip", "route", "add", "blackhole", "198.51.100.0/24"),),
        remove=(("ip", "route", "delete", "blackhole", "198.51.100.0/24"),),
    )

    def story(world):
        seen = [run(world, "dns", "ip route show")[1]]
        world.kill_program("dns", "resolver")
        seen.append(run(world, "dns", "ip route show")[1])
        world.start_program("dns", kernel)
        return [*seen, run(world, "dns", "ip route show")[1]]

    with_it, without, again = live(plan_with(kernel), tmp_path, story)
    assert "blackhole" in with_it
    assert "blackhole" not in without
    assert again == with_it
