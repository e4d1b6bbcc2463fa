"""Answers per second, and the wait for one, of our resolver and of its peers on one core each.

    python benchmarks/dns_throughput.py [cached] [forwarded] [latency] [-n 10] [--seconds 4]
    python benchmarks/dns_throughput.py --quick

cached: 10,000 names, asked for as often as Zipf's law says, all in the cache; two warm-up passes
(one that fills caches, one that makes whatever a server keeps ready at the second asking) are not
counted. forwarded: every question is for a new name, which the server asks the upstream for.
latency: one client with one question at a time, cached.

The servers, each one process with one thread, have one core to themselves and stay up for the whole
run, idle while another is measured; dnsperf and the upstream share the other core. Runs alternate,
there and back, so that what the machine does besides meets everybody; a ratio is the mean over the
pairs of a round, with its 95 % interval. A run that lost more than 0.1 % of its questions, or that
left the subject idle for a fifth of the time, is counted below the table.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from random import Random

import dns_peers
from dns_field import UPSTREAM, Field, FieldFailed, Load, subject_address
from dns_peers import Server
from dns_workload import ZIPF_EXPONENT, fresh_names, name_of, write_questions, zipf_ranks
from ratios import paired_ratio, quantile, spread, there_and_back

from lab.worlds.isolation import run_isolated

NAMES = 10_000
QUESTIONS = 200_000
"""Of the Zipf-distributed file, which dnsperf starts anew at its end."""

MOST_FORWARDED_PER_S = 50_000
"""Fresh names to have in store: no subject forwards faster."""

OUTSTANDING = "100"
CLIENTS = "20"
SINGLE_QUESTIONS = 5_000

MUCH_LOST = 0.001
MUCH_IDLE = 0.2

RATES = ("answers/s", "answers per s of its core")
"""The second is what the first would be had the subject had all of its core: what other programs of
the machine take, or a load generator that could do no more, is not in it."""

OURS = "ours"
PLAIN = "ours, plain"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Who is measured at what."""

    title: str
    subjects: tuple[str, ...]
    """Ours first."""
    measure: Callable[[Field, str], Load]
    figures: Callable[[Load], tuple[float, ...]]
    headings: tuple[str, ...]
    """Of the figures, in their order."""


def servers() -> dict[str, Server]:
    """Every subject, at an address of its own."""
    python = sys.executable
    made = (
        partial(dns_peers.ours, OURS, python=python),
        partial(dns_peers.ours, PLAIN, python=python, more="batched = false"),
        dns_peers.unbound,
        dns_peers.named,
        partial(dns_peers.dnsmasq, "dnsmasq", 10_000),
        partial(dns_peers.dnsmasq, "dnsmasq, 150", 150),
        dns_peers.powerdns,
    )
    subjects = [
        make(address=subject_address(number), upstream=UPSTREAM) for number, make in enumerate(made)
    ]
    return {server.name: server for server in subjects}


def comparisons(scratch: Path, seconds: int) -> dict[str, Comparison]:
    """What the command line can ask for."""
    random = Random(2026)  # noqa: S311 - the same questions in every run
    every = write_questions(scratch / "every", map(name_of, range(NAMES)))
    ranks = zipf_ranks(NAMES, QUESTIONS, ZIPF_EXPONENT, random)
    popular = write_questions(scratch / "popular", map(name_of, ranks))
    runs = count()

    def cached(field: Field, subject: str) -> Load:
        field.load(subject, every, "-n", "2")
        return field.load(subject, popular, "-q", OUTSTANDING, "-c", CLIENTS, "-l", str(seconds))

    def forwarded(field: Field, subject: str) -> Load:
        names = fresh_names(next(runs), MOST_FORWARDED_PER_S * seconds)
        fresh = write_questions(scratch / "fresh", names)
        options = ("-q", OUTSTANDING, "-c", CLIENTS, "-n", "1", "-l", str(seconds))
        return field.load(subject, fresh, *options)

    some = [name_of(rank) for rank in ranks[:SINGLE_QUESTIONS]]

    def single(field: Field, subject: str) -> Load:
        field.load(subject, every, "-n", "2")
        return field.ask_one_by_one(subject, some)

    def rate(load: Load) -> tuple[float, ...]:
        return load.per_second, load.per_second / load.subject_share

    def waits(load: Load) -> tuple[float, ...]:
        ordered = sorted(load.latencies_us)
        return quantile(ordered, 0.5), quantile(ordered, 0.99)

    forwarders = (OURS, "named", "dnsmasq", "dnsmasq, 150", "pdns_recursor", "unbound")
    return {
        "cached": Comparison(
            f"cached answers, {NAMES:,} names, Zipf's exponent {ZIPF_EXPONENT}",
            (OURS, PLAIN, "unbound"),
            cached,
            rate,
            RATES,
        ),
        "forwarded": Comparison(
            "forwarded questions, each for a new name", forwarders, forwarded, rate, RATES
        ),
        "latency": Comparison(
            f"one client, one question at a time, cached, {SINGLE_QUESTIONS:,} questions a run",
            (OURS, PLAIN, "unbound"),
            single,
            waits,
            ("median, µs", "p99, µs"),
        ),
    }


