"""The page, read as text: what is in it, that it is escaped, that its links lead somewhere.

How it looks and behaves in a browser is tests/browser's affair.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from html.parser import HTMLParser

import pytest
from sample_record import (
    broken_on_purpose,
    eight_steps,
    every_node,
    expectation,
    lab_fault,
    no_such_link,
    run_of,
    sample_run,
    scenario,
)

from lab.judge.rules import RULES
from lab.report.html import headline, report_page

PICTURE = (
    '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" id="root" width="40" height="30">'
    '<defs><marker id="m"/></defs><path marker-end="url(#m)" d="M0 0"/></svg>'
)
VOID = {"wbr", "meta", "link", "br", "path", "rect", "circle", "use", "col", "hr", "img", "input"}


class Reader(HTMLParser):
    """Ids, links and text of a page; complains of tags that do not match."""

    def __init__(self, page) -> None:
        super().__init__()
        self.ids, self.links, self.text, self.tags, self.open = [], [], [], [], []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if "href" in attributes:
            self.links.append(attributes["href"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def page():
    return report_page(sample_run(), {"cluster-nat": PICTURE})


@pytest.fixture(scope="module")
def reader(page):
    return Reader(page)


def test_ids_are_unique_and_every_inner_link_has_its_target(reader):
    assert len(reader.ids) == len(set(reader.ids))
    inner = [link[1:] for link in reader.links if link.startswith("#")]
    assert inner
    assert set(inner) <= set(reader.ids)


def test_every_scenario_tells_all_its_record_holds(reader):
    text = re.sub(r"\s+", " ", " ".join(reader.text))
    for each in sample_run().scenarios:
        for said in (each.id, each.title, each.reproduce, each.reason, *each.story.split("\n\n")):
            assert re.sub(r"\s+", " ", said) in text
        for one in each.expectations:
            assert one.text in text
            assert all(proof.text in text for proof in one.evidence)
            assert all(rule in text for rule in one.rules)
        for node in each.nodes:
            for config in node.configs.values():
                assert re.sub(r"\s+", " ", config.strip()) in text


def test_what_the_record_says_is_never_markup():
    evil = "<script>alert(1)</script>\"'&<img src=x>"
    hop = eight_steps().exchanges[0].hops[0].model_copy(update={"text": evil, "addresses": evil})
    exchange = eight_steps().exchanges[0].model_copy(update={"title": evil, "hops": (hop,)})
    node = (
        eight_steps()
        .nodes[0]
        .model_copy(update={"label": evil, "configs": {evil: evil}, "stderr": {"resolver": evil}})
    )
    record = run_of(
        scenario(
            "a/b",
            "failed",
            title=evil,
            story=evil,
            reason=evil,
            topology=evil,
            reproduce=evil,
            exchanges=(exchange,),
            nodes=(node,),
            expectations=(expectation(evil, ("CLU-01",), "failed", evil, value=evil),),
        )
    ).model_copy(update={"host": {evil: [evil, {evil: evil}]}, "world_reason": evil})
    reader = Reader(report_page(record, {}))
    assert [tag for tag, _ in reader.tags].count("script") == 1
    assert "img" not in [tag for tag, _ in reader.tags]


def test_the_page_forbids_itself_to_load_anything(page):
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page).group(1)
    script = re.search(r"<script>(.*)</script>", page, re.DOTALL).group(1)
    own = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{own}'" in policy
    assert not re.search(r"""(src|srcset|data)=["']?(https?:|//)""", page)
    assert "@import" not in page


def test_topologies_are_drawn_once_and_shown_with_every_scenario(page, reader):
    assert reader.ids.count("topology-cluster-nat") == 1
    assert "topology-cluster-nat-m" in reader.ids
    assert "url(#topology-cluster-nat-m)" in page
    shown = [
        a["href"] for tag, a in reader.tags if tag == "use" and "topology" in a.get("href", "")
    ]
    with_nodes = [each for each in sample_run().scenarios if each.topology == "cluster-nat"]
    assert shown == ["#topology-cluster-nat"] * len(with_nodes)


