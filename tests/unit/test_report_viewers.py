"""Viewers side by side: one row for a scenario, one column for each stub resolver."""

from __future__ import annotations

from sample_record import eight_steps, run_of

from lab.report.html import report_page
from lab.report.record import ScenarioRecord, VisitRecord
from lab.report.viewers import viewer_table


def seen_by(viewer: str, *visits: VisitRecord, base: str = "viewers/one") -> ScenarioRecord:
    changed = {"id": f"{base}@{viewer}", "viewer": viewer, "visits": visits, "title": base}
    return eight_steps().model_copy(update=changed)


def visit(viewer: str, *, connect: float | None = None, error: float | None = None) -> VisitRecord:
    outcome = "unfinished" if connect is error is None else "connected" if connect else "error"
    return VisitRecord(
        node="viewer",
        profile=viewer,
        began_ms=0.0,
        outcome=outcome,
        reason="no such <name>" if error else "",
        time_to_connect_ms=connect,
        time_to_error_ms=error,
    )


RUNS = (
    seen_by("musl", visit("musl", error=5_000.0)),
    seen_by("glibc", visit("glibc", connect=5_000.3), visit("glibc")),
    seen_by("windows", base="viewers/two"),
)
ANCHORS = {each.id: f"s-{place}" for place, each in enumerate(RUNS)}


def test_profiles_stand_in_their_own_order_and_only_those_that_ran():
    table = viewer_table((eight_steps(), *RUNS), ANCHORS)
    assert [profile.name for profile in table.profiles] == ["glibc", "musl", "windows"]
    assert [row.identifier for row in table.rows] == ["viewers/one", "viewers/two"]
    assert table.clocks == eight_steps().clock


def test_a_cell_says_when_and_what():
    one, two = viewer_table(RUNS, ANCHORS).rows
    glibc, musl, nobody = one.cells
    assert glibc is not None
    assert musl is not None
    assert nobody is None
    assert [(each.outcome, each.took) for each in glibc.visits] == [
        ("connected", "5.000 s"),
        ("unfinished", ""),
    ]
    assert [(each.outcome, each.took, each.reason) for each in musl.visits] == [
        ("error", "5.000 s", "no such <name>")
    ]
    assert (glibc.anchor, musl.anchor) == ("s-1", "s-0")
    assert two.cells[2] is not None


def test_without_viewers_there_is_no_table():
    assert not viewer_table((eight_steps(),), {})
    assert 'id="viewers"' not in report_page(run_of(eight_steps()), {})


def test_the_page_has_them_side_by_side_and_says_who_is_verified():
    page = report_page(run_of(*RUNS), {})
    section = page[page.index('<section id="viewers"') :]
    section = section[: section.index("</section>")]
    assert "<b>5.000 s</b> connected" in section
    assert 'title="no such &lt;name&gt;"' in section
    assert "unverified: as published" in section
    assert "verified: glibc 2.36" in section
    assert 'href="#viewers"' in page
