"""`python -m resolver --config FILE`: one program of the project as a process.

Standard output carries one line, `ready`, or with `--check` `FILE: good`. Standard error carries
the journal, one JSON object per line, and errors, one line each.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

from resolver.config_file import ConfigError, read_config
from resolver.shells.program import build_machine, run_program
from resolver.shells.shell import CannotStart

EXIT_BAD_INPUT = 2


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 stopped as asked, or the file is good; 1 the program failed; 2 bad input, or
    the host refuses what the program needs."""
    options = _parser().parse_args(arguments)
    try:
        config = read_config(options.config)
        if options.check:
            build_machine(config, seed=options.seed)
            sys.stdout.write(f"{options.config}: good\n")
            return 0
        return run_program(
            config,
            seed=options.seed,
            journal=sys.stderr,
            on_ready=_say_ready,
            reread=partial(read_config, options.config),
        )
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
    except CannotStart as error:
        for problem in str(error).splitlines():
            sys.stderr.write(f"{options.config}: {problem}\n")
    return EXIT_BAD_INPUT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m resolver",
        description="Run a resolver, balancer, service, NAT translator or DNS translator.",
    )
    parser.add_argument(
        "--config", metavar="FILE", type=Path, required=True, help="what to run, as TOML"
    )
    parser.add_argument(
        "--seed",
        metavar="N",
        type=int,
        help="repeat identifiers, ports and selections (for the lab: an attacker can guess them)",
    )
    parser.add_argument(
        "--check", action="store_true", help="only say whether the file and its zones are good"
    )
    return parser


def _say_ready() -> None:
    with suppress(BrokenPipeError):  # whoever waited for the line has gone
        sys.stdout.write("ready\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
