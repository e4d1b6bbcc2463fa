"""The kernel's rules for a translator: the whole text, and what it cannot be told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from capturing import plan_of
from golden import assert_golden

from lab.subjects.nftables import NFTABLES, NFTABLES_STATELESS
from lab.subjects.subject import CannotFill, Sitting, Subject
from lab.topology.plan import PlannedDaemon
from lab.worlds.mininet_settings import interface_settings, node_lines
from resolver.config import Behaviour, NaptConfig, NatConfig, PortChoice, Refusal


def sitting(topology: str, **napt: object) -> Sitting:
    plan = plan_of(topology)
    node = plan.node("translator")
    program = node.program("nat")
    assert program is not None
    config = program.config
    assert isinstance(config, NatConfig)
    if napt:
        assert isinstance(config.napt, NaptConfig)
        config = replace(config, napt=replace(config.napt, **napt))
    return Sitting("nat", plan, node, config)


def rules(daemon: PlannedDaemon) -> str:
    return daemon.files[0][1]


@pytest.mark.parametrize(
    ("subject", "topology"),
    [
        (NFTABLES, "cluster-nat"),
        (NFTABLES, "cluster-nat-aliases"),
        (NFTABLES, "napt"),
        (NFTABLES_STATELESS, "cluster-nat-aliases"),
    ],
    ids=lambda each: each if isinstance(each, str) else each.name,
)
def test_the_rules_are_as_somebody_careful_writes_them(subject: Subject, topology: str) -> None:
    assert_golden(f"{subject.name}_{topology}.nft", rules(subject.render(sitting(topology))))


def test_it_is_a_state_of_the_kernel_that_can_be_taken_back() -> None:
    daemon = NFTABLES.render(sitting("cluster-nat"))
    assert daemon.command == ()
    assert daemon.prepare == (("nft", "-f", "{folder}/nftables.conf"),)
    assert daemon.remove == (("nft", "-f", "{folder}/stopped.nft"),)
    assert daemon.reload == daemon.prepare[-1]
    stopped = dict(daemon.files)["stopped.nft"]
    assert "policy drop" in stopped
    assert "accept" not in stopped


def test_timers_are_those_of_the_topology() -> None:
    *settings, load = NFTABLES.render(sitting("napt")).prepare
    assert load[0] == "nft"
    told = {words[-1] for words in settings}
    assert {"net.netfilter.nf_conntrack_udp_timeout=300"} <= told
    assert {"net.netfilter.nf_conntrack_tcp_timeout_established=7440"} <= told
    assert {"net.netfilter.nf_conntrack_tcp_timeout_last_ack=240"} <= told
    assert {"net.netfilter.nf_conntrack_icmp_timeout=60"} <= told


def test_ports_may_be_kept() -> None:
    kept = rules(NFTABLES.render(sitting("napt", ports=PortChoice.PRESERVE)))
    assert "fully-random" in rules(NFTABLES.render(sitting("napt")))
    assert "fully-random" not in kept


def test_a_range_of_outside_addresses_is_shared_out_for_good() -> None:
    addresses = ("203.0.113.3", "203.0.113.2")
    text = rules(NFTABLES.render(sitting("napt", outside_addresses=addresses)))
    assert "snat to 203.0.113.2-203.0.113.3 fully-random,persistent" in text


def test_what_is_too_much_may_be_dropped_in_silence() -> None:
    assert "ct count" not in rules(NFTABLES.render(sitting("napt")))
    loud = rules(NFTABLES.render(sitting("napt", most_mappings=9)))
    silent = rules(NFTABLES.render(sitting("napt", when_full=Refusal.SILENT, most_sessions=7)))
    assert "ct count over 9 reject with icmp type admin-prohibited" in loud
    assert "ct count over 7 drop" in silent


@pytest.mark.parametrize(
    ("subject", "asked", "because"),
    [
        (NFTABLES, {"ports": PortChoice.SEQUENTIAL}, "no sequential choice"),
        (NFTABLES, {"mapping": Behaviour.ADDRESS_DEPENDENT}, "cannot be told to map address-dep"),
        (NFTABLES, {"outside_addresses": ("203.0.113.2", "203.0.113.9")}, "no range without gaps"),
        (NFTABLES, {"filtering": Behaviour.ENDPOINT_INDEPENDENT}, "only whom something was sent"),
        (NFTABLES, {"unsolicited_syn_ns": 10**9}, "drops an unsolicited SYN"),
        (NFTABLES, {"inside": ("0.0.0.0/0",)}, "no interface outside 0.0.0.0/0"),
        (NFTABLES_STATELESS, {}, "NAPT is state"),
    ],
)
def test_what_the_kernel_cannot_do_is_said(
    subject: Subject, asked: dict[str, object], because: str
) -> None:
    with pytest.raises(CannotFill, match=because):
        subject.render(sitting("napt", **asked))


def test_a_dns_alg_is_none_of_the_kernels() -> None:
    asked = sitting("cluster-nat")
    assert isinstance(asked.config, NatConfig)
    with pytest.raises(CannotFill, match="DNS_ALG"):
        NFTABLES.render(replace(asked, config=replace(asked.config, dns_alg=True)))


def test_a_users_rules_are_taken_as_they_are(tmp_path) -> None:
    theirs = tmp_path / "theirs.nft"
    theirs.write_text("table ip mine {}\n")
    daemon = NFTABLES.adopt(sitting("cluster-nat"), theirs)
    assert rules(daemon) == "table ip mine {}\n"
    assert daemon.overrides == ()


def test_where_the_kernel_translates_the_node_has_no_device() -> None:
    asked = sitting("cluster-nat-aliases")
    daemon = NFTABLES.render(asked)
    seated = replace(
        asked.node,
        programs=tuple(
            replace(each, daemon=daemon if each.name == "nat" else None)
            for each in asked.node.programs
        ),
    )
    lines = list(node_lines(asked.plan, seated))
    assert not any("nat0" in line for line in (*lines, *interface_settings(seated)))
    assert any("nat0" in line for line in node_lines(asked.plan, asked.node))
    for alias in ("192.168.1.100", "192.168.1.101", "192.168.1.102"):
        assert f"neighbour add proxy {alias} dev translator-eth0" in lines
        assert f"route replace {alias}/32 dev translator-eth1" in lines
    assert "rule add pref 10 to 192.168.1.100 dport 53 ipproto udp table 53" in lines