def compare(field: Field, comparison: Comparison, rounds: int) -> None:
    """Measure and print one comparison."""
    loads: dict[str, list[Load]] = {name: [] for name in comparison.subjects}
    for order in there_and_back(comparison.subjects, rounds):
        for name in order:
            loads[name].append(comparison.measure(field, name))
    print(f"\n{comparison.title}; n = {rounds} each, median (lowest to highest)")
    for place, heading in enumerate(comparison.headings):
        print_column(comparison, loads, place, heading)
    for name, runs in loads.items():
        print_reservations(name, runs, busy=comparison.headings is RATES)


def print_column(
    comparison: Comparison, loads: dict[str, list[Load]], place: int, heading: str
) -> None:
    """One figure of all subjects, and our ratios to each."""
    ratios = [f"{name} / it (95 %)" for name in comparison.subjects if name.startswith(OURS)]
    print(f"{'':15}{heading:>30}" + "".join(f"{ratio:>28}" for ratio in ratios))
    figures = {
        name: [comparison.figures(load)[place] for load in runs] for name, runs in loads.items()
    }
    for name, values in figures.items():
        cells = "".join(
            f"{'' if own == name else str(paired_ratio(figures[own], values)):>28}"
            for own in comparison.subjects
            if own.startswith(OURS)
        )
        print(f"{name:15}{spread(values):>30}{cells}")


def print_reservations(name: str, runs: Sequence[Load], *, busy: bool) -> None:
    """What to know of a subject's runs: how busy they kept it, and what was lost."""
    lost = sum(load.lost for load in runs)
    marked = sum(load.lost / load.sent > MUCH_LOST for load in runs)
    idle = sum(load.subject_share < 1 - MUCH_IDLE for load in runs)
    words = [f"lost {lost} of {sum(load.sent for load in runs):,}"]
    if marked:
        words.append(f"{marked} RUNS LOST MORE THAN {MUCH_LOST:.1%}")
    if busy:
        took, others = (
            statistics.median(load.subject_share for load in runs),
            statistics.median(load.others_share for load in runs),
        )
        words.append(f"took {took:.0%} of its core, dnsperf and upstream {others:.0%} of theirs")
        if idle:
            words.append(f"{idle} RUNS LEFT IT IDLE FOR MORE THAN {MUCH_IDLE:.0%}")
    print(f"  {name}: {'; '.join(words)}")


def measure(chosen: Sequence[str], rounds: int, seconds: int) -> str | None:
    """Everything, inside the namespaces; returns what kept it from its end."""
    try:
        measure_all(chosen, rounds, seconds)
    except FieldFailed as failure:
        return str(failure)
    return None


def measure_all(chosen: Sequence[str], rounds: int, seconds: int) -> None:
    """Start everybody, and compare."""
    with tempfile.TemporaryDirectory() as made:
        scratch = Path(made)
        everything = comparisons(scratch, seconds)
        needed = {name for title in chosen for name in everything[title].subjects}
        with Field(scratch) as field:
            print(
                f"{os.cpu_count()} cores; subjects on core {field.subject_core}, dnsperf and "
                f"upstream on core {field.others_core}; clock: dnsperf's (latency: monotonic); "
                f"{seconds} s a run, {OUTSTANDING} questions outstanding"
            )
            field.start_upstream(dns_peers.nsd(UPSTREAM))
            for number, server in enumerate(servers().values()):
                if server.name in needed:
                    field.start_subject(server, subject_address(number))
            for title in chosen:
                compare(field, everything[title], rounds)
                sys.stdout.flush()


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    kinds = ("cached", "forwarded", "latency")
    parser.add_argument("kinds", nargs="*", help="cached, forwarded, latency; default: all")
    parser.add_argument("-n", type=int, default=10, help="rounds")
    parser.add_argument("--seconds", type=int, default=4, help="of each run")
    parser.add_argument("--quick", action="store_true", help="three rounds of one second: a look")
    parser.add_argument("--hide-configs", action="store_true")
    options = parser.parse_args()
    if unknown := set(options.kinds) - set(kinds):
        parser.error(f"{unknown.pop()!r} is not measured; choose from {', '.join(kinds)}")
    rounds, seconds = (3, 1) if options.quick else (options.n, options.seconds)
    everybody = [*servers().values(), dns_peers.nsd(UPSTREAM)]
    try:
        versions = {server.name: server.version() for server in everybody}
    except FileNotFoundError as missing:
        raise SystemExit(f"{missing.filename} is not here: run tools/setup.sh bench") from None
    print(", ".join(f"{name} {version}" for name, version in versions.items()), flush=True)
    if not options.hide_configs:
        for server in everybody:
            for file, text in server.files.items():
                print(f"\n--- {server.name}: {file}\n{text}", end="")
    chosen = options.kinds or kinds
    if (failure := run_isolated(partial(measure, chosen, rounds, seconds))) is not None:
        raise SystemExit(failure)


if __name__ == "__main__":
    main()
