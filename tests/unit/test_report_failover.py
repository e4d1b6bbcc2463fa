"""The fail-over timeline: what was asked when, what came back, and how waits changed by a fault."""

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_record import (
    DNS,
    VIEWER,
    Wire,
    broken_on_purpose,
    dead_node,
    eight_steps,
    every_node,
    forged_reply,
    run_of,
    scenario,
    silent_forwarder,
)

from lab.report.failover import askings, is_disturbed, mark_word, waits
from lab.report.failover_svg import failover
from lab.report.record import MarkRecord, RunRecord, VisitRecord
from lab.report.tables import tables


def told(record):
    return [(each.asker, each.asked, each.came, each.answer) for each in askings(record)]


def mark(at_ms, kind, node="tgp1"):
    return MarkRecord(at_ms=at_ms, kind=kind, text=f"{node} {kind}", node=node)


def test_each_question_has_what_came_back_for_it():
    assert told(silent_forwarder()) == [
        ("viewer", "dns", "an answer", "10.10.10.102 (ttl 2)"),
        ("dns", "tgp1", "nothing", ""),
        ("dns", "tgp2", "an answer", "10.10.10.101, 10.10.10.102 (ttl 2)"),
        ("viewer", "tgp3", "an answer", "SYN-ACK"),
    ]


def test_a_packet_through_nat_is_asked_and_answered_on_each_side():
    syns = [each for each in askings(eight_steps()) if each.what.startswith("SYN")]
    assert [(each.asker, each.asked, each.came) for each in syns] == [
        ("viewer", "translator", "an answer"),
        ("translator", "tgp3", "an answer"),
    ]
    assert [each.by_viewer for each in syns] == [True, False]
    # Each side's answer is that side's own SYN-ACK, one after the other.
    assert syns[1].ended_ms < syns[0].ended_ms


def test_a_forged_answer_is_none():
    (question,) = [each for each in askings(forged_reply()) if each.asker == "dns"]
    assert question.answer == "10.10.10.100 (ttl 2)"


def test_an_icmp_error_is_an_error():
    syn = [each for each in askings(broken_on_purpose()) if each.what.startswith("SYN")]
    assert [(each.came, each.answer) for each in syn] == [("an error", "host unreachable")]


@pytest.mark.parametrize(
    ("reply", "more", "came"),
    [
        ("SERVFAIL", {}, "an error"),
        ("REFUSED", {}, "an error"),
        ("NXDOMAIN", {}, "an answer"),
        ("10.0.0.1 (ttl 2), too late", {"unanswered": True}, "too late"),
    ],
)
def test_what_an_answer_counts_for(reply, more, came):
    wire = Wire()
    wire.hop("viewer", "dns", "query", "A x?", f"{VIEWER}:4 → {DNS}:53", **more)
    wire.hop("dns", "viewer", "reply", reply, f"{DNS}:53 → {VIEWER}:4")
    record = scenario("a/one", exchanges=(wire.exchange("viewer asks A x"),))
    assert [each.came for each in askings(record)] == [came]


def test_two_questions_of_one_connection_have_each_their_own_answer():
    wire = Wire()
    for name in ("x", "y"):
        wire.hop("viewer", "dns", "query", f"A {name}?", f"{VIEWER}:4 → {DNS}:53")
    for address in ("10.0.0.1", "10.0.0.2"):
        wire.hop("dns", "viewer", "reply", address, f"{DNS}:53 → {VIEWER}:4")
    record = scenario("a/one", exchanges=(wire.exchange("viewer asks twice"),))
    assert [each.answer for each in askings(record)] == ["10.0.0.1", "10.0.0.2"]


# --- stages -------------------------------------------------------------------------------------


def faulty(*marks: MarkRecord):
    """24 lookups, each with a connection, some 2.1 s apart."""
    return every_node().model_copy(update={"marks": marks})


def test_waits_are_told_before_during_and_after():
    record = faulty(mark(10_000, "halted"), mark(30_000, "resumed"))
    found = {each.stage: each for each in waits(record)}
    assert list(found) == ["before", "during", "after"]
    starts = [each.started_ms for each in record.exchanges]
    assert found["before"].asked == sum(at < 10_000 for at in starts)
    assert found["during"].asked == sum(10_000 <= at < 30_000 for at in starts)
    assert found["after"].asked == sum(at >= 30_000 for at in starts)
    assert all(each.served == each.asked == each.waited.n for each in found.values())


def test_without_a_repair_there_is_no_after_and_without_a_fault_nothing():
    assert [each.stage for each in waits(faulty(mark(10_000, "unplugged")))] == ["before", "during"]
    assert waits(faulty(mark(5.0, "resumed"), mark(10_000, "reconfigured"))) == ()
    assert waits(every_node()) == ()


def test_what_got_no_answer_is_not_served():
    record = dead_node().model_copy(update={"marks": (mark(-1.0, "halted", "tgp3"),)})
    (during,) = waits(record)
    assert (during.asked, during.served, during.waited.n) == (3, 2, 2)


@pytest.mark.parametrize(
    ("kind", "at_ms", "word"),
    [
        ("halted", 0, "fault"),
        ("impaired", 0, "fault"),
        ("unplugged", 0, "fault"),
        ("resumed", 0, "repair"),
        ("mended", 0, "repair"),
        ("plugged", 0, "repair"),
        ("reconfigured", 5000, "change"),
        ("scripted", -1, "change"),
        ("scripted", 5000, "fault"),
    ],
)
def test_what_a_mark_stands_for(kind, at_ms, word):
    assert mark_word(mark(at_ms, kind), every_node()) == word


