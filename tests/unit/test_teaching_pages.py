"""A scenario as pages: the FAQ's words beside the right packets, everything decoded, each word
explained once, and no page changed by what comes later."""

import re
from dataclasses import replace

import pytest
from shipped import shipped_scenarios
from walked import course_of, plan_of, walked

from lab.judge.checks import Answered
from lab.observe.pcapng import PcapngWriter
from lab.report.ladder import Arrow
from lab.report.ladder_text import drawn, step_sign
from lab.scenario.model import Ask, AskMany, Expectation, Scenario
from lab.teaching.faq import EIGHT_STEPS, FIGURES, FIVE_STEPS, SINGLE, figure_of, numbered
from lab.teaching.glossary import GLOSSARY, Explainer
from lab.teaching.growing import records_so_far
from lab.teaching.nodes import UnknownNode, node_called
from lab.teaching.pages import MOST_PACKETS

FIGURED = {
    "cluster/single_system": SINGLE,
    "cluster/five_steps": FIVE_STEPS,
    "cluster/eight_steps/translator_address": EIGHT_STEPS,
    "cluster/eight_steps/alias_addresses": EIGHT_STEPS,
}


def one_of_each_folder():
    return list({each.partition("/")[0]: each for each in shipped_scenarios()}.values())


def packets(course):
    return [page for page in course.pages if page.kind == "packet"]


def fields(page, label):
    return [field.text for field in page.fields if field.label == label]


# --- the FAQ's figures --------------------------------------------------------------------------


@pytest.mark.parametrize(("identifier", "figure"), FIGURED.items())
def test_every_step_of_a_figure_stands_beside_its_packet(identifier, figure):
    pages = packets(walked(identifier))
    quoted = {page.title[0]: page.quote for page in pages if page.quote}
    assert quoted == {
        step_sign(number): step.words for number, step in enumerate(figure.steps, start=1)
    }
    for number, step in enumerate(figure.steps, start=1):
        (page,) = (each for each in pages if each.title.startswith(step_sign(number)))
        way = page.title[2:].partition(",")[0]
        roles = {node.name: node.role for node in walked(identifier).plan.nodes}
        sender, receiver = way.split(" → ")
        assert (roles[sender], roles[receiver]) == (step.sender, step.receiver)


def test_a_misprint_of_the_faq_is_named_beside_it():
    pages = packets(walked("cluster/eight_steps/translator_address"))
    wrong = [page for page in pages if "192.168.1.103" in page.quote or ".10.103" in page.quote]
    assert wrong
    assert all(".102" in page.note for page in wrong)


def test_what_is_no_figure_has_no_words_of_the_faq():
    assert not any(page.quote for page in packets(walked("own_zones/precedence/five_sources")))


def test_a_figure_is_known_by_who_sends_what_to_whom():
    for figure in FIGURES:
        steps = [(step.sender, step.receiver, step.kind) for step in figure.steps]
        assert figure_of(steps) is figure
        assert figure_of([*steps, ("viewer", "server", "syn")]) is None
        assert figure_of([steps[1], steps[0], *steps[2:]]) is None
    assert figure_of([("viewer", "resolver", "query")]) is None, "which of them is not known yet"


def test_numbers_end_at_a_gap():
    assert numbered({1: ("a", "b", "query"), 3: ("b", "a", "reply")}) == [("a", "b", "query")]


# --- packets ------------------------------------------------------------------------------------


def test_a_packet_is_decoded():
    pages = packets(walked("cluster/five_steps"))
    question, forwarded, answer, reply, *_ = pages
    assert fields(question, "IPv4") == ["192.168.1.10 → 192.168.1.53, time to live 64"]
    assert re.fullmatch(r"port \d+ → 53, checksum right", fields(question, "UDP")[0])
    assert re.fullmatch(r"question, ID 0x[0-9a-f]{4}, flags RD", fields(question, "DNS")[0])
    assert fields(question, "asked") == ["internet.intern.netz  IN  A"]
    assert fields(forwarded, "OPT") == ["datagrams of up to 1232 octets"]
    assert len(fields(answer, "answer")) == 3
    assert all("TTL 2  A  10.10.10.10" in text for text in fields(answer, "answer"))
    assert len(fields(reply, "answer")) == 1
    assert all("never arrived" not in fields(page, "frame")[0] for page in pages)


def test_the_nat_shows_the_packet_before_and_after():
    pages = packets(walked("cluster/eight_steps/translator_address"))
    behind = [page for page in pages if fields(page, "NAT")]
    assert [page.title.partition(",")[0] for page in behind[:2]] == [
        "⑧ translator → server1",
        "translator → viewer",
    ]
    there, back = behind[:2]
    assert "→ 192.168.1.100:5900, time to live 64" in fields(there, "before")[0]
    assert "→ 10.10.10.100:5900, time to live 63" in fields(there, "after")[0]
    assert fields(there, "NAT") == ["destination 192.168.1.100 becomes 10.10.10.100"]
    assert fields(back, "NAT") == ["source 10.10.10.100 becomes 192.168.1.100"]


def test_what_goes_wrong_is_told():
    pages = packets(walked("failures/translator_down/translator_address"))
    told = "\n".join(sentence for page in pages for sentence in page.words)
    assert "It never arrives: nothing enters the translator." in told
    assert "The DNS server answers the viewer with an error: SERVFAIL." in told
    forged = packets(walked("security/forged_reply/wrong_question"))
    assert any("This is a forgery" in " ".join(page.words) for page in forged)


