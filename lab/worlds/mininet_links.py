"""Cables of a Mininet world: taken off, put back, made bad and mended."""

from __future__ import annotations

from functools import partial

from lab.scenario.impairments import Direction, Impairment
from lab.topology.plan import Plan, PlannedInterface
from lab.worlds import mininet_settings as settings
from lab.worlds.mininet_commands import run_batch, run_batches
from lab.worlds.mininet_network import PlanNet
from lab.worlds.world import WorldBroken
from resolver.machine import MILLISECOND, SECOND, Duration
from resolver.shells.loop import Loop

_CARRIER_WITHIN_NS: Duration = 5 * SECOND


class Links:
    """The cables between nodes and switches. Calls return when the nodes' stacks have noticed."""

    def __init__(self, plan: Plan, net: PlanNet, loop: Loop) -> None:
        self._plan = plan
        self._net = net
        self._loop = loop
        self._without_power: set[str] = set()
        self._down: set[str] = set()

    def set_power(self, node: str, *, on: bool) -> None:
        """Take the node's cables off at the switch, or put them back.

        The node loses its carrier and keeps its addresses and routes, as a machine does whose
        switch went dark. Returns when its stack has noticed, or when the network carries again.
        """
        state = "up" if on else "down"
        run_batch("ip", node, [f"link set dev {port} {state}" for port in self._net.ports[node]])
        if on:
            self._without_power.discard(node)
            self._wait_until_carrying()
            return
        self._without_power.add(node)
        cables = [
            interface.name
            for interface in self._plan.node(node).interfaces
            if interface.name not in self._down
        ]
        self.await_carrier(node, cables, expected=False)

    def set_link(self, node: str, interface: str, *, up: bool) -> None:
        """Take an interface down, or up again with the routes that the kernel took away."""
        if up:
            lines = settings.plugging_lines(self._plan.node(node), interface)
        else:
            lines = iter((f"link set dev {interface} down",))
        run_batches("ip", [(node, partial(self._net.inside, node), lines)])
        if up:
            self._down.discard(interface)
            self._wait_until_carrying()
        else:
            self._down.add(interface)

    def set_mtu(self, node: str, interface: str, mtu: int | None) -> None:
        """Set the MTU of a node's end."""
        line = f"link set dev {interface} mtu {mtu or settings.USUAL_MTU}"
        run_batches("ip", [(node, partial(self._net.inside, node), [line])])

    def impair(
        self, interface: PlannedInterface, direction: Direction, impairment: Impairment | None
    ) -> None:
        """Make a link bad in one direction; None: as planned."""
        self._net.wires.impair(interface.name, direction, impairment)

    def await_carrier(self, node: str, interfaces: list[str], *, expected: bool) -> None:
        """Return when the node's own stack sees these interfaces in working order, or out of it.
        Raises WorldBroken after 5 s."""
        deadline = self._loop.now() + _CARRIER_WITHIN_NS
        while any(self._net.has_carrier(node, each) is not expected for each in interfaces):
            if self._loop.now() > deadline:
                state = "no carrier" if expected else "carrier still"
                raise WorldBroken(f"{node}: {state} on {', '.join(interfaces)}")
            self._loop.run_until(lambda: False, self._loop.now() + MILLISECOND)

    def _wait_until_carrying(self) -> None:
        self._net.wait_until_carrying(without=self._without_power, down=self._down)
