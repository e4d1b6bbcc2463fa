"""The rules by which the kernel translates, as the text of an nftables file.

Somebody careful would load the same in production, with his own interfaces' names. Every line that
is not obvious says why it is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_interface, ip_network

from lab.subjects.subject import CannotFill
from lab.topology.plan import PlannedNat, PlannedNode
from resolver.config import Behaviour, NaptConfig, NatConfig, PortChoice, Refusal
from resolver.limits import NAT_MAPPINGS, NAT_SESSIONS
from resolver.machine import SECOND, Duration

RFC5382_SILENCE_NS: Duration = 6 * SECOND
"""RFC 5382 REQ-4: how long an unsolicited SYN must not be answered."""

TABLE = "translator"
"""The name of our table; nothing else on the machine is touched."""


@dataclass(frozen=True, slots=True)
class Sides:
    """What a translator's rules are made of."""

    nat: PlannedNat
    config: NatConfig
    outside: str | None
    """The interface towards which NAPT translates; None without NAPT."""

    @classmethod
    def of(cls, node: PlannedNode, config: NatConfig) -> Sides:
        """Of a translator's node. Raises CannotFill."""
        if node.nat is None:
            raise CannotFill(f"{node.name} has no sides between which it translates")
        return cls(node.nat, config, _outside(node, config.napt))


def conntrack_rules(sides: Sides) -> str:
    """Stateful: the kernel follows each connection, and translates what belongs to it, errors with
    what they quote included."""
    return _file(
        "Basic NAT and NAPT by connection tracking.",
        (
            *_maps(sides.config.table),
            _chain("prerouting", "nat", "prerouting", "dstnat", "accept", _towards_real(sides)),
            _chain("postrouting", "nat", "postrouting", "srcnat", "accept", _towards_alias(sides)),
            _chain("forward", "filter", "forward", "filter", "drop", _passed_on(sides)),
        ),
    )


def stateless_rules(sides: Sides) -> str:
    """Stateless: each packet is rewritten by itself; no connection is followed."""
    if sides.config.napt is not None:
        raise CannotFill(
            "nftables without connection tracking has no state, and NAPT is state "
            "(RFC 3022 2.2: ports are shared out)"
        )
    nat = sides.nat
    servers = _set(real for _, real in sides.config.table)
    inward = (
        *_dns_ends_here(nat),
        '# What is to be translated is marked, for the chain "forward" to know it again.',
        "ip daddr @aliases meta mark set 1",
        "# First the destination, then no tracking: it would see other addresses on the way back.",
        "ip daddr set ip daddr map @real_of notrack",
        f'iifname "{nat.server_side}" ip saddr {servers} meta mark set 1 notrack',
    )
    outward = (
        f'oifname "{nat.client_side}" ip saddr set ip saddr map @alias_of',
        "# RFC 4787 REQ-9: a server that dials an alias shows its own one.",
        f'oifname "{nat.server_side}" meta mark 1 ip saddr set ip saddr map @alias_of',
    )
    forward = (
        "# The table is the whole mapping: what it does not name does not pass.",
        f"ip daddr {servers} meta mark 1 accept",
        f'iifname "{nat.server_side}" oifname "{nat.client_side}" meta mark 1 accept',
    )
    aliases = _set(alias for alias, _ in sides.config.table)
    return _file(
        "Basic NAT without state: one packet at a time. Errors pass with what they quote as it is.",
        (
            *_maps(sides.config.table),
            ("set aliases {", "\ttype ipv4_addr", f"\telements = {aliases}", "}"),
            _chain("prerouting", "filter", "prerouting", "raw", "accept", inward),
            _chain("postrouting", "filter", "postrouting", "srcnat", "accept", outward),
            _chain("forward", "filter", "forward", "filter", "drop", forward),
        ),
    )


def stopped_rules() -> str:
    """What holds while the translator is stopped: nothing passes, lest real addresses show."""
    return _file(
        "The translator is stopped: nothing passes untranslated.",
        (_chain("forward", "filter", "forward", "filter", "drop", ()),),
    )


# --- the stateful chains ----------------------------------------------------------------------


def _towards_real(sides: Sides) -> Iterator[str]:
    yield from _dns_ends_here(sides.nat)
    if sides.config.table:
        yield "dnat to ip daddr map @real_of"


def _towards_alias(sides: Sides) -> Iterator[str]:
    nat, napt = sides.nat, sides.config.napt
    if sides.config.table:
        yield "# What a server begins leaves as its alias; answers to viewers need no rule."
        yield f'oifname "{nat.client_side}" snat to ip saddr map @alias_of'
        yield "# RFC 4787 REQ-9: a server that dials an alias shows its own one."
        yield f'oifname "{nat.server_side}" ct status dnat snat to ip saddr map @alias_of'
    if napt is not None:
        yield "# RFC 3022 2.2: all others share outside addresses."
        yield (f'oifname "{sides.outside}" ip saddr {_set(napt.inside)} snat to {_shared(napt)}')
        if napt.hairpinning:
            yield "# RFC 4787 REQ-9: one of them that dials an alias shows the shared address."
            yield (
                f'oifname "{nat.server_side}" ct status dnat ip saddr {_set(napt.inside)} '
                f"snat to {_shared(napt)}"
            )


