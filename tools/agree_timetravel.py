# ruff: noqa: INP001 - a script, no part of a package
"""Time travel says what real time says: `make timetravel-test`, or tools/agree_timetravel.py.

Runs a sample of scenarios in time travel and in Mininet, in real time: verdicts and causal order of
messages must be the same (`lab.report.agreement`). Then every scenario that needs long waits,
which real time leaves out: they must pass. Needs the kernel (`make kernel`), so CI does not run it.

    tools/agree_timetravel.py [--subject SEAT=NAME]... [SCENARIO]...
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from lab.cli_frame import Exit
from lab.report.agreement import disagreements
from lab.report.record import RunRecord
from lab.scenario.catalogue import CatalogueError, read_catalogue
from lab.scenario.session import HostCannot, Session, SessionError
from lab.scenario.trial import WorldName

SAMPLE = (
    "balancing",
    "caching/failures",
    "cluster",
    "conditional",
    "failures/lossy_links",
    "forwarding",
    "translation/icmp",
)

_LONG_WAITS = "long waits"


def main() -> int:
    """Run both worlds and compare; what differs is told, a line each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("scenarios", nargs="*", default=SAMPLE, metavar="SCENARIO")
    parser.add_argument("--subject", action="append", default=[], metavar="SEAT=NAME")
    chosen = parser.parse_args()
    try:
        return _compare(tuple(chosen.scenarios), tuple(chosen.subject))
    except HostCannot as error:
        return _refuse(str(error), Exit.HOST_CANNOT)
    except (CatalogueError, SessionError) as error:
        return _refuse(str(error), Exit.BAD_INPUT)


def _refuse(why: str, code: Exit) -> int:
    print(why, file=sys.stderr)  # noqa: T201 - a command's words
    return code


def _compare(wanted: tuple[str, ...], subjects: tuple[str, ...]) -> int:
    catalogue = read_catalogue()
    patient = [
        identifier
        for identifier, scenario in catalogue.select(()).items()
        if _LONG_WAITS in scenario.needs
    ]
    with tempfile.TemporaryDirectory(prefix="forwardlab-agree-") as folder:
        travelled = _run("timetravel", wanted, subjects, Path(folder, "virtual"))
        real = _run("mininet", wanted, subjects, Path(folder, "real"))
        waiting = _run("timetravel", patient, (), Path(folder, "long"))
    lines = disagreements(travelled, real)
    lines += [
        f"{each.id}: {each.outcome}, and it is to pass in time travel"
        for each in waiting.scenarios
        if each.outcome not in {"passed", "observed"}
    ]
    for line in lines:
        print(line)  # noqa: T201 - a command's words
    compared = sum(each.outcome != "unsupported" for each in real.scenarios)
    print(  # noqa: T201 - a command's words
        f"{compared} scenarios in both worlds, {len(waiting.scenarios)} that need long waits: "
        f"{len(lines)} differences"
    )
    return Exit.FAILED if lines or not compared else Exit.PASSED


def _run(
    world: WorldName, wanted: tuple[str, ...] | list[str], subjects: tuple[str, ...], out: Path
) -> RunRecord:
    session = Session.prepare(wanted=wanted, world=world, out=out, subjects=subjects)
    return session.run()


if __name__ == "__main__":
    raise SystemExit(main())
