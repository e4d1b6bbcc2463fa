"""`python tests/fuzz/fuzz.py TARGET [libFuzzer option …]`: search for bytes that break a target.

Coverage-guided (atheris, libFuzzer): what reaches new code is kept and changed further. It starts
from the corpus beside this file and writes nothing into it; what breaks a target is written to the
current directory as `crash-…`. To keep what it found interesting, give it a folder:

    mkdir found && python tests/fuzz/fuzz.py clients found -max_total_time=600

and copy the short ones of it into `corpus/clients`.
"""

from __future__ import annotations

import sys
from pathlib import Path

try:
    import atheris
except ModuleNotFoundError:
    sys.exit("atheris is missing; `tools/setup.sh test` installs it")

with atheris.instrument_imports(include=["lab", "resolver", "dnslib"]):
    from targets import TARGETS

CORPUS = Path(__file__).with_name("corpus")


def main(arguments: list[str]) -> int:
    """Exit codes: 0 nothing found, 2 no such target; libFuzzer's 77 and others: broken."""
    name = arguments[0] if arguments else ""
    if name not in TARGETS:
        sys.stderr.write(f"no target {name!r}; write one of {', '.join(TARGETS)}\n")
        return 2
    options = arguments[1:]
    folders = [option for option in options if not option.startswith("-")]
    if folders:  # libFuzzer writes into the first one, so the corpus comes last
        folders.append(str(CORPUS / name))
    flags = [option for option in options if option.startswith("-")]
    seeds = [] if folders else [f"-seed_inputs={_seed_inputs(name)}"]
    atheris.Setup([sys.argv[0], *flags, *seeds, *folders], TARGETS[name])
    atheris.Fuzz()
    return 0


def _seed_inputs(name: str) -> str:
    return ",".join(str(path) for path in sorted((CORPUS / name).iterdir()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
