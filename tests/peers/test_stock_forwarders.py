"""BIND, Unbound and dnsmasq started with what we render for them, and with users' own files."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path

import dns.exception
import dns.flags
import dns.name
import dns.rcode
import pytest
from namespaced import InNamespace
from servers import add_address, require, start_nsd, start_process, wait_until_answers
from test_stock_recursors import (
    CLUSTER,
    addresses,
    ask,
    sitting,
    start_authorities,
    static_zone_of,
    until,
    write,
)

from lab.subjects.bind import BIND
from lab.subjects.dnsmasq import DNSMASQ
from lab.subjects.subject import Sitting, Subject
from lab.subjects.unbound import UNBOUND
from lab.topology.plan import PlannedDaemon
from resolver.config import DnsTranslatorConfig, ForwardRule, ResolverConfig
from resolver.machine import Endpoint

pytestmark = pytest.mark.netns

ALL = (BIND, UNBOUND, DNSMASQ)


def run(daemon: PlannedDaemon, place: Sitting, folder: Path, package: str) -> int:
    """Start a daemon as its node does; returns its process when it answers."""
    folder.mkdir()
    for address in place.node.addresses():
        add_address(address)
    command = write(daemon, folder)
    for words in daemon.prepare:
        told = [word.replace("{folder}", str(folder)) for word in words]
        program = require(told[0], "procps" if told[0] == "sysctl" else "nftables")
        subprocess.run([program, *told[1:]], check=True)
    process = start_process([require(command[0], package), *command[1:]], folder)
    wait_until_answers(place.config.listen[0].address, CLUSTER)  # type: ignore[union-attr]
    return process.pid


def start(subject: Subject, place: Sitting, folder: Path) -> str:
    """Start what is rendered; returns the first address that it listens on."""
    run(subject.render(place), place, folder, subject.package)
    return place.config.listen[0].address  # type: ignore[union-attr]


def named(each: object) -> str:
    return getattr(each, "name", str(each))


# --- the DNS server ---------------------------------------------------------------------------


@pytest.mark.parametrize("subject", ALL, ids=named)
def test_the_longest_condition_is_asked(
    tmp_path: Path, in_namespace: InNamespace, subject: Subject
) -> None:
    place = sitting("longest-match", "dns")

    def body() -> None:
        start_authorities(place, tmp_path / "upstream")
        server = start(subject, place, tmp_path / "own")
        assert addresses(ask(server, "www.tailspintoys.com")) == {"198.51.100.11"}
        assert addresses(ask(server, "toys.widgets.tailspintoys.com")) == {"198.51.100.22"}
        assert addresses(ask(server, "mywidgets.tailspintoys.com")) == {"198.51.100.13"}
        refused = {dns.rcode.REFUSED, dns.rcode.SERVFAIL}
        assert ask(server, "www.example.com").rcode() in refused

    in_namespace(body)


@pytest.mark.parametrize("subject", ALL, ids=named)
def test_an_own_zone_is_answered_from_here(
    tmp_path: Path, in_namespace: InNamespace, subject: Subject
) -> None:
    place = sitting("single", "dns")

    def body() -> None:
        server = start(subject, place, tmp_path / "own")
        reply = ask(server, CLUSTER)
        assert addresses(reply) == {"192.168.1.100"}
        assert reply.flags & dns.flags.AA
        assert reply.answer[0].ttl == 60
        missing = ask(server, "nobody.intern.netz")
        assert missing.rcode() == dns.rcode.NXDOMAIN
        assert bool(missing.authority) == (subject is not DNSMASQ)  # dnsmasq gives no SOA

    in_namespace(body)


@pytest.mark.parametrize("subject", [BIND, UNBOUND], ids=named)
def test_a_delegation_leads_to_its_condition_and_no_delegation_to_nobody(
    tmp_path: Path, in_namespace: InNamespace, subject: Subject
) -> None:
    place = sitting("hosted", "dns")

    def body() -> None:
        start_authorities(place, tmp_path / "upstream")
        server = start(subject, place, tmp_path / "own")
        zone = "widgets.tailspintoys.com"
        assert addresses(ask(server, f"www.hr.{zone}")) == {"198.51.100.42"}
        assert addresses(ask(server, f"www.kids.{zone}")) == {"198.51.100.31"}
        assert addresses(ask(server, f"www.sales.{zone}")) == {"198.51.100.43"}
        assert ask(server, f"www.plain.{zone}").rcode() == dns.rcode.NXDOMAIN
        assert ask(server, f"www.{zone}").flags & dns.flags.AA

    in_namespace(body)


@pytest.mark.parametrize("subject", [BIND, UNBOUND], ids=named)
def test_a_changed_rule_is_used_when_its_files_are_read_again(
    tmp_path: Path, in_namespace: InNamespace, subject: Subject
) -> None:
    place = sitting("longest-match", "dns")
    assert isinstance(place.config, ResolverConfig)
    short, long = place.config.forward
    moved = ForwardRule(long.zone, short.servers, long.timeout_ns)
    after = replace(place, config=replace(place.config, forward=(short, moved)))

    def body() -> None:
        start_authorities(place, tmp_path / "upstream")
        daemon = subject.render(place)
        process = run(daemon, place, tmp_path / "own", subject.package)
        server = place.config.listen[0].address  # type: ignore[union-attr]
        assert addresses(ask(server, "www.widgets.tailspintoys.com")) == {"198.51.100.21"}
        write(subject.render(after), tmp_path / "own")
        assert daemon.reload_signal == signal.SIGHUP
        os.kill(process, signal.SIGHUP)
        fresh = (f"n{number}.widgets.tailspintoys.com" for number in count())
        until(lambda: is_moved(server, next(fresh)), "the changed rule was never used")
        assert addresses(ask(server, "toys.widgets.tailspintoys.com")) == {"198.51.100.66"}

    in_namespace(body)


def is_moved(server: str, fresh: str) -> bool:
    """Whether a name that nobody asked for yet is no longer denied by the SOA record of the server
    that the rule led to. What the server was told before it read its files, it keeps; who reads
    them just then may lose the question."""
    with suppress(dns.exception.Timeout):
        before = dns.name.from_text("widgets.tailspintoys.com")
        reply = ask(server, fresh)
        denied = reply.rcode() == dns.rcode.NXDOMAIN
        return denied and all(rrset.name != before for rrset in reply.authority)
    return False


# --- the DNS translator and the load balancer -------------------------------------------------


@pytest.mark.parametrize("subject", ALL, ids=named)
def test_the_translator_forwards_one_zone_from_its_aliases(
    tmp_path: Path, in_namespace: InNamespace, subject: Subject
) -> None:
    place = sitting("cluster-nat-aliases", "translator")
    config = place.config
    assert isinstance(config, DnsTranslatorConfig)
    own = place.node.addresses()

    def body() -> None:
        for balancer in config.servers:
            add_address(balancer.address)
        zone = static_zone_of("cluster-nat-aliases")
        start_nsd(tmp_path / "lb", [each.address for each in config.servers], {CLUSTER: zone})
        wait_until_answers(config.servers[0].address, CLUSTER)
        start(subject, place, tmp_path / "own")
        for each in config.listen:
            if each.address in own or subject is UNBOUND:
                add_route(each.address)
                assert len(addresses(ask(each.address, CLUSTER))) == 3
                assert ask(each.address, "www.example.com").rcode() == dns.rcode.REFUSED

    in_namespace(body)


def add_route(address: str) -> None:
    """What is for the alias ends here, as the translator's host has it."""
    subprocess.run(["ip", "route", "replace", "local", f"{address}/32", "dev", "lo"], check=True)