# --- the whole ----------------------------------------------------------------------------------


@pytest.mark.parametrize("identifier", one_of_each_folder())
def test_any_scenario_can_be_walked(identifier):
    course = walked(identifier)
    pages = course.pages
    assert [pages[0].kind, pages[-1].kind] == ["opening", "verdicts"]
    assert sum(page.kind == "step" for page in pages) == len(course.scenario.steps)
    # Every word is explained where it comes first, and once.
    explained = [term for page in pages for term, _ in page.terms]
    assert len(explained) == len(set(explained))
    # The ladder grows, and a page's packet is its last arrow.
    arrows = [page.arrows for page in pages]
    assert arrows == sorted(arrows)
    for page in pages[:40]:
        ladder = course.ladder(page.arrows)
        shown = [row for row in ladder.rows if isinstance(row, Arrow)]
        assert len(shown) == page.arrows
        if page.kind == "packet":
            way = f"{shown[-1].hop.sender} → {shown[-1].hop.receiver}"
            assert way in page.title
            assert fields(page, "frame")[0].startswith(f"{shown[-1].hop.frame} ·")
    for width in (40, 80, 120):
        lines = drawn(course.ladder(arrows[-1]), width).splitlines()
        assert all(len(line) <= width for line in lines)


@pytest.mark.parametrize(
    "identifier", ["cluster/eight_steps/translator_address", "failures/all_nodes_down"]
)
def test_what_comes_later_changes_no_page(identifier):
    whole = walked(identifier)
    marks = [mark.at for mark in whole.timeline.marks if mark.kind == "step"]
    for done in range(1, len(marks)):
        records = tuple(each for each in whole.timeline.records if each.at < marks[done])
        early = replace(
            whole,
            timeline=type(whole.timeline)(records, whole.plan, whole.timeline.clock),
            done=done,
            record=None,
        )
        assert early.pages == whole.pages[: len(early.pages)]
        assert len(early.pages) > done


def test_a_step_says_what_came_of_it_for_its_actor():
    (first, *_) = (p for p in walked("viewers/server_up@musl").pages if p.kind == "step")
    assert first.words == (
        "Viewer (musl) visits the cluster.",
        "Viewer is connected.",
        f"It causes {first_packets('viewers/server_up@musl')} packets.",
    )


def first_packets(identifier):
    kinds = [page.kind for page in walked(identifier).pages]
    first, second = (place for place, kind in enumerate(kinds) if kind == "step")
    return second - first - 1


def test_before_anything_happens_there_is_the_opening():
    whole = walked("cluster/five_steps")
    pages = replace(whole, timeline=None, done=0, record=None).pages
    assert pages == whole.pages[:1]
    assert ("server1", "10.10.10.100, TightGate-Pro 1") in [
        (field.label, field.text) for field in pages[0].fields
    ]


def test_a_load_is_not_walked_packet_by_packet():
    expectation = Expectation(text="-", rules=("CLU-02",), check=Answered())
    scenario = Scenario(
        title="Many",
        story="",
        topology="cluster",
        steps=(AskMany(name="internet.intern.netz", count=200), Ask()),
        expectations=(expectation,),
    )
    course = course_of("many", scenario)
    kinds = [page.kind for page in course.pages]
    assert kinds[:2] == ["opening", "step"]
    assert kinds[2 : 2 + MOST_PACKETS] == ["packet"] * MOST_PACKETS
    assert kinds[2 + MOST_PACKETS] == "more"
    more = course.pages[2 + MOST_PACKETS]
    hops = sum(len(each.hops) for each in course.exchanges[:200])
    assert more.title == f"{hops - MOST_PACKETS} more packets of this step"
    assert more.arrows == hops


# --- a capture that grows -------------------------------------------------------------------------


def test_a_capture_is_read_as_far_as_it_goes(tmp_path):
    plan = plan_of("cluster")
    path = tmp_path / "capture.pcapng"
    assert records_so_far(path, plan) == []
    with PcapngWriter(path) as writer:
        for at in (1, 2, 3):
            writer.mark(at, "step", f"step {at}", {})
    whole = path.read_bytes()
    assert [record.at for record in records_so_far(path, plan)] == [1, 2, 3]
    assert [record.at for record in records_so_far(path, plan, since=2)] == [2, 3]
    for cut in range(1, 40):
        path.write_bytes(whole[:-cut])
        assert [record.at for record in records_so_far(path, plan)] == [1, 2]


# --- words and names ----------------------------------------------------------------------------


def test_a_word_is_explained_at_its_first_appearance_alone():
    explainer = Explainer()
    assert explainer.explain(["TTL", "nonsense", "A", "TTL"]) == (
        ("TTL", GLOSSARY["TTL"]),
        ("A", GLOSSARY["A"]),
    )
    assert explainer.explain(["A", "NAT"]) == (("NAT", GLOSSARY["NAT"]),)


def test_nodes_are_called_by_name_part_and_label():
    plan = plan_of("cluster-nat")
    called = {
        "server1": "server1",
        "lb1": "server1",
        "lb2": "server2",
        "LB2": "server2",
        "dns": "dns",
        "nat": "translator",
        "TightGate-Pro 3": "server3",
        "viewer": "viewer",
    }
    assert {word: node_called(plan, word).name for word in called} == called
    with pytest.raises(UnknownNode, match=r"no node 'lb3'; did you mean 'lb[12]'"):
        node_called(plan, "lb3")
