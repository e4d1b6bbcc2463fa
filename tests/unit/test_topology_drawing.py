"""The picture: whole, legible, standing alone."""

import re
from itertools import combinations, pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from shipped import shipped_topologies
from topology_samples import clusters

from lab.topology.draw import draw_topology
from lab.topology.load import load_topology
from lab.topology.model import Topology
from lab.topology.planner import make_plan

TOPOLOGIES = Path(__file__).parents[2] / "topologies"
SHIPPED = shipped_topologies()
SVG = "{http://www.w3.org/2000/svg}"


def parsed(svg):
    return ET.fromstring(svg)  # noqa: S314 - our own drawing, made a moment ago


def numbers(element, names):
    return tuple(float(element.get(name)) for name in names.split())


def is_bar(rect):
    return rect.get("fill") == "#3e4c59"


def boxes_of(drawing):
    """Left, top, right, bottom of every node's box and of every NAT table."""
    found = []
    for rect in drawing.iter(f"{SVG}rect"):
        if rect.get("rx") in ("4", "6") and not is_bar(rect):
            x, y, width, height = numbers(rect, "x y width height")
            found.append((x, y, x + width, y + height))
    return found


def assert_legible(drawing):
    width, height = numbers(drawing, "width height")
    boxes = boxes_of(drawing)
    for one, other in combinations(boxes, 2):
        apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
        assert apart, (one, other)
    bars = [numbers(bar, "y height") for bar in drawing.iter(f"{SVG}rect") if is_bar(bar)]
    for _, top, _, bottom in boxes:
        assert all(bottom <= y or y + thickness <= top for y, thickness in bars)
    at = [numbers(text, "x y") for text in drawing.iter(f"{SVG}text")]
    assert len(at) == len(set(at)), "a text on a text"
    left_margin = sorted(y for x, y in at if x < 60)
    assert all(later - sooner >= 14 for sooner, later in pairwise(left_margin))
    for left, top, right, bottom in boxes:
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
    for line in drawing.iter(f"{SVG}line"):
        x, start, end = numbers(line, "x1 y1 y2")
        for left, top, right, bottom in boxes:
            crosses = left < x < right and min(start, end) < bottom and max(start, end) > top
            assert not crosses, (x, start, end)
    dots = [numbers(dot, "cx cy") for dot in drawing.iter(f"{SVG}circle")]
    assert len(dots) == len(set(dots))


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_everything_is_in_the_picture(file):
    topology = load_topology(file)
    plan = make_plan(topology, file.stem)
    drawing = parsed(draw_topology(topology))
    texts = [text.text for text in drawing.iter(f"{SVG}text")]
    in_a_row = " ".join(texts)
    for node in plan.nodes:
        assert node.label in in_a_row, "in one line or more"
        for address in node.addresses():
            assert address in texts
        if node.alias:
            assert f"alias {node.alias}" in texts
            assert f"{node.alias} ⇄ {node.addresses()[0]}" in texts
    for network in plan.networks:
        assert network.name in texts
        assert set(network.prefixes) <= set(texts)
    thick = [rect for rect in drawing.iter(f"{SVG}rect") if rect.get("stroke-width") == "3"]
    balancers = [node for node in plan.nodes if node.load_balancer]
    assert len(thick) == len(balancers) + (1 if balancers else 0), "and one in the legend"
    attached = sum(len(node.interfaces) for node in plan.nodes)
    assert len(list(drawing.iter(f"{SVG}circle"))) == attached + 1, "and one in the legend"


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_shipped_pictures_are_legible(file):
    assert_legible(parsed(draw_topology(load_topology(file))))


@given(raw=clusters())
@settings(max_examples=60)
def test_any_picture_is_legible(raw):
    assert_legible(parsed(draw_topology(Topology.model_validate(raw))))


def test_a_picture_stands_alone():
    text = draw_topology(load_topology(TOPOLOGIES / "cluster-nat.toml"))
    assert re.findall(r"https?://[^\"]+", text) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"<(style|script|image|use|link)|\b(id|class|href)=|url\(", text)


def test_what_people_write_is_escaped():
    topology = load_topology(TOPOLOGIES / "single.toml")
    texts = draw_topology(topology.model_copy(update={"title": '<b> & "quotes"'}))
    assert parsed(texts).findtext(f"{SVG}title") == '<b> & "quotes"'


def test_a_plan_gives_the_same_nodes_as_its_topology():
    topology = load_topology(TOPOLOGIES / "cluster-nat.toml")
    from_plan = parsed(draw_topology(make_plan(topology, "cluster-nat")))
    assert len(boxes_of(from_plan)) == len(boxes_of(parsed(draw_topology(topology))))
