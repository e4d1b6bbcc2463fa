"""Every prefix and address of a topology, read and placed; what is wrong with them by themselves.

Later checks ask the survey only for what is sound, so one slip is reported once and not again as
whatever follows from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from lab.topology.addressing import Address, Prefix, address_of, alias_of, prefix_of
from lab.topology.model import SubCluster, Topology
from lab.topology.nodes import Node, Server
from lab.topology.problem import Problem, key, suggestion
from lab.topology.routing import Routing
from lab.topology.values import place_in


@dataclass(frozen=True, slots=True)
class Written:
    """An address as it stands in the file, on a network that exists."""

    node: Node
    network: str
    place: str
    address: Address
    is_alias: bool
    """Whether the translator, not the node itself, has it on the network."""


class Survey:
    """What the file says about prefixes and addresses."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.routing = Routing(topology)
        self.problems: list[Problem] = []
        self.prefixes = {
            name: tuple(self._prefixes(name, network.prefix))
            for name, network in topology.networks.items()
        }
        self._overlapping = self._overlaps()
        written = tuple(self._written())
        self._crowded = self._crowds(written)
        self.sound: tuple[Written, ...] = tuple(self._unique(filter(self._fits, written)))
        """The addresses with nothing wrong about them."""
        self._flawed = [one for one in written if one not in self.sound]
        self._questioned = {one.address for one in self._flawed}
        self._written_all = written
        self.doubtful: list[SubCluster] = []
        """Sub-clusters with something wrong, so that what follows from them is not judged."""

    def owner(self, address: Address) -> Written | None:
        """Who has the address on an interface."""
        return next(
            (one for one in self.sound if one.address == address and not one.is_alias), None
        )

    def doubt(self, part: SubCluster) -> None:
        """Something is wrong with the sub-cluster: no more is to be said of its servers' addresses
        and of the translator's."""
        if part not in self.doubtful:
            self.doubtful.append(part)
        members = self.topology.members(part)
        self._questioned |= {
            one.address
            for one in self._written_all
            if one.node in members or one.node.plays == "translator"
        } | {alias for alias in map(self.alias, members) if alias is not None}

    def questioned(self, address: Address) -> bool:
        """Whether something is wrong with this address already, so nobody has to say it again."""
        return address in self._questioned

    def flawed(self, server: Server) -> bool:
        """Whether one of the server's addresses is wrong by itself."""
        return any(one.node is server for one in self._flawed)

    def perhaps_misprinted(self, address: Address) -> bool:
        """Whether an address that nobody has may be what a flawed one was meant to be."""
        return any(self.holds(one.network, address) for one in self._flawed)

    def alias(self, server: Server) -> Address | None:
        """The server's alias by base + (number - 1); None without NAT or with a broken base."""
        part = self.topology.sub_cluster_of(server)
        base = address_of(part.alias_base or "") if part is not None else None
        if part is None or base is None or not self.holds(str(part.behind_nat_on), base):
            return None
        try:
            return alias_of(base, server.number)
        except ValueError:
            return None

    def behind_alias(self, address: Address) -> Server | None:
        """The server whose alias this is."""
        return next((one for one in self.topology.servers() if self.alias(one) == address), None)

    def holds(self, network: str, address: Address) -> bool:
        """Whether the address can be a machine's on the network."""
        return any(
            address in prefix and not _reserved(address, prefix)
            for prefix in self.prefixes.get(network, ())
            if prefix.version == address.version
        )

    def real(self, server: Server) -> tuple[Address, ...]:
        """The server's sound addresses on its sub-cluster's network."""
        part = self.topology.sub_cluster_of(server)
        return tuple(
            one.address
            for one in self.sound
            if one.node is server and part is not None and one.network == part.network
        )

    # --- prefixes -----------------------------------------------------------------------------

    def _prefixes(self, name: str, texts: tuple[str, ...]) -> Iterator[Prefix]:
        for position, text in enumerate(texts):
            place = place_in(f"networks.{key(name)}.prefix", position, texts)
            prefix = prefix_of(text)
            if prefix is None:
                self.problems.append(Problem(place, f'"{text}" is no prefix', _mended(text)))
            elif (
                prefix.is_loopback
                or prefix.is_multicast
                or prefix.is_unspecified
                or prefix.is_link_local
            ):
                self.problems.append(
                    Problem(
                        place,
                        f"{prefix} cannot be a network's prefix: it is loopback, multicast or "
                        "link-local",
                        'use one that machines can have, e.g. "192.168.1.0/24"',
                    )
                )
            else:
                yield prefix

    def _overlaps(self) -> set[frozenset[str]]:
        found: set[frozenset[str]] = set()
        for one, other in combinations(self.prefixes, 2):
            for ours in self.prefixes[one]:
                for theirs in self.prefixes[other]:
                    if ours.version != theirs.version or not ours.overlaps(theirs):
                        continue
                    if self._nat_between(one, other):
                        continue
                    found.add(frozenset((one, other)))
                    self.problems.append(
                        Problem(
                            f"networks.{key(other)}.prefix",
                            f"{theirs} overlaps {ours} of networks.{key(one)}, so a packet would "
                            "not know which of them to go to",
                            "give each network a prefix of its own",
                        )
                    )
        return found

    def _nat_between(self, one: str, other: str) -> bool:
        """Whether NAT hides the networks from one another: each is on the servers' side of a
        translator, and no packet finds its way between them. (From the servers' side to the
        viewers' it does: viewers' addresses are not translated.)"""
        hidden = {self.routing.realm(side) for _, _, side in self.routing.translators()}
        realms = {self.routing.realm(one), self.routing.realm(other)}
        return realms <= hidden and not self.routing.joined(one, other)

    # --- addresses ----------------------------------------------------------------------------

    def _written(self) -> Iterator[Written]:
        for index, node in enumerate(self.topology.nodes):
            own = self.routing.networks_of(node)
            for network, texts in node.addresses.items():
                where = f"nodes[{index}].addresses.{key(network)}"
                if network not in self.topology.networks:
                    self.problems.append(
                        Problem(
                            where,
                            f'there is no network "{network}"',
                            suggestion(network, self.topology.networks),
                        )
                    )
                    continue
                for position, text in enumerate(texts):
                    place = place_in(where, position, texts)
                    address = address_of(text)
                    if address is None:
                        self.problems.append(
                            Problem(place, f'"{text}" is no IP address', _mended_address(text))
                        )
                    else:
                        yield Written(node, network, place, address, network not in own)

    def _crowds(self, written: tuple[Written, ...]) -> set[tuple[str, int]]:
        """Networks, by IP version, with more machines than addresses."""
        found: set[tuple[str, int]] = set()
        for name, prefixes in self.prefixes.items():
            for prefix in prefixes:
                wanted = {
                    one.place
                    for one in written
                    if one.network == name and one.address.version == prefix.version
                }
                room = _room(prefix)
                if len(wanted) > room and len(prefixes) <= 2:
                    found.add((name, prefix.version))
                    self.problems.append(
                        Problem(
                            f"networks.{key(name)}.prefix",
                            f"{prefix} has room for {room} "
                            f"{'address' if room == 1 else 'addresses'}, and {len(wanted)} are on "
                            "it",
                            "write a shorter prefix length",
                        )
                    )
        return found

    def _fits(self, one: Written) -> bool:
        if (one.network, one.address.version) in self._crowded:
            return False
        prefixes = self.prefixes[one.network]
        if not prefixes:  # said of the network already
            return False
        if self._as_counted(one):
            # As counted: if it does not fit, then the base does not, and that is said there.
            return self.holds(one.network, one.address)
        within = [
            prefix
            for prefix in prefixes
            if prefix.version == one.address.version and one.address in prefix
        ]
        if not within:
            self.problems.append(
                Problem(
                    one.place,
                    f"{one.address} is outside networks.{key(one.network)} "
                    f"({', '.join(map(str, prefixes))})",
                    self._remedy(one),
                )
            )
            return False
        if self.holds(one.network, one.address):
            return True
        prefix = within[0]
        which = "network" if one.address == prefix.network_address else "broadcast"
        self.problems.append(
            Problem(
                one.place,
                f"{one.address} is the {which} address of {prefix}",
                "give the machine an address between the two ends of the prefix",
            )
        )
        return False

    def _as_counted(self, one: Written) -> bool:
        return one.is_alias and isinstance(one.node, Server) and self.alias(one.node) == one.address

    def _remedy(self, one: Written) -> str:
        alias = self.alias(one.node) if one.is_alias and isinstance(one.node, Server) else None
        if alias is not None and isinstance(one.node, Server):
            return (
                f"write {alias}, which is the alias base + {one.node.number - 1}, "
                "or leave it out: it is counted from the base"
            )
        return "correct the address, or the network's prefix"

    def _unique(self, candidates: Iterator[Written]) -> Iterator[Written]:
        seen: dict[Address, Written] = {}
        for one in candidates:
            first = seen.setdefault(one.address, one)
            if first is one:
                yield one
            elif self._as_counted(first) and self._as_counted(one):
                continue  # two bases give the same alias, and that is said of the bases
            elif frozenset((first.network, one.network)) not in self._overlapping:
                self.problems.append(
                    Problem(
                        one.place,
                        f"{one.address} is a duplicate of {first.place}",
                        "give every machine an address of its own",
                    )
                )


