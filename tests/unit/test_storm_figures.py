"""Figures from what was seen, and what each loss makes of a storm."""

from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from lab.observe.dns_content import content_of
from lab.storm.arrivals import draw_arrivals
from lab.storm.crowd_plan import plan_crowd
from lab.storm.figures import figures_of
from lab.storm.outcome import faults_of, notes_of, problems_of
from lab.storm.reading import Dial, Question, Reading, Tally
from lab.topology.load import load_topology
from lab.worlds.world import Capture
from resolver.machine import MILLISECOND, SECOND

TOPOLOGIES = Path(__file__).parents[2] / "topologies"
CROWD = plan_crowd(load_topology(TOPOLOGIES / "cluster-nat.toml"), "cluster-nat")
ASKED = ("internet.intern.netz", "A", "IN")
EMPTY = content_of(b"\x80\x00" + bytes(8), True)
NODES = ("server1", "server2", "server3")
ALIASES = {name: CROWD.plan.node(name).alias for name in NODES}


def reply(*addresses: str, rcode="NOERROR"):
    return replace(EMPTY, addresses=addresses, rcode=rcode)


def a_storm(viewers=300, rate=1000.0):
    """Everybody is answered after 1 ms, connected 2 ms after a turn of 3 ms, each node in turn."""
    arrivals = draw_arrivals(viewers, rate, IPv4Network(CROWD.prefix), 1)
    reading = Reading(frames=10 * viewers)
    reading.tallies["dns"] = Tally(viewers, viewers)
    for number, arrival in enumerate(arrivals):
        node = NODES[number % 3]
        viewer = bytes(map(int, arrival.address.split(".")))
        asked_at = SECOND + arrival.after_ns
        question = Question(viewer, ASKED, asked_at)
        question.reached_at = asked_at + MILLISECOND // 4
        question.replied_at = asked_at + MILLISECOND // 2
        question.received_at = asked_at + MILLISECOND
        question.reply = reply(ALIASES[node])
        opened_at = question.received_at + 3 * MILLISECOND
        dial = Dial(viewer, ALIASES[node], opened_at, 0)
        dial.established_at, dial.node = opened_at + 2 * MILLISECOND, node
        reading.questions[viewer] = question
        reading.dials[viewer] = dial
    reading.upstream_questions = 3
    return reading, arrivals


def figures(reading, arrivals, clock="measured", rate=1000.0):
    return figures_of(reading, CROWD, arrivals, clock, rate_per_s=rate, at_once=64)


def first(values, number=1):
    return list(values.values())[:number]


def test_the_figures_of_a_storm_in_which_all_went_well():
    found = figures(*a_storm())
    assert (found.answers.asked, found.answers.lost, found.answers.received) == (300, 0, 300)
    assert (found.answer_wait.n, found.answer_wait.median, found.answer_wait.max) == (300, 1.0, 1.0)
    assert (found.connect_wait.p99, found.both_wait.p99, found.connects.turn.p90) == (2.0, 3.0, 3.0)
    assert found.arrivals.late.max == 0
    assert found.upstream.per_question == 0.01
    assert [(each.node, each.answers, each.connections) for each in found.nodes] == [
        (node, 100, 100) for node in NODES
    ]
    assert (found.evenness.statistic, found.evenness.degrees, found.evenness.p_value) == (0, 2, 1)
    assert sum(each.asked for each in found.moments) == 300
    assert sum(each.connected for each in found.moments) == 300
    assert not list(faults_of(found, "dns"))
    assert not list(problems_of(Capture(Path("x"), 0), found, 300))


def test_a_rate_is_intervals_over_time():
    reading, arrivals = a_storm(viewers=3)
    for number, question in enumerate(reading.questions.values()):
        question.asked_at = number * SECOND // 2
    achieved = figures(reading, arrivals).arrivals.achieved
    assert (achieved.per_s, achieved.over_ms, achieved.n) == (2.0, 1000.0, 3)


def test_lateness_is_told_against_the_most_punctual_question():
    reading, arrivals = a_storm()
    for question in first(reading.questions, 150):
        question.asked_at += 7 * MILLISECOND
    late = figures(reading, arrivals).arrivals.late
    assert (late.median, late.p90, late.max) == (0.0, 7.0, 7.0)


def lose_an_answer(reading):
    question = first(reading.questions)[0]
    question.replied_at = question.received_at = question.reply = None
    reading.tallies["dns"].answered -= 1


