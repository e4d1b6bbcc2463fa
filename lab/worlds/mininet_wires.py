"""Links that can get bad in a Mininet world: two cables and something between them.

    node ══ near | far ══ switch

Between near and far sits a bridge with netem on both sides where the kernel has netem and netem can
do what is asked, and a process of ours (`lab.worlds.wire`) otherwise. Captures are taken at the
node's own interface, so they show what a node sent even when it is lost right behind it.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import socket
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from lab.scenario.impairments import Direction, Impairment
from lab.topology.plan import Plan, PlannedInterface
from lab.worlds.child import interrupts_held, live_as
from lab.worlds.mininet_commands import run_batch
from lab.worlds.namespaces import die_with_parent
from lab.worlds.wire import Ends, Order, Report, serve
from lab.worlds.world import WorldBroken
from resolver.machine import MILLISECOND, Duration

Means: TypeAlias = Literal["netem", "wire"]

LATE_NS: Duration = 50 * MILLISECOND
"""A frame that our wire passes on later than this after its time makes the run BROKEN: it is as
much as the judge allows one process for being woken (`lab.judge.bounds.EARLY_ALLOWANCE_NS`)."""

_ANSWER_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Review:
    """How our own wires did, all together."""

    dropped: int = 0
    """Frames they had no room for."""
    late_ns: Duration = 0
    """The most by which a frame was passed on too late."""
    problems: tuple[str, ...] = ()
    """What breaks the run."""


def means_of(
    plan: Plan,
    may_impair: Mapping[str, tuple[Impairment, ...]],
    has_netem: Callable[[], bool],
) -> dict[str, Means]:
    """Interface → what its link gets bad by: those that steps may impair, and those to which the
    plan gives a delay or a rate. netem cannot count packets. The kernel is asked only if there is
    such a link."""
    counting = {
        interface.name: any(each.counts for each in may_impair.get(interface.name, ()))
        for node in plan.nodes
        for interface in node.interfaces
        if interface.delay_ns or interface.rate_bit_s or interface.name in may_impair
    }
    netem = bool(counting) and has_netem()
    return {name: "netem" if netem and not counts else "wire" for name, counts in counting.items()}


def ends_of(port: str) -> Ends:
    """Names of the two cable ends between a node and this port of a switch."""
    return f"{port}n", f"{port}f"


def bridge_of(port: str) -> str:
    """Name of the bridge between them, where netem does the work."""
    return f"{port}j"


class Wires:
    """The process of ours, and what the kernel was told. `ports`: interface → its switch port."""

    def __init__(
        self,
        interfaces: Mapping[str, PlannedInterface],
        means: Mapping[str, Means],
        ports: Mapping[str, str],
        seed: int,
    ) -> None:
        self._interfaces = interfaces
        self._means = means
        self._ports = ports
        self._seed = seed
        self._turns: Counter[tuple[str, Direction]] = Counter()
        self.process_id = 0
        """Of our own wires; 0 where there are none."""
        self._control: socket.socket | None = None
        links = {name: ends_of(ports[name]) for name, each in means.items() if each == "wire"}
        if links:
            self._start(links)
        for name in means:
            self.impair(name, "out", None)

    def _start(self, links: dict[str, Ends]) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        parent = os.getpid()

        def be_child() -> int:
            die_with_parent()
            if os.getppid() != parent:
                return 1
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            kept = theirs.detach()
            os.dup2(kept, 3)
            os.closerange(4, os.sysconf("SC_OPEN_MAX"))
            serve(socket.socket(fileno=3), links)
            return 0

        with interrupts_held():
            self.process_id = os.fork()
            if self.process_id == 0:
                live_as(be_child)
        theirs.close()
        self._hear()

    def impair(self, name: str, direction: Direction, impairment: Impairment | None) -> None:
        """Treat one direction of an interface's link so, from when this returns."""
        means = self._means.get(name)
        if means is None:
            if impairment is None:
                return
            raise WorldBroken(
                f"{name}: the world was not told before its start that this link may get bad; say "
                "so by may_impair()"
            )
        planned = self._interfaces[name]
        # What the plan says of an interface is about what leaves it.
        outgoing = direction == "out"
        order = Order(
            link=name,
            direction=direction,
            impairment=impairment,
            delay_ns=planned.delay_ns if outgoing else 0,
            rate_bit_s=planned.rate_bit_s if outgoing else 0,
            seed=self._seed,
            turn=self._count(name, direction),
        )
        if means == "wire":
            self._tell(order)
            return
        near, far = ends_of(self._ports[name])
        run_batch("tc", name, netem_lines(far if outgoing else near, order))

    def reports(self) -> dict[tuple[str, Direction], Report]:
        """How our own wires did: (interface, direction) → report."""
        found: dict[tuple[str, Direction], Report] = self._tell(None) if self._control else {}
        return found

    def review(self) -> Review:
        """What is to be said of our own wires in the end; raises nothing."""
        try:
            reports = self.reports()
        except WorldBroken as broken:
            return Review(problems=(str(broken),))
        late = {key: each.latest_ns for key, each in reports.items() if each.latest_ns > LATE_NS}
        return Review(
            dropped=sum(each.dropped for each in reports.values()),
            late_ns=max((each.latest_ns for each in reports.values()), default=0),
            problems=tuple(
                f"the wire of {name} ({direction}) passed a frame on {late_ns / MILLISECOND:.1f} "
                f"ms late, and {LATE_NS / MILLISECOND:g} ms is the most that counts as in time; "
                "run fewer workers"
                for (name, direction), late_ns in late.items()
            ),
        )

    def check(self) -> None:
        """Raise WorldBroken when the wires do not carry, or not in time, what a network's own trial
        sent over them both ways."""
        review = self.review()
        if review.problems:
            raise WorldBroken("; ".join(review.problems))
        for (name, direction), report in self.reports().items():
            if report.frames and not report.left:
                raise WorldBroken(f"the wire of {name} ({direction}) passes nothing on")

    def stop(self) -> None:
        """End the process. Idempotent."""
        if self._control is not None:
            self._control.close()
            self._control = None
            os.kill(self.process_id, signal.SIGKILL)
            os.waitpid(self.process_id, 0)

    def _count(self, name: str, direction: Direction) -> int:
        self._turns[name, direction] += 1
        return self._turns[name, direction]

    def _tell(self, order: Order | None) -> Any:
        if self._control is None:
            raise WorldBroken("the wires were taken down")
        try:
            self._control.send(pickle.dumps(order))
        except OSError as error:
            raise WorldBroken(f"the process of the wires is gone: {error.strerror}") from error
        return self._hear()

    def _hear(self) -> Any:
        control = self._control
        if control is None or not select.select([control], [], [], _ANSWER_WITHIN_S)[0]:
            raise WorldBroken(f"the process of the wires says nothing for {_ANSWER_WITHIN_S:g} s")
        try:
            said = control.recv(1 << 20)
        except ConnectionResetError:
            said = b""
        if not said:
            raise WorldBroken("the process of the wires has ended; its standard error says why")
        return pickle.loads(said)  # noqa: S301 - our own child wrote it


