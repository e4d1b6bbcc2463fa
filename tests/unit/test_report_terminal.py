"""What a user sees of a run, on a terminal and in a pipe."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console
from sample_record import (
    broken_on_purpose,
    dead_node,
    eight_steps,
    lab_fault,
    listed_deviation,
    run_of,
    sample_run,
    scenario,
    silent_forwarder,
)

from lab.report.terminal import RunDisplay


def shown(record, *, terminal=False, width=100, encoding="utf-8"):
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding)
    console = Console(file=file, force_terminal=terminal, width=width, highlight=False)
    display = RunDisplay(len(record.scenarios), console=console)
    with display:
        for each in record.scenarios:
            display.scenario_started(each.id)
            display.tick()
            display.scenario_finished(each)
    display.conclude(record, Path("reports/runs/x/report.html"))
    file.flush()
    return raw.getvalue().decode(encoding)


def line_of(text, scenario_id):
    return next(line for line in text.splitlines() if scenario_id in line)


def test_a_pipe_gets_one_line_per_scenario_and_no_control_codes():
    text = shown(sample_run())
    assert "\x1b" not in text
    assert "\r" not in text
    for each in sample_run().scenarios:
        assert each.outcome in line_of(text, each.id)
    assert line_of(text, "translation/cluster_nat").split() == [
        "✔", "passed", "translation/cluster_nat", "2.89", "ms", "measured", "0.42", "s",
    ]  # fmt: skip


def test_a_narrow_pipe_still_gets_whole_lines():
    text = shown(run_of(dead_node()), width=20)
    assert "tgp3 is not handed out later than 5.5 s after its death [CLU-03, CLU-20]" in text


def test_failures_come_with_rules_evidence_and_the_command():
    text = shown(run_of(dead_node()))
    assert "failed: tgp3 is not handed out later than 5.5 s after its death" in text
    assert "[CLU-03, CLU-20]" in text
    assert "10.10.10.102 <in the answer> (frames 14, 16)" in text
    assert "again: forwardlab run balancing/dead_node --world mininet --seed 7" in text


def test_a_failed_should_is_a_warning_and_a_meant_failure_is_silent():
    assert "warning (SHOULD): every answer holds" in shown(run_of(silent_forwarder()))
    assert "failed" not in shown(run_of(broken_on_purpose()))


def test_a_deviation_is_told_with_the_makers_words_once_for_all_that_they_are_about():
    lines = shown(run_of(listed_deviation())).splitlines()
    assert lines[1:3] == [
        "    deviates: the answer comes back unchanged [TRN-02]",
        "      NOTIMP",
    ]
    record = listed_deviation()
    (one,) = record.expectations
    other = one.model_copy(update={"text": "and so does the next"})
    held = one.model_copy(update={"text": "that held", "outcome": "passed"})
    record = record.model_copy(update={"expectations": (one, held, other)})
    lines = shown(run_of(record)).splitlines()
    assert lines[2:4] == ["    deviates: and so does the next [TRN-02]", "      NOTIMP"]
    assert not any("that held" in line for line in lines)


def test_a_set_up_broken_on_purpose_names_below_its_verdict_what_was_found():
    lines = shown(run_of(broken_on_purpose(), eight_steps())).splitlines()
    place = lines.index("    broken as meant: CLU-14, CLU-13")
    assert "alias_base_off_by_one" in lines[place - 1]
    assert sum("broken as meant" in line for line in lines) == 1
    undetected = broken_on_purpose().model_copy(update={"outcome": "failed"})
    assert "broken as meant" not in shown(run_of(undetected))


def test_broken_and_unsupported_say_why():
    assert "the capture lost 12 frames" in shown(run_of(lab_fault()))
    assert "needs link delay" in shown(sample_run())


def test_the_end_tells_totals_clock_seed_and_where_the_report_lies():
    end = shown(sample_run()).splitlines()[-2:]
    assert end[0] == (
        "5 passed, 1 failed, 1 deviates, 1 unsupported, 1 broken in 56.3 s, mininet world, "
        "measured and virtual clock, seed 7"
    )
    assert end[1] == "report: reports/runs/x/report.html"


def test_a_terminal_sees_who_runs():
    raw = io.StringIO()
    console = Console(file=raw, force_terminal=True, width=120)
    display = RunDisplay(2, console=console)
    with display:
        display.scenario_started("a/one")
        display.scenario_started("a/two")
        display.tick()
        assert "a/one, a/two" in raw.getvalue()
        assert "0/2" in raw.getvalue()
        display.scenario_finished(scenario("a/one"))
        display.tick()
        assert "1/2" in raw.getvalue()
    assert "\x1b[?25h" in raw.getvalue(), "the cursor is shown again"


def test_a_poor_terminal_gets_marks_it_can_show():
    text = shown(sample_run(), encoding="ascii", terminal=True) and shown(
        run_of(eight_steps(), dead_node(), scenario("a/b", "broken", reason="a → b")),
        encoding="ascii",
    )
    assert "a ? b" in text
    assert line_of(text, "cluster_nat").startswith("+ passed")
    assert line_of(text, "dead_node").startswith("X failed")


def test_text_from_packets_moves_no_cursor():
    record = run_of(scenario("a/b", "broken", reason="\x1b[2J\rgone"))
    assert "\\x1b[2J\\x0dgone" in shown(record)


def test_quiet_prints_nothing(capsys):
    display = RunDisplay(1, quiet=True)
    with display:
        display.say("a word")
        display.scenario_started("a/b")
        display.scenario_finished(scenario("a/b", "failed"))
    display.conclude(sample_run(), Path("x"))
    assert capsys.readouterr() == ("", "")
