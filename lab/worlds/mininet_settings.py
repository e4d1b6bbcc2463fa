"""What a plan means to the kernel: the lines `ip -batch` gets, and the values in /proc/sys/net.

Pure text from a plan, so a test can read it. Each setting says why a lab needs it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_address, ip_interface

from lab.topology.plan import Plan, PlannedNat, PlannedNetwork, PlannedNode
from lab.worlds.mininet_wires import Means, bridge_of, ends_of
from lab.worlds.world import WorldBroken
from resolver.config import NatConfig

# Routing tables and rule positions of a translator. The table `local` is looked at before all of
# them (position 0), so what is for the node itself never gets here; `main` comes after (32766).
_DNS_ALIASES = 53
_INTO_TRANSLATOR = 54

USUAL_MTU = 1500
"""Octets of the largest IP packet that an Ethernet frame takes."""

SILENCE = """
table inet silence {
  chain output {
    type filter hook output priority filter; policy accept;
    meta l4proto tcp tcp flags & rst == rst drop
    meta l4proto icmp icmp type destination-unreachable drop
  }
}
"""
"""What `nft -f` gets on a node that is to refuse nothing. Bare packets do not pass it: they leave
by packet sockets."""

_NO_MEANS: Mapping[str, Means] = {}

DEVICES = 7
"""Device group of a world's bridges and ports: one request removes them all together."""


def port_name(network: PlannedNetwork, position: int) -> str:
    """The switch's end of the cable of the `position`-th interface on a network (from 1)."""
    return f"{network.switch}-eth{position}"


def link_address(node: int, interface: int) -> str:
    """The MAC address of a node's interface, by their positions in the plan. The same in every
    run, locally administered (IEEE 802: second-lowest bit of the first octet)."""
    return f"02:00:00:{node >> 8:02x}:{node & 0xFF:02x}:{interface:02x}"


def switch_settings() -> dict[str, str]:
    """/proc/sys/net of the namespace the switches live in."""
    return {
        # Switches have no addresses; without this the kernel's own multicast goes out of each port.
        "ipv6/conf/all/disable_ipv6": "1",
        "ipv6/conf/default/disable_ipv6": "1",
        # Otherwise bridged frames pass the host's packet filter. Absent without br_netfilter.
        "bridge/bridge-nf-call-iptables?": "0",
        "bridge/bridge-nf-call-ip6tables?": "0",
        "bridge/bridge-nf-call-arptables?": "0",
    }


def node_settings(node: PlannedNode) -> dict[str, str]:
    """/proc/sys/net of a node, to be written before it has interfaces: these inherit `default`.
    A key that ends in "?" may be missing from the kernel."""
    forwards = "1" if node.forwards or node.nat else "0"
    settings = {
        "ipv4/ip_forward": forwards,
        "ipv6/conf/all/forwarding": forwards,
        # The lab's own bursts are on purpose, and each error is evidence: no rate limit on them.
        "ipv4/icmp_ratelimit": "0",
        "ipv4/icmp_msgs_per_sec?": "100000",
        "ipv4/icmp_msgs_burst?": "10000",
        "ipv6/icmp/ratelimit": "0",
        # Since Linux 6.5 the first SYNs are repeated every second. RFC 6298 5.5, and Debian 12's
        # kernel: after 1, 3, 7 s. The same on every host.
        "ipv4/tcp_syn_linear_timeouts?": "0",
    }
    # Without addresses of its own IPv6 would still announce itself (MLD) in every capture.
    without_ipv6 = "0" if any(":" in address for address in node.addresses()) else "1"
    for scope in ("all", "default"):
        settings |= {
            f"ipv6/conf/{scope}/disable_ipv6": without_ipv6,
            # Packets that come out of the translator's device look spoofed to the reverse path.
            f"ipv4/conf/{scope}/rp_filter": "0",
            f"ipv4/conf/{scope}/send_redirects": "0",
            # Addresses work at once, and nothing but the plan gives a node addresses or routes.
            f"ipv6/conf/{scope}/accept_dad": "0",
            f"ipv6/conf/{scope}/accept_ra": "0",
            f"ipv6/conf/{scope}/autoconf": "0",
            f"ipv6/conf/{scope}/router_solicitations": "0",
            # An interface that goes down keeps its addresses, as it does in IPv4.
            f"ipv6/conf/{scope}/keep_addr_on_down": "1",
            # Made of the MAC address: a router asks for neighbours from its link-local address.
            f"ipv6/conf/{scope}/addr_gen_mode": "0",
        }
    if node.nat:
        # An error about a translated packet leaves from the device's address, the server-side one,
        # and so is seen by the translator; see `_nat_lines`.
        settings["ipv4/icmp_errors_use_inbound_ifaddr"] = "1"
    return settings


