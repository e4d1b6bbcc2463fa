"""Mapping and filtering of NAPT against a naive model that forgets nothing and looks at all."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from napt import (
    ALIAS,
    CLIENT,
    FAR,
    NEAR,
    OTHER,
    REAL,
    SHARED,
    drop,
    effects,
    passed,
    translator,
    udp,
)
from scapy.layers.inet import UDP

from resolver import limits
from resolver.config import Behaviour, NaptConfig, PortChoice
from resolver.machine import SECOND
from resolver.nat.drops import Drop
from resolver.nat.mapping import Mappings
from resolver.nat.ports import Ports

EIM, ADM, APDM = Behaviour
behaviours = st.sampled_from(Behaviour)
choices = st.sampled_from(PortChoice)

insides = st.tuples(st.sampled_from((CLIENT, OTHER)), st.sampled_from((53, 1023, 1024, 40_001)))
remotes = st.tuples(st.sampled_from((NEAR, FAR)), st.sampled_from((53, 7000, 7001)))
steps = st.one_of(
    st.tuples(st.just("out"), insides, remotes),
    st.tuples(st.just("in"), remotes, st.integers(0, 7)),
    st.tuples(
        st.just("pass"),
        st.sampled_from((1, 14, 15, 16, 119, 120, 121, 299, 300, 301)),
        st.sampled_from((-1, 0, 1)),
    ),
)


class Model:
    """Every conversation there ever was, with its end."""

    def __init__(self, mapping: Behaviour, filtering: Behaviour) -> None:
        self.mapping, self.filtering = mapping, filtering
        self.ends: dict[tuple, int] = {}
        self.ports: dict[tuple, int] = {}

    def key(self, inside, remote):
        depends = {EIM: (), ADM: remote[:1], APDM: remote}[self.mapping]
        return inside, depends

    def live(self, now):
        """Mapping to the remote ends it talks to."""
        found: dict[tuple, set] = {}
        for (inside, remote), end in self.ends.items():
            if end > now:
                found.setdefault(self.key(inside, remote), set()).add(remote)
        return found

    def lets_in(self, known, remote):
        if self.filtering is EIM:
            return True
        if self.filtering is ADM:
            return remote[0] in {address for address, _ in known}
        return remote in known


@given(behaviours, behaviours, choices, st.lists(steps, max_size=40), st.integers(0, 9))
def test_mapping_and_filtering_agree_with_a_naive_model(mapping, filtering, choice, done, seed):
    nat = translator(seed, mapping=mapping, filtering=filtering, ports=choice)
    model, now = Model(mapping, filtering), 0
    seen = [1]
    for step, *how in done:
        live = model.live(now)
        if step == "pass":
            now += how[0] * SECOND + how[1]
        elif step == "out":
            inside, remote = how
            key = model.key(inside, remote)
            out = passed(nat, udp(*inside, *remote), now)
            port = out[UDP].sport
            assert (out.src, out.dst, out[UDP].dport) == (SHARED, *remote)
            assert port % 2 == inside[1] % 2  # REQ-4
            assert (port < 1024) == (inside[1] < 1024)  # REQ-3 a
            if key in live:  # REQ-1: the same for all that the behaviour does not tell apart
                assert port == model.ports[key]
            else:  # REQ-3: nobody else's
                assert port not in {model.ports[other] for other in live}
            model.ports[key] = port
            model.ends[inside, remote] = now + (15 if remote[1] == 53 else 300) * SECOND
            seen.append(port)
        else:
            remote, pick = how
            port = seen[pick % len(seen)]
            found = [key for key in live if model.ports[key] == port]
            packets, _ = effects(nat, udp(*remote, SHARED, port), now)
            assert len(found) <= 1
            if found and model.lets_in(live[found[0]], remote):
                ((address, inside_port), _) = found[0]
                (came,) = packets
                assert (came.dst, came[UDP].dport, came.src) == (address, inside_port, remote[0])
            else:
                assert packets == []
    assert len(nat.conversations.mappings) <= len(model.ports)
    nat.expire(now)
    assert len(nat.conversations.mappings) == len(model.live(now))


@given(behaviours, behaviours, insides, remotes, st.binary(max_size=40))
def test_there_and_back_is_the_identity_but_for_the_ttl(mapping, filtering, inside, remote, data):
    nat = translator(mapping=mapping, filtering=filtering)
    out = passed(nat, udp(*inside, *remote, data))
    back = passed(nat, udp(*remote, SHARED, out[UDP].sport, data))
    expected = udp(*remote, *inside, data)
    expected.ttl -= 1
    del expected.chksum
    assert bytes(back) == bytes(expected)


def open_ports(nat, count, **how):
    return [
        passed(nat, udp(CLIENT, port, FAR, 7, **how))[UDP].sport
        for port in range(2000, 2000 + 2 * count, 2)
    ]


def test_random_ports_are_spread_and_preserved_ones_kept_and_sequential_ones_in_a_row():
    ports = open_ports(translator(ports=PortChoice.RANDOM), 500)
    assert len(set(ports)) == 500
    gaps = Counter(b - a for a, b in pairwise(ports))
    assert max(gaps.values()) <= 3  # no step is frequent
    assert len({port // 4096 for port in ports}) >= 15  # nor is a region left out
    assert open_ports(translator(ports=PortChoice.PRESERVE), 5) == [2000, 2002, 2004, 2006, 2008]
    first, *others = open_ports(translator(ports=PortChoice.SEQUENTIAL), 5)
    assert others == [first + 2, first + 4, first + 6, first + 8]


def test_the_same_seed_gives_the_same_ports_and_another_one_others():
    assert open_ports(translator(3), 20) == open_ports(translator(3), 20)
    assert open_ports(translator(3), 20) != open_ports(translator(4), 20)


def test_two_clients_with_one_source_port_get_two_outside_ports():
    nat = translator(ports=PortChoice.PRESERVE)
    one = passed(nat, udp(CLIENT, 5000, FAR, 7))[UDP].sport
    other = passed(nat, udp(OTHER, 5000, FAR, 7))[UDP].sport
    assert one == 5000 != other
    assert other % 2 == 0


def test_mappings_of_one_machine_have_one_address():
    # RFC 4787 REQ-2: paired
    nat = translator(shared=("203.0.113.2", "203.0.113.3"))
    seen = {
        inside: {passed(nat, udp(inside, port, FAR, 7)).src for port in range(1, 60)}
        for inside in (CLIENT, OTHER)
    }
    assert all(len(addresses) == 1 for addresses in seen.values())
    assert seen[CLIENT] != seen[OTHER]  # and the load is shared


@given(choices, st.booleans(), st.booleans(), st.lists(st.integers(0, 65_535), max_size=30))
def test_a_port_is_given_to_one_at_a_time(choice, parity, ranges, wanted):
    ports = Ports(choice, Random(1), parity=parity, ranges=ranges)
    given_out = [ports.take(port) for port in wanted]
    assert len(set(given_out)) == len(given_out)
    for want, got in zip(wanted, given_out, strict=True):
        assert not parity or (want - got) % 2 == 0
        assert not ranges or (1 <= got < 1024) == (want < 1024)


@pytest.mark.parametrize("choice", PortChoice)
def test_the_last_port_is_found_and_then_there_is_none(choice, monkeypatch):
    monkeypatch.setattr(limits, "NAT_PORT_DRAWS", 1)
    ports = Ports(choice, Random(1), parity=True, ranges=True)
    high = {ports.take(40_000) for _ in range(32_256)}
    assert len(high) == 32_256
    assert None not in high
    assert ports.take(40_000) is None
    low = {ports.take(53) for _ in range(512)}
    assert max(low) == 1023
    assert ports.take(53) >= 1024  # REQ-3 a recommends; better than none
    ports.release(2000)
    assert ports.take(40_000) == 2000


def test_a_full_table_refuses_the_new_and_serves_the_old():
    # NAT-18; RFC 5508 REQ-8
    nat = translator(most_mappings=2)
    ports = open_ports(nat, 2)
    (error,), (reason,) = effects(nat, udp(OTHER, 9, FAR, 7))
    assert reason is Drop.FULL
    assert (error.src, error.dst, error.payload.type, error.payload.code) == (
        "10.20.0.1",
        OTHER,
        3,
        13,
    )
    assert bytes(error)[28:] == bytes(udp(OTHER, 9, FAR, 7))
    assert open_ports(nat, 2) == ports
    assert passed(nat, udp(FAR, 7, SHARED, ports[0])).dst == CLIENT
    assert open_ports(nat, 2) == ports
    later = 301 * SECOND
    assert passed(nat, udp(OTHER, 9, FAR, 7), later).src == SHARED


def test_a_full_table_may_refuse_in_silence():
    from resolver.config import Refusal

    nat = translator(most_sessions=1, when_full=Refusal.SILENT)
    passed(nat, udp(CLIENT, 9, FAR, 7))
    assert drop(nat, udp(CLIENT, 9, FAR, 8)) is Drop.FULL
    assert drop(nat, udp(OTHER, 9, FAR, 8)) is Drop.FULL
    assert len(nat.conversations.mappings) == 1  # none is left behind by who was refused


def test_one_mapping_does_not_take_all_conversations(monkeypatch):
    monkeypatch.setattr(limits, "NAT_SESSIONS_PER_MAPPING", 3)
    nat = translator()
    for port in (1, 2, 3):
        passed(nat, udp(CLIENT, 9, FAR, port))
    _, reasons = effects(nat, udp(CLIENT, 9, FAR, 4))
    assert reasons == [Drop.FULL]
    passed(nat, udp(OTHER, 9, FAR, 4))


# --- how long ---------------------------------------------------------------------------------


def alive(nat, port, at, remote=(FAR, 7)):
    return effects(nat, udp(*remote, SHARED, port), at)[0] != []


@pytest.mark.parametrize(("remote", "seconds"), [((FAR, 7), 300), ((FAR, 53), 15)])
def test_a_udp_mapping_ends_exactly_when_it_has_been_idle_so_long(remote, seconds):
    nat = translator()
    port = passed(nat, udp(CLIENT, 9, *remote), 7)[UDP].sport
    end = 7 + seconds * SECOND
    assert nat.deadline() == end
    assert alive(nat, port, end - 1, remote)
    assert not alive(nat, port, end, remote)
    assert nat.deadline() is None


def test_what_goes_out_prolongs_and_what_comes_in_does_not_unless_asked():
    # RFC 4787 REQ-6; NAT-09
    for inwards, lasts in ((False, 500), (True, 700)):
        nat = translator(udp_inbound_refresh=inwards)
        port = passed(nat, udp(CLIENT, 9, FAR, 7))[UDP].sport
        passed(nat, udp(CLIENT, 9, FAR, 7), 200 * SECOND)
        assert alive(nat, port, 400 * SECOND)
        assert alive(nat, port, lasts * SECOND - 1)
        nat = translator(udp_inbound_refresh=inwards)
        port = passed(nat, udp(CLIENT, 9, FAR, 7))[UDP].sport
        assert alive(nat, port, 200 * SECOND)
        assert alive(nat, port, 400 * SECOND) is inwards


def test_whom_nobody_knows_prolongs_a_mapping_where_everybody_may_come_in():
    nat = translator(filtering=EIM, udp_inbound_refresh=True)
    port = passed(nat, udp(CLIENT, 9, FAR, 7))[UDP].sport
    assert alive(nat, port, 200 * SECOND, (NEAR, 1))
    assert alive(nat, port, 499 * SECOND, (NEAR, 2))
    assert alive(nat, port, 798 * SECOND, (NEAR, 2))
    assert not alive(nat, port, 1098 * SECOND, (NEAR, 2))
    assert len(nat.conversations.mappings) == 0


def test_what_is_filtered_prolongs_nothing():
    nat = translator(udp_inbound_refresh=True)
    port = passed(nat, udp(CLIENT, 9, FAR, 7))[UDP].sport
    assert drop(nat, udp(NEAR, 7, SHARED, port), 299 * SECOND) is Drop.FILTERED
    assert not alive(nat, port, 300 * SECOND)


def test_a_mapping_lasts_as_long_as_its_longest_conversation():
    nat = translator()
    port = passed(nat, udp(CLIENT, 9, FAR, 7))[UDP].sport
    assert passed(nat, udp(CLIENT, 9, NEAR, 53), SECOND)[UDP].sport == port
    assert alive(nat, port, 15 * SECOND, (NEAR, 53))
    assert not alive(nat, port, 16 * SECOND, (NEAR, 53))
    assert alive(nat, port, 299 * SECOND)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 400)), max_size=30))
def test_the_deadline_is_never_after_the_first_end_and_expiring_gets_on(done):
    napt = NaptConfig(inside=("10.20.0.0/24",), outside_addresses=(SHARED,))
    mappings, now = Mappings(napt, Random(1)), 0
    ends: dict[int, int] = {}
    for number, lasts in done:
        inside, remote = bytes((10, 20, 0, 1, 9, number)), bytes(6)
        mapping = mappings.of_inside(17, inside, remote)
        if mapping is None:
            mappings.admit(mappings.open(17, inside, remote), remote, now + lasts)
        else:
            mappings.prolong(mapping.sessions[remote], now + lasts)
        ends[number] = now + lasts
        assert mappings.next() <= min(ends.values())
        now += 50
        mappings.expire(now)
        ends = {one: end for one, end in ends.items() if end > now}
        assert len(mappings) == len(ends)
    while (due := mappings.next()) is not None:
        assert due >= now
        now = due
        mappings.expire(now)
        assert mappings.next() is None or mappings.next() > now
    assert len(mappings) == 0


def test_the_static_alias_lives_beside_it():
    nat = translator()
    assert (passed(nat, udp(NEAR, 9, ALIAS, 7)).dst, passed(nat, udp(REAL, 7, NEAR, 9)).src) == (
        REAL,
        ALIAS,
    )
    assert len(nat.conversations.mappings) == 0


@pytest.mark.parametrize(
    ("behaviour", "same_host", "stranger"),
    [(EIM, True, True), (ADM, True, False), (APDM, False, False)],
)
def test_each_filter_lets_in_whom_its_name_says(behaviour, same_host, stranger):
    # RFC 4787 5
    nat = translator(filtering=behaviour)
    port = passed(nat, udp(CLIENT, 9, FAR, 7))[UDP].sport
    assert alive(nat, port, 0)
    assert alive(nat, port, 0, (FAR, 8)) is same_host
    assert alive(nat, port, 0, (NEAR, 7)) is stranger


@pytest.mark.parametrize(
    ("behaviour", "other_port", "other_host"),
    [(EIM, True, True), (ADM, True, False), (APDM, False, False)],
)
def test_each_mapping_is_the_same_for_whom_its_name_says(behaviour, other_port, other_host):
    # RFC 4787 4.1
    nat = translator(mapping=behaviour)
    port = passed(nat, udp(CLIENT, 9, FAR, 7))[UDP].sport
    assert (passed(nat, udp(CLIENT, 9, FAR, 8))[UDP].sport == port) is other_port
    assert (passed(nat, udp(CLIENT, 9, NEAR, 7))[UDP].sport == port) is other_host