def lose_a_question(reading):
    question = first(reading.questions)[0]
    question.reached_at = question.replied_at = question.received_at = question.reply = None
    reading.tallies["dns"].reached -= 1
    reading.tallies["dns"].answered -= 1


def lose_a_reply_on_its_way(reading):
    question = first(reading.questions)[0]
    question.received_at = question.reply = None


def answer_servfail(reading):
    for question in first(reading.questions, 2):
        question.reply = reply(rcode="SERVFAIL")


def lose_upstream(reading):
    reading.tallies["server1"] = Tally(3, 2)


def refuse_connections(reading):
    for dial, refused in zip(
        first(reading.dials, 3), ("connection refused", None, None), strict=True
    ):
        dial.established_at, dial.refused = None, refused


def send_all_to_one(reading):
    for dial in reading.dials.values():
        dial.node = "server2"


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lose_an_answer, "answers lost by dns: 1 (questions reached it and got none)"),
        (lose_a_question, "questions lost on their way to dns: 1"),
        (lose_a_reply_on_its_way, "answers lost on their way back: 1"),
        (answer_servfail, "answers without an address: 2 (of all: NOERROR 298, SERVFAIL 2)"),
        (lose_upstream, "answers lost by server1: 1 (questions reached it and got none)"),
        (
            refuse_connections,
            "connections failed: 3 (connection refused 1, no SYN-ACK came 2)",
        ),
        (send_all_to_one, "the spread over the nodes is absurd: p = 5.1e-131"),
    ],
)
def test_each_loss_fails_a_storm_and_is_named(harm, told):
    reading, arrivals = a_storm()
    harm(reading)
    faults = list(faults_of(figures(reading, arrivals), "dns"))
    assert len(faults) == 1
    assert faults[0].startswith(told)


def test_an_uneven_but_likely_spread_is_no_fault():
    reading, arrivals = a_storm()
    for dial in first(reading.dials, 30):
        dial.node = "server1"
    found = figures(reading, arrivals)
    assert 1e-6 < found.evenness.p_value < 0.2
    assert not list(faults_of(found, "dns"))


@pytest.mark.parametrize(
    ("capture", "told"),
    [
        (Capture(Path("x"), 7), "the capture lost 7 frames"),
        (Capture(Path("x"), 0, clock_step_ns=80 * MILLISECOND), "the clock was stepped by 80.0"),
        (Capture(Path("x"), 0, problems=("dns: resolver died",)), "dns: resolver died"),
    ],
)
def test_what_the_lab_did_wrong_is_a_problem(capture, told):
    problems = list(problems_of(capture, figures(*a_storm()), 300))
    assert len(problems) == 1
    assert problems[0].startswith(told)


def test_viewers_that_did_not_ask_or_dial_are_the_labs_fault():
    reading, arrivals = a_storm()
    for viewer in list(reading.dials)[:4]:
        del reading.dials[viewer]
    del reading.questions[next(iter(reading.questions))]
    problems = list(problems_of(Capture(Path("x"), 0), figures(reading, arrivals), 300))
    assert problems == [
        "only 299 of 300 questions left the crowd",
        "viewers with an address that did not dial it: 3",
    ]
    # Where frames were lost, who is missing proves nothing.
    problems = list(problems_of(Capture(Path("x"), 7), figures(reading, arrivals), 300))
    assert len(problems) == 1


def test_notes_say_what_figures_do_not():
    reading, arrivals = a_storm()
    assert list(notes_of(figures(reading, arrivals), "measured")) == []
    assert "virtual time" in next(notes_of(figures(reading, arrivals), "virtual"))
    slow = list(notes_of(figures(reading, arrivals, rate=5000.0), "measured"))
    assert len(slow) == 1
    assert "a second instead of 5,000" in slow[0]
    for number, dial in enumerate(reading.dials.values()):
        dial.established_at += number * 10 * MILLISECOND
    assert "connections did not keep up" in next(notes_of(figures(reading, arrivals), "measured"))
    few, those = a_storm(viewers=9)
    assert "the p-value is rough" in next(notes_of(figures(few, those), "measured"))


def test_of_nothing_there_are_no_figures():
    found = figures(Reading(), ())
    assert found.answer_wait is found.connect_wait is found.both_wait is None
    assert found.evenness is None
    assert found.moments == ()
    assert found.answers.asked == 0


def test_an_address_nobody_has_is_told_by_itself():
    reading, arrivals = a_storm()
    first(reading.questions)[0].reply = reply("203.0.113.9")
    told = {each.node: each.answers for each in figures(reading, arrivals).nodes}
    assert told["203.0.113.9"] == 1
