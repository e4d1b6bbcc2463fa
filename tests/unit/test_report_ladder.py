"""The ladder diagram: what is laid out, and both ways of drawing it."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from golden import assert_golden
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from sample_record import (
    dead_node,
    eight_steps,
    every_node,
    forged_reply,
    no_such_link,
    nodes,
    scenario,
    silent_forwarder,
)

from lab.report.ladder import Arrow, Heading, Joint, Pause, changed, columns_of, lay_out
from lab.report.ladder_svg import ladder_svg
from lab.report.ladder_text import ladder_text
from lab.report.record import ExchangeRecord, HopRecord

NAMES = [node.name for node in nodes()]


def laid_out(record):
    return lay_out(record.exchanges, columns_of(record))


def parsed(svg):
    return ET.fromstring(svg)  # noqa: S314 - our own drawing


def rows_of(ladder, kind):
    return [row for row in ladder.rows if isinstance(row, kind)]


# --- layout -------------------------------------------------------------------------------------


def test_columns_stand_in_the_order_of_the_parts_played():
    shuffled = eight_steps().model_copy(update={"nodes": tuple(reversed(nodes()))})
    assert [column.name for column in columns_of(shuffled)] == [
        "viewer",
        "dns",
        "translator",
        "tgp3",
        "tgp1",
    ]


def test_only_nodes_that_take_part_get_a_column_and_unknown_ones_come_last():
    stranger = HopRecord(
        frame=1, at_ms=0, took_ms=1, sender="stranger", receiver="dns", kind="query", text="?"
    )
    exchange = ExchangeRecord(title="t", started_ms=0, waited_ms=None, hops=(stranger,))
    record = scenario("a/b", exchanges=(exchange,))
    assert [column.name for column in columns_of(record)] == ["dns", "stranger"]


def test_every_hop_is_an_arrow_between_its_nodes():
    record = eight_steps()
    ladder = laid_out(record)
    names = [column.name for column in ladder.columns]
    arrows = rows_of(ladder, Arrow)
    assert [arrow.hop for arrow in arrows] == [
        hop for each in record.exchanges for hop in each.hops
    ]
    assert all(
        (names[each.start], names[each.end]) == (each.hop.sender, each.hop.receiver)
        for each in arrows
    )
    assert [arrow.hop.step for arrow in arrows[:8]] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [row.title for row in rows_of(ladder, Heading)] == [
        each.title for each in record.exchanges
    ]


def test_hops_across_the_translator_are_joined_by_what_changed():
    ladder = laid_out(eight_steps())
    joints = rows_of(ladder, Joint)
    assert [joint.change for joint in joints] == [
        "192.168.1.102 → 10.10.10.102",
        "10.10.10.102 → 192.168.1.102",
        "10.10.10.102 → 192.168.1.102",
    ]
    for joint in joints:
        at = ladder.rows.index(joint)
        before, after = ladder.rows[joint.since_row], ladder.rows[at + 1]
        assert before.hop.crossing == after.hop.crossing
        assert before.end == after.start == joint.column
        assert ladder.columns[joint.column].name == "translator"


def test_a_hop_without_its_other_half_has_no_joint():
    exchange = eight_steps().exchanges[1]
    alone = exchange.model_copy(update={"hops": exchange.hops[:1]})
    assert not rows_of(lay_out((alone,), nodes()), Joint)


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ("1.1.1.1:5 → 2.2.2.2:53", "1.1.1.1:5 → 3.3.3.3:53", "2.2.2.2 → 3.3.3.3"),
        ("1.1.1.1:5 → 2.2.2.2:53", "1.1.1.1:5 → 3.3.3.3:54", "2.2.2.2:53 → 3.3.3.3:54"),
        ("1.1.1.1 → 2.2.2.2", "1.1.1.1 → 3.3.3.3", "2.2.2.2 → 3.3.3.3"),
        ("1.1.1.1 → 2.2.2.2", "1.1.1.1 → 2.2.2.2", "unchanged"),
        ("a:1 → b:2", "c:1 → d:2", "a → c, b → d"),
    ],
)
def test_what_a_translation_changed(before, after, change):
    assert changed(before, after) == change


def test_long_waits_get_a_row_and_short_ones_do_not():
    assert [round(row.lasted_ms) for row in rows_of(laid_out(silent_forwarder()), Pause)] == [2000]
    assert [round(row.lasted_ms) for row in rows_of(laid_out(dead_node()), Pause)] == [6000, 6000]
    assert not rows_of(laid_out(eight_steps()), Pause)


def test_silence_and_forgery_are_told():
    silent = [row for row in rows_of(laid_out(silent_forwarder()), Arrow) if row.remark]
    assert [row.remark for row in silent] == ["never arrived, no answer"]
    assert not silent[0].arrives
    forged = [row for row in rows_of(laid_out(forged_reply()), Arrow) if row.remark]
    assert [(row.hop.sender, row.remark) for row in forged] == [("bystander", "forged")]


# --- text ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("record", [eight_steps(), silent_forwarder(), forged_reply()])
def test_the_text_ladder_is_as_kept(record):
    name = record.id.rpartition("/")[2]
    assert_golden(f"ladder_{name}.txt", ladder_text(record, width=110))


def test_a_narrow_terminal_gets_one_line_per_message():
    assert_golden("ladder_cluster_nat_narrow.txt", ladder_text(eight_steps(), width=60))


def test_a_scenario_without_messages_says_so():
    assert ladder_text(no_such_link()) == "no messages\n"


def test_control_characters_never_reach_the_terminal():
    hop = eight_steps().exchanges[0].hops[0].model_copy(update={"text": "\x1b[2Jevil\r"})
    exchange = eight_steps().exchanges[0].model_copy(update={"hops": (hop,), "title": "\x07"})
    text = ladder_text(scenario("a/b", exchanges=(exchange,)))
    assert "\\x1b[2Jevil\\x0d" in text
    assert all(char in "\n\u2009" or char.isprintable() for char in text)


# --- any ladder ---------------------------------------------------------------------------------

hops = st.builds(
    HopRecord,
    frame=st.integers(1, 10_000),
    at_ms=st.floats(0, 1e7).map(lambda ms: round(ms, 4)),
    took_ms=st.none() | st.floats(0, 100),
    sender=st.sampled_from(NAMES),
    receiver=st.sampled_from(NAMES),
    kind=st.sampled_from(["query", "reply", "syn", "syn-ack", "icmp-error", "data"]),
    text=st.text(st.characters(exclude_characters="├─╌┤"), max_size=160),
    step=st.none() | st.integers(1, 30),
    unanswered=st.booleans(),
    forged=st.booleans(),
    crossing=st.none() | st.integers(1, 3),
    addresses=st.sampled_from(["", "1.1.1.1:1 → 2.2.2.2:53", "fd00::1:1 → fd00::2:53"]),
)
exchanges = st.builds(
    ExchangeRecord,
    title=st.text(st.characters(exclude_characters="├─╌┤"), max_size=60),
    started_ms=st.floats(0, 1e6),
    waited_ms=st.none() | st.floats(0, 1e6),
    hops=st.lists(hops, max_size=5).map(tuple),
)
records = st.lists(exchanges, min_size=1, max_size=3).map(
    lambda made: scenario("any/ladder", exchanges=tuple(made))
)


@given(record=records, width=st.integers(40, 200))
def test_no_line_of_text_is_wider_than_the_terminal(record, width):
    assert all(cell_len(line) <= width for line in ladder_text(record, width).splitlines())


@given(record=records)
def test_every_hop_is_in_the_text(record):
    text = ladder_text(record, 120)
    arrows = sum(len(each.hops) for each in record.exchanges)
    heads = sum(
        any(mark in line for mark in ("├─", "├╌", "─┤", "╌┤")) for line in text.splitlines()
    )
    assert heads == arrows


SVG = "{http://www.w3.org/2000/svg}"


@settings(deadline=None, max_examples=60)
@given(record=records)
def test_labels_of_the_drawing_never_meet_and_stay_inside(record):
    ladder = laid_out(record)
    root = parsed(ladder_svg(ladder, "s", "any"))
    width, height = float(root.get("width")), float(root.get("height"))
    boxes = [box(text) for text in root.iter(f"{SVG}text")]
    for left, top, right, bottom in boxes:
        assert left >= 0
        assert right <= width
        assert top >= 0
        assert bottom <= height
    boxes.sort(key=lambda each: each[1])
    for number, one in enumerate(boxes):
        for other in boxes[number + 1 :]:
            if other[1] >= one[3]:
                break
            assert other[0] >= one[2] or one[0] >= other[2], (one, other)


def test_the_check_for_meeting_labels_can_fail():
    two = parsed(
        f'<svg xmlns="{SVG[1:-1]}"><text x="0" y="20" class="label">abcdef</text>'
        '<text x="20" y="22" class="label">abcdef</text></svg>'
    )
    one, other = (box(text) for text in two.iter(f"{SVG}text"))
    assert other[0] < one[2]
    assert other[1] < one[3]


SIZES = {"name": 13, "role": 10.5, "address": 9.5, "wire": 9.5, "time": 10.5, "since": 9,
         "pause": 11, "step": 11}  # fmt: skip


def box(text):
    """Left, top, right, bottom of a text in page.css's sizes, glyphs 0.6 em wide."""
    kind = text.get("class").split()[-1]
    size = SIZES.get(kind, 11.5)
    length = cell_len(text.text or "") * size * 0.6
    x, y = float(text.get("x")), float(text.get("y"))
    start = {"start": x, "middle": x - length / 2, "end": x - length}[
        text.get("text-anchor", "start")
    ]
    return start, y - 0.75 * size, start + length, y + 0.2 * size


