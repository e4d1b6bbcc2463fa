"""PowerDNS Recursor, Knot Resolver, dnsdist, gdnsd and NSD started with what we render for them:
their own checkers take it, and they answer as it says."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest
from namespaced import InNamespace
from servers import add_address, require, start_nsd, start_process, wait_until_answers

from lab.subjects.dnsdist import DNSDIST
from lab.subjects.gdnsd import GDNSD
from lab.subjects.knot import KNOT
from lab.subjects.nsd import NSD
from lab.subjects.powerdns import POWERDNS
from lab.subjects.seating import places
from lab.subjects.subject import SeatName, Sitting, Subject
from lab.topology.load import load_topology
from lab.topology.plan import PlannedDaemon
from lab.topology.planner import make_plan
from resolver.config import BalancerConfig, DnsTranslatorConfig, ResolverConfig

pytestmark = pytest.mark.netns

ROOT = Path(__file__).parents[2]
WITHIN_S = 20.0
CLUSTER = "internet.intern.netz"


def sitting(topology: str, seat: SeatName) -> Sitting:
    plan = make_plan(load_topology(ROOT / "topologies" / f"{topology}.toml"), topology)
    node, program = places(plan, seat)[0]
    return Sitting(seat, plan, node, program.config)


def write(daemon: PlannedDaemon, folder: Path) -> list[str]:
    """Put its files in place; the command that runs it."""
    for name, text in daemon.files:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace("{folder}", str(folder)))
    return [word.replace("{folder}", str(folder)) for word in daemon.command]


def start(subject: Subject, place: Sitting, folder: Path, own: Path | None = None) -> str:
    """Start it at its addresses, with a user's own file if there is one; return the first address
    when it answers there."""
    folder.mkdir()
    for address in place.node.addresses():
        add_address(address)
    command = write(subject.render(place) if own is None else subject.adopt(place, own), folder)
    start_process([require(command[0], subject.package), *command[1:]], folder)
    first = place.config.listen[0].address  # type: ignore[union-attr]
    wait_until_answers(first, CLUSTER)
    return first


def ask(server: str, name: str, rtype: str = "A") -> dns.message.Message:
    return dns.query.udp(dns.message.make_query(name, rtype), server, timeout=5)


def addresses(reply: dns.message.Message) -> set[str]:
    return {data.to_text() for rrset in reply.answer for data in rrset if rrset.rdtype in {1, 28}}


def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < deadline, what


def start_authorities(place: Sitting, folder: Path) -> None:
    """Every authoritative server of the plan, by NSD at its own address."""
    for node in place.plan.with_role("authority"):
        config = node.programs[0].config
        assert isinstance(config, ResolverConfig)
        for address in node.addresses():
            add_address(address)
        zones = {zone.origin: zone.text for zone in config.zones}
        start_nsd(folder / node.name, node.addresses(), zones)
        wait_until_answers(node.addresses()[0], config.zones[0].origin)


# --- their own checkers -----------------------------------------------------------------------


def check(subject: Subject, place: Sitting, folder: Path, *command: str) -> None:
    folder.mkdir()
    write(subject.render(place), folder)
    words = [word.replace("{folder}", str(folder)) for word in command]
    program = shutil.which(words[0], path="/usr/sbin:/usr/bin") or require(
        words[0], subject.package
    )
    checked = subprocess.run([program, *words[1:]], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(
    ("subject", "seat", "topology", "command"),
    [
        (DNSDIST, "dns", "forwarders", "dnsdist --check-config -C {folder}/dnsdist.conf"),
        (DNSDIST, "translator", "cluster-nat", "dnsdist --check-config -C {folder}/dnsdist.conf"),
        (NSD, "balancer", "cluster-nat", "nsd-checkconf {folder}/nsd.conf"),
        (GDNSD, "balancer", "cluster", "gdnsd -c {folder} checkconf"),
        (GDNSD, "balancer", "cluster-nat", "gdnsd -c {folder} checkconf"),
    ],
    ids=lambda each: each if isinstance(each, str) else each.name,
)
def test_their_own_checkers_take_it(
    tmp_path: Path, subject: Subject, seat: SeatName, topology: str, command: str
) -> None:
    check(subject, sitting(topology, seat), tmp_path / "own", *command.split())


def test_a_checker_that_is_given_nonsense_says_so(tmp_path: Path) -> None:
    (tmp_path / "nsd.conf").write_text("server:\n  no-such-thing: yes\n")
    found = subprocess.run(
        [require("nsd-checkconf", "nsd"), str(tmp_path / "nsd.conf")],
        capture_output=True,
        check=False,
    )
    assert found.returncode != 0


# --- the DNS server ---------------------------------------------------------------------------


@pytest.mark.parametrize("subject", [POWERDNS, KNOT, DNSDIST], ids=lambda each: each.name)
def test_the_longest_condition_is_asked(
    tmp_path: Path, in_namespace: InNamespace, subject: Subject
) -> None:
    place = sitting("longest-match", "dns")

    def body() -> None:
        start_authorities(place, tmp_path / "upstream")
        server = start(subject, place, tmp_path / "own")
        # dnsdist asks nobody before its first probe has found somebody.
        until(
            lambda: addresses(ask(server, "www.tailspintoys.com")) == {"198.51.100.11"},
            "the condition's server was never asked",
        )
        until(
            lambda: addresses(ask(server, "toys.widgets.tailspintoys.com")) == {"198.51.100.22"},
            "the longer condition's server was never asked",
        )
        assert addresses(ask(server, "mywidgets.tailspintoys.com")) == {"198.51.100.13"}
        assert ask(server, "www.example.com").rcode() == dns.rcode.REFUSED

    in_namespace(body)


def test_powerdns_hosts_zones(tmp_path: Path, in_namespace: InNamespace) -> None:
    place = sitting("single", "dns")

    def body() -> None:
        server = start(POWERDNS, place, tmp_path / "own")
        assert addresses(ask(server, CLUSTER)) == {"192.168.1.100"}
        missing = ask(server, "nobody.intern.netz")
        assert missing.rcode() == dns.rcode.NXDOMAIN
        assert missing.authority

    in_namespace(body)


def test_powerdns_gives_one_address_of_several(tmp_path: Path, in_namespace: InNamespace) -> None:
    place = sitting("cluster", "dns")
    assert isinstance(place.config, ResolverConfig)

    def body() -> None:
        balancers = place.config.forward[0].servers  # type: ignore[union-attr]
        for balancer in balancers:
            add_address(balancer.address)
        zone = static_zone_of("cluster")
        start_nsd(tmp_path / "lb", [each.address for each in balancers], {CLUSTER: zone})
        wait_until_answers(balancers[0].address, CLUSTER)
        server = start(POWERDNS, place, tmp_path / "own")
        seen = [addresses(ask(server, CLUSTER)) for _ in range(40)]
        assert {len(each) for each in seen} == {1}
        assert len(set.union(*seen)) == 3  # (2/3)^40: that one is never drawn
        assert ask(server, CLUSTER).edns == -1
        with_edns = dns.message.make_query(CLUSTER, "A", use_edns=0)
        assert dns.query.udp(with_edns, server, timeout=5).edns == 0

    in_namespace(body)


def static_zone_of(topology: str) -> str:
    daemon = NSD.render(sitting(topology, "balancer"))
    return dict(daemon.files)[f"{CLUSTER}.zone"]


OWN_FILES = {
    "powerdns": """
