"""TCP through NAPT: phases, timers, and SYNs that nobody asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from napt import CLIENT, FAR, NEAR, OTHER, SHARED, drop, effects, passed, tcp, translator
from scapy.layers.inet import ICMP, TCP

from resolver import limits
from resolver.config import Behaviour, PortChoice, Refusal
from resolver.machine import SECOND
from resolver.nat.drops import Drop
from resolver.nat.packet import ACK, FIN, PSH, RST, SYN
from resolver.nat.tcp import Phase, Timer, advanced

ESTABLISHED_NS, TRANSITORY_NS = 7440 * SECOND, 240 * SECOND


class Connection:
    """Both ends of a connection from a client to a far server, as they send."""

    def __init__(self, nat, sport=4000, remote=(FAR, 80)) -> None:
        self.nat, self.inside, self.remote = nat, (CLIENT, sport), remote
        self.port = None

    def out(self, flags, now):
        packets, _ = effects(self.nat, tcp(*self.inside, *self.remote, flags), now)
        if packets:
            self.port = packets[0][TCP].sport
        return bool(packets)

    def into(self, flags, now):
        packets, _ = effects(self.nat, tcp(*self.remote, SHARED, self.port, flags), now)
        if packets:
            assert (packets[0].dst, packets[0][TCP].dport) == self.inside
        return bool(packets)

    def opened(self, now=0):
        assert self.out("S", now)
        assert self.into("SA", now)
        assert self.out("A", now)
        return self


def test_an_idle_established_connection_lasts_2_h_4_min_to_the_nanosecond():
    # RFC 5382 REQ-5; NAT-10
    for last, alive in ((ESTABLISHED_NS - 1, True), (ESTABLISHED_NS, False)):
        connection = Connection(translator()).opened()
        assert connection.nat.deadline() <= ESTABLISHED_NS
        assert connection.into("PA", last) is alive
        connection = Connection(translator()).opened()
        assert connection.out("PA", last) is alive


def test_either_side_keeps_an_established_connection_alive():
    connection = Connection(translator()).opened()
    now = 0
    for turn in range(6):
        now += ESTABLISHED_NS - 1
        assert connection.into("A", now) if turn % 2 else connection.out("A", now)


def test_what_is_half_open_lasts_4_min_and_is_not_prolonged_from_outside():
    connection = Connection(translator())
    assert connection.out("S", 0)
    assert connection.into("A", 200 * SECOND)
    assert connection.into("SA", TRANSITORY_NS - 1)
    other = Connection(translator())
    assert other.out("S", 0)
    assert not other.into("SA", TRANSITORY_NS)


def test_a_connection_half_closed_goes_on_and_closed_lasts_4_min():
    connection = Connection(translator()).opened()
    assert connection.out("FA", 0)
    assert connection.into("PA", 7000 * SECOND)  # the other side still sends
    assert connection.into("FA", 7001 * SECOND)
    assert connection.out("A", 7001 * SECOND + TRANSITORY_NS - 1)
    assert not connection.out("A", 7001 * SECOND + TRANSITORY_NS)


def test_a_reset_lasts_4_min_and_whoever_sends_on_shows_that_it_was_not_for_him():
    # RFC 7857 2.2
    connection = Connection(translator()).opened()
    assert connection.into("R", SECOND)
    assert connection.into("R", 200 * SECOND)  # prolongs nothing
    assert not connection.into("A", SECOND + TRANSITORY_NS)
    connection = Connection(translator()).opened()
    assert connection.into("R", SECOND)
    assert connection.out("A", 2 * SECOND)
    assert connection.into("A", 7000 * SECOND)


def test_a_refused_connection_does_not_get_established_by_whatever_follows():
    connection = Connection(translator())
    assert connection.out("S", 0)
    assert connection.into("RA", 0)
    assert connection.out("A", 1)
    assert not connection.into("A", TRANSITORY_NS)


def test_a_new_connection_may_follow_a_closed_one_at_once():
    connection = Connection(translator()).opened()
    for send in (connection.out, connection.into):
        assert send("FA", 0)
    port = connection.port
    assert connection.opened(now=SECOND).port == port
    assert connection.into("A", 7000 * SECOND)


def test_a_simultaneous_open_is_a_connection():
    # RFC 5382 REQ-2 a
    connection = Connection(translator())
    assert connection.out("S", 0)
    assert connection.into("S", 1)
    assert connection.out("SA", 2)
    assert connection.into("A", 7000 * SECOND)


@pytest.mark.parametrize("flags", ["A", "PA", "FA", "R", "SA", "SF", ""])
def test_what_opens_no_connection_needs_one(flags):
    nat = translator()
    assert drop(nat, tcp(CLIENT, 9, FAR, 80, flags)) is Drop.NO_CONNECTION
    assert len(nat.conversations.mappings) == 0
    assert nat.deadline() is None


def test_one_mapping_serves_connections_to_all_servers():
    # RFC 5382 REQ-1
    nat = translator()
    assert Connection(nat).opened().port == Connection(nat, remote=(NEAR, 81)).opened().port


# --- SYNs from outside --------------------------------------------------------------------------


def answers_at(nat, now):
    sent = [effect.packet for effect in nat.expire(now) if hasattr(effect, "packet")]
    from scapy.layers.inet import IP

    return [IP(packet) for packet in sent]


def test_an_unsolicited_syn_is_answered_after_6_s_and_not_before():
    # RFC 5382 REQ-4; NAT-11
    nat = translator()
    syn = tcp(FAR, 80, SHARED, 4000)
    for at in (0, SECOND, 3 * SECOND):  # the same again is no other
        assert effects(nat, syn, at) == ([], [])
    assert nat.deadline() == 6 * SECOND
    assert answers_at(nat, 6 * SECOND - 1) == []
    (error,) = answers_at(nat, 6 * SECOND)
    assert (error.src, error.dst, error[ICMP].type, error[ICMP].code) == (SHARED, FAR, 3, 3)
    assert bytes(error)[28:] == bytes(syn)
    assert nat.deadline() is None


def test_it_may_never_be_answered():
    nat = translator(unsolicited_syn=Refusal.SILENT)
    assert effects(nat, tcp(FAR, 80, SHARED, 4000)) == ([], [])
    assert answers_at(nat, 6 * SECOND) == []


@pytest.mark.parametrize("filtering", list(Behaviour))
def test_our_own_syn_within_6_s_makes_it_a_simultaneous_open(filtering):
    # RFC 5382 REQ-4: the first SYN is dropped in silence, the next one passes.
    nat = translator(filtering=filtering, ports=PortChoice.PRESERVE)
    assert effects(nat, tcp(FAR, 80, SHARED, 4000)) == ([], [])
    connection = Connection(nat)
    assert connection.out("S", 5 * SECOND)
    assert answers_at(nat, 7 * SECOND) == []
    assert connection.into("S", 8 * SECOND)
    assert connection.out("SA", 8 * SECOND)
    assert connection.into("A", 7000 * SECOND)


def test_a_filtered_syn_waits_too():
    nat = translator()
    port = passed(nat, tcp(CLIENT, 4000, FAR, 80))[TCP].sport
    assert effects(nat, tcp(NEAR, 80, SHARED, port)) == ([], [])
    (error,) = answers_at(nat, 6 * SECOND)
    assert error.dst == NEAR


def test_where_everybody_may_come_in_a_syn_passes_and_is_a_connection():
    nat = translator(filtering=Behaviour.ENDPOINT_INDEPENDENT)
    port = passed(nat, tcp(CLIENT, 4000, FAR, 80))[TCP].sport
    assert passed(nat, tcp(NEAR, 99, SHARED, port)).dst == CLIENT
    assert passed(nat, tcp(CLIENT, 4000, NEAR, 99, "SA")).dst == NEAR
    assert passed(nat, tcp(NEAR, 99, SHARED, port, "A"), 7000 * SECOND).dst == CLIENT
    assert drop(nat, tcp(NEAR, 98, SHARED, port, "A")) is Drop.NO_CONNECTION


def test_held_syns_are_bounded(monkeypatch):
    monkeypatch.setattr(limits, "NAT_HELD_SYNS", 3)
    nat = translator()
    for port in range(1, 10):
        effects(nat, tcp(FAR, port, SHARED, 4000))
    assert len(answers_at(nat, 6 * SECOND)) == 3


def test_a_packet_that_comes_late_finds_what_is_due_done():
    nat = translator()
    effects(nat, tcp(FAR, 80, SHARED, 4000))
    packets, drops = effects(nat, tcp(CLIENT, 4000, NEAR, 80), 9 * SECOND)
    assert [packet[0].name for packet in packets] == ["IP", "IP"]
    assert packets[0][ICMP].code == 3
    assert drops == [Drop.HELD]


# --- the phases by themselves -------------------------------------------------------------------

flags = st.integers(0, 63)


@given(st.lists(st.tuples(flags, st.booleans()), max_size=20))
def test_a_connection_is_established_only_by_two_syns(segments):
    phase, seen = None, set()
    for flag, outwards in segments:
        after = advanced(phase, flag, outwards=outwards)
        if phase is None:
            # Nothing but a mere SYN begins one.
            assert (after is not None) == (flag & (SYN | ACK | FIN | RST) == SYN)
        else:
            assert after is not None
        if after is None:
            continue
        if flag & SYN and not flag & RST:
            if phase in (Phase.CLOSED, Phase.RESET) and after[0] is not phase:
                seen = set()
            seen.add(outwards)
        phase, timer = after
        if timer is Timer.ESTABLISHED:
            assert seen == {True, False}
        if phase in (Phase.OPENED_OUTWARDS, Phase.OPENED_INWARDS):
            assert len(seen) == 1


def test_every_phase_keeps_or_sets_a_timer_for_every_segment():
    for phase in Phase:
        for flag in (0, SYN, SYN | ACK, ACK, FIN | ACK, RST, PSH | ACK, SYN | FIN | RST):
            for outwards in (True, False):
                after = advanced(phase, flag, outwards=outwards)
                assert after is not None
                if flag & RST:
                    assert after[1] is not Timer.ESTABLISHED


def test_two_clients_of_one_port_have_connections_of_their_own():
    nat = translator(ports=PortChoice.PRESERVE)
    one = passed(nat, tcp(CLIENT, 4000, FAR, 80))[TCP].sport
    other = passed(nat, tcp(OTHER, 4000, FAR, 80))[TCP].sport
    assert one != other
    assert passed(nat, tcp(FAR, 80, SHARED, other, "SA")).dst == OTHER
