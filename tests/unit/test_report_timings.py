"""The run's timings: figures with their clocks, sessions, plots and tables; all from the record."""

import csv
import io
import shutil

import pytest
from sample_record import (
    dead_node,
    eight_steps,
    no_such_link,
    phases,
    run_of,
    sample_run,
    scenario,
    silent_forwarder,
)

from lab.report.figures import figures
from lab.report.html import report_page
from lab.report.percentile_plot import percentile_plot
from lab.report.record import VisitRecord
from lab.report.render import read_record, write_reports
from lab.report.session_plot import session_plot
from lab.report.sessions import sessions
from lab.report.tables import tables

PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><text>cluster</text></svg>'
EVERY_FIGURE = {
    "time to connect",
    "time to error",
    "wait for an answer",
    "wait for a connection",
    "all steps",
}


def visited(viewer, *times_ms: float, failed=()):
    """A scenario of a viewer that connected after these times, and was told errors after those."""
    visits = [
        VisitRecord(
            node="viewer",
            profile=viewer,
            began_ms=10_000.0 * number,
            outcome="connected",
            time_to_connect_ms=took,
            phases=phases(stub_to_resolver=0.5, TCP=took - 0.5),
        )
        for number, took in enumerate(times_ms)
    ]
    visits += [
        VisitRecord(
            node="viewer",
            profile=viewer,
            began_ms=90_000.0,
            outcome="error",
            time_to_error_ms=took,
            phases=phases(waiting=took),
        )
        for took in failed
    ]
    return scenario(f"viewers/one@{viewer}", viewer=viewer, visits=tuple(visits))


def with_viewers():
    return run_of(
        visited("glibc", 2.0, 5003.0, 4.0, failed=(20_000.0,)), visited("musl", 1.5, failed=(5e3,))
    )


def rows(name, record):
    return list(csv.DictReader(io.StringIO(dict(tables(record))[name])))


# --- figures ------------------------------------------------------------------------------------


def test_every_figure_names_its_clock_and_has_all_its_percentiles():
    record = run_of(*sample_run().scenarios, *with_viewers().scenarios)
    found = figures(record)
    assert {each.name for each in found} == EVERY_FIGURE
    for each in found:
        timed = each.distribution
        assert timed.clock == each.clock
        assert timed.median <= timed.p90 <= timed.p99 <= timed.max
        assert timed.n == len(each.values) > 0


def test_what_never_ended_has_no_length():
    waits = [each for each in figures(run_of(dead_node())) if each.name.startswith("wait for")]
    assert [(each.name, len(each.values)) for each in waits] == [("wait for an answer", 2)]


def test_repetitions_are_one_figure_with_all_values():
    twice = run_of(*(eight_steps().model_copy(update={"repetition": n}) for n in (1, 2)))
    (figure,) = [each for each in figures(twice) if each.name == "time to connect"]
    assert figure.repetitions == ((2.89,), (2.89,))
    assert figure.distribution.n == 2


def test_visits_tell_time_to_connect_and_to_error():
    found = {(e.viewer, e.name): e.values for e in figures(with_viewers())}
    assert found["glibc", "time to connect"] == (2.0, 5003.0, 4.0)
    assert found["glibc", "time to error"] == (20_000.0,)
    assert found["musl", "time to error"] == (5_000.0,)


def test_the_middle_session_stands_for_several():
    found = [each for each in sessions(with_viewers()) if each.viewer == "glibc"]
    assert [(each.connected, each.took_ms, each.of) for each in found] == [
        (True, 4.0, 3),
        (False, 20_000.0, 1),
    ]
    assert all(sum(part.took_ms for part in each.phases) == each.took_ms for each in found)


# --- plots --------------------------------------------------------------------------------------


def test_viewers_have_a_line_each():
    plot = percentile_plot(with_viewers())
    assert "glibc" in plot
    assert "musl" in plot
    assert "viewers/one" not in plot


def test_few_scenarios_have_a_line_each_and_many_one_for_each_folder():
    few = percentile_plot(run_of(eight_steps(), silent_forwarder()))
    assert "translation/cluster_nat" in few
    many = [
        eight_steps().model_copy(update={"id": f"{folder}/{n}"})
        for folder in ("one", "two")
        for n in range(20)
    ]
    plot = percentile_plot(run_of(*many))
    assert ">one<" in plot
    assert "one/1" not in plot


