"""The configurations of BIND, Unbound and dnsmasq, as text, and as their own checkers see it."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from golden import assert_golden
from shipped import ROOT, shipped_topologies

from lab.subjects.bind import BIND
from lab.subjects.dnsmasq import DNSMASQ
from lab.subjects.public_servers import public_servers
from lab.subjects.reserved_zones import REVERSE_ZONES
from lab.subjects.seating import places
from lab.subjects.subject import CannotFill, SeatName, Sitting, Subject
from lab.subjects.unbound import UNBOUND
from lab.topology.load import load_topology
from lab.topology.plan import PlannedDaemon
from lab.topology.planner import make_plan
from resolver.config import DnsTranslatorConfig, ForwardRule, HostedZone, ResolverConfig, Selection
from resolver.machine import SECOND, Endpoint

SUBJECTS: tuple[Subject, ...] = (BIND, UNBOUND, DNSMASQ)
SEATS: tuple[SeatName, ...] = ("dns", "translator", "balancer")
TOPOLOGIES = sorted(path.stem for path in shipped_topologies())
CHECKERS = {
    "bind": ("named-checkconf", "-z", "named.conf"),
    "unbound": ("unbound-checkconf", "in-the-lab.conf"),
    "dnsmasq": ("dnsmasq", "--test", "--conf-file=dnsmasq.conf"),
}


def sittings(topology: str, seat: SeatName) -> list[Sitting]:
    plan = make_plan(load_topology(ROOT / "topologies" / f"{topology}.toml"), topology)
    return [Sitting(seat, plan, node, each.config) for node, each in places(plan, seat)]


def with_config(topology: str, **changes: object) -> Sitting:
    """The DNS server's seat of a topology, with another task."""
    sitting = sittings(topology, "dns")[0]
    assert isinstance(sitting.config, ResolverConfig)
    return replace(sitting, config=replace(sitting.config, **changes))


def main_text(subject: Subject, sitting: Sitting) -> str:
    return subject.render(sitting).files[0][1]


def directives(text: str) -> list[str]:
    """The lines that are no comments, without indentation."""
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith(("#", "//", ";"))]


@pytest.mark.parametrize(
    ("subject", "seat", "topology"),
    [
        (subject, "dns", topology)
        for subject in SUBJECTS
        for topology in ("cluster-nat", "conditional", "designated-forwarder", "caches")
    ]
    + [
        (subject, "dns", topology)
        for subject in (BIND, UNBOUND)
        for topology in ("cluster-internet", "forwarders-recursion", "hosted", "recursion-ipv6")
    ]
    + [(subject, "translator", "cluster-nat-aliases") for subject in SUBJECTS]
    + [(BIND, "balancer", "cluster-nat"), (BIND, "balancer", "cluster-large")],
    ids=lambda each: each if isinstance(each, str) else each.name,
)
def test_the_text_is_the_kept_one(subject: Subject, seat: SeatName, topology: str) -> None:
    daemon = subject.render(sittings(topology, seat)[0])
    parts = [f"=== {name}\n{text}" for name, text in daemon.files]
    text = "\n".join([" ".join(daemon.command), *parts])
    assert_golden(f"subjects/{subject.name}-{seat}-{topology}.txt", text)


# --- their own checkers -----------------------------------------------------------------------


