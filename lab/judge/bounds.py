"""How much later than its timer something may be seen, by clock.

Bounds come from the topology's delays and the configured timers. What neither tells is how long a
woken process waits for a core; that is the one allowance here, and virtual time has none.
"""

from __future__ import annotations

from lab.observe.timeline import Timeline
from lab.worlds.world import Clock
from resolver.machine import MILLISECOND, Duration

SCHEDULING_ALLOWANCE_NS = 400 * MILLISECOND
"""A whole chain of processes (viewer, DNS server, translator, load balancer) on a machine that runs
several worlds per core and other work beside them: each wake-up waits for its turn. Measured on an
idle machine: 10 ms; with five busy processes per core: up to 190 ms."""

EARLY_ALLOWANCE_NS = 50 * MILLISECOND
"""A timer runs from the moment a process decides; the packet that belongs to that moment is stamped
when it leaves. A process that loses its core in between sends late, and what its timer causes comes
that much too early after it. One such wait: both happen in one process, without a chain."""

VIRTUAL_PATH_ALLOWANCE_NS = 2 * MILLISECOND
"""Virtual links take some microseconds each so that causes come before effects; a hundred hops."""

CLOCK_SLEW = 0.0005
"""The kernel may slew the capture's real-time clock by 500 ppm against the timers' clock."""


def answer_allowance_ns(timeline: Timeline) -> Duration:
    """How much later than its timers an answer may arrive: there and back over every link."""
    delays = sum(
        interface.delay_ns for node in timeline.plan.nodes for interface in node.interfaces
    )
    virtual = timeline.clock is Clock.VIRTUAL
    return 2 * delays + (VIRTUAL_PATH_ALLOWANCE_NS if virtual else SCHEDULING_ALLOWANCE_NS)


def timer_window_ns(timeline: Timeline, timeout_ns: Duration) -> tuple[Duration, Duration]:
    """Earliest and latest time from arming a timer to what it causes, seen at one interface.

    In virtual time both are the timer itself.
    """
    if timeline.clock is Clock.VIRTUAL:
        return timeout_ns, timeout_ns
    slew = round(timeout_ns * CLOCK_SLEW)
    # Half a timer at most: a second timeout must never hide in the allowance for the first.
    late = min(SCHEDULING_ALLOWANCE_NS, timeout_ns // 2)
    return timeout_ns - slew - EARLY_ALLOWANCE_NS, timeout_ns + slew + late
