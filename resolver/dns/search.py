"""Where a delegation's name servers are: addresses at hand, and those that must be looked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

from resolver import limits
from resolver.dns import names
from resolver.dns.asking import Budget, Resolution
from resolver.dns.cache import Route, Wishes
from resolver.dns.delegation import Delegation, NameServer
from resolver.dns.records import ADDRESS_TYPES, Type
from resolver.machine import Instant


@dataclass(frozen=True, slots=True)
class Pursuit:
    """The client's question that everything is done for."""

    budget: Budget
    sought: tuple[str, ...] = ()
    """Name servers whose addresses are being looked for, the outermost first."""
    aliased: bool = False
    """Whether an alias led to the name that is looked for."""
    unknown: bool = False
    """Whether nothing was known of the name when the question came, whatever is cached by now."""

    @property
    def ran_out(self) -> bool:
        """Whether a failure is one of the client's question, and not of the name looked for: what
        others led to may fail for what was spent on the way."""
        return self.budget.curtailed and (self.aliased or bool(self.sought))

    def allows(self, server: str) -> bool:
        """Whether the address of `server` may be looked for as well."""
        return server not in self.sought and len(self.sought) < limits.GLUELESS_DEPTH


class AddressBook(Protocol):
    """Where the addresses of name servers are found, by all the sources that the resolver has."""

    def is_there(self, name: str, wishes: Wishes, route: Route, now: Instant) -> bool:
        """Whether recursion on this route has learnt that `name` exists, with or without data."""
        ...

    def admits(self, name: str, route: Route) -> bool:
        """Whether `name` is one that recursion on this route may speak of."""
        ...

    def addresses_at_hand(self, name: str, rtype: int, now: Instant) -> tuple[str, ...]:
        """What is known without asking anybody."""
        ...

    def addresses_learnt(
        self, name: str, rtype: int, route: Route, now: Instant
    ) -> tuple[str, ...]:
        """What recursion on this very route has learnt."""
        ...

    def find_addresses(
        self, name: str, rtype: int, pursuit: Pursuit, now: Instant
    ) -> Resolution[tuple[tuple[str, ...], Instant]]:
        """Look for them; empty when there are none to be had."""
        ...


@dataclass(slots=True)
class ServerSearch:
    """The addresses of one delegation's servers, for one question."""

    book: AddressBook
    cut: Delegation
    route: Route
    pursuit: Pursuit
    own_addresses: frozenset[str]
    """Where we listen ourselves: a delegation to us by somebody else is no use."""
    _left: list[tuple[str, int]] = field(default_factory=list)
    """Name and address type, in the order in which they are looked for."""

    def at_hand(self, now: Instant) -> tuple[str, ...]:
        """What is known now; what is not will be looked for."""
        known: list[str] = []
        unknown: list[str] = []
        for server in self.cut.servers:
            found = [a for rtype in sorted(ADDRESS_TYPES) for a in self._known(server, rtype, now)]
            known += found
            # Without glue a server below the cut could only be found through itself.
            if not found and not names.is_at_or_below(server.name, self.cut.zone):
                unknown.append(server.name)
        allowed = [name for name in unknown if self.pursuit.allows(name)]
        sought = allowed[: limits.GLUELESS_PER_CUT]
        if len(sought) < len(unknown):
            self.pursuit.budget.curtailed = True
        self._left = [(name, rtype) for rtype in sorted(ADDRESS_TYPES) for name in sought]
        return self._not_ours(known)

    def goes_on(self) -> bool:
        """Whether there is anything left to look for."""
        return bool(self._left)

    def next_addresses(self, now: Instant) -> Resolution[tuple[tuple[str, ...], Instant]]:
        """Look for the next server's addresses; and when they were found, or not."""
        name, rtype = self._left.pop(0)
        pursuit = replace(self.pursuit, sought=(*self.pursuit.sought, name))
        found, now = yield from self.book.find_addresses(name, rtype, pursuit, now)
        return self._not_ours(found), now

    def _known(self, server: NameServer, rtype: int, now: Instant) -> tuple[str, ...]:
        """RFC 2181 5.4.1: what a name's own servers said of it counts more than glue; but what a
        forwarder said of it does not, or it could steer recursion (MaginotDNS)."""
        if not server.glue:
            return self.book.addresses_at_hand(server.name, rtype, now)
        glue = tuple(a for a in server.glue if (":" in a) == (rtype == Type.AAAA))
        return self.book.addresses_learnt(server.name, rtype, self.route, now) or glue

    def _not_ours(self, addresses: Iterable[str]) -> tuple[str, ...]:
        return tuple(a for a in addresses if a not in self.own_addresses)