def test_only_what_failed_has_a_timeline():
    assert is_disturbed(silent_forwarder())
    assert is_disturbed(dead_node())
    assert is_disturbed(faulty(mark(1.0, "halted")))
    assert not is_disturbed(eight_steps())
    assert not is_disturbed(faulty(mark(1.0, "reconfigured")))


# --- the drawing --------------------------------------------------------------------------------


def test_every_question_has_a_bar_and_every_mark_a_line():
    drawn = failover(silent_forwarder())
    assert drawn.svg.count("<rect ") == 4
    assert drawn.svg.count('class="nothing"') == 1
    assert drawn.svg.count('class="mark fault"') == drawn.svg.count('class="mark repair"') == 1
    assert [each.text for each in drawn.marks] == ["tgp1 halts", "tgp1 <resumes>"]
    assert drawn.undrawn == 0


def test_a_drawing_ends_where_nobody_could_read_it():
    record = faulty(mark(1.0, "halted"))
    record = record.model_copy(update={"exchanges": record.exchanges * 2})
    drawn = failover(record)
    every = len(list(askings(record)))
    assert drawn.svg.count("<rect ") + drawn.undrawn == every
    assert drawn.undrawn > 0


@given(st.lists(st.floats(-1e6, 1e6), max_size=12), st.text(max_size=20))
def test_nothing_leaves_the_drawing_whatever_the_marks(moments, text):
    marks = [
        MarkRecord(at_ms=at, kind=("halted", "resumed", "other")[n % 3], text=text)
        for n, at in enumerate(sorted(moments))
    ]
    drawn = failover(silent_forwarder().model_copy(update={"marks": tuple(marks)}))
    assert drawn.svg.count('class="mark ') == len(marks)
    for at in (part.split('"')[0] for part in drawn.svg.split(' x="')[1:]):
        assert 0 <= float(at) <= 920


# --- as CSV -------------------------------------------------------------------------------------


def rows(name, record: RunRecord):
    return list(csv.DictReader(io.StringIO(dict(tables(record))[name])))


def test_failover_csv_tells_all_in_order():
    found = rows("failover.csv", run_of(silent_forwarder()))
    assert [(row["event"], row["who"], row["whom"], row["came"]) for row in found] == [
        ("fault", "tgp1", "", ""),
        ("viewer asks", "viewer", "dns", "an answer"),
        ("asks", "dns", "tgp1", "nothing"),
        ("asks", "dns", "tgp2", "an answer"),
        ("viewer asks", "viewer", "tgp3", "an answer"),
        ("repair", "tgp1", "", ""),
    ]
    assert [float(row["at_ms"]) for row in found] == sorted(float(row["at_ms"]) for row in found)
    assert {row["clock"] for row in found} == {"measured"}
    (silent,) = [row for row in found if row["came"] == "nothing"]
    assert silent["took_ms"] == silent["answer"] == ""


def test_repairs_csv_compares_the_stages():
    record = run_of(faulty(mark(10_000, "halted"), mark(30_000, "resumed")))
    assert [(row["stage"], row["asked"] == row["n"]) for row in rows("repairs.csv", record)] == [
        ("before", True),
        ("during", True),
        ("after", True),
    ]


# --- visits -------------------------------------------------------------------------------------


def visited():
    """glibc asks a silent server, then after 5 s another one, and connects."""
    wire = Wire()
    question = f"{VIEWER}:4 → {DNS}:53"
    wire.hop("viewer", "dns", "query", "A x?", question, took=None, unanswered=True)
    first = wire.exchange("viewer asks A x", waited=False)
    wire.at_ms = 5000.0
    wire.hop("viewer", "dns2", "query", "A x?", f"{VIEWER}:5 → 192.168.1.3:53")
    wire.hop("dns2", "viewer", "reply", "10.0.0.1", f"192.168.1.3:53 → {VIEWER}:5")
    second = wire.exchange("viewer asks A x")
    visit = VisitRecord(
        node="viewer",
        profile="glibc",
        began_ms=0.0,
        outcome="connected",
        time_to_connect_ms=5001.0,
        reached="tgp1",
    )
    return scenario("viewers/one@glibc", exchanges=(first, second), visits=(visit,))


def bars(svg):
    """(class, width) of each bar."""
    found = re.findall(r'<rect class="(\w+)" x="[\d.]+" y="\d+" width="([\d.]+)"', svg)
    return [(word, float(width)) for word, width in found]


def test_a_visit_is_one_bar_and_a_silent_server_is_waited_for_until_the_next_is_asked():
    drawn = failover(visited())
    (visit, visit_width), (silent, silent_width), (answered, answered_width) = bars(drawn.svg)
    assert (visit, silent, answered) == ("served", "nothing", "served")
    assert visit_width > silent_width > 0.99 * visit_width
    assert answered_width < 5
    assert "viewer: visit (glibc)" in drawn.svg


def test_a_visit_stands_in_failover_csv():
    first = rows("failover.csv", run_of(visited()))[0]
    assert (first["event"], first["whom"], first["came"], first["took_ms"]) == (
        "visit",
        "tgp1",
        "an answer",
        "5001.0",
    )
