"""Who sat in the seats, as the page, the terminal and the files of a report tell it."""

from __future__ import annotations

import html
import re

from sample_record import eight_steps, run_of, scenario
from test_report_terminal import shown

from lab.report.html import report_page
from lab.report.record import DaemonRecord, NodeRecord, RunRecord, SubjectRecord
from lab.report.render import write_reports

CONFIG = 'server:\n  # <where> & "why"\n  interface: 192.168.1.2\n'


def run_with_unbound() -> RunRecord:
    """A run of two scenarios; in one of them the translator's seat does not exist."""
    daemon = DaemonRecord(
        subject="unbound",
        version="1.17.1",
        command=("unbound", "-d", "-c", "/run/forwardlab/dns/resolver/unbound.conf"),
        files={"unbound.conf": CONFIG, "zones/own.zone": "@ SOA <ns>"},
        overrides=("interface: 192.168.1.2 in place of <192.0.2.53>",),
    )
    node = NodeRecord(
        name="dns", label="DNS", role="resolver", addresses=(), daemons={"resolver": daemon}
    )
    told = "dnsmasq has no part in it: <single> has no DNS translator"
    alone = scenario("cluster/single", nodes=(node,), absent={"translator": told})
    subjects = {
        "dns": SubjectRecord(name="unbound", title="Unbound", version="1.17.1", config="/my.conf"),
        "translator": SubjectRecord(name="dnsmasq", title="dnsmasq", version=None),
    }
    return run_of(eight_steps(), alone).model_copy(update={"subjects": subjects})


def test_the_page_says_who_sat_where_with_what_files():
    page = report_page(run_with_unbound(), {})
    text = html.unescape(re.sub(r"<[^>]*>", "", page))
    words = " ".join(text.split())
    assert "Seat dnsUnbound 1.17.1with /my.conf" in words
    assert "Seat translatordnsmasq (not installed)" in words
    assert "dnsmasq has no part in it: <single> has no DNS translator." in words
    assert "resolver: unbound 1.17.1, run as unbound -d -c" in words
    assert "interface: 192.168.1.2 in place of <192.0.2.53>" in words
    assert CONFIG.strip("\n") in text
    assert "resolver: zones/own.zone" in words
    assert "<where>" not in page


def test_a_run_of_ours_alone_speaks_of_no_seats():
    assert "Seat " not in report_page(run_of(eight_steps()), {})
    assert "(not installed)" not in shown(run_of(eight_steps()))


def test_the_terminal_says_who_took_part_and_where_not():
    text = shown(run_with_unbound(), width=200)
    assert "    dnsmasq has no part in it: <single> has no DNS translator" in text
    assert "dns: Unbound 1.17.1 with /my.conf, in 2 of 2 scenarios" in text
    assert "translator: dnsmasq (not installed), in 1 of 2 scenarios" in text


def test_the_files_are_kept_as_they_were_run_with(tmp_path):
    write_reports(tmp_path, run_with_unbound(), {})
    kept = tmp_path / "nodes/cluster/single/dns/resolver"
    assert (kept / "unbound.conf").read_text() == CONFIG
    assert (kept / "zones/own.zone").read_text() == "@ SOA <ns>"
