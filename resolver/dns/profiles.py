"""Named timing profiles: how long each forwarder is waited for, and when the search ends.

Each datum says where it was published, or that it is ours. Two things that were observed of Windows
are not in its profile, on purpose:

- About half a second passes between a timeout and the next try (KB 2834250, its traces). It is the
  grain of that server's timer and no rule, so no bound should follow from it.
- All forwarders are sent the same message ID (KB 2834250, its traces: 0xBD57, then 0x252B). A
  forger who saw or guessed one would have them all. RFC 5452 9.2: ours are drawn anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from resolver.config import Profile
from resolver.dns import names
from resolver.machine import SECOND, Duration, Instant


@dataclass(frozen=True, slots=True)
class Timing:
    """What a profile says where the configuration says nothing."""

    source: str
    """Who published it."""
    forwarder_timeout_ns: Duration
    """T for the forwarders of all names (zone ".")."""
    condition_timeout_ns: Duration
    """T for conditional forwarders."""
    next_on_rcodes: frozenset[int]
    """RCODEs that send the question to the next forwarder."""
    pause_ns: Duration = 0
    """What every server after the first is waited for beyond T."""
    no_try_after_ns: Duration | None = None
    """R: once more than this has passed since the first try nobody else is asked, nor is own
    recursion tried. None: the search ends with the list."""

    together: bool = False
    """Whether all servers of a rule are asked at once. A reply that says that there is nothing is
    held back until every server has replied or was waited for."""

    def timeout_ns(self, zone: str) -> Duration:
        """T for a rule of `zone` (normalised) that has none of its own."""
        return self.forwarder_timeout_ns if zone == names.ROOT else self.condition_timeout_ns

    def wait_ns(self, timeout_ns: Duration, tried: int) -> Duration:
        """How long the next server is waited for when `tried` were silent before it."""
        return timeout_ns + (self.pause_ns if tried else 0)

    def goes_on(self, began: Instant, now: Instant) -> bool:
        """Whether what comes after a failed server may begin `now`."""
        return self.no_try_after_ns is None or now - began <= self.no_try_after_ns


LISTED_ORDER: Final = Timing(
    source="document B, 'Forwarding sequence'",
    # Document B: "a short period of time"; it names none. The lower end of the 2 to 10 s that
    # Microsoft advises (KB 2834250), so that a stub resolver's 5 s outlast one silent server.
    forwarder_timeout_ns=2 * SECOND,
    condition_timeout_ns=2 * SECOND,
    # Document B: "until it receives an affirmative answer". Which RCODEs are none it does not say:
    # SERVFAIL, NOTIMP and REFUSED tell of the server and not of the name (RFC 1035 4.1.1).
    next_on_rcodes=frozenset({2, 4, 5}),
)

WINDOWS: Final = Timing(
    source="Microsoft KB 2834250, 'Forwarders and conditional forwarders resolution timeouts'",
    # KB 2834250: ForwardingTimeout, 3 s from Windows Server 2008 on. (The page of
    # Set-DnsServerForwarder prints 5: that was Windows 2000 and 2003.)
    forwarder_timeout_ns=3 * SECOND,
    # KB 2834250: ForwarderTimeout of a zone, 5 s in all versions.
    condition_timeout_ns=5 * SECOND,
    # Not documented with authority: what is commonly observed, and only NXDOMAIN known to be final
    # (Microsoft's text on the client). `next_on_rcodes` overrides it.
    next_on_rcodes=frozenset(range(1, 16)) - {3},
    # KB 2834250: tries at 0, T, 2T+1, ... NT+(N-1), and the failure when the next one was due. So
    # each server after the first has a second more. Whether a reply within it counts is not said:
    # here it does.
    pause_ns=1 * SECOND,
    # KB 2834250: RecursionTimeout, 8 s from Windows Server 2008 on. A try that falls on it exactly
    # is not documented: here it is made, as the table assumes that was derived from the article.
    # Nor does it say whether the list's end waits for the next try to be due: here it does, one
    # rule for the next server, own recursion and the failure.
    no_try_after_ns=8 * SECOND,
)

PARALLEL: Final = Timing(
    source="Broadband Forum TR-124, LAN.DNS.3",
    # It names no time. The same as in listed order, so that the two can be compared.
    forwarder_timeout_ns=LISTED_ORDER.forwarder_timeout_ns,
    condition_timeout_ns=LISTED_ORDER.condition_timeout_ns,
    next_on_rcodes=LISTED_ORDER.next_on_rcodes,
    together=True,
)

PROFILES: Final[Mapping[Profile, Timing]] = MappingProxyType(
    {Profile.LISTED_ORDER: LISTED_ORDER, Profile.WINDOWS: WINDOWS, Profile.PARALLEL: PARALLEL}
)
