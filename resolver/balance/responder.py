"""The load-balancer responder: authoritative for the cluster's one name.

Asked for the name's addresses it answers with those of the available members: real addresses, or
behind NAT the alias addresses right away (cluster FAQ, NAT, step 4).

What the FAQ leaves open and is decided here: the zone holds its apex and nothing else, so the
apex is also what its SOA and NS records name. The SOA's serial never changes: the zone is computed
anew for every question and nobody transfers it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import AddressValueError, ip_address
from random import Random
from typing import Final

from resolver.balance.pool import Pool
from resolver.balance.selection import Rotation
from resolver.config import BalancerConfig, Member, WhenNoneAvailable
from resolver.dns import names
from resolver.dns.facts import Answered
from resolver.dns.message import Question, Rcode, build_reply
from resolver.dns.reception import Client, Reception
from resolver.dns.records import IN, Record, Type
from resolver.machine import Effect, Event, Instant, Note

_IXFR: Final = 251  # RFC 1995

_REFRESH_S, _RETRY_S, _EXPIRE_S = 3600, 600, 86_400  # of no effect: there are no secondaries


@dataclass(frozen=True, slots=True)
class _Answer:
    rcode: Rcode
    answers: tuple[Record, ...] = ()
    authority: tuple[Record, ...] = ()
    authoritative: bool = True


_REFUSED = _Answer(Rcode.REFUSED, authoritative=False)


class Balancer:
    """The machine: questions and probe results in, answers and probes out."""

    def __init__(self, config: BalancerConfig, selection: Random) -> None:
        """Raises ValueError when the zone is no name or an alias falls off the address space."""
        self._zone = names.normalise(config.zone)
        self._ttl_s = config.ttl_s
        self._count = config.answers
        self._when_none = config.when_none_available
        self._pool = Pool(config.members, config.service_port, config.health)
        self._addresses = {
            rtype: {
                member: tuple(
                    a for a in _answered(member, config.alias_base) if _type_of(a) is rtype
                )
                for member in config.members
            }
            for rtype in (Type.A, Type.AAAA)
        }
        self._rotations = {rtype: Rotation(selection) for rtype in self._addresses}
        self._reception = Reception()
        self._soa = _soa(self._zone, config.negative_ttl_s)
        ns = Record(self._zone, Type.NS, config.ttl_s, names.to_wire(self._zone))
        self._fixed: dict[int, _Answer] = {
            Type.SOA: _Answer(Rcode.NOERROR, (self._soa,)),
            Type.NS: _Answer(Rcode.NOERROR, (ns,)),
            Type.ANY: _Answer(Rcode.NOERROR, (self._soa,)),  # RFC 8482 4.1: one RRset will do
            Type.AXFR: _REFUSED,  # RFC 5936 5, RFC 1035 4.1.1: no transfers
            _IXFR: _REFUSED,
        }

    def handle(self, event: Event, now: Instant) -> Sequence[Effect]:
        """Answer a question, or take what became of a probe."""
        if isinstance(getattr(event, "flow", None), int):  # a flow that we opened
            return self._pool.handle(event, now)
        effects: list[Effect] = []
        client = self._reception.handle(event, now, effects)
        if client is not None:
            self._answer(client, now, effects)
        return effects

    def expire(self, now: Instant) -> Sequence[Effect]:
        """Probe, and close idle streams."""
        effects: list[Effect] = []
        self._reception.expire(now, effects)
        return [*effects, *self._pool.expire(now)]

    def deadline(self) -> Instant | None:
        """The next probe, or the end of one, or of an idle stream."""
        instants = (self._pool.deadline(), self._reception.deadline())
        return min((instant for instant in instants if instant is not None), default=None)

    def ready(self) -> bool:
        """Once every member has been probed."""
        return self._pool.decided()

    def _answer(self, client: Client, now: Instant, effects: list[Effect]) -> None:
        question = client.query.question
        answer = self._lookup(question)
        if answer is None:
            self._reception.answer(client, None, now, effects)
            return
        reply = build_reply(
            client.query,
            client.transport,
            rcode=answer.rcode,
            answers=answer.answers,
            authority=answer.authority,
            authoritative=answer.authoritative,
        )
        self._reception.answer(client, reply, now, effects)
        effects.append(Note(Answered(client.endpoint, question, answer.rcode, "own zone")))

    def _lookup(self, question: Question) -> _Answer | None:
        """None: say nothing."""
        if question.qclass != IN or not names.is_at_or_below(question.name, self._zone):
            return _REFUSED
        if question.name.lower() != self._zone:
            return self._negative(Rcode.NXDOMAIN)
        if question.qtype in self._addresses:
            return self._lookup_addresses(Type(question.qtype))
        # RFC 2308 2.2 (CLU-17): the name exists, whatever type it lacks.
        return self._fixed.get(question.qtype) or self._negative(Rcode.NOERROR)

    def _lookup_addresses(self, rtype: Type) -> _Answer | None:
        of_member = self._addresses[rtype]
        members = self._pool.available()
        if not any(of_member.values()):
            # RFC 4074 4.2 (CLU-17): a family that no member has, says nothing about the members.
            return self._negative(Rcode.NOERROR)
        if not members:
            if self._when_none is not WhenNoneAvailable.ALL_MEMBERS:
                return self._none_available()
            members = self._pool.all()
        available = [address for member in members for address in of_member[member]]
        if not available:
            return self._negative(Rcode.NOERROR)
        chosen = self._rotations[rtype].take(available, self._count)
        return _Answer(Rcode.NOERROR, tuple(self._address_record(rtype, a) for a in chosen))

    def _none_available(self) -> _Answer | None:
        match self._when_none:
            case WhenNoneAvailable.NXDOMAIN:
                return self._negative(Rcode.NXDOMAIN)
            case WhenNoneAvailable.SERVFAIL:
                return _Answer(Rcode.SERVFAIL, authoritative=False)
            case WhenNoneAvailable.REFUSED:
                return _REFUSED
            case WhenNoneAvailable.SILENT:
                return None
            case _:
                return self._negative(Rcode.NOERROR)

    def _negative(self, rcode: Rcode) -> _Answer:
        # RFC 2308 3: the SOA makes a negative answer cacheable, and says for how long.
        return _Answer(rcode, authority=(self._soa,))

    def _address_record(self, rtype: Type, address: str) -> Record:
        return Record(self._zone, rtype, self._ttl_s, ip_address(address).packed)


def _answered(member: Member, alias_base: str | None) -> tuple[str, ...]:
    """The addresses by which viewers reach a member."""
    if alias_base is None:
        return member.addresses
    # "TightGate-Pro then automatically increments the LAN IPs" (cluster FAQ): by node number, so a
    # gap in the numbers leaves a gap in the aliases (CLU-18).
    try:
        return (str(ip_address(alias_base) + (member.number - 1)),)
    except AddressValueError:
        raise ValueError(
            f"alias base {alias_base}: the alias of {member.name} (number {member.number}) would "
            "lie behind the last address there is; choose a lower base"
        ) from None


def _type_of(address: str) -> Type:
    return Type.A if ip_address(address).version == 4 else Type.AAAA


def _soa(zone: str, negative_ttl_s: int) -> Record:
    mailbox = names.from_labels((b"hostmaster", *names.to_labels(zone)))  # RFC 2142 7
    numbers = (1, _REFRESH_S, _RETRY_S, _EXPIRE_S, negative_ttl_s)  # RFC 1035 3.3.13
    rdata = names.to_wire(zone) + names.to_wire(mailbox)
    rdata += b"".join(number.to_bytes(4, "big") for number in numbers)
    return Record(zone, Type.SOA, negative_ttl_s, rdata)