def test_bind_answers_with_every_member(tmp_path: Path, in_namespace: InNamespace) -> None:
    place = sitting("cluster-large", "balancer")

    def body() -> None:
        server = start(BIND, place, tmp_path / "own")
        reply = ask(server, CLUSTER)
        assert reply.flags & dns.flags.AA
        assert addresses(reply) == {f"192.168.1.10{n}" for n in (0, 1, 2, 4)}
        assert ask(server, CLUSTER, "AAAA").authority
        assert ask(server, "www.example.com").rcode() == dns.rcode.REFUSED

    in_namespace(body)


# --- users' own files -------------------------------------------------------------------------

OWN = {
    "bind": """
acl clients { 192.168.0.0/16; };
options { directory "/var/cache/bind"; listen-on { 127.0.0.1; }; pid-file "/run/named/named.pid";
    allow-query { clients; }; dnssec-validation no; empty-zones-enable no; };
statistics-channels { inet 127.0.0.1 port 8053; };
logging { channel own { file "/var/log/named.log"; }; category default { own; }; };
zone "corp.example" { type master; file "corp.zone"; };
zone "tailspintoys.com" { type forward; forward only; forwarders { 10.20.0.53; }; };
""",
    "unbound": """
server:
    interface: 127.0.0.1
    username: "unbound"
    chroot: "/var/lib/unbound"
    pidfile: "/run/own.pid"
    access-control: 192.168.0.0/16 allow
    module-config: "iterator"
auth-zone:
    name: "corp.example"
    zonefile: "corp.zone"
remote-control:
    control-enable: yes
forward-zone:
    name: "tailspintoys.com"
    forward-addr: 10.20.0.53
""",
    "dnsmasq": """
user=dnsmasq
interface=lo
pid-file=/run/own.pid
no-resolv
no-hosts
host-record=www.corp.example,192.0.2.80
server=/tailspintoys.com/10.20.0.53
""",
}


def own_file(subject: Subject, folder: Path) -> Path:
    (folder / "corp.zone").write_text(
        "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.53\nwww A 192.0.2.80\n"
    )
    file = folder / f"{subject.name}.conf"
    file.write_text(OWN[subject.name])
    return file


@pytest.mark.parametrize("subject", ALL, ids=named)
def test_a_users_own_file_runs_as_it_is(
    tmp_path: Path, in_namespace: InNamespace, subject: Subject
) -> None:
    place = sitting("longest-match", "dns")
    daemon = subject.adopt(place, own_file(subject, tmp_path))
    told = "\n".join(daemon.overrides)
    assert "listens on 192.168.1.53" in told
    assert "own.pid" in told or "named.pid" in told

    def body() -> None:
        start_authorities(place, tmp_path / "upstream")
        run(daemon, place, tmp_path / "own", subject.package)
        assert addresses(ask("192.168.1.53", "www.corp.example")) == {"192.0.2.80"}
        assert addresses(ask("192.168.1.53", "www.tailspintoys.com")) == {"198.51.100.11"}

    in_namespace(body)


def test_a_server_that_is_not_there_is_no_answer(tmp_path: Path, in_namespace: InNamespace) -> None:
    """What these tests look at is not blind: another rule, another answer."""
    place = sitting("longest-match", "dns")
    assert isinstance(place.config, ResolverConfig)
    rules = (ForwardRule("tailspintoys.com", (Endpoint("172.31.255.255", 53),)),)
    astray = replace(place, config=replace(place.config, forward=rules))

    def body() -> None:
        start_authorities(place, tmp_path / "upstream")
        server = start(BIND, astray, tmp_path / "own")
        assert addresses(ask(server, "www.tailspintoys.com")) != {"198.51.100.11"}

    in_namespace(body)
