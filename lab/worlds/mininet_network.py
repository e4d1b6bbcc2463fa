"""Mininet's network of a plan, built in a few calls.

Plain Mininet starts a shell on a terminal for each node and runs two to five commands in it for
each interface; with ten hosts that is 0.6 s. Here nodes get a shell when somebody types into one,
and all devices, addresses and routes go to `ip -batch`, once for the switches and once for each
node. What comes out is a Mininet object like any other: `net.get("viewer").popen(...)`, `net.ping`
and Mininet's CLI work.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

from mininet.link import Intf, Link
from mininet.net import Mininet
from mininet.node import Node, Switch

from lab.topology.plan import Plan
from lab.worlds import mininet_settings as settings
from lab.worlds.mininet_carrying import has_carrier, switch_offloads_off, wait_until_carrying
from lab.worlds.mininet_commands import load_rules, run_batch, run_batches
from lab.worlds.mininet_wires import Means, Wires, ends_of
from lab.worlds.namespaces import inside, open_network
from lab.worlds.world import WorldBroken, WorldUnavailable

_SYSCTL = Path("/proc/sys/net")

# Mininet's own initialisation raises limits of the whole host, which a world must leave alone.
Mininet.inited = True


class _ShellOnDemand(Node):  # type: ignore[misc]  # Mininet has no types
    """A node whose shell starts with the first command typed into it."""

    isSetup = True  # noqa: N815 - Mininet's name; our probe has looked for the tools already
    inNamespace: bool  # noqa: N815 - Mininet's name

    def startShell(self, mnopts: str | None = None) -> None:  # noqa: N802 - Mininet's name
        """Start what keeps the node alive, not a shell."""
        del mnopts
        self.holder: subprocess.Popen[bytes] | None = None
        self.pid = os.getpid()
        if self.inNamespace:
            # -d: a session of its own; -n: new network and mount namespaces; -p: says so when
            # they are there.
            self.holder = subprocess.Popen(
                ["mnexec", "-dnp", "sleep", "infinity"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
            )
            self.pid = self.holder.pid

    def wait_until_alive(self) -> None:
        """Return when the node's namespaces are there."""
        if self.holder is None or self.holder.stdout is None:
            return
        with self.holder.stdout as said:
            if not said.readline().startswith(b"\x01"):
                raise WorldBroken(f"{self.name}: mnexec made no namespaces")

    def sendCmd(self, *args: Any, **kwargs: Any) -> None:  # noqa: N802 - Mininet's name
        """As Mininet's, with a shell by now."""
        self._need_shell()
        super().sendCmd(*args, **kwargs)

    def cmd(self, *args: Any, **kwargs: Any) -> Any:
        """As Mininet's, with a shell by now."""
        self._need_shell()
        return super().cmd(*args, **kwargs)

    def _need_shell(self) -> None:
        if self.shell:
            return
        # Mininet starts a node's shell in new namespaces (-n) or in ours; ours is to go where the
        # holder is, and `pid` stays the holder's, for everything else that enters the node.
        pid, fresh = self.pid, self.inNamespace
        self.inNamespace = False
        try:
            super().startShell(f"-cda{pid}" if self.holder else "-cd")
        finally:
            self.pid, self.inNamespace = pid, fresh

    def terminate(self) -> None:
        """End the shell, if there is one, and the node."""
        super().terminate()
        if self.holder:
            self.holder.kill()

    def wait_until_gone(self) -> None:
        """Return when the node's process has ended."""
        if self.holder:
            self.holder.wait()


class PlanHost(_ShellOnDemand):
    """A Mininet host."""


class PlanSwitch(_ShellOnDemand, Switch):  # type: ignore[misc]  # Mininet has no types
    """A Linux bridge, as `mininet.nodelib.LinuxBridge`, that the batch has made already."""

    def __init__(
        self,
        name: str,
        dpid: str | None = None,
        opts: str = "",
        listenPort: int | None = None,  # noqa: N803 - Mininet's name
        **params: Any,
    ) -> None:
        """As Mininet's, which starts a shell to bring the loopback up: that is up already."""
        Node.__init__(self, name, **params)
        self.dpid = self.defaultDpid(dpid)
        self.opts = opts
        self.listenPort = listenPort
        self.controlIntf = _PlanInterface("lo", self, port=0)

    def start(self, _controllers: object) -> None:
        """Nothing is left to do."""

    def stop(self, deleteIntfs: bool = True) -> None:  # noqa: N803 - Mininet's name
        """Nothing: `PlanNet.stop` removes all devices together."""

    def dpctl(self, *args: str) -> Any:
        """Run a brctl command, as Mininet's bridge does."""
        return self.cmd("brctl", *args)


class _PlanInterface(Intf):  # type: ignore[misc]  # Mininet has no types
    """An interface that the batch configures."""

    def config(self, **_params: object) -> dict[str, object]:
        """Nothing now."""
        return {}


class _PlanCable(Link):  # type: ignore[misc]  # Mininet has no types
    """A cable that the batch lays."""

    @classmethod
    def makeIntfPair(cls, *_args: object, **_kwargs: object) -> None:  # noqa: N802
        """Nothing now."""