def test_evidence_points_at_the_arrows_it_cites(reader):
    assert "#s-balancing-dead-node-f14" in reader.links


def test_of_a_thousand_exchanges_the_first_are_drawn_and_the_others_counted():
    once = every_node()
    exchange = once.exchanges[0]
    many = once.model_copy(update={"exchanges": (exchange,) * 1000})
    page = report_page(run_of(many), {})
    assert "996 more exchanges" in page
    assert "936 more are not drawn here" in page
    few = once.model_copy(update={"exchanges": (exchange,) * 64})
    assert "not drawn" not in report_page(run_of(few), {})
    assert len(page) < 1.1 * len(report_page(run_of(few), {}))


def test_many_exchanges_are_folded_but_cited_ones_stand_open(page):
    folded = report_page(run_of(every_node()), {})
    assert folded.count('class="more"') == 1
    assert f"{len(every_node().exchanges) - 4} more exchanges" in folded
    last = every_node().exchanges[-1].hops[0].frame
    failing = every_node().model_copy(
        update={
            "outcome": "failed",
            "expectations": (expectation("x", ("CLU-05",), "failed", "y", (last,)),),
        }
    )
    opened = report_page(run_of(failing), {})
    tail = opened[: opened.index(f'-f{last}"')]
    assert tail.count("<details") == tail.count("</details>")
    tail = folded[: folded.index(f'-f{last}"')]
    assert tail.count("<details") == tail.count("</details>") + 1
    assert 'class="more"' not in page[: page.index("balancing/every_node_is_handed_out</code>")]


def test_the_rules_overview_tells_judged_from_caught(page):
    row = page[page.index('id="rule-CLU-14"') :]
    row = row[: row.index("</tr>")]
    assert "caught" in row
    assert "failed" not in row
    row = page[page.index('id="rule-CLU-03"') :]
    row = row[: row.index("</tr>")]
    assert "failed" in row
    assert html.escape(RULES["CLU-03"].text.split("'")[0]) in row


def test_an_unknown_rule_does_not_break_the_page():
    record = run_of(scenario("a/b", expectations=(expectation("x", ("NEW-01",)),)))
    assert "NEW-01" in report_page(record, {})


@pytest.mark.parametrize(
    ("scenarios", "sentence"),
    [
        ((), "Nothing ran"),
        ((no_such_link(),), "Nothing could be judged"),
        ((eight_steps(),), "The scenario passed"),
        ((eight_steps(), broken_on_purpose()), "All 2 scenarios passed"),
        ((eight_steps(), no_such_link()), "1 of 2 scenarios passed, none failed"),
        ((eight_steps(), lab_fault()), "1 broken; 1 of 2 scenarios passed"),
    ],
)
def test_the_headline_says_how_it_went(scenarios, sentence):
    record = run_of(*scenarios)
    assert headline(record) == sentence
    assert sentence in report_page(record, {})


def test_an_incomplete_run_says_so_at_the_top():
    record = sample_run().model_copy(update={"complete": False})
    page = report_page(record, {})
    assert "This run is incomplete" in page[: page.index("Verdicts</h2>")]


def test_two_ids_that_look_alike_get_two_anchors():
    reader = Reader(report_page(run_of(scenario("a/b_c"), scenario("a/b-c")), {}))
    assert {"s-a-b-c", "s-a-b-c-2"} <= set(reader.ids)


def test_a_set_up_broken_on_purpose_says_so_beside_its_verdict():
    page = report_page(run_of(broken_on_purpose(), eight_steps()), {})
    assert page.count("broken as meant: CLU-14, CLU-13") == 1
    undetected = broken_on_purpose().model_copy(update={"outcome": "failed"})
    assert "broken as meant" not in report_page(run_of(undetected), {})