def complaint(subject: Subject, daemon: PlannedDaemon, folder: Path) -> str | None:
    """What the product's own checker says of it; None: it takes it."""
    folder.mkdir(parents=True)
    for name, text in daemon.files:
        (folder / name).write_text(text.replace("{folder}", str(folder)))
    program, *words = CHECKERS[subject.name]
    path = shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin")
    assert path is not None, f"needs the Debian package {subject.package} (`make servers`)"
    said = subprocess.run([path, *words], cwd=folder, capture_output=True, text=True, check=False)
    return said.stdout + said.stderr if said.returncode else None


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda each: each.name)
def test_its_own_checker_takes_every_topology_that_it_does_not_decline(subject, tmp_path):
    taken = 0
    for topology in TOPOLOGIES:
        for seat in SEATS:
            for number, sitting in enumerate(sittings(topology, seat)):
                if seat not in subject.seats:
                    with pytest.raises(CannotFill):
                        subject.render(sitting)
                    continue
                try:
                    daemon = subject.render(sitting)
                except CannotFill as declined:
                    assert len(str(declined)) > 20  # noqa: PT017 - a reason that says something
                    continue
                folder = tmp_path / f"{topology}-{seat}-{number}"
                assert complaint(subject, daemon, folder) is None
                assert_commented(daemon.files[0][1])
                taken += 1
    assert taken > 20


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda each: each.name)
def test_its_own_checker_finds_a_word_that_it_does_not_know(subject, tmp_path):
    daemon = subject.render(sittings("cluster-nat", "dns")[0])
    (name, text), *others = daemon.files
    broken = replace(daemon, files=((name, f"{text}\nserver-of-nothing: 1;\n"), *others))
    assert complaint(subject, broken, tmp_path / "broken")


def assert_commented(text: str) -> None:
    """Every block begins with why it is there."""
    for block in text.strip().split("\n\n"):
        assert block.lstrip().startswith(("# ", "// ")), block


def test_a_line_without_its_reason_is_found() -> None:
    with pytest.raises(AssertionError):
        assert_commented("# why\na=1\n\nb=2\n")


# --- what each setting means ------------------------------------------------------------------


def test_forwarding_without_the_fall_back_is_only() -> None:
    assert "forward only;" in main_text(BIND, sittings("conditional", "dns")[0])
    assert "forward first;" not in main_text(BIND, sittings("conditional", "dns")[0])
    assert "forward first;" in main_text(BIND, sittings("forwarders-recursion", "dns")[0])
    assert "forward-first: yes" in main_text(UNBOUND, sittings("forwarders-recursion", "dns")[0])
    assert "forward-first: yes" not in main_text(UNBOUND, sittings("conditional", "dns")[0])


def test_the_fall_back_needs_recursion() -> None:
    rules = (ForwardRule(".", (Endpoint("203.0.113.101", 53),), recursion=True),)
    without = with_config("forwarders", forward=rules, recursion=False)
    assert "forward only;" in main_text(BIND, without)
    assert "forward-first: no" in main_text(UNBOUND, without)
    assert "server=203.0.113.101" in main_text(DNSMASQ, without)


@pytest.mark.parametrize("subject", [BIND, UNBOUND], ids=lambda each: each.name)
def test_without_recursion_there_are_no_root_servers(subject: Subject) -> None:
    hints = dict(subject.render(sittings("cluster", "dns")[0]).files)["root.hints"]
    assert not re.search(r"\sA+\s", hints)
    hints = dict(subject.render(sittings("cluster-internet", "dns")[0]).files)["root.hints"]
    assert re.search(r"\sA\s+203\.0\.113\.\d+", hints)


def test_the_order_of_servers_is_the_rules_order() -> None:
    def turned(subject: Subject) -> list[str]:
        rule = ForwardRule("corp.internal", (Endpoint("10.0.0.2", 53), Endpoint("10.0.0.1", 5353)))
        text = main_text(subject, with_config("forwarders", forward=(rule,)))
        return [line for line in directives(text) if "10.0.0." in line]

    assert turned(BIND) == ["forwarders { 10.0.0.2; 10.0.0.1 port 5353; };"]
    assert turned(UNBOUND) == ["forward-addr: 10.0.0.2", "forward-addr: 10.0.0.1@5353"]
    servers = ["server=/corp.internal/10.0.0.2", "server=/corp.internal/10.0.0.1#5353"]
    assert turned(DNSMASQ) == servers