local-address=127.0.0.1
setuid=pdns
socket-dir=/run/pdns-recursor
dont-query=
forward-zones-recurse=tailspintoys.com=10.20.0.53, .=10.20.0.53
""",
    "knot": """
net.listen('127.0.0.1', 53, { kind = 'dns' })
user('knot-resolver', 'knot-resolver')
trust_anchors.remove('.')
modules.unload('priming')
cache.open(10 * MB, 'lmdb:///var/cache/knot-resolver')
policy.add(policy.all(policy.FORWARD({ '10.20.0.53' })))
""",
    "dnsdist": """
setLocal("127.0.0.1:53")
addLocal("[::1]:53")
controlSocket("127.0.0.1:5199")
setSecurityPollSuffix("")
newServer({address="10.20.0.53", checkName="tailspintoys.com."})
""",
}
"""What people might have, for servers of their own machines."""


@pytest.mark.parametrize("subject", [POWERDNS, KNOT, DNSDIST], ids=lambda each: each.name)
def test_a_users_own_file_runs(tmp_path: Path, in_namespace: InNamespace, subject: Subject) -> None:
    place = sitting("longest-match", "dns")
    own = tmp_path / "own.conf"
    own.write_text(OWN_FILES[subject.name])

    def body() -> None:
        start_authorities(place, tmp_path / "upstream")
        server = start(subject, place, tmp_path / "own", own)
        until(
            lambda: addresses(ask(server, "www.tailspintoys.com")) == {"198.51.100.11"},
            "the user's forwarder was never asked",
        )

    in_namespace(body)


# --- the DNS translator -----------------------------------------------------------------------


@pytest.mark.parametrize("subject", [POWERDNS, KNOT, DNSDIST], ids=lambda each: each.name)
def test_the_translator_forwards_one_zone(
    tmp_path: Path, in_namespace: InNamespace, subject: Subject
) -> None:
    place = sitting("cluster-nat", "translator")
    config = place.config
    assert isinstance(config, DnsTranslatorConfig)

    def body() -> None:
        for balancer in config.servers:
            add_address(balancer.address)
        zone = static_zone_of("cluster-nat")
        start_nsd(tmp_path / "lb", [each.address for each in config.servers], {CLUSTER: zone})
        wait_until_answers(config.servers[0].address, CLUSTER)
        start(subject, place, tmp_path / "own")
        for listening in config.listen:
            until(
                lambda at=listening.address: len(addresses(ask(at, CLUSTER))) == 3,  # type: ignore[misc]
                f"{listening.address} never answered with every member",
            )
            assert ask(listening.address, "www.example.com").rcode() == dns.rcode.REFUSED

    in_namespace(body)


# --- the load balancer ------------------------------------------------------------------------


@pytest.mark.parametrize("topology", ["cluster", "cluster-nat"])
def test_gdnsd_follows_who_is_available(
    tmp_path: Path, in_namespace: InNamespace, topology: str
) -> None:
    place = sitting(topology, "balancer")
    config = place.config
    assert isinstance(config, BalancerConfig)

    def body() -> None:
        members = [each.addresses[0] for each in config.members]
        for address in members:
            if address not in place.node.addresses():
                add_address(address)
        for address in place.node.addresses():
            add_address(address)
        services = [serve(address, config.service_port) for address in members]
        folder = tmp_path / "own"
        folder.mkdir()
        command = write(GDNSD.render(place), folder)
        start_process([require("gdnsd", "gdnsd"), *command[1:]], folder)
        server = config.listen[0].address
        wait_until_answers(server, CLUSTER)
        until(lambda: len(addresses(ask(server, CLUSTER))) == 3, "not all members were found")
        everybody = addresses(ask(server, CLUSTER))
        assert ask(server, CLUSTER).flags & dns.flags.AA
        services[1].close()
        until(lambda: len(addresses(ask(server, CLUSTER))) == 2, "the dead one stayed")
        gone = everybody - addresses(ask(server, CLUSTER))
        assert gone == {"192.168.1.101" if config.alias_base else members[1]}
        absent = ask(server, CLUSTER, "AAAA")
        assert absent.rcode() == dns.rcode.NOERROR
        assert not absent.answer

    in_namespace(body)


def serve(address: str, port: int) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((address, port))
    listening.listen(64)
    return listening


def test_nsd_answers_with_every_member(tmp_path: Path, in_namespace: InNamespace) -> None:
    place = sitting("cluster-large", "balancer")

    def body() -> None:
        server = start(NSD, place, tmp_path / "own")
        reply = ask(server, CLUSTER)
        assert reply.flags & dns.flags.AA
        assert addresses(reply) == {f"192.168.1.10{n}" for n in (0, 1, 2, 4)}
        assert ask(server, CLUSTER, "AAAA").authority
        assert ask(server, f"x.{CLUSTER}").rcode() == dns.rcode.NXDOMAIN

    in_namespace(body)