def _passed_on(sides: Sides) -> Iterator[str]:
    nat, napt = sides.nat, sides.config.napt
    yield "# RFC 5508 REQ-3, REQ-4: errors that are damaged, or about nothing we know."
    yield "ct state invalid drop"
    if napt is not None:
        yield from _no_more_than(napt, sides.outside)
        yield f'oifname "{sides.outside}" ip saddr {_set(napt.inside)} accept'
    yield "# The table is the whole mapping: what is not translated does not pass."
    yield "ct status snat,dnat accept"
    if sides.config.table:
        servers = _set(real for _, real in sides.config.table)
        yield f'iifname "{nat.server_side}" oifname "{nat.client_side}" ip saddr {servers} accept'


def _no_more_than(napt: NaptConfig, outside: str | None) -> Iterator[str]:
    """Nothing where no limit was chosen: the kernel has one of its own, nf_conntrack_max."""
    if (napt.most_mappings, napt.most_sessions) == (NAT_MAPPINGS, NAT_SESSIONS):
        return
    yield "# Where that many are open, one more is refused; those that there are go on, also those"
    yield "# without an answer yet, which are still new: so only what is not confirmed is counted."
    most = min(napt.most_mappings, napt.most_sessions)
    refusal = {Refusal.ICMP: "reject with icmp type admin-prohibited", Refusal.SILENT: "drop"}
    yield (
        f'ct status & confirmed != confirmed oifname "{outside}" ip saddr {_set(napt.inside)} '
        f"ct count over {most} {refusal[napt.when_full]}"
    )


# --- parts ------------------------------------------------------------------------------------


def _dns_ends_here(nat: PlannedNat) -> Iterator[str]:
    if nat.dns_aliases:
        yield "# Port 53 of these aliases ends at the DNS translator on this machine."
        yield f"ip daddr {_set(nat.dns_aliases)} meta l4proto {{ tcp, udp }} th dport 53 accept"


def _maps(table: Iterable[tuple[str, str]]) -> Iterator[tuple[str, ...]]:
    pairs = tuple(table)
    if not pairs:
        return
    yield _map("real_of", "Whom an alias address stands for (RFC 3022 2.1).", pairs)
    yield _map("alias_of", "The same from the other end.", [(real, alias) for alias, real in pairs])


def _map(name: str, why: str, pairs: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    return (
        f"# {why}",
        f"map {name} {{",
        "\ttype ipv4_addr : ipv4_addr",
        "\telements = {",
        *(f"\t\t{key} : {value}," for key, value in pairs),
        "\t}",
        "}",
    )


def _shared(napt: NaptConfig) -> str:
    """The shared addresses, with how ports are chosen."""
    if napt.ports is PortChoice.SEQUENTIAL:
        raise CannotFill("nftables has no sequential choice of ports")
    if napt.mapping is not Behaviour.ENDPOINT_INDEPENDENT:
        raise CannotFill(f"nftables cannot be told to map {napt.mapping.value}")
    if napt.filtering is Behaviour.ENDPOINT_INDEPENDENT:
        raise CannotFill("nftables lets in by a mapping only whom something was sent to")
    if napt.unsolicited_syn_ns < RFC5382_SILENCE_NS:
        raise CannotFill("nftables drops an unsolicited SYN and never answers it, sooner or later")
    flags = ["fully-random"] if napt.ports is PortChoice.RANDOM else []
    if len(napt.outside_addresses) > 1:
        flags.append("persistent")  # RFC 4787 REQ-2: one outside address for each machine
    return " ".join([_range(napt.outside_addresses), ",".join(flags)]).rstrip()


def _range(addresses: tuple[str, ...]) -> str:
    numbers = sorted(int(ip_interface(address)) for address in addresses)
    if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        raise CannotFill(
            f"the outside addresses {', '.join(addresses)} are no range without gaps, "
            "which is all that a rule of nftables can share out"
        )
    ends = [str(ip_interface(numbers[place]).ip) for place in (0, -1)]
    return ends[0] if len(numbers) == 1 else "-".join(ends)


def _outside(node: PlannedNode, napt: NaptConfig | None) -> str | None:
    """The interface on the side where nobody is inside."""
    if napt is None:
        return None
    inside = [ip_network(prefix) for prefix in napt.inside]
    for interface in node.interfaces:
        own = [ip_interface(text) for text in interface.addresses if ":" not in text]
        if own and not any(each.ip in prefix for each in own for prefix in inside):
            return interface.name
    raise CannotFill(f"{node.name} has no interface outside {', '.join(napt.inside)}")


def _set(members: Iterable[str]) -> str:
    return f"{{ {', '.join(members)} }}"


def _chain(
    name: str, kind: str, hook: str, priority: str, policy: str, rules: Iterable[str]
) -> tuple[str, ...]:
    return (
        f"chain {name} {{",
        f"\ttype {kind} hook {hook} priority {priority}; policy {policy};",
        *(f"\t{rule}" for rule in rules),
        "}",
    )


def _file(what: str, blocks: Iterable[tuple[str, ...]]) -> str:
    """Loading it takes the place of what the table held before, all at once."""
    lines = [
        "#!/usr/sbin/nft -f",
        f"# {what}",
        "",
        f"table ip {TABLE}",
        f"delete table ip {TABLE}",
        f"table ip {TABLE} {{",
    ]
    lines += "\n\n".join("\n".join(f"\t{line}" for line in block) for block in blocks).split("\n")
    return "\n".join([*lines, "}", ""])
