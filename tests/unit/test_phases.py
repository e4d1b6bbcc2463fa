"""Where a wait went: exact parts that add up, whatever was asked, answered or lost."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wire import (
    ALIAS,
    DNS,
    LINK_NS,
    MS,
    NAME,
    REAL,
    TRANSLATOR,
    Wire,
    cluster_nat_plan,
    cluster_plan,
)

from lab.observe.phases import PhaseMaker
from lab.observe.story import connect_phases, exchange_records, time_to_connect_ns
from lab.report.statistics import in_ns

ROUTED = 4 * LINK_NS + 2 * (LINK_NS // 10)
"""There and back over two links, with the router's own time between them."""


def spent(records):
    return {each.name: in_ns(each.took_ms) for each in records}


def first_wait(wire):
    return spent(exchange_records(wire.timeline())[0].phases)


def ask_through_translator(wire):
    question = wire.ask("viewer", DNS)
    forwarded = wire.ask("dns", TRANSLATOR)
    wire.exchange("translator", REAL[0], ALIAS[0], ALIAS[2])
    wire.reply(forwarded, ALIAS[0], ALIAS[2])
    wire.reply(question, ALIAS[2])


def test_the_eight_steps_are_cut_at_every_hop():
    wire = Wire(cluster_nat_plan())
    ask_through_translator(wire)
    wire.connect("viewer", ALIAS[2], banner="tgp3")
    phases = spent(connect_phases(wire.timeline()))
    assert sum(phases.values()) == time_to_connect_ns(wire.timeline())
    for way in ("stub → resolver", "resolver → translator", "translator → responder"):
        assert phases[way] == 2 * LINK_NS, "there and back over one link each"
    assert phases["TCP"] == 4 * LINK_NS + LINK_NS // 10, "two links, and the far kernel"
    assert phases["NAT"] == 2 * (LINK_NS // 10)
    assert set(phases) >= {"resolver", "translator", "responder", "stub"}
    assert "waiting" not in phases


def test_a_silent_server_is_waited_for_until_the_next_is_asked():
    wire = Wire(cluster_plan())
    question = wire.ask("viewer", DNS)
    wire.ask("dns", REAL[0], lost=True)
    wire.elapse(2)
    wire.exchange("dns", REAL[1], REAL[1])
    wire.reply(question, REAL[1])
    timeline = wire.timeline()
    first, second = [each for each in timeline.exchanges if each.asker == "dns"]
    phases = first_wait(wire)
    assert phases["waiting"] == second.asked_at - first.asked_at
    assert phases["resolver → responder"] == ROUTED


def test_an_address_that_answers_no_syn_is_waited_for():
    wire = Wire(cluster_plan())
    question = wire.ask("viewer", DNS)
    wire.reply(question, REAL[0], REAL[1])
    wire.connect("viewer", REAL[0], lost=True)
    wire.elapse(1)
    wire.connect("viewer", REAL[1], banner="tgp2")
    timeline = wire.timeline()
    lost, made = timeline.connections
    phases = spent(connect_phases(timeline))
    assert phases["waiting"] == made.opened_at - lost.opened_at
    assert sum(phases.values()) == time_to_connect_ns(timeline)


def test_without_an_answer_there_is_no_wait_to_cut():
    wire = Wire(cluster_plan())
    wire.ask("viewer", DNS, lost=True)
    (record,) = exchange_records(wire.timeline())
    assert record.waited_ms is None
    assert record.phases == ()
    assert connect_phases(wire.timeline()) == ()


def test_what_another_client_waits_for_is_not_waited_for_here():
    wire = Wire(cluster_plan())
    other = wire.ask("bystander", DNS, "other.example")
    wire.ask("dns", REAL[1], "other.example", lost=True)
    question = wire.ask("viewer", DNS)
    wire.elapse(1)
    wire.reply(question, REAL[0])
    wire.reply(other)
    mine = next(r for r in exchange_records(wire.timeline()) if r.title.startswith("viewer"))
    assert "waiting" not in spent(mine.phases)
    assert spent(mine.phases)["resolver"] > 900 * MS


# --- the law ------------------------------------------------------------------------------------

turns = st.lists(
    st.tuples(
        st.sampled_from(["silent", "answers", "late", "fails"]),
        st.sampled_from(REAL[:2]),
        st.integers(1, 3_000),
    ),
    max_size=5,
)


@st.composite
def conversations(draw):
    """Some questions of a viewer, each with what the DNS server tried for it."""
    return draw(st.lists(st.tuples(turns, st.booleans(), st.integers(0, 2_000)), max_size=4))


@settings(max_examples=60)
@given(conversations(), st.booleans())
def test_phases_add_up_to_the_wait_to_the_nanosecond(conversation, connects):
    wire = spoken(conversation, connects)
    timeline = wire.timeline()
    for record in exchange_records(timeline):
        assert all(in_ns(each.took_ms) > 0 for each in record.phases)
        waited_ns = 0 if record.waited_ms is None else in_ns(record.waited_ms)
        assert sum(spent(record.phases).values()) == waited_ns
    assert sum(spent(connect_phases(timeline)).values()) == (time_to_connect_ns(timeline) or 0)
    maker = PhaseMaker(timeline)
    phases = maker.of_session("viewer", timeline.began_at, wire.now, timeline.connections)
    assert sum(each.took_ns for each in phases) == wire.now - timeline.began_at


def spoken(conversation, connects):
    wire = Wire(cluster_plan())
    wire.mark("step", "it begins")
    for tried, answered, pause_ms in conversation:
        question = wire.ask("viewer", DNS)
        late = []
        for what, server, wait_ms in tried:
            asked = wire.ask("dns", server, lost=what == "silent")
            wire.elapse(wait_ms / 1_000)
            if what == "answers":
                wire.reply(asked, server)
            elif what == "fails":
                wire.reply(asked, rcode="SERVFAIL")
            elif what == "late":
                late.append((asked, server))
        for asked, server in late:
            wire.reply(asked, server)
        if answered:
            wire.reply(question, REAL[0])
        wire.elapse(pause_ms / 1_000)
    if connects:
        wire.connect("viewer", REAL[0], banner="tgp1")
    return wire


@pytest.mark.parametrize("name", [NAME, "elsewhere.example"])
def test_what_a_server_asks_on_its_way_counts_to_its_clients_wait(name):
    """Recursion: other names, for which the judge knows no cause."""
    wire = Wire(cluster_plan())
    question = wire.ask("viewer", DNS, name)
    wire.exchange("dns", REAL[0], REAL[1], name="ns.elsewhere.example")
    wire.reply(question, REAL[1])
    assert first_wait(wire)["resolver → responder"] == ROUTED