def members_by_number(survey: Survey, part: SubCluster) -> tuple[Server, ...]:
    """The servers of a sub-cluster, by number."""
    return tuple(sorted(survey.topology.members(part), key=lambda server: server.number))


def _reserved(address: Address, prefix: Prefix) -> bool:
    # RFC 3021: a /31 has two usable addresses, a /32 one. RFC 4291 2.6.1: in IPv6 the first address
    # is the routers' anycast address; there is no broadcast address.
    if prefix.num_addresses <= 2:
        return False
    if address == prefix.network_address:
        return True
    return prefix.version == 4 and address == prefix.broadcast_address


def _room(prefix: Prefix) -> int:
    if prefix.num_addresses <= 2:
        return prefix.num_addresses
    return prefix.num_addresses - (2 if prefix.version == 4 else 1)


def _mended(text: str) -> str:
    """What a broken prefix was probably meant to be."""
    head, slash, length = text.partition("/")
    address = address_of(head)
    if address is not None and not slash:
        return f'add its length, e.g. "{text}/24"' if address.version == 4 else "add its length"
    if address is not None and length.isdecimal() and int(length) <= address.max_prefixlen:
        host_bits = address.max_prefixlen - int(length)
        first = type(address)((int(address) >> host_bits) << host_bits)
        return f'write "{first}/{length}": the bits after the prefix are zero'
    return 'write one like "192.168.1.0/24"'


def _mended_address(text: str) -> str:
    head, slash, _ = text.partition("/")
    if slash and address_of(head) is not None:
        return f'write "{head}": the length stands at the network'
    return 'write one like "192.168.1.10"'
