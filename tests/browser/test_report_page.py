"""report.html in a real browser: it works, it loads nothing, and its drawings can be read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from devtools import Page
from sample_record import dead_node, eight_steps, large_run, run_of, sample_run
from shipped import shipped_topologies

from lab.report.failover import askings, is_disturbed
from lab.report.figures import figures
from lab.report.render import read_record, write_reports
from lab.topology.draw import draw_topology
from lab.topology.load import load_topology
from lab.topology.planner import make_plan

LADDERS = """
[...document.querySelectorAll("article.scenario")].map((article) => ({
  id: article.dataset.scenario,
  ladders: [...article.querySelectorAll("svg.ladder")].map((svg) => {
    const size = svg.getBoundingClientRect();
    return {
      width: size.width, height: size.height,
      arrows: svg.querySelectorAll("g.hop .shaft").length,
      lifelines: svg.querySelectorAll(".lifeline").length,
    };
  }),
}))
"""
UNFOLD = "document.querySelectorAll('details').forEach((each) => { each.open = true; })"
MEETING_LABELS = """
[...document.querySelectorAll("svg.ladder")].flatMap((svg) => {
  const frame = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll("text")].map((text) => ({
    said: text.textContent, box: text.getBoundingClientRect(),
  })).filter((each) => each.box.width > 0);
  const bad = texts.filter(({ box }) =>
    box.left < frame.left - 0.5 || box.right > frame.right + 0.5 ||
    box.top < frame.top - 0.5 || box.bottom > frame.bottom + 0.5).map((each) => [each.said]);
  texts.sort((one, other) => one.box.top - other.box.top);
  for (let i = 0; i < texts.length; i++)
    for (let k = i + 1; k < texts.length; k++) {
      const [a, b] = [texts[i].box, texts[k].box];
      // A line's box is higher than its letters: lines may touch by a fifth of it.
      if (b.top >= a.bottom - 0.2 * a.height) break;
      if (a.left < b.right && b.left < a.right) bad.push([texts[i].said, texts[k].said]);
    }
  return bad;
})
"""


@pytest.fixture(scope="module")
def browser():
    with Page() as page:
        yield page


@pytest.fixture
def page(browser):
    browser.complaints.clear()
    browser.requested.clear()
    browser.call("Emulation.setEmulatedMedia", media="", features=[])
    browser.call(
        "Emulation.setDeviceMetricsOverride",
        width=1280,
        height=900,
        deviceScaleFactor=1,
        mobile=False,
    )
    return browser


def pictures():
    return {
        path.stem: draw_topology(make_plan(load_topology(path), path.stem))
        for path in shipped_topologies()
    }


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return write_reports(tmp_path_factory.mktemp("run"), sample_run(), pictures())


def faults_of(page, file):
    """What makes a report unfit: complaints, and requests for anything but the file itself."""
    page.open(file)
    others = [url for url in page.requested if url != file.resolve().as_uri()]
    return [*page.complaints, *(f"requested {url}" for url in others)]


# --- the report ---------------------------------------------------------------------------------


def test_nothing_is_complained_of_and_nothing_is_loaded_from_outside(page, report):
    assert faults_of(page, report) == []
    assert page.requested == [report.resolve().as_uri()]


def test_every_ladder_is_drawn_with_all_its_arrows(page, report):
    page.open(report)
    page.evaluate(UNFOLD)
    drawn = {each["id"]: each["ladders"] for each in page.evaluate(LADDERS)}
    assert drawn.keys() == {each.id for each in sample_run().scenarios}
    for scenario in sample_run().scenarios:
        ladders = drawn[scenario.id]
        hops = sum(len(each.hops) for each in scenario.exchanges)
        assert sum(each["arrows"] for each in ladders) == hops
        assert bool(ladders) == bool(hops)
        for ladder in ladders:
            assert ladder["width"] > 300
            assert ladder["height"] > 60
            assert ladder["lifelines"] >= 2


@pytest.mark.parametrize("width", [1280, 1920, 700])
def test_no_label_of_a_ladder_meets_another_or_leaves_the_drawing(page, report, width):
    page.call(
        "Emulation.setDeviceMetricsOverride",
        width=width,
        height=900,
        deviceScaleFactor=1,
        mobile=False,
    )
    page.open(report)
    page.evaluate(UNFOLD)
    assert page.evaluate("document.querySelectorAll('svg.ladder text').length") > 500
    assert page.evaluate(MEETING_LABELS) == []


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_never_scrolls_sideways(page, report, width):
    page.call(
        "Emulation.setDeviceMetricsOverride",
        width=width,
        height=900,
        deviceScaleFactor=1,
        mobile=width < 500,
    )
    page.open(report)
    page.evaluate(UNFOLD)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_timing_plot_and_the_topologies_are_there(page, report):
    page.open(report)
    page.evaluate(UNFOLD)
    sizes = page.evaluate(
        """[...document.querySelectorAll("svg.plot, .topology > svg")].map((svg) => {
        const size = svg.getBoundingClientRect(); return [size.width, size.height]; })"""
    )
    assert len(sizes) > 3
    assert all(width > 300 and height > 50 for width, height in sizes)


def test_every_plot_of_time_is_there_and_has_its_lines(page, report):
    page.open(report)
    labels = "[...document.querySelectorAll('#timings svg.plot')].map(e => e.ariaLabel)"
    assert page.evaluate(labels) == [
        "Latency by percentile",
        "Sessions and where their time went",
    ]
    drawn = "[...document.querySelectorAll('#timings svg.plot')].map(%s)"
    assert min(page.evaluate(drawn % "e => e.querySelectorAll('path').length")) > 10
    shown = page.evaluate("document.querySelector('#timings').innerText")
    for word in ("time to connect", "resolver → translator", "waiting", "NAT", "TCP", "measured"):
        assert word in shown
    page.evaluate(UNFOLD)
    rows = page.evaluate("document.querySelectorAll('#timings table.timed tbody tr').length")
    assert rows == len(figures(sample_run()))


FAILOVER = """
[...document.querySelectorAll("article.scenario")].flatMap((article) =>
  [...article.querySelectorAll("svg.failover")].map((svg) => {
    const size = svg.getBoundingClientRect();
    const inside = [...svg.querySelectorAll("rect, text")].every((each) => {
      const box = each.getBoundingClientRect();
      return box.left >= size.left - 0.5 && box.right <= size.right + 0.5 &&
        box.top >= size.top - 0.5 && box.bottom <= size.bottom + 0.5; });
    return {
      id: article.dataset.scenario, inside, width: size.width,
      bars: svg.querySelectorAll("rect").length,
      marks: svg.querySelectorAll("path.mark").length,
      told: article.querySelectorAll("ol.marks li").length,
      stages: [...article.querySelectorAll("table.timed tbody tr td:first-child")]
        .map((cell) => cell.innerText),
    }; }))