def interface_settings(node: PlannedNode) -> dict[str, str]:
    """/proc/sys/net of a node that has its interfaces."""
    if node.nat is None:
        return {}
    # A proxy waits up to 0.8 s before it answers ARP, lest many answer at once; here is one.
    settings = {f"ipv4/neigh/{node.nat.client_side}/proxy_delay": "0"}
    if node.tun:
        # The translator sends errors in its node's own name, which looks spoofed to the kernel.
        settings[f"ipv4/conf/{node.tun}/accept_local"] = "1"
    return settings


def switch_lines(
    plan: Plan, holders: Mapping[str, int | str], means: Mapping[str, Means] = _NO_MEANS
) -> Iterator[str]:
    """`ip` commands that make switches and cables. `holders`: a process in each node's
    namespace, or the namespace's name; the node's end of a cable is born there. `means`: the
    interfaces whose links can get bad, and by what."""
    for network in plan.networks:
        # No spanning tree and no forward delay: a port forwards as soon as it is up. No snooping:
        # the bridge would take part in multicast itself.
        yield (
            f"link add name {network.switch} group {DEVICES} type bridge "
            "stp_state 0 forward_delay 0 mcast_snooping 0"
        )
        yield f"link set dev {network.switch} up"
    positions = {network.name: 0 for network in plan.networks}
    networks = {network.name: network for network in plan.networks}
    for node_position, node in enumerate(plan.nodes):
        for position, interface in enumerate(node.interfaces):
            network = networks[interface.network]
            positions[network.name] += 1
            port = port_name(network, positions[network.name])
            by = means.get(interface.name)
            yield (
                f"link add name {interface.name} netns {holders[node.name]} "
                f"address {link_address(node_position, position)} "
                f"type veth peer name {ends_of(port)[0] if by else port} group {DEVICES}"
            )
            if by:
                yield from _wire_lines(port, by)
            yield f"link set dev {port} master {network.switch} up"


def _wire_lines(port: str, by: Means) -> Iterator[str]:
    near, far = ends_of(port)
    yield f"link add name {far} group {DEVICES} type veth peer name {port} group {DEVICES}"
    master = ""
    if by == "netem":
        bridge = bridge_of(port)
        yield (
            f"link add name {bridge} group {DEVICES} type bridge "
            "stp_state 0 forward_delay 0 mcast_snooping 0"
        )
        yield f"link set dev {bridge} up"
        master = f" master {bridge}"
    yield f"link set dev {near}{master} up"
    yield f"link set dev {far}{master} up"


def node_lines(plan: Plan, node: PlannedNode) -> Iterator[str]:
    """`ip` commands that give a node, from inside, its addresses and routes."""
    yield "link set dev lo up"
    for prefix in node.prefixes:
        # Every address of it is the node's own, without being given one by one.
        yield f"route add local {prefix} dev lo"
    for interface in node.interfaces:
        for address in interface.addresses:
            once = " nodad" if ":" in address else ""
            yield f"address add {address} dev {interface.name}{once}"
        yield f"link set dev {interface.name} up"
    if node.tun:
        yield f"tuntap add dev {node.tun} mode tun"
        yield f"link set dev {node.tun} up"
    for route in node.routes:
        where = f"via {route.via}" if route.via else f"dev {route.device}"
        yield f"route replace {route.destination} {where}"
    yield from _nat_lines(plan, node)


def plugging_lines(node: PlannedNode, interface: str) -> Iterator[str]:
    """`ip` commands that take an interface up again and give back what it took along when it went
    down: routes over a next hop there, and the neighbours it answered for."""
    yield f"link set dev {interface} up"
    prefixes = [
        ip_interface(address).network
        for each in node.interfaces
        if each.name == interface
        for address in each.addresses
    ]
    for route in node.routes:
        if route.via and any(ip_address(route.via) in prefix for prefix in prefixes):
            yield f"route replace {route.destination} via {route.via}"
    if node.nat and node.nat.client_side == interface:
        for alias in node.nat.aliases:
            yield f"neighbour replace proxy {alias} dev {interface}"


