"""The matrix's page in a real browser: it searches, a cell opens what it is made of, it loads
nothing."""

from __future__ import annotations

import pytest
from devtools import Page
from sample_matrix import sample_matrix, sample_of_translators

from lab.matrix.files import publish

OPEN = "document.getElementById('opened').open"
OPENED = "document.getElementById('opened').textContent"
SHOWN = (
    "[...document.querySelectorAll('tr[data-search]:not([hidden]) code')].map((e) => e.textContent)"
)
WAIT_FOR_DIALOG = """
new Promise((resolve, reject) => {
  const dialog = document.getElementById("opened");
  const late = setTimeout(() => reject(new Error("no dialog")), 5000);
  const look = () => {
    if (!dialog.open) return requestAnimationFrame(look);
    clearTimeout(late);
    resolve(true);
  };
  look();
})
"""


@pytest.fixture(scope="module")
def browser():
    with Page() as page:
        yield page


@pytest.fixture
def page(browser, tmp_path):
    return shown(browser, tmp_path, sample_matrix())


@pytest.fixture
def translators(browser, tmp_path):
    return shown(browser, tmp_path, sample_of_translators())


def shown(browser, folder, record):
    browser.complaints.clear()
    browser.requested.clear()
    browser.call(
        "Emulation.setDeviceMetricsOverride",
        width=1280, height=900, deviceScaleFactor=1, mobile=False,
    )  # fmt: skip
    browser.open(publish(folder / "runs" / "now", folder, record))
    return browser


def search(page, words: str) -> list[str]:
    page.evaluate(
        f"search.value = {words!r}; search.dispatchEvent(new Event('input', {{ bubbles: true }}))"
    )
    return page.evaluate(SHOWN)


def opened(page, selector: str) -> str:
    page.evaluate(f"document.querySelector({selector!r}).click()")
    page.call("Runtime.evaluate", expression=WAIT_FOR_DIALOG, awaitPromise=True)
    assert page.evaluate(OPEN)
    return page.evaluate(OPENED)


def test_nothing_is_complained_of_and_nothing_is_loaded_from_outside(page, tmp_path):
    assert page.complaints == []
    assert page.requested == [(tmp_path / "index.html").resolve().as_uri()]


def test_the_search_finds_rules_by_words_and_by_what_came_of_them(page):
    assert page.evaluate("!document.querySelector('.tools').hidden")
    everything = page.evaluate(SHOWN)
    assert everything == ["FWD-01", "FWD-04", "FWD-08", "CLU-12", "CLU-15"]
    assert search(page, "clu") == ["CLU-12", "CLU-15"]
    assert search(page, "unbound=failed") == ["FWD-01"]
    assert search(page, "roundtrip, fwd") == ["FWD-04"]
    assert search(page, "no such words") == []
    assert page.evaluate("document.getElementById('found').textContent") == "0 of 5"
    assert page.evaluate("[...document.querySelectorAll('[data-seat]')].every((e) => e.hidden)")
    assert search(page, "") == everything


def test_the_buttons_show_only_rules_with_one_outcome(page):
    page.evaluate("document.querySelector('[data-outcome=unsupported]').click()")
    assert page.evaluate(SHOWN) == ["CLU-12"]
    page.evaluate("document.querySelector('[data-outcome=\"\"]').click()")
    assert len(page.evaluate(SHOWN)) == 5


def test_a_cell_opens_evidence_citation_timing_packets_and_ladder(page):
    text = opened(page, "[data-cell='3']")
    assert "FWD-04 \u00d7 Unbound 1.17.1: deviates" in text
    assert "seen <b>so</b> (frames 4, 6)" in text
    assert text.count("it draws a forwarder [its manual]") == 1
    assert "unbound documents it (checked for" in text
    assert "did not hold in 3 of 4 runs" in text
    assert "connects after 12.50 ms" in text
    assert "forwardlab run forwarding/first" in text
    links = page.evaluate(
        "[...document.querySelectorAll('#opened a')].map((e) => e.getAttribute('href'))"
    )
    assert links == ["runs/now/captures/unbound.pcapng"]
    arrows = page.evaluate("document.querySelectorAll('#opened svg line.shaft').length")
    assert arrows == 2
    assert page.evaluate("document.querySelectorAll('#opened svg line.unanswered').length") == 1
    assert page.complaints == []
    page.evaluate("document.querySelector('#opened .close').click()")
    assert not page.evaluate(OPEN)


def test_a_wait_opens_its_trial_with_every_repetition(page):
    text = opened(page, "[data-trial='1']")
    assert "Unbound 1.17.1: error 5.001 s" in text
    assert "error 5.002 s" in text


def test_a_cell_that_could_not_be_judged_says_why(page):
    assert "dnsmasq is not installed" in opened(page, "[data-cell='5']")


def test_a_clauses_mark_opens_each_trial_it_is_made_of_the_worst_first(translators):
    text = opened(translators, "#clauses .cell.failed")
    assert "RFC 3022 2.1 \u00d7 ours, static table: failed" in text
    assert "MUST \u00b7 NAT-01, NAT-02, NAT-03" in text
    titles = translators.evaluate(
        "[...document.querySelectorAll('#opened h3')].map((e) => e.textContent)"
    )
    assert titles == ["About cluster/restart", "About cluster/eight"]
    assert text.count("seen <b>so</b> (frames 4, 6)") == 3
    assert "forwardlab run cluster/restart" in text
    links = translators.evaluate(
        "[...document.querySelectorAll('#opened a')].map((e) => e.getAttribute('href'))"
    )
    assert links == ["runs/now/captures/ours.pcapng"] * 2
    assert translators.evaluate("document.querySelectorAll('#opened svg line.shaft').length") == 4
    assert translators.complaints == []


def test_the_mark_of_a_translator_set_otherwise_opens_too(translators):
    text = opened(translators, "#clauses .otherwise .cell")
    assert "nftables (conntrack), shared address, ports preserve: passed" in text
    assert "About translation/mapping/udp_ports_kept" in text


def test_a_clause_that_could_not_be_judged_says_why(translators):
    assert "nftables is not installed" in opened(translators, "#clauses .cell.unsupported")


def test_the_search_finds_clauses_by_words_and_by_what_came_of_them(translators):
    assert search(translators, "rfc 5382") == ["NAT-05", "RFC 5382 REQ-1"]
    assert search(translators, "nftables=deviates") == ["NAT-05", "RFC 4787 REQ-1"]
    assert search(translators, "ports preserve") == ["RFC 4787 REQ-1"]
    assert search(translators, "unbound=failed") == ["NAT-01"]
    assert translators.evaluate("document.getElementById('clauses').hidden")


@pytest.mark.parametrize("which", ["page", "translators"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_never_scrolls_sideways(request, which, width):
    page = request.getfixturevalue(which)
    page.call(
        "Emulation.setDeviceMetricsOverride",
        width=width, height=900, deviceScaleFactor=1, mobile=width < 500,
    )  # fmt: skip
    assert page.evaluate("document.documentElement.scrollWidth") <= width