"""


def test_what_failed_has_a_timeline_with_its_marks_and_its_waits(page, report):
    page.open(report)
    page.evaluate(UNFOLD)
    found = {each["id"]: each for each in page.evaluate(FAILOVER)}
    disturbed = [each for each in sample_run().scenarios if is_disturbed(each)]
    assert set(found) == {each.id for each in disturbed}
    for scenario in disturbed:
        drawing = found[scenario.id]
        assert drawing["inside"], scenario.id
        assert drawing["width"] > 800
        assert drawing["bars"] == len(list(askings(scenario)))
        assert drawing["marks"] == drawing["told"] == len(scenario.marks)
    assert found["forwarding/first_forwarder_silent"]["stages"][:1] == ["during"]


@pytest.mark.parametrize("length", [10, 60, 120])
def test_the_timing_plot_has_room_for_every_label(page, tmp_path, length):
    name = "wide/" + "mw_" * 40
    record = run_of(eight_steps().model_copy(update={"id": name[:length]}), dead_node())
    page.open(write_reports(tmp_path, record, {}))
    beyond = page.evaluate(
        """[...document.querySelectorAll("svg.plot text")].flatMap((text) => {
        const frame = text.ownerSVGElement.getBoundingClientRect();
        const box = text.getBoundingClientRect();
        return box.left < frame.left || box.right > frame.right ? [text.textContent] : []; })"""
    )
    assert page.evaluate("document.querySelectorAll('svg.plot text').length") > 5
    assert beyond == []


CONTRAST = """
(() => {
  const parse = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map(Number);
  const light = (colour) => {
    const [r, g, b] = parse(colour).map((v) => {
      v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => {
    const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
  const paper = getComputedStyle(document.body).backgroundColor;
  const found = [];
  const texts = ".badge, .muted, main p, main td, svg.ladder text, svg.failover text";
  for (const each of document.querySelectorAll(texts)) {
    const style = getComputedStyle(each);
    const own = style.backgroundColor;
    const back = own === "rgba(0, 0, 0, 0)" ? paper : own;
    if (each.matches(".step")) continue;
    const ink = each.matches("text") ? style.fill : style.color;
    if (ink.startsWith("rgb") && ratio(ink, back) < 4.5)
      found.push(each.className.baseVal ?? each.className);
  }
  return [...new Set(found)];
})()
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_in_light_and_dark(page, report, scheme):
    page.call(
        "Emulation.setEmulatedMedia",
        media="",
        features=[{"name": "prefers-color-scheme", "value": scheme}],
    )
    page.open(report)
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    first = int(paper.removeprefix("rgb(").split(",")[0])
    assert first > 200 if scheme == "light" else first < 60
    assert page.evaluate(CONTRAST) == []


def test_in_print_everything_folded_is_shown(page, report):
    page.open(report)
    visible = "document.querySelector('details pre').checkVisibility()"
    assert page.evaluate(visible) is False
    page.call("Emulation.setEmulatedMedia", media="print")
    assert page.evaluate(visible) is True
    assert page.evaluate("getComputedStyle(document.querySelector('.contents')).display") == "none"


def test_the_table_can_be_filtered_by_outcome(page, report):
    page.open(report)
    shown = "[...document.querySelectorAll('[data-outcome-row]')].filter(r => !r.hidden).length"
    assert page.evaluate(shown) == len(sample_run().scenarios)
    page.evaluate("document.querySelector('.filters [data-outcome=failed]').click()")
    assert page.evaluate(shown) == sample_run().totals["failed"]
    page.evaluate("document.querySelector('.filters [data-outcome=\"\"]').click()")
    assert page.evaluate(shown) == len(sample_run().scenarios)


def test_a_link_to_a_folded_arrow_unfolds_it(page, report):
    page.open(report)
    name = "#s-balancing-every-node-is-handed-out-f500"
    folded = f"document.querySelector({json.dumps(name)}).closest('details').open"
    assert page.evaluate(folded) is False
    page.evaluate(f"location.hash = {json.dumps(name)}")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    assert page.evaluate(folded) is True


def test_a_large_run_is_sound_too(page, tmp_path):
    file = write_reports(tmp_path, large_run(), pictures())
    assert faults_of(page, file) == []
    page.evaluate(UNFOLD)
    assert page.evaluate(MEETING_LABELS) == []


def test_the_report_of_a_real_run_is_sound(page, tmp_path):
    run = tmp_path / "run"
    command = ["-m", "lab.cli", "run", "cluster", "--world", "simulated", "--out", str(run)]
    subprocess.run([sys.executable, *command], check=True, capture_output=True)
    record = read_record(run)
    assert faults_of(page, run / "report.html") == []
    page.evaluate(UNFOLD)
    assert page.evaluate(MEETING_LABELS) == []
    drawn = {each["id"]: each["ladders"] for each in page.evaluate(LADDERS)}
    for scenario in record.scenarios:
        hops = sum(len(each.hops) for each in scenario.exchanges)
        assert hops > 0
        assert sum(each["arrows"] for each in drawn[scenario.id]) == hops
    for link in page.evaluate("[...document.querySelectorAll('a[href]')].map((a) => a.href)"):
        path = unquote(urlsplit(link).path)
        assert Path(path).is_file(), link


# --- the checks can fail ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "foreign",
    [
        '<img src="http://127.0.0.1:9/logo.png" alt="">',
        '<link rel="stylesheet" href="http://127.0.0.1:9/style.css">',
        '<script src="other.js"></script>',
        '<script>console.error("oh")</script>',
        "<script>throw new Error('oh')</script>",
        '<svg><image href="picture.png"/></svg>',
    ],
)
@pytest.mark.parametrize("guarded", [True, False], ids=["with-policy", "without-policy"])
def test_a_page_that_loads_or_complains_is_found(page, report, tmp_path, foreign, guarded):
    text = report.read_text().replace("</main>", f"{foreign}</main>")
    if not guarded:
        text = text.replace("Content-Security-Policy", "x-none")
    doctored = tmp_path / "report.html"
    doctored.write_text(text)
    assert faults_of(page, doctored)


def test_a_ladder_that_is_not_drawn_is_found(page, report, tmp_path):
    doctored = tmp_path / "report.html"
    doctored.write_text(report.read_text().replace('class="shaft"', 'class="gone"'))
    page.open(doctored)
    assert not any(
        ladder["arrows"] for each in page.evaluate(LADDERS) for ladder in each["ladders"]
    )


def test_labels_that_meet_are_found(page, tmp_path):
    file = write_reports(tmp_path, run_of(eight_steps(), dead_node()), {})
    doctored = tmp_path / "doctored.html"
    doctored.write_text(
        file.read_text().replace(".ladder .wire {", ".ladder .wire { transform: translateY(-18px);")
    )
    page.open(doctored)
    assert page.evaluate(MEETING_LABELS)
    doctored.write_text(
        file.read_text().replace(".ladder text {", ".ladder text { letter-spacing: 9px;")
    )
    page.open(doctored)
    assert page.evaluate(MEETING_LABELS)
