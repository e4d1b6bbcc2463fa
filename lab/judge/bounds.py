"""How much later than its timer something may be seen, by clock.

Bounds come from the topology's delays and the configured timers. What neither tells is how long a
woken process waits for a core; that is the one allowance here, and virtual time has none. In time
travel nobody waits for a core either, but timers are those of a kernel and of stock programs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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

TICK_NS = 10 * MILLISECOND
"""A tick of the user-mode kernel: the coarse clocks that programs read are as exact as that, and no
timer of the kernel's own is more exact (arch/um/Kconfig: HZ is 100)."""

TIMER_SLACK = 0.001
"""The kernel may end a wait in poll, select or epoll so much later than it was to end, 100 ms at
most (fs/select.c, `__estimate_accuracy`)."""

WHEEL_SHARE = 1 / 8
"""A timer of the kernel itself (a TCP retransmission) fires at a slot of the timer wheel, and
slots are an eighth of the timer apart at most (kernel/time/timer.c, "The timer wheel")."""

TRAVEL_PATH_ALLOWANCE_NS = 100 * MILLISECOND
"""In time travel: what the slack of the waits along a chain comes to, in an answer of 100 s."""


@dataclass(frozen=True, slots=True)
class Allowances:
    """What a clock adds to the timers a check knows."""

    path_ns: Duration
    """For a whole chain of programs, late."""
    early_ns: Duration
    """For one timer, early."""
    late_ns: Duration
    """For one timer, late."""
    early_share: float = 0.0
    """Of the timer, early."""
    late_share: float = 0.0
    """Of the timer, late."""


ALLOWANCES: Mapping[Clock, Allowances] = {
    Clock.VIRTUAL: Allowances(path_ns=VIRTUAL_PATH_ALLOWANCE_NS, early_ns=0, late_ns=0),
    Clock.TIMETRAVEL: Allowances(
        path_ns=TRAVEL_PATH_ALLOWANCE_NS,
        # One tick for each end: when the timer was set, and when it fired.
        early_ns=2 * TICK_NS,
        late_ns=2 * TICK_NS,
        late_share=TIMER_SLACK,
    ),
    Clock.MEASURED: Allowances(
        path_ns=SCHEDULING_ALLOWANCE_NS,
        early_ns=EARLY_ALLOWANCE_NS,
        late_ns=SCHEDULING_ALLOWANCE_NS,
        early_share=CLOCK_SLEW,
        late_share=CLOCK_SLEW,
    ),
}


def answer_allowance_ns(timeline: Timeline) -> Duration:
    """How much later than its timers an answer may arrive: there and back over every link."""
    delays = sum(
        interface.delay_ns for node in timeline.plan.nodes for interface in node.interfaces
    )
    return 2 * delays + ALLOWANCES[timeline.clock].path_ns


def timer_window_ns(timeline: Timeline, timeout_ns: Duration) -> tuple[Duration, Duration]:
    """Earliest and latest time from arming a timer to what it causes, seen at one interface.

    In virtual time both are the timer itself.
    """
    allowed = ALLOWANCES[timeline.clock]
    early = round(timeout_ns * allowed.early_share) + allowed.early_ns
    # Half a timer at most: a second timeout must never hide in the allowance for the first.
    late = round(timeout_ns * allowed.late_share) + min(allowed.late_ns, timeout_ns // 2)
    return timeout_ns - early, timeout_ns + late


def kernel_timer_window_ns(timeline: Timeline, timeout_ns: Duration) -> tuple[Duration, Duration]:
    """The same for a timer of the kernel itself, or for such timers one after the other."""
    earliest, latest = timer_window_ns(timeline, timeout_ns)
    if timeline.clock is not Clock.VIRTUAL:
        latest += round(timeout_ns * WHEEL_SHARE)
    return earliest, latest