def test_every_clock_stands_at_its_axis():
    assert "measured clock" in percentile_plot(run_of(eight_steps()))
    assert "measured clock" in session_plot(run_of(eight_steps()))


def test_where_all_waits_are_of_one_size_the_axis_has_readable_ends():
    alike = [
        eight_steps().model_copy(
            update={"id": f"one/{n}", "time_to_connect_ms": 0.16 + n / 100, "exchanges": ()}
        )
        for n in range(5)
    ]
    plot = percentile_plot(run_of(*alike))
    assert ">0.1 ms<" in plot
    assert ">1 ms<" in plot
    assert "\N{MULTIPLICATION SIGN}" not in plot  # powers of ten, cut off at the left


@pytest.mark.parametrize("draw", [percentile_plot, session_plot])
def test_without_figures_there_is_no_plot(draw):
    assert draw(run_of(no_such_link())) == ""


def test_a_plot_of_hundreds_of_sessions_keeps_the_slowest():
    many = [
        eight_steps().model_copy(update={"id": f"one/{n}", "time_to_connect_ms": float(n + 1)})
        for n in range(100)
    ]
    plot = session_plot(run_of(*many))
    assert "one/99" in plot
    assert "one/40" in plot
    assert "one/39" not in plot


# --- the page and the files -----------------------------------------------------------------------


def test_a_repeated_scenario_stands_in_the_page_once_with_its_outcomes():
    record = run_of(
        *(
            silent_forwarder().model_copy(update={"repetition": n, "outcome": word})
            for n, word in enumerate(("passed", "failed", "passed"), start=1)
        )
    )
    page = report_page(record, {})
    assert page.count('<article id="s-forwarding-first-forwarder-silent"') == 1
    assert "Unstable." in page
    assert "passed twice, failed once; passed in 1, 3; failed in 2" in page


def test_a_second_try_is_told():
    late = eight_steps().model_copy(update={"retried": "a process waited 80 ms"})
    assert "a process waited 80 ms" in report_page(run_of(late), {})


def test_everything_is_redrawn_from_the_record_alone_to_the_same_octets(tmp_path):
    record = run_of(*sample_run().scenarios, *with_viewers().scenarios)
    write_reports(tmp_path / "first", record, {"cluster-nat": PICTURE})
    (tmp_path / "again").mkdir()
    shutil.copy(tmp_path / "first" / "record.json", tmp_path / "again")
    write_reports(tmp_path / "again", read_record(tmp_path / "again"))
    made = contents(tmp_path / "first")
    assert contents(tmp_path / "again") == made
    assert {"report.html", "figures.csv", "phases.csv", "failover.csv", "repairs.csv"} <= set(made)
    assert made["report.html"].count(b"<svg") > 10


def contents(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_figures_csv_has_every_figure():
    record = sample_run()
    found = rows("figures.csv", record)
    assert len(found) == len(figures(record))
    (row,) = [r for r in found if r["scenario"] == eight_steps().id and r["figure"] == "all steps"]
    assert row == {
        "scenario": "translation/cluster_nat",
        "viewer": "",
        "figure": "all steps",
        "clock": "measured",
        "n": "1",
        "median_ms": "4.0",
        "p90_ms": "4.0",
        "p99_ms": "4.0",
        "max_ms": "4.0",
    }


def test_phases_csv_adds_up():
    found = rows("phases.csv", with_viewers())
    spent: dict[tuple[str, str], float] = {}
    for row in found:
        key = row["scenario"], row["number"]
        assert row["what"] == "visit"
        spent[key] = spent.get(key, 0) + float(row["took_ms"])
    assert spent["viewers/one@glibc", "2"] == 5003.0
    assert spent["viewers/one@musl", "2"] == 5_000.0


def test_a_fault_without_questions_has_no_fail_over_timeline() -> None:
    """Bare packets alone: a link gets bad, and nobody asks or connects."""
    told = dead_node()
    packets = tuple(
        exchange.model_copy(
            update={
                "hops": tuple(hop.model_copy(update={"kind": "datagram"}) for hop in exchange.hops)
            }
        )
        for exchange in told.exchanges
    )
    alone = told.model_copy(update={"exchanges": packets, "visits": ()})
    assert 'class="failover"' not in report_page(run_of(alone), {})
    assert 'class="failover"' in report_page(run_of(told), {})