def test_a_rule_inside_a_reserved_zone_opens_it() -> None:
    rule = ForwardRule("20.10.in-addr.arpa", (Endpoint("10.0.0.1", 53),))
    sitting = with_config("forwarders", forward=(rule,))
    assert 'disable-empty-zone "10.in-addr.arpa";' in main_text(BIND, sitting)
    assert 'local-zone: "20.10.in-addr.arpa." transparent' in main_text(UNBOUND, sitting)
    sitting = sittings("conditional", "dns")[0]
    assert 'local-zone: "10.in-addr.arpa." nodefault' in main_text(UNBOUND, sitting)
    assert 'disable-empty-zone "d.f.ip6.arpa";' in main_text(BIND, sitting)
    assert "disable-empty-zone" not in main_text(BIND, sittings("forwarders", "dns")[0])


def test_the_reserved_zones_are_those_of_the_products(tmp_path):
    """Each is one that named makes by itself, in its own words, and Unbound's manual names."""
    folder = tmp_path / "named"
    daemon = BIND.render(with_config("recursion", zones=()))
    config = dict(daemon.files)["named.conf"]
    disabled = "".join(f'    disable-empty-zone "{zone}";\n' for zone in REVERSE_ZONES)
    text = config.replace("options {\n", f"options {{\n{disabled}", 1)
    changed = replace(daemon, files=(("named.conf", text), *daemon.files[1:]))
    assert complaint(BIND, changed, folder) is None