def netem_lines(end: str, order: Order) -> Iterator[str]:
    """`tc` commands that have netem treat the IP packets that leave by a cable's end. What carries
    no IP packet and neighbour discovery take the band beside it."""
    # Anew each time: a netem that is only changed keeps what is not mentioned, such as a rate.
    yield f"qdisc replace dev {end} root pfifo limit 1000"
    yield f"qdisc replace dev {end} root handle 1: prio bands 2 priomap{' 1' * 16}"
    yield f"qdisc add dev {end} parent 1:1 handle 10: pfifo limit 100000"
    yield f"qdisc add dev {end} parent 1:2 handle 20: {_netem(order)}"
    for priority, match in enumerate(
        (
            "protocol arp u32 match u32 0 0",
            "protocol 0x88b5 u32 match u32 0 0",
            # RFC 4861 4: types 133 to 137 (132 is MLD's).
            "protocol ipv6 u32 match ip6 protocol 58 0xff match u8 0x84 0xfc at 40",
            "protocol ipv6 u32 match ip6 protocol 58 0xff match u8 0x88 0xfe at 40",
        ),
        start=1,
    ):
        kind, _, rest = match.partition(" u32 ")
        yield f"filter add dev {end} parent 1: {kind} prio {priority} u32 {rest} flowid 1:1"


def _netem(order: Order) -> str:
    impairment = order.impairment or Impairment.model_construct()
    words = ["netem limit 100000"]
    delay_ns = order.delay_ns + round(impairment.delay_ms * MILLISECOND)
    if delay_ns:
        jitter_ns = round(impairment.jitter_ms * MILLISECOND)
        # iproute2 of Debian 12 knows no nanoseconds.
        words.append(
            f"delay {delay_ns / 1000:g}us" + (f" {jitter_ns / 1000:g}us" if jitter_ns else "")
        )
    for word, percent in (
        ("loss random", impairment.lose_percent),
        ("duplicate", impairment.duplicate_percent),
        ("reorder", impairment.reorder_percent),
    ):
        if percent:
            words.append(f"{word} {percent}%")
    rates = [order.rate_bit_s, round(impairment.rate_kbit_s * 1_000)]
    if any(rates):
        words.append(f"rate {min(rate for rate in rates if rate)}bit")
    return " ".join(words)
