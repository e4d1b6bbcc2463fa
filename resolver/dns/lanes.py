"""Which questions may go straight to a forwarder, and to whom."""

from __future__ import annotations

from typing import NamedTuple

from resolver.config import ResolverConfig
from resolver.dns.cache import Route
from resolver.dns.forwarding import ForwardTable
from resolver.dns.message import Rcode
from resolver.dns.names import ROOT
from resolver.dns.profiles import Timing
from resolver.machine import Duration, Endpoint


class Lane(NamedTuple):
    """What a resolution would ask first about names that one rule is for."""

    server: Endpoint
    route: Route
    wait_ns: Duration


class Lanes:
    """Those of one configuration; a changed one makes others."""

    def __init__(
        self,
        config: ResolverConfig,
        rules: ForwardTable,
        timing: Timing,
        next_on_rcodes: frozenset[int],
    ) -> None:
        self._lanes: dict[str, Lane | None] = {}
        if Rcode.NOERROR in next_on_rcodes:
            return  # an answer might be none
        for rule in rules:
            several_at_once = timing.together and len(rule.servers) > 1
            if not rule.servers or several_at_once or (config.recursion and rule.recursion):
                # The question ends here, goes to more than one, or might go on to somebody else
                # than the rule's servers.
                self._lanes[rule.zone] = None
                continue
            wait_ns = rule.timeout_ns or timing.timeout_ns(rule.zone)
            self._lanes[rule.zone] = Lane(
                rule.servers[0], Route(rule.zone), min(wait_ns, config.query_timeout_ns)
            )

    def lane(self, name: str) -> Lane | None:
        """The lane of the longest rule at or above `name` (normalised), if that has one."""
        lanes = self._lanes
        while name not in lanes:
            if name == ROOT:
                return None
            name = name.partition(".")[2] or ROOT
        return lanes[name]