def _nat_lines(plan: Plan, node: PlannedNode) -> Iterator[str]:
    """The kernel around a translator: what crosses between the realms passes its device, in both
    directions, the kernel's own errors about it too. Nothing else does. Where the kernel itself
    translates, it answers for the aliases, and there is no device."""
    nat = node.nat
    if nat is None:
        return
    if node.tun is None:
        yield from _kernel_nat_lines(nat)
        return
    program = node.program("nat")
    if program is None or not isinstance(program.config, NatConfig):
        raise WorldBroken(f"{node.name}: the plan has a NAT device and no NAT program for it")
    own = program.config.server_side_address
    yield f"address add {own}/{_full_length(own)} dev {nat.device}"
    for alias in nat.aliases:
        yield f"route replace {alias}/{_full_length(alias)} dev {nat.device}"
        # Answers ARP for this address alone, unlike the proxy_arp switch.
        yield f"neighbour add proxy {alias} dev {nat.client_side}"
    yield from _dns_alias_lines(nat)
    yield f"rule add pref 20 iif {nat.server_side} table {_INTO_TRANSLATOR}"
    # NAT-02, ICM-02: an error of this kernel's about a translated packet quotes a real address
    # and goes to the client side; its source is the device's (icmp_errors_use_inbound_ifaddr).
    yield f"rule add pref 21 iif lo from {own} ipproto icmp table {_INTO_TRANSLATOR}"
    for prefix in _realm_of(plan, node, nat.server_side):
        yield f"route add throw {prefix} table {_INTO_TRANSLATOR}"
    yield f"route add default dev {nat.device} table {_INTO_TRANSLATOR}"


def _kernel_nat_lines(nat: PlannedNat) -> Iterator[str]:
    for alias in nat.aliases:
        # The kernel answers ARP for an address that is elsewhere. By the time a packet is routed,
        # the rules have put the real address in; one without an entry meets a rule that drops it.
        yield f"route replace {alias}/{_full_length(alias)} dev {nat.server_side}"
        yield f"neighbour add proxy {alias} dev {nat.client_side}"
    yield from _dns_alias_lines(nat)


def _dns_alias_lines(nat: PlannedNat) -> Iterator[str]:
    for alias in nat.dns_aliases:
        for transport in ("udp", "tcp"):
            yield f"rule add pref 10 to {alias} dport 53 ipproto {transport} table {_DNS_ALIASES}"
        yield f"route add local {alias} dev lo table {_DNS_ALIASES}"


def _realm_of(plan: Plan, node: PlannedNode, interface: str) -> Iterator[str]:
    """All IPv4 prefixes of the address realm that an interface is in."""
    name = next(each.network for each in node.interfaces if each.name == interface)
    realm = next(network.realm for network in plan.networks if network.name == name)
    for network in plan.networks:
        if network.realm == realm:
            yield from (prefix for prefix in network.prefixes if ":" not in prefix)


def _full_length(address: str) -> int:
    return 128 if ":" in address else 32


def firewall_rules(node: PlannedNode) -> str | None:
    """What `nft -f` gets on a router with a firewall: each packet is looked at by itself, and what
    is dropped is dropped silently (document B, first paragraph)."""
    firewall = node.firewall
    if firewall is None:
        return None
    outside, dns = f'"{firewall.outside}"', "meta l4proto { tcp, udp } th"
    sets, drops = [], []
    for version, family, kind in ((4, "ip", "ipv4_addr"), (6, "ip6", "ipv6_addr")):
        members = [
            address for address in firewall.dns_only_from if (":" in address) == (version == 6)
        ]
        elements = f" elements = {{ {', '.join(members)} }}" if members else ""
        sets.append(f"  set designated{version} {{ type {kind};{elements} }}")
        for port in ("sport", "dport"):
            ours = f"{family} %s != @designated{version} {dns} {port} 53 drop"
            drops += [
                f"    iifname != {outside} oifname {outside} {ours % 'saddr'}",
                f"    iifname {outside} oifname != {outside} {ours % 'daddr'}",
            ]
    return "\n".join(
        [
            "table inet firewall {",
            *sets,
            "  chain forward {",
            "    type filter hook forward priority filter; policy accept;",
            *drops,
            "  }",
            "}",
            "",
        ]
    )