@given(record=records)
def test_every_hop_is_in_the_drawing(record):
    root = parsed(ladder_svg(laid_out(record), "s", "any"))
    drawn = [g.get("id") for g in root.iter(f"{SVG}g") if "hop" in g.get("class").split()]
    assert drawn == [f"s-f{hop.frame}" for each in record.exchanges for hop in each.hops]


def test_the_drawing_marks_silence_forgery_and_steps():
    root = parsed(ladder_svg(laid_out(silent_forwarder()), "s", "t"))
    unanswered = [g for g in root.iter(f"{SVG}g") if "unanswered" in g.get("class")]
    assert len(unanswered) == 1
    assert [p.get("class") for p in unanswered[0].iter(f"{SVG}path")] == ["shaft", "cross"]
    root = parsed(ladder_svg(laid_out(forged_reply()), "s", "t"))
    assert sum("forged" in g.get("class") for g in root.iter(f"{SVG}g")) == 1
    root = parsed(ladder_svg(laid_out(eight_steps()), "s", "t"))
    steps = [t.text for t in root.iter(f"{SVG}text") if t.get("class") == "step"]
    assert steps == ["1", "2", "3", "4", "5", "6", "7", "8"]
    assert sum(p.get("class") == "joint" for p in root.iter(f"{SVG}path")) == 3


def test_a_long_scenario_is_drawn_whole():
    record = every_node()
    root = parsed(ladder_svg(laid_out(record), "s", "t"))
    hops_drawn = sum("hop" in (g.get("class") or "").split() for g in root.iter(f"{SVG}g"))
    assert hops_drawn == sum(len(each.hops) for each in record.exchanges)
