"""Which packets NAPT lets through, and how long it remembers that they went through."""

from __future__ import annotations

from random import Random

from resolver.config import NaptConfig
from resolver.machine import Duration, Instant
from resolver.nat.drops import Drop
from resolver.nat.filtering import lets_in
from resolver.nat.flow import Flow
from resolver.nat.mapping import Mapping, Mappings, NoRoom, Session
from resolver.nat.packet import TCP, UDP
from resolver.nat.tcp import Phase, Timer, advanced, opens

_DNS_PORT = (53).to_bytes(2)


class Refused(Exception):
    """A packet goes no further."""

    def __init__(self, drop: Drop, detail: str = "") -> None:
        super().__init__(drop.value)
        self.drop = drop
        self.detail = detail


class Conversations:
    """The mappings, and what each packet does to them.

    Nothing here looks at ICMP errors, so none can end or prolong anything (RFC 4787 REQ-12, RFC
    5382 REQ-10, RFC 5508 REQ-6).
    """

    def __init__(self, config: NaptConfig, random: Random) -> None:
        self._config = config
        self.mappings = Mappings(config, random)
        """To be read; the rest of the work is here."""

    # --- outwards -----------------------------------------------------------------------------

    def outwards(self, flow: Flow, now: Instant) -> Mapping:
        """The mapping by which a packet from an inside end goes to a remote one. Raises Refused."""
        inside, remote = flow.source, flow.destination
        mapping = self.mappings.of_inside(flow.protocol, inside, remote)
        session = None if mapping is None else mapping.sessions.get(remote)
        phase, lifetime_ns = self._after(session, flow, outwards=True)
        if mapping is None:
            mapping = self._new_mapping(flow)
        self._remember(mapping, session, remote, phase, lifetime_ns, now)
        return mapping

    def _new_mapping(self, flow: Flow) -> Mapping:
        try:
            return self.mappings.open(flow.protocol, flow.source, flow.destination)
        except NoRoom as full:
            raise Refused(Drop.FULL, str(full)) from None

    # --- inwards ------------------------------------------------------------------------------

    def inwards(self, flow: Flow, now: Instant) -> Mapping:
        """The mapping by which a packet from a remote end comes to an inside one. Raises
        Refused."""
        remote = flow.source
        mapping = self.mappings.of_outside(flow.protocol, flow.destination)
        unasked = flow.protocol == TCP and opens(flow.flags)
        if mapping is None:
            raise Refused(Drop.HELD if unasked else Drop.NO_MAPPING)
        if not lets_in(self._config.filtering, mapping, remote):
            # RFC 7857 7: what is filtered prolongs nothing.
            raise Refused(Drop.HELD if unasked else Drop.FILTERED)
        session = mapping.sessions.get(remote)
        if flow.protocol == TCP:
            phase, lifetime_ns = self._after(session, flow, outwards=False)
            self._remember(mapping, session, remote, phase, lifetime_ns, now)
        elif flow.protocol == UDP and self._config.udp_inbound_refresh:
            if session is not None:
                self.mappings.prolong(session, now + self._udp_lifetime(remote))
            else:
                self.mappings.linger(mapping, now + self._config.udp_timeout_ns)
        return mapping

    # --- how long -----------------------------------------------------------------------------

    def _after(
        self, session: Session | None, flow: Flow, *, outwards: bool
    ) -> tuple[Phase | None, Duration | None]:
        """A TCP connection's phase after the packet, and how long the conversation is remembered
        from now on; None: as it was set."""
        if flow.protocol != TCP:
            if flow.protocol == UDP:
                return None, self._udp_lifetime(flow.destination)
            return None, self._config.icmp_timeout_ns  # RFC 5508 REQ-2
        after = advanced(session.phase if session else None, flow.flags, outwards=outwards)
        if after is None:
            raise Refused(Drop.NO_CONNECTION)
        match after:
            case phase, Timer.ESTABLISHED:
                return phase, self._config.tcp_established_ns
            case phase, Timer.TRANSITORY:
                return phase, self._config.tcp_transitory_ns
            case phase, _:
                return phase, None

    def _udp_lifetime(self, remote: bytes) -> Duration:
        # RFC 4787 REQ-5 a: a well-known port may have a shorter one. A DNS server asks from a new
        # port each time, so its mappings would pile up.
        if remote[4:] == _DNS_PORT:
            return self._config.dns_timeout_ns
        return self._config.udp_timeout_ns

    def _remember(
        self,
        mapping: Mapping,
        session: Session | None,
        remote: bytes,
        phase: Phase | None,
        lifetime_ns: Duration | None,
        now: Instant,
    ) -> None:
        if session is None:
            try:
                session = self.mappings.admit(mapping, remote, now + (lifetime_ns or 0))
            except NoRoom as full:
                raise Refused(Drop.FULL, str(full)) from None
        elif lifetime_ns is not None:
            self.mappings.prolong(session, now + lifetime_ns)
        session.phase = phase
