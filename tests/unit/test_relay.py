"""The DNS translator: octets in, the same octets out, one server after the other."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import dns.tsig
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver import limits
from resolver.config import DnsTranslatorConfig
from resolver.dns.relay import DnsTranslator
from resolver.machine import (
    MILLISECOND,
    Close,
    Endpoint,
    Framing,
    MessageArrived,
    Open,
    PortTaken,
    Send,
    StreamClosed,
    StreamOpened,
    Transport,
    Unreachable,
)

ZONE = "internet.intern.netz"
HERE, ASKER = Endpoint("192.168.1.1", 53), Endpoint("192.168.1.2", 40_053)
ONE, TWO = Endpoint("10.10.10.100", 53), Endpoint("10.10.10.101", 53)
OUTER = Endpoint("10.10.10.1", 12_345)
TIMEOUT = 700 * MILLISECOND
CONFIG = DnsTranslatorConfig((HERE,), ZONE, (ONE, TWO), TIMEOUT)


class Relay:
    """The machine, what it has opened and sent, and what its clients got."""

    def __init__(self, config: DnsTranslatorConfig = CONFIG, seed: int = 1) -> None:
        self.machine = DnsTranslator(config, Random(seed))
        self.now = 0
        self.opened: list[Open] = []
        self.sent: dict[int, bytes] = {}
        self.got: list[tuple[object, bytes]] = []
        self.closed: list[object] = []

    def happen(self, event) -> None:
        self._perform(self.machine.handle(event, self.now))

    def expire(self) -> None:
        self.now = self.machine.deadline()
        self._perform(self.machine.expire(self.now))

    def ask(self, payload: bytes, flow="client", transport=Transport.UDP) -> None:
        self.happen(MessageArrived(flow, payload, transport, ASKER, HERE))

    def reply(self, payload: bytes, flow: int | None = None, source: Endpoint | None = None):
        opened = self.opened[-1] if flow is None else self.opened[flow - 1]
        event = MessageArrived(
            opened.flow, payload, opened.transport, source or opened.remote, OUTER
        )
        self.happen(event)

    def _perform(self, effects) -> None:
        for effect in effects:
            if isinstance(effect, Open):
                assert effect.flow == len(self.opened) + 1
                self.opened.append(effect)
            elif isinstance(effect, Send) and isinstance(effect.flow, int):
                self.sent[effect.flow] = effect.payload
            elif isinstance(effect, Send):
                self.got.append((effect.flow, effect.payload))
            elif isinstance(effect, Close):
                self.closed.append(effect.flow)

    @property
    def asked(self) -> list[Endpoint]:
        return [opened.remote for opened in self.opened]

    @property
    def last_question(self) -> bytes:
        return self.sent[self.opened[-1].flow]


def question(name=ZONE, rtype="A", **fields) -> bytes:
    return dns.message.make_query(name, rtype, **fields).to_wire()


def answer_to(query: bytes, *records: str, rcode=0, tc=False, aa=True) -> bytes:
    reply = dns.message.make_response(dns.message.from_wire(query))
    reply.set_rcode(rcode)
    reply.flags |= (dns.flags.AA if aa else 0) | (dns.flags.TC if tc else 0)
    for record in records:
        rtype, rdata = record.split(" ", 1)
        reply.answer.append(dns.rrset.from_text(ZONE + ".", 2, "IN", rtype, rdata))
    return reply.to_wire()


def read(payload: bytes) -> dns.message.Message:
    return dns.message.from_wire(payload)


# --- octet by octet -----------------------------------------------------------------------------


@pytest.mark.parametrize("transport", Transport)
def test_question_and_answer_pass_unchanged_but_for_the_id(transport):
    # CLU-10, CLU-12; TRN-06, TRN-07
    relay = Relay()
    query = question(use_edns=0, payload=4096, want_dnssec=True, flags=dns.flags.CD | dns.flags.AD)
    if transport is Transport.TCP:
        relay.happen(StreamOpened("client", ASKER, HERE))
    relay.ask(query, transport=transport)
    (opened,) = relay.opened
    assert (opened.transport, opened.remote) == (transport, ONE)
    assert opened.framing is Framing.LENGTH_PREFIXED
    if transport is Transport.TCP:
        assert relay.sent == {}  # not before the connection stands
        relay.happen(StreamOpened(opened.flow, ONE, OUTER))
    assert relay.last_question[2:] == query[2:]

    reply = answer_to(
        relay.last_question, "A 192.168.1.100", "A 192.168.1.102", "TYPE65280 \\# 2 c0ff"
    )
    relay.reply(reply)
    assert relay.got == [("client", query[:2] + reply[2:])]
    assert opened.flow in relay.closed
    assert (relay.machine.deadline() is None) == (transport is Transport.UDP)


def test_a_tsig_signed_exchange_verifies_at_both_ends():
    # TRN-12; RFC 5625 4.5: the original ID is inside the TSIG record.
    key = dns.tsig.Key("key.", b"0123456789abcdef0123456789abcdef")
    query = dns.message.make_query(ZONE, "A")
    query.use_tsig(key)
    relay = Relay()
    relay.ask(query.to_wire())
    at_server = dns.message.from_wire(relay.last_question, keyring=key)
    assert at_server.had_tsig
    response = dns.message.make_response(at_server)
    response.answer.append(dns.rrset.from_text(ZONE + ".", 2, "IN", "A", "192.168.1.100"))
    relay.reply(response.to_wire())
    ((_, payload),) = relay.got
    returned = dns.message.from_wire(payload, keyring=key, request_mac=query.mac)
    assert returned.had_tsig
    assert returned.id == query.id


@pytest.mark.parametrize("rtype", ["A", "AAAA", "HTTPS", "TYPE65280", "ANY"])
@pytest.mark.parametrize("name", [ZONE, "Node1." + ZONE, ZONE.upper()])
@pytest.mark.parametrize("rcode", ["NOERROR", "NXDOMAIN", "FORMERR", "YXDOMAIN"])
def test_every_type_and_final_rcode_at_or_below_the_zone_passes(name, rtype, rcode):
    relay = Relay()
    relay.ask(question(name, rtype))
    reply = answer_to(relay.last_question, rcode=dns.rcode.from_text(rcode))
    relay.reply(reply)
    assert [payload[2:] for _, payload in relay.got] == [reply[2:]]


def test_a_truncated_answer_stays_truncated():
    # TRN-04
    relay = Relay()
    relay.ask(question())
    relay.reply(answer_to(relay.last_question, tc=True))
    assert dns.flags.TC in read(relay.got[0][1]).flags
    assert relay.asked == [ONE]


def test_an_answer_longer_than_the_client_takes_is_cut_with_tc():
    # TRN-10: the server ignored the size it was told
    relay = Relay()
    relay.ask(question())
    many = [f"A 192.168.{n}.1" for n in range(60)]
    relay.reply(answer_to(relay.last_question, *many))
    ((_, payload),) = relay.got
    assert len(payload) <= 512
    assert dns.flags.TC in read(payload).flags
    assert dns.flags.AA in read(payload).flags


def test_nothing_is_cached():
    relay = Relay()
    for _ in range(3):
        relay.ask(question())
        relay.reply(answer_to(relay.last_question, "A 192.168.1.100"))
    assert relay.asked == [ONE] * 3


# --- what it refuses ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["intern.netz", "xinternet.intern.netz", "example.org", "."])
def test_other_names_are_refused_without_asking_anybody(name):
    # SEC-01
    relay = Relay()
    relay.ask(question(name))
    assert relay.opened == []
    reply = read(relay.got[0][1])
    assert reply.rcode() == dns.rcode.REFUSED
    assert dns.flags.to_text(reply.flags) == "QR RD"


def test_one_question_more_than_can_be_in_flight_fails_at_once(monkeypatch):
    monkeypatch.setattr(limits, "RESOLUTIONS_IN_FLIGHT", 2)
    relay = Relay()
    for number in range(3):
        relay.ask(question(f"n{number}.{ZONE}"), flow=f"client {number}")
    assert len(relay.opened) == 2
    ((flow, payload),) = relay.got
    assert (flow, read(payload).rcode()) == ("client 2", dns.rcode.SERVFAIL)


# --- one server after the other -------------------------------------------------------------------


def test_one_client_may_have_so_many_questions_waiting(monkeypatch):
    monkeypatch.setattr(limits, "QUESTIONS_PER_CLIENT", 2)
    relay = Relay()
    for flow in range(3):
        relay.ask(question(f"n{flow}.{ZONE}"), flow=("client", flow))
    assert [flow for flow, _ in relay.got] == [("client", 2)]
    assert read(relay.got[0][1]).rcode() == dns.rcode.SERVFAIL
    assert len(relay.opened) == 2


@pytest.mark.parametrize("rcode", ["SERVFAIL", "REFUSED", "NOTIMP"])
def test_a_server_that_cannot_say_is_followed_by_the_next(rcode):
    # CLU-02
    relay = Relay()
    query = question()
    relay.ask(query)
    first = relay.last_question
    relay.now = 5
    relay.reply(answer_to(first, rcode=dns.rcode.from_text(rcode)))
    assert relay.asked == [ONE, TWO]
    assert relay.last_question[:2] != first[:2]  # a fresh ID for each server
    assert relay.opened[0].source_port != relay.opened[1].source_port
    assert relay.machine.deadline() == 5 + TIMEOUT
    reply = answer_to(relay.last_question, "A 192.168.1.100")
    relay.reply(reply)
    assert relay.got == [("client", query[:2] + reply[2:])]


def test_silence_is_waited_for_exactly_and_a_late_answer_is_ignored():
    relay = Relay()
    query = question()
    relay.ask(query)
    late = answer_to(relay.last_question, "A 192.168.1.101")
    assert relay.machine.deadline() == TIMEOUT
    assert relay.machine.expire(TIMEOUT - 1) == []
    relay.expire()
    assert relay.asked == [ONE, TWO]
    assert 1 in relay.closed
    relay.reply(late, flow=1)
    assert relay.got == []
    reply = answer_to(relay.last_question, "A 192.168.1.100")
    relay.reply(reply)
    assert relay.got == [("client", query[:2] + reply[2:])]


def test_all_servers_silent_is_servfail_after_a_timeout_each():
    # CLU-16
    relay = Relay()
    relay.ask(question())
    relay.expire()
    relay.expire()
    assert relay.now == 2 * TIMEOUT
    assert relay.asked == [ONE, TWO]
    assert read(relay.got[0][1]).rcode() == dns.rcode.SERVFAIL
    assert relay.machine.deadline() is None


def test_unreachable_servers_cost_no_waiting():
    relay = Relay()
    relay.ask(question())
    for _ in range(2):
        relay.happen(Unreachable(relay.opened[-1].flow, "port unreachable"))
    assert relay.asked == [ONE, TWO]
    assert read(relay.got[0][1]).rcode() == dns.rcode.SERVFAIL


def test_a_taken_source_port_is_drawn_again_for_the_same_server():
    relay = Relay()
    relay.ask(question())
    relay.happen(PortTaken(relay.opened[-1].flow))
    assert relay.asked == [ONE, ONE]
    assert relay.opened[0].source_port != relay.opened[1].source_port
    relay.reply(answer_to(relay.last_question, "A 192.168.1.100"))
    assert len(relay.got) == 1


def test_one_client_does_not_wait_for_another():
    # TRN-11
    relay = Relay()
    relay.ask(question(), flow="slow")
    relay.ask(question(rtype="AAAA"), flow="quick")
    relay.reply(answer_to(relay.last_question))
    assert [flow for flow, _ in relay.got] == ["quick"]


# --- forgeries: RFC 5452 9.1 ----------------------------------------------------------------------


def _other_id(reply: bytes) -> bytes:
    return ((int.from_bytes(reply[:2], "big") + 1) % 65_536).to_bytes(2, "big") + reply[2:]


@pytest.mark.parametrize(
    ("forge", "source"),
    [
        (lambda query: answer_to(query, "A 6.6.6.6"), TWO),
        (lambda query: answer_to(query, "A 6.6.6.6"), Endpoint(ONE.address, 5353)),
        (lambda query: _other_id(answer_to(query, "A 6.6.6.6")), ONE),
        (lambda query: query[:2] + answer_to(question("a." + ZONE))[2:], ONE),
        (lambda query: query[:2] + answer_to(question(rtype="AAAA"))[2:], ONE),
        (lambda query: query[:2] + answer_to(question(rdclass="CH"))[2:], ONE),
        (lambda query: query, ONE),  # QR=0
        (lambda query: query[:2] + b"\x84\x00" + bytes(8), ONE),  # no question at all
        (lambda query: query[:7], ONE),
    ],
)
def test_a_reply_wrong_in_one_way_is_ignored_and_the_true_one_wins(forge, source):
    # SEC-03
    relay = Relay()
    relay.ask(question())
    relay.reply(forge(relay.last_question), source=source)
    assert relay.got == []
    assert relay.asked == [ONE]
    true = answer_to(relay.last_question, "A 192.168.1.100")
    relay.reply(true)
    assert [payload[2:] for _, payload in relay.got] == [true[2:]]


def test_identifiers_and_ports_are_spread_and_never_in_sequence():
    # SEC-04
    relay = Relay()
    for number in range(500):
        relay.ask(question(f"n{number}.{ZONE}"), flow=number + 0.5)
    ids = [int.from_bytes(payload[:2], "big") for payload in relay.sent.values()]
    ports = [opened.source_port for opened in relay.opened]
    for values, low in ((ids, 0), (ports, 1024)):
        assert len(set(values)) > 490
        assert min(values) < low + 2000
        assert max(values) > 63_500
        assert sum(b - a == 1 for a, b in pairwise(values)) < 5


def test_the_same_question_is_out_once_and_its_reply_goes_to_all_who_asked():
    # FWD-20; RFC 5452 5: else a forger need hit but one of many
    relay = Relay()
    queries = [question() for _ in range(3)]
    for number, query in enumerate(queries):
        relay.ask(query, flow=f"client {number}")
    assert relay.asked == [ONE]
    reply = answer_to(relay.last_question, "A 192.168.1.100")
    relay.reply(reply)
    assert relay.got == [
        (f"client {number}", query[:2] + reply[2:]) for number, query in enumerate(queries)
    ]


@pytest.mark.parametrize(
    "other", [{"name": ZONE.upper()}, {"rtype": "AAAA"}, {"use_edns": 0}, {"flags": 0}]
)
def test_a_question_with_any_other_octet_goes_out_by_itself(other):
    relay = Relay()
    relay.ask(question(), flow="one")
    relay.ask(question(**other), flow="other")
    assert relay.asked == [ONE, ONE]


def test_who_joined_late_is_waited_for_as_long_as_who_came_first():
    relay = Relay()
    relay.ask(question(), flow="one")
    relay.now = TIMEOUT // 2
    relay.ask(question(), flow="other")
    relay.now = TIMEOUT
    relay.expire()
    assert relay.asked == [ONE, TWO]
    relay.now = TIMEOUT + TIMEOUT // 2
    relay.expire()
    assert relay.asked == [ONE, TWO]  # the second server is being asked this already


# --- streams --------------------------------------------------------------------------------------


def test_several_questions_of_a_stream_are_answered_as_their_answers_come():
    # TRN-08
    relay = Relay()
    relay.happen(StreamOpened("stream", ASKER, HERE))
    queries = [question(), question(rtype="AAAA")]
    for query in queries:
        relay.ask(query, "stream", Transport.TCP)
        relay.happen(StreamOpened(relay.opened[-1].flow, ONE, OUTER))
    for flow in (2, 1):
        relay.reply(answer_to(relay.sent[flow]), flow=flow)
    assert [payload[:2] for _, payload in relay.got] == [queries[1][:2], queries[0][:2]]
    assert relay.machine.deadline() == limits.STREAM_IDLE
    relay.expire()
    assert relay.closed[-1] == "stream"
    assert relay.machine.deadline() is None


def test_a_server_that_closes_its_stream_unanswered_is_followed_by_the_next():
    relay = Relay()
    relay.happen(StreamOpened("stream", ASKER, HERE))
    relay.ask(question(), "stream", Transport.TCP)
    relay.happen(StreamClosed(relay.opened[-1].flow))
    assert relay.asked == [ONE, TWO]
    assert relay.opened[-1].transport is Transport.TCP


def test_an_answer_for_a_client_that_has_gone_goes_nowhere():
    relay = Relay()
    relay.happen(StreamOpened("stream", ASKER, HERE))
    relay.ask(question(), "stream", Transport.TCP)
    relay.happen(StreamOpened(relay.opened[-1].flow, ONE, OUTER))
    relay.happen(StreamClosed("stream"))
    relay.reply(answer_to(relay.last_question))
    assert relay.got == []
    assert relay.machine.deadline() is None


# --- broken on purpose ----------------------------------------------------------------------------


def test_rewriting_changes_the_addresses_of_the_table_alone():
    # RFC 2694: what CLU-12 must find out
    config = DnsTranslatorConfig(
        (HERE,), ZONE, (ONE,), TIMEOUT, rewrite=(("192.168.1.100", "10.10.10.100"),)
    )
    relay = Relay(config)
    query = question(use_edns=0)
    relay.ask(query)
    relay.reply(answer_to(relay.last_question, "A 192.168.1.100", "A 192.168.1.102", "TXT x"))
    reply = read(relay.got[0][1])
    assert reply.id == read(query).id
    assert [str(rdata) for rrset in reply.answer for rdata in rrset] == [
        "10.10.10.100",
        "192.168.1.102",
        '"x"',
    ]
    assert dns.flags.AA in reply.flags


# --- any input, every timer -----------------------------------------------------------------------


@given(st.binary(max_size=60), st.integers(0, 40), st.sampled_from(Transport))
def test_any_octets_from_a_client_raise_nothing(octets, kept, transport):
    relay = Relay()
    relay.happen(StreamOpened("client", ASKER, HERE))
    relay.ask(question()[:kept] + octets, transport=transport)
    assert all(len(payload) <= 512 for _, payload in relay.got)


@given(st.binary(max_size=60), st.integers(0, 60))
def test_any_octets_from_a_server_raise_nothing_and_the_next_question_works(octets, kept):
    # ROB-01
    relay = Relay()
    relay.ask(question())
    relay.reply(answer_to(relay.last_question, "A 192.168.1.100")[:kept] + octets)
    relay.ask(question(), flow="next")
    relay.reply(answer_to(relay.last_question, "A 192.168.1.100"))
    assert relay.got[-1][0] == "next"


ACTIONS = ("ask", "ask over tcp", "answer", "servfail", "unreachable", "port taken", "gone", "wait")


@given(st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 9)), max_size=60))
def test_every_timer_is_covered_and_every_question_is_answered_once(script):
    relay = Relay()
    owed = 0
    for step, (action, pick) in enumerate(script):
        pending = [o for o in relay.opened if o.flow not in relay.closed]
        chosen = pending[pick % len(pending)] if pending else None
        deadline = relay.machine.deadline()
        assert deadline is None or deadline > relay.now
        if deadline is not None:
            assert relay.machine.expire(deadline - 1) == []
        if action in {"ask", "ask over tcp"}:
            transport = Transport.UDP if action == "ask" else Transport.TCP
            if transport is Transport.TCP:
                relay.happen(StreamOpened(f"client {step}", ASKER, HERE))
            relay.ask(question(), f"client {step}", transport)
            owed += 1
        elif action == "wait" and deadline is not None:
            before = len(relay.closed)
            relay.expire()
            assert len(relay.closed) > before
        elif chosen is not None:
            _play(relay, chosen, action)
    while relay.machine.deadline() is not None:
        relay.expire()
    assert len(relay.got) == owed
    assert len({flow for flow, _ in relay.got}) == owed


def _play(relay: Relay, chosen: Open, action: str) -> None:
    match action:
        case "unreachable":
            relay.happen(Unreachable(chosen.flow, "refused"))
        case "port taken":
            if chosen.flow not in relay.sent or chosen.transport is Transport.UDP:
                relay.happen(PortTaken(chosen.flow))
                relay.closed.append(chosen.flow)
        case "gone":
            relay.happen(StreamClosed(chosen.flow))
        case "answer" | "servfail":
            if chosen.flow not in relay.sent:
                relay.happen(StreamOpened(chosen.flow, chosen.remote, OUTER))
            rcode = 2 if action == "servfail" else 0
            relay.reply(answer_to(relay.sent[chosen.flow], rcode=rcode), flow=chosen.flow)