class PlanNet(Mininet):  # type: ignore[misc]  # Mininet has no types
    """The Mininet network of a plan. `start()` returns when it carries."""

    def __init__(self, plan: Plan, means: Mapping[str, Means], seed: int) -> None:
        """Nodes come alive here, without waiting for each; `build` does the rest. `means`: by what
        the links of interfaces can get bad."""
        if shutil.which("mnexec") is None:
            raise WorldUnavailable(
                "mnexec is missing: apt-get install --no-install-recommends mininet"
            )
        super().__init__(
            host=PlanHost,
            switch=PlanSwitch,
            link=_PlanCable,
            intf=_PlanInterface,
            controller=None,
            build=False,
        )
        self.plan = plan
        self.home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.namespaces: dict[str, int] = {}
        self.means = means
        self.ports: dict[str, tuple[str, ...]] = {}
        """Node → the far ends of its interfaces' cables, in their order."""
        self._switch_ports: dict[str, str] = {}
        """Interface → the port of the switch that its link leads to."""
        self._seed = seed
        self._wires: Wires | None = None
        for position, network in enumerate(plan.networks, 1):
            self.addSwitch(network.switch, dpid=f"{position:x}")
        for node in plan.nodes:
            self.addHost(node.name, ip=None)
        self._cable()

    def _cable(self) -> None:
        networks = {network.name: network for network in self.plan.networks}
        count = dict.fromkeys(networks, 0)
        for place, node in enumerate(self.plan.nodes):
            ports = []
            for position, interface in enumerate(node.interfaces):
                network = networks[interface.network]
                count[network.name] += 1
                port = settings.port_name(network, count[network.name])
                self._switch_ports[interface.name] = port
                ports.append(ends_of(port)[0] if interface.name in self.means else port)
                link = self.addLink(
                    node.name,
                    network.switch,
                    intfName1=interface.name,
                    intfName2=port,
                    addr1=settings.link_address(place, position),
                )
                first = next(iter(interface.addresses), None)
                if first:
                    link.intf1.ip, link.intf1.prefixLen = first.split("/")
            self.ports[node.name] = tuple(ports)

    def build(self) -> None:
        """Make everything the plan says and wait until every network carries."""
        for host in self.hosts:
            host.wait_until_alive()
            self.namespaces[host.name] = open_network(host.pid)
        self._write_settings(settings.switch_settings())
        for node in self.plan.nodes:
            with self.inside(node.name):
                self._write_settings(settings.node_settings(node))
        holders = {host.name: host.pid for host in self.hosts}
        run_batch("ip", "switches", settings.switch_lines(self.plan, holders, self.means))
        run_batches(
            "ip",
            [
                (node.name, partial(self.inside, node.name), settings.node_lines(self.plan, node))
                for node in self.plan.nodes
            ],
        )
        self._raise_firewalls()
        for node in self.plan.nodes:
            with self.inside(node.name):
                self._write_settings(settings.interface_settings(node))
                switch_offloads_off(interface.name for interface in node.interfaces)
        self._lay_wires()
        self.wait_until_carrying()
        self.wires.check()
        self.built = True

    def _lay_wires(self) -> None:
        interfaces = {
            interface.name: interface for node in self.plan.nodes for interface in node.interfaces
        }
        self._wires = Wires(interfaces, self.means, self._switch_ports, self._seed)

    @property
    def wires(self) -> Wires:
        """What links get bad by."""
        if self._wires is None:
            raise WorldBroken("the network was not built")
        return self._wires

    def inside(self, node: str) -> AbstractContextManager[None]:
        """Be in a node's network namespace for a while."""
        return inside(self.namespaces[node], self.home)

    def has_carrier(self, node: str, interface: str) -> bool:
        """Whether an interface is in working order, as the node's own stack sees it."""
        with self.inside(node):
            return has_carrier(interface)

    def wait_until_carrying(
        self, without: Collection[str] = (), down: Collection[str] = ()
    ) -> None:
        """Return when every node, but those that are off and interfaces that are down, hears every
        other one on its networks. Raises WorldBroken after a few seconds."""
        standing = {
            interface.name
            for node in self.plan.nodes
            for interface in node.interfaces
            if node.name not in without and interface.name not in down
        }
        wait_until_carrying(self.plan, self.inside, standing)

    @staticmethod
    def _write_settings(values: dict[str, str]) -> None:
        for key, value in values.items():
            path = _SYSCTL / key.rstrip("?")
            if key.endswith("?") and not path.exists():
                continue
            try:
                path.write_text(value)
            except OSError as error:
                if not key.endswith("?"):
                    raise WorldBroken(f"{path} = {value}: {error.strerror}") from error

    def _raise_firewalls(self) -> None:
        for node in self.plan.nodes:
            rules = settings.firewall_rules(node)
            if rules is not None:
                with self.inside(node.name):
                    load_rules(node.name, rules)

    def stop(self) -> None:
        """End every node and remove every device. Ends no process but those of this network."""
        if self._wires is not None:
            self._wires.stop()
        for host in self.hosts:
            host.terminate()
        for switch in self.switches:
            switch.terminate()
        for descriptor in self.namespaces.values():
            os.close(descriptor)
        self.namespaces.clear()
        subprocess.run(
            ["ip", "link", "delete", "group", str(settings.DEVICES)],
            check=False,
            capture_output=True,
        )
        for host in self.hosts:
            host.wait_until_gone()
        os.close(self.home)
