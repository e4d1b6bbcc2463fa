"""The table of NAT conformance: from judged expectations to rows, Markdown and HTML."""

from __future__ import annotations

from dataclasses import replace

from sample_record import run_of, scenario

from lab.matrix.nat_clauses import CLAUSES, Clause
from lab.matrix.nat_table import (
    Judged,
    Setting,
    html_fragment,
    judged_in,
    main,
    markdown,
    rows_of,
    settings_of,
)
from lab.report.record import (
    EvidenceRecord,
    ExpectationRecord,
    NodeRecord,
    OutcomeWord,
    SubjectRecord,
)
from lab.scenario.model import Emit, Misconfigure, OffsetAliasBase, SetNatOtherwise

OURS, KERNEL = Setting("ours", "shared address"), Setting("nftables", "shared address")
MAPPING = Clause("RFC 4787 REQ-1", "mapping", "MUST", ("NAT-05",), ("translation/mapping/udp*",))
HAIRPIN = Clause("RFC 4787 REQ-9", "hairpinning", "MUST", ("NAT-12",))


def judged(
    setting: Setting,
    outcome: OutcomeWord,
    scenario: str = "translation/mapping/udp",
    rule: str = "NAT-05",
    evidence: str = "203.0.113.2:9",
    *,
    meant: bool = False,
) -> Judged:
    return Judged(setting, scenario, (rule,), outcome, meant, "one endpoint", evidence)


def test_a_cell_is_the_worst_of_what_speaks_for_its_clause() -> None:
    known = [
        judged(OURS, "passed"),
        judged(OURS, "failed", "translation/mapping/udp_ports_kept", evidence="two endpoints"),
        judged(KERNEL, "deviates"),
        judged(OURS, "failed", "translation/mapping/tcp"),  # another scenario
        judged(OURS, "failed", rule="NAT-06"),  # another rule
    ]
    (row,) = rows_of(known, (MAPPING, HAIRPIN))
    assert row.clause is MAPPING
    assert {key: cell.outcome for key, cell in row.cells.items()} == {
        OURS: "failed",
        KERNEL: "deviates",
    }
    assert row.cells[OURS].told == "two endpoints"


def test_ours_comes_first_and_what_is_set_otherwise_by_itself() -> None:
    other = replace(OURS, otherwise="mapping address-dependent")
    rows = rows_of([judged(each, "passed") for each in (KERNEL, other, OURS)], (MAPPING,))
    assert settings_of(rows, as_planned=True) == (OURS, KERNEL)
    assert settings_of(rows, as_planned=False) == (other,)


def test_markdown_has_a_column_for_each_and_a_row_for_each_other_setting() -> None:
    other = replace(OURS, otherwise="mapping address-dependent")
    text = markdown(
        rows_of(
            [
                judged(OURS, "passed"),
                judged(KERNEL, "deviates"),
                judged(other, "failed", evidence="a|b", meant=True),
                judged(OURS, "observed", "x", "NAT-12"),
            ],
            (MAPPING, HAIRPIN),
        )
    )
    assert text.splitlines() == [
        "| clause | demands | ours, shared address | nftables, shared address |",
        "|---|---|:-:|:-:|",
        "| RFC 4787 REQ-1 MUST | mapping | ✔ | ≈ |",
        "| RFC 4787 REQ-9 MUST | hairpinning | ◉ |  |",
        "",
        "| set otherwise | clause | | what was seen |",
        "|---|---|:-:|---|",
        "| ours: mapping address-dependent | RFC 4787 REQ-1 | ✘ as meant | a\\|b |",
    ]


def test_a_failure_that_was_not_meant_is_not_told_so() -> None:
    other = replace(OURS, otherwise="ports preserve")
    assert "✘ as meant" not in markdown(rows_of([judged(other, "failed")], (MAPPING,)))


def test_html_escapes_what_was_seen() -> None:
    fragment = html_fragment(rows_of([judged(OURS, "failed", evidence='<b> & "c"')], (MAPPING,)))
    assert 'title="&lt;b&gt; &amp; &quot;c&quot;"' in fragment
    assert "<b>" not in fragment
    assert fragment.count("<tr>") == 2


def told(outcome: OutcomeWord = "passed", *, steps: tuple[object, ...] = (), nat: bool = True):
    record = scenario("translation/mapping/udp")
    return record.model_copy(
        update={
            "topology": "napt",
            "expectations": (
                ExpectationRecord(
                    text="one endpoint",
                    rules=("NAT-05",),
                    severity="MUST",
                    outcome=outcome,
                    evidence=(EvidenceRecord(text="203.0.113.2:9", frames=(1,)),),
                ),
            ),
            "nodes": (
                NodeRecord(
                    name="translator",
                    label="",
                    role="translator",
                    addresses=(),
                    configs={"nat": ""} if nat else {},
                ),
            ),
            "scenario": {
                "title": "t",
                "story": "s",
                "topology": "napt",
                "steps": [step.model_dump(mode="json") for step in steps],  # type: ignore[attr-defined]
                "expectations": [
                    {
                        "text": "one endpoint",
                        "rules": ["NAT-05"],
                        "check": {"kind": "mapped-alike", "packets": ["one", "two"]},
                    }
                ],
            },
        }
    )


def test_records_tell_who_translated_and_how_he_was_set() -> None:
    hello = Emit(packet="one", node="client1", to="203.0.113.51")
    other = Misconfigure(fault=SetNatOtherwise(ports="preserve", udp_timeout_s=30.0))
    run = run_of(told(steps=(hello,)), told(steps=(other, hello)))
    assert [each.setting for each in judged_in([run])] == [
        OURS,
        replace(OURS, otherwise="ports preserve, udp_timeout_s 30.0"),
    ]
    kernel = run.model_copy(
        update={"subjects": {"nat": SubjectRecord(name="nftables", title="nftables", version="1")}}
    )
    assert {each.setting.subject for each in judged_in([kernel])} == {"nftables"}


def test_what_says_nothing_of_a_translator_is_left_out() -> None:
    mistake = Misconfigure(fault=OffsetAliasBase())
    hello = Emit(packet="one", node="client1", to="203.0.113.51")
    run = run_of(
        told("unsupported", steps=(hello,)),
        told(steps=(hello,), nat=False),
        told(steps=(mistake, hello)),
    )
    assert list(judged_in([run])) == []


def test_every_rule_of_the_nat_seat_is_some_clauses() -> None:
    cited = {rule for clause in CLAUSES for rule in clause.rules}
    wanted = {f"NAT-{number:02}" for number in range(5, 19)} | {f"ICM-0{n}" for n in range(1, 7)}
    # NAT-14 (TTL, ECN, identification) is CDRouter's and RFC 6864's, no requirement of these.
    assert wanted - {"NAT-14"} <= cited
    assert "SEC-05" in cited


def test_a_folder_without_a_record_is_bad_input(tmp_path, capsys) -> None:
    assert main([str(tmp_path)]) == 2
    assert "record.json" in capsys.readouterr().err
    assert main([]) == 2
    assert "name the folders" in capsys.readouterr().err
