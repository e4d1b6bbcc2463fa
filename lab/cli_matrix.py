"""The command that asks who holds which rule: `forwardlab matrix`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

import typer

from lab.cli_choices import folder_for, one_of, seed_for
from lab.cli_frame import Command, Exit, refuse

app = typer.Typer()

_WORLDS: tuple[Literal["auto", "mininet", "timetravel"], ...] = ("auto", "mininet", "timetravel")

QUICK_SHOWN = (
    "cluster/eight_steps, cluster/five_steps, conditional/longest_match, caching/within_the_ttl, "
    "edns/opt_record/for_an_opt_record and unknown_options, forwarding/first_forwarder_silent, "
    "transport/reply_source, translation/answer_and_table_agree, icmp and no_real_address_on_lan"
)
"""The scenarios of `lab.matrix`, which is imported when it is needed: help comes at once."""


def _rule_words(incomplete: str) -> list[str]:
    """Complete rules, and areas of them."""
    from lab.judge.rules import RULES

    areas = dict.fromkeys(f"{rule.partition('-')[0]}-*" for rule in RULES)
    return _behind_commas(incomplete, [*areas, *RULES])


def _column_words(incomplete: str) -> list[str]:
    """Complete seats and subjects in them."""
    from lab.matrix.selection import columns_named

    columns = columns_named(())
    words = [*dict.fromkeys(each.seat for each in columns), *map(str, columns)]
    return _behind_commas(incomplete, words)


def _behind_commas(incomplete: str, words: Iterable[str]) -> list[str]:
    """What may stand behind the last comma, with all that stands before it."""
    before, comma, _ = incomplete.rpartition(",")
    return [f"{before}{comma}{word}" for word in words]


def _words(text: str | None, option: str) -> list[str]:
    words = [word.strip() for word in (text or "").split(",") if word.strip()]
    if text is not None and not words:
        refuse(f"{option} names nothing; name some, with commas, or take it away")
    return words


@app.command(
    cls=Command,
    epilog="Examples:  [bold]forwardlab matrix --quick[/]  ·  "
    "[bold]forwardlab matrix --rules 'FWD-*,CND-02' --subjects dns=unbound,dns=bind[/]  ·  "
    "[bold]forwardlab matrix[/], then [bold]forwardlab compare OLD matrix[/]",
)
def matrix(
    rules: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Ids and globs, with commas.",
            show_default="the catalogue",
            autocompletion=_rule_words,
        ),
    ] = None,
    subjects: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="SEAT=NAME or SEAT, with commas; seats: dns, translator, balancer, nat, lab.",
            show_default="everybody in every seat",
            autocompletion=_column_words,
        ),
    ] = None,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            help=f"A fixed part, in minutes: {QUICK_SHOWN}.",
        ),
    ] = False,
    world: Annotated[
        str,
        typer.Option(
            metavar="WORLD",
            callback=one_of(_WORLDS, "world"),
            help="mininet; timetravel: all in virtual time under a real kernel; auto: timetravel "
            "for what waits long, where its kernel is built.",
        ),
    ] = "auto",
    seed: Annotated[int, seed_for("IDs, ports and selection of ours")] = 1,
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="NUMBER",
            min=1,
            help="Trials at a time.",
            show_default="6 per core; timetravel: 1 per core",
        ),
    ] = None,
    out: Annotated[Path | None, folder_for("matrix", "reports/matrix/runs/<time>")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the record instead of lines.")
    ] = False,
) -> None:
    """Judge every subject in every seat by every rule that concerns it, and time what viewers wait.

    With --rules or --quick there is no waiting table. A whole matrix, without --rules, --subjects,
    --quick and --out, is kept in reports/matrix/: a page, JSON, CSV and Markdown.

    What somebody else's server breaks is a result, not a failure of the command: it ends with 1
    where ours breaks a rule, or where a listed deviation happens no longer.
    """
    from lab.matrix.matrix import Matrix, exit_code
    from lab.matrix.selection import MatrixError, columns_named, rules_named
    from lab.report.render import FolderUnusable
    from lab.scenario.catalogue import CatalogueError, project_root
    from lab.scenario.session import HostCannot, SessionError
    from lab.subjects.behaviour import BehaviourMalformed

    try:
        chosen = Matrix(
            columns=columns_named(_words(subjects, "--subjects")),
            rules=rules_named(_words(rules, "--rules")),
            world=next(each for each in _WORLDS if each == world),
            root=project_root(),
            whole=rules is None and subjects is None and not quick,
            waits=rules is None and not quick,
            quick=quick,
            seed=seed,
            workers=workers,
            out=out,
        )
        record = chosen.run(quiet=as_json)
    except (
        BehaviourMalformed, CatalogueError, FolderUnusable, MatrixError, SessionError
    ) as error:  # fmt: skip
        refuse(str(error))
    except HostCannot as error:
        refuse(str(error), Exit.HOST_CANNOT)
    if as_json:
        typer.echo(record.model_dump_json(indent=2))
    raise typer.Exit(exit_code(record))