def test_silent_servers_are_waited_for_as_long_as_the_rules_say() -> None:
    servers = (Endpoint("10.0.0.1", 53),)
    rules = (
        ForwardRule("a.example", servers, SECOND // 2),
        ForwardRule("b.example", servers, SECOND),
    )
    sitting = with_config("forwarders", forward=rules)
    assert "resolver-retry-interval 1000;" in directives(main_text(BIND, sitting))
    # Unbound asks twice within that time.
    assert "infra-cache-min-rtt: 500" in directives(main_text(UNBOUND, sitting))


def test_what_is_beyond_a_products_bounds_is_cut_to_them() -> None:
    rules = (ForwardRule(".", (Endpoint("10.0.0.1", 53),), 60 * SECOND),)
    sitting = with_config(
        "forwarders", forward=rules, query_timeout_ns=5 * SECOND, cache_entries=1_000_000
    )
    text = directives(main_text(BIND, sitting))
    assert "resolver-retry-interval 2000;" in text
    assert "resolver-query-timeout 10;" in text
    assert "cache-size=10000" in directives(main_text(DNSMASQ, sitting))
    small = with_config("forwarders", cache_entries=50)
    assert "max-cache-size 2097152;" in directives(main_text(BIND, small))
    assert "rrset-cache-size: 23333" in directives(main_text(UNBOUND, small))


def test_others_than_the_clients_get_the_own_zones_alone() -> None:
    sitting = with_config("recursion", recursion_for=("192.168.1.0/24",))
    assert "allow-recursion { 192.168.1.0/24; };" in directives(main_text(BIND, sitting))
    assert "allow-query-cache { 192.168.1.0/24; };" in directives(main_text(BIND, sitting))
    text = directives(main_text(UNBOUND, sitting))
    assert "access-control: 192.168.1.0/24 allow" in text
    assert "access-control: 0.0.0.0/0 refuse_non_local" in text
    nobody = with_config("recursion", recursion_for=())
    assert "allow-recursion { none; };" in directives(main_text(BIND, nobody))


def test_private_addresses_are_filtered_and_private_zones_are_not() -> None:
    sitting = sittings("conditional", "dns")[0]
    assert 'except-from { "corp.internal"; };' in main_text(BIND, sitting)
    text = directives(main_text(UNBOUND, sitting))
    assert "private-address: 192.168.0.0/16" in text
    assert 'private-domain: "corp.internal."' in text
    # dnsmasq's filter would take the lab's public addresses for private ones.
    text = main_text(DNSMASQ, sitting)
    assert "# stop-dns-rebind\n" in text
    assert "# rebind-domain-ok=/corp.internal/" in text
    assert "stop-dns-rebind" not in directives(text)
    filtering = ("rebind", "private-address", "private-domain", "deny-answer", "except-from")
    for subject in SUBJECTS:
        without = directives(main_text(subject, with_config("conditional", private_addresses=())))
        assert not any(word in line for line in without for word in filtering)


def test_who_adds_protection_from_rebinding_is_told_whom_to_exempt() -> None:
    sitting = sittings("cluster-nat", "dns")[0]
    domain = "internet.intern.netz"
    assert f'// except-from {{ "{domain}"; }}' in main_text(BIND, sitting)
    assert f'# private-domain: "{domain}."\n' in main_text(UNBOUND, sitting)
    assert f"# rebind-domain-ok=/{domain}/\n" in main_text(DNSMASQ, sitting)
    for subject in SUBJECTS:
        assert "exempts them" in main_text(subject, sitting)
        # Nothing is forwarded by a rule of its own, so nothing is ours.
        assert "exempts them" not in main_text(subject, with_config("cluster-nat", forward=()))


def test_one_address_is_not_what_bind_can_give() -> None:
    one = with_config("forwarders", selection=Selection.ONE)
    assert "rrset-order { order random; };" in directives(main_text(BIND, one))
    every = with_config("forwarders", selection=Selection.ALL)
    assert "rrset-order { order cyclic; };" in directives(main_text(BIND, every))


def test_a_rule_that_an_own_zone_hides_is_left_out() -> None:
    for subject in (BIND, UNBOUND):
        text = main_text(subject, sittings("hosted", "dns")[0])
        assert not any("plain." in line for line in directives(text))
        assert "plain.widgets.tailspintoys.com." in text  # in a comment that says why
        assert any("hr.widgets" in line for line in directives(text))


def test_where_forwarding_ends_the_internets_servers_are_asked() -> None:
    sitting = sittings("conditional", "dns")[0]
    assert isinstance(sitting.config, ResolverConfig)
    internets = public_servers("public.tailspintoys.com", sitting.config, sitting.plan)
    assert len(internets) == 1
    assert f"stub-addr: {internets[0]}" in directives(main_text(UNBOUND, sitting))
    text = directives(main_text(BIND, sitting))
    at = text.index('zone "public.tailspintoys.com" {')
    assert text[at + 1 : at + 4] == [
        "type static-stub;",
        f"server-addresses {{ {internets[0]}; }};",
        "forwarders { };",
    ]
    # Those that a rule forwards to are private ones, and who has the root has everything.
    assert "10.20.0.11" not in internets
    assert public_servers("a.example", sitting.config, sitting.plan) == ()
    nobody = with_config("conditional", forward=(ForwardRule("a.example", ()),))
    assert "forwarders { };" in directives(main_text(BIND, nobody))
    assert "stub-zone:" not in directives(main_text(UNBOUND, nobody))


def test_what_has_no_end_cannot_be_delegated_to_clients() -> None:
    text = directives(main_text(UNBOUND, sittings("hosted", "dns")[0]))
    at = text.index('name: "sales.widgets.tailspintoys.com."')
    assert text[at + 1 : at + 3] == ["for-downstream: no", "for-upstream: no"]
    at = text.index('name: "kids.widgets.tailspintoys.com."')
    assert "for-downstream: yes" in text[at + 1 : at + 4]


# --- dnsmasq's own zones ----------------------------------------------------------------------


def dnsmasq_zone(records: str) -> list[str]:
    soa = "@ 60 SOA ns hostmaster 1 2 3 4 5\n@ 60 NS ns\nns 60 A 192.168.1.53\n"
    zone = HostedZone("corp.example", soa + records)
    return directives(main_text(DNSMASQ, with_config("forwarders", zones=(zone,))))


def test_dnsmasq_has_a_line_for_each_record() -> None:
    lines = dnsmasq_zone(
        "www 30 A 192.168.1.80\nwww 30 AAAA 2001:db8::80\nweb 30 CNAME www\n"
        "@ 60 MX 10 www\n_sip._tcp 60 SRV 1 2 5060 www\n4 60 PTR www\n@ 60 TXT hi\n"
    )
    wanted = {
        "local=/corp.example/",
        "host-record=www.corp.example,192.168.1.80,30",
        "host-record=www.corp.example,2001:db8::80,30",
        "cname=web.corp.example,www.corp.example,30",
        "mx-host=corp.example,www.corp.example,10",
        "srv-host=_sip._tcp.corp.example,www.corp.example,5060,1,2",
        "ptr-record=4.corp.example,www.corp.example",
        "dns-rr=corp.example,16,026869",
        "local-ttl=30",
    }
    assert wanted <= set(lines)


@pytest.mark.parametrize(
    ("records", "says"),
    [
        ("hr 60 NS ns.elsewhere.example.\n", "cannot delegate hr.corp.example"),
        ("old 60 DNAME other.example.\n", "no DNAME"),
        ("*.wild 60 A 192.0.2.1\n", "no wildcard"),
        ("out 60 CNAME www.example.com.\n", "leads elsewhere"),
    ],
)
def test_dnsmasq_declines_a_zone_that_it_cannot_serve(records: str, says: str) -> None:
    with pytest.raises(CannotFill, match=says):
        dnsmasq_zone(records)


@pytest.mark.parametrize(
    ("topology", "says"),
    [
        ("recursion-ipv6", "does not resolve names from the root servers"),
        ("forwarders-recursion", "once the last server has failed"),
    ],
)
def test_dnsmasq_declines_recursion(topology: str, says: str) -> None:
    with pytest.raises(CannotFill, match=says):
        DNSMASQ.render(sittings(topology, "dns")[0])


def test_dnsmasq_listens_on_one_port() -> None:
    listen = (Endpoint("192.168.1.53", 53), Endpoint("192.168.1.53", 54))
    with pytest.raises(CannotFill, match="one port, not on 53, 54"):
        DNSMASQ.render(with_config("forwarders", listen=listen))


def test_unbound_declines_what_its_zone_files_do_not_have() -> None:
    zone = HostedZone(
        "a.example", "@ 60 SOA a b 1 2 3 4 5\n@ 60 NS a\n$GENERATE 1-2 n$ 60 A 192.0.2.$\n"
    )
    with pytest.raises(CannotFill, match="no \\$GENERATE"):
        UNBOUND.render(with_config("forwarders", zones=(zone,)))


# --- the DNS translator -----------------------------------------------------------------------


def test_only_dnsmasq_rewrites_answers() -> None:
    sitting = sittings("cluster-nat", "translator")[0]
    assert isinstance(sitting.config, DnsTranslatorConfig)
    config = replace(sitting.config, rewrite=(("192.0.2.1", "192.0.2.2"),))
    for subject in (BIND, UNBOUND):
        with pytest.raises(CannotFill, match="RFC 2694"):
            subject.render(replace(sitting, config=config))
    assert "alias=192.0.2.1,192.0.2.2" in main_text(DNSMASQ, replace(sitting, config=config))


def test_aliases_that_the_host_has_not_end_at_the_translator() -> None:
    sitting = sittings("cluster-nat-aliases", "translator")[0]
    for subject in (BIND, DNSMASQ):
        daemon = subject.render(sitting)
        rules = dict(daemon.files)["dns-aliases.nft"]
        assert "ip daddr 192.168.1.101 tcp dport 53 redirect to :53" in rules
        assert ("nft", "-f", "{folder}/dns-aliases.nft") in daemon.prepare
        assert daemon.remove
        assert "192.168.1.100" not in daemon.files[0][1]
    text = directives(main_text(UNBOUND, sitting))
    assert "interface: 192.168.1.101" in text
    assert "ip-transparent: yes" in text
    for subject in SUBJECTS:
        plain = subject.render(sittings("cluster-nat", "translator")[0])
        assert not plain.remove
