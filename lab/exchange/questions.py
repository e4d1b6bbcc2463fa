"""The regression scenarios of a forwarding table: for each rule a hit, a sibling, a parent, a
child, each server down, all down.

What they expect is what the table says and no more: where the server chooses by itself among a
rule's servers, any of them may answer; where it keeps to the list, the list is held against it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lab.exchange.asked_names import Asked, can_be_told, free_name, patience_s
from lab.exchange.laying_out import ROOT_ANSWER, Layout
from lab.exchange.table import Entry, ForwardingTable
from lab.exchange.usable import root_servers, usable
from lab.judge.checks import (
    Answered,
    AskedInOrder,
    AskedNobody,
    AskedOnly,
    NameStaysWithin,
    NextAskedAfterTimeout,
)
from lab.scenario.model import Expectation, Play, Scenario, Script, Step
from resolver.config import Profile
from resolver.dns.profiles import PROFILES
from resolver.machine import SECOND

TOPOLOGY = "./topology"
"""What the scenarios call their topology: the file beside them."""

_NAME_IN_FILES = re.compile(r"[^a-z0-9.-]")


def scenarios_of(table: ForwardingTable, layout: Layout) -> dict[str, Scenario]:
    """Each scenario by the stem of its file: "corp.example-hit"."""
    questions = _Questions(table, layout)
    return {
        f"{file_stem(entry.zone)}-{case}": scenario
        for entry in usable(table)
        for case, scenario in questions.of_rule(entry)
    }


def file_stem(zone: str) -> str:
    """A zone as part of a file's name."""
    return "all-names" if zone == "." else _NAME_IN_FILES.sub("_", zone)


class _Questions:
    def __init__(self, table: ForwardingTable, layout: Layout) -> None:
        self._table, self._layout = table, layout

    def of_rule(self, entry: Entry) -> Iterator[tuple[str, Scenario]]:
        """The scenarios of a rule, each with its case."""
        yield "hit", self._hit(entry)
        if entry.zone != ".":
            yield from self._around(entry)
        child = free_name(self._table, entry, "a.b.c")
        if child is not None:
            yield (
                "child",
                self._plain(
                    f"A name deep below {entry.zone} goes where {entry.zone} goes",
                    f"{child} lies three labels below the rule's domain, and no longer rule is for "
                    "it.",
                    Asked(child),
                ),
            )
        if entry.servers:
            if len(entry.servers) > 1:
                for number in range(len(entry.servers)):
                    yield f"server-{number + 1}-down", self._one_down(entry, number)
            yield "all-down", self._all_down(entry)

    # --- who should be asked --------------------------------------------------------------------

    def _hit(self, entry: Entry) -> Scenario:
        names = [free_name(self._table, entry, "www")]
        if entry.zone != ".":
            names.insert(0, entry.zone)
        asked = [Asked(name) for name in names if name is not None]
        where = _servers(entry)
        private = entry.zone != "." and entry.servers and not self._falls_back(entry)
        return Scenario(
            title=f"{_what(entry)}: asked of {where}",
            story=f"{entry.place} says where {_what(entry)} goes. A question for it goes there and "
            "nowhere else, and the answer is that server's.",
            topology=TOPOLOGY,
            steps=tuple(each.step(self._table, patience_s(entry)) for each in asked),
            expectations=(
                *(each for one in asked for each in self._routed(one)),
                *([self._stays(entry)] if private else []),
            ),
        )

    def _around(self, entry: Entry) -> Iterator[tuple[str, Scenario]]:
        first, _, parent = entry.zone.partition(".")
        # CND-03: the same letters, and another label. A reverse name's labels are numbers.
        sibling = f"{'1' if first.isdigit() else 'x'}{entry.zone}"
        if can_be_told(self._table, sibling):
            yield (
                "sibling",
                self._plain(
                    f"{sibling} is not {entry.zone}",
                    "The name ends in the same letters as the rule's domain, and its label is "
                    "another one: the rule is not for it.",
                    Asked(sibling),
                ),
            )
        if parent and can_be_told(self._table, parent):
            yield (
                "parent",
                self._plain(
                    f"{parent}, the parent of {entry.zone}, does not go where {entry.zone} goes",
                    "A rule is for its domain and what is below it, and not for what is above.",
                    Asked(parent),
                ),
            )

    def _plain(self, title: str, story: str, asked: Asked) -> Scenario:
        entry = self._table.entry_for(asked.name)
        waits_s = patience_s(entry)
        return Scenario(
            title=title,
            story=story,
            topology=TOPOLOGY,
            steps=(asked.step(self._table, waits_s),),
            expectations=tuple(self._routed(asked)),
        )

    def _routed(self, asked: Asked) -> Iterator[Expectation]:
        """What the table says of a name, whichever rule is for it."""
        name, entry = asked.name, self._table.entry_for(asked.name)
        hosted = self._table.hosted_for(name)
        if hosted is not None:
            yield Expectation(
                text=f"{name} is answered here, from {hosted.zone}: nobody is asked",
                rules=("OWN-01",),
                check=AskedNobody(name=name),
            )
        elif entry is not None and entry.servers:
            rules = ("CND-01", "CND-02", "CND-03") if entry.zone != "." else ("REC-01",)
            yield Expectation(
                text=f"Questions for {name} go to {_servers(entry)} only",
                rules=rules,
                check=AskedOnly(servers=_addresses(entry), below=name),
            )
            yield self._answered(asked, _addresses(entry), rules)
            if self._table.order == "listed":
                yield Expectation(
                    text=f"The first of the list is asked for {name}, and no other",
                    rules=("FWD-01",) if entry.zone == "." else ("CND-04",),
                    check=AskedInOrder(servers=_addresses(entry)[:1], name=name),
                )
        elif self._layout.recursion:
            yield Expectation(
                text=f"No rule is for {name}: the root servers are asked",
                rules=("CND-06",),
                check=AskedOnly(servers=root_servers(self._table), below=name),
            )
            yield self._told(asked, (ROOT_ANSWER,), ("root.example.",), ("CND-06",))
        else:
            yield Expectation(
                text=f"Nothing is for {name}: nobody is asked",
                rules=("CND-01",),
                check=AskedNobody(name=name),
            )

    def _answered(
        self, asked: Asked, servers: tuple[str, ...], rules: tuple[str, ...], *, last: bool = False
    ) -> Expectation:
        answers = tuple(self._layout.answers[each] for each in servers)
        told = tuple(f"{self._layout.nodes[each]}.example." for each in servers)
        return self._told(asked, answers, told, rules, last=last)

    def _told(
        self,
        asked: Asked,
        answers: tuple[str, ...],
        names: tuple[str, ...],
        rules: tuple[str, ...],
        *,
        last: bool = False,
    ) -> Expectation:
        """The client has the answer of one of these; of a PTR question, where there is but one."""
        is_address = asked.qtype == "A"
        return Expectation(
            text=f"The client gets {'their' if len(answers) > 1 else 'its'} answer for "
            f"{asked.name}",
            rules=rules,
            check=Answered(
                name=asked.name,
                qtype=asked.qtype,
                which="last" if last else "all",
                among=answers if is_address else None,
                rdata=names if not is_address and len(names) == 1 else None,
            ),
        )

    # --- servers that fail ----------------------------------------------------------------------

    def _one_down(self, entry: Entry, number: int) -> Scenario:
        down = entry.servers[number].address
        left = tuple(each for each in _addresses(entry) if each != down)
        asked = Asked(free_name(self._table, entry, "www") or entry.zone)
        waits_s = patience_s(entry)
        rules = ("FWD-03",) if entry.zone == "." else ("CND-04",)
        expectations = [
            self._answered(asked, left, rules, last=True),
            Expectation(
                text=f"Nobody but {_servers(entry)} is asked",
                rules=("CND-07",),
                check=AskedOnly(servers=_addresses(entry), below=asked.name),
            ),
        ]
        if number == 0 and self._keeps_time():
            expectations += self._in_turn(entry, asked)
        return Scenario(
            title=f"{_what(entry)}: {down} is silent",
            story=f"{down} takes questions and says nothing. Another server of the rule answers, "
            "at the latest when the client asks once more.",
            topology=TOPOLOGY,
            # Some servers go on to the next only when their client asks again (dnsmasq).
            steps=(
                self._silent(down),
                asked.step(self._table, waits_s),
                asked.step(self._table, waits_s),
            ),
            expectations=tuple(expectations),
        )

    def _in_turn(self, entry: Entry, asked: Asked) -> Iterator[Expectation]:
        first, second = _addresses(entry)[:2]
        timing = PROFILES[Profile.WINDOWS]
        waited_s = entry.timeout_s or timing.timeout_ns(entry.zone) / SECOND
        global_rule = entry.zone == "."
        yield Expectation(
            text=f"{first} is asked, then {second}",
            rules=("FWD-01",) if global_rule else ("CND-04",),
            check=AskedInOrder(servers=(first, second), name=asked.name),
        )
        yield Expectation(
            text=f"{second} is asked {waited_s:g} s later",
            rules=("FWD-02",),
            check=NextAskedAfterTimeout(timeout_s=waited_s, name=asked.name),
        )

    def _all_down(self, entry: Entry) -> Scenario:
        asked = Asked(free_name(self._table, entry, "www") or entry.zone)
        falls_back = self._falls_back(entry)
        may_ask = (*_addresses(entry), *(root_servers(self._table) if falls_back else ()))
        rules = ("FWD-13",) if entry.zone == "." else ("CND-07",)
        expectations = [
            Expectation(
                text=(
                    "The rule's servers are asked, then at most the root servers, and nobody else"
                    if falls_back
                    else f"Nobody but {_servers(entry)} is asked"
                ),
                rules=("FWD-14",) if falls_back else rules,
                check=AskedOnly(servers=may_ask, below=asked.name),
            )
        ]
        if not falls_back:
            if entry.zone != ".":
                expectations.append(self._stays(entry))
            if self._table.format != "dnsmasq":
                expectations.append(
                    Expectation(
                        text="The client is told that it failed, and not that there is no such "
                        "name",
                        rules=rules,
                        check=Answered(
                            name=asked.name, qtype=asked.qtype, rcode="SERVFAIL", count=0
                        ),
                    )
                )
        silent = "server is" if len(entry.servers) == 1 else "servers are"
        return Scenario(
            title=f"{_what(entry)}: its {silent} silent",
            story="Nobody of the rule answers. "
            + (
                "The server may then resolve the name itself, as its file says."
                if falls_back
                else "Nobody else is asked in their place, whatever other rules say."
            ),
            topology=TOPOLOGY,
            steps=(
                *(self._silent(each) for each in _addresses(entry)),
                asked.step(self._table, patience_s(entry)),
            ),
            expectations=tuple(expectations),
        )

    def _stays(self, entry: Entry) -> Expectation:
        within = (self._layout.viewer, *self._layout.dns, *_addresses(entry))
        return Expectation(
            text=f"{entry.zone} stands in no packet to anybody else",
            rules=("CND-08",),
            check=NameStaysWithin(name=entry.zone, addresses=within),
        )

    # --- small words ----------------------------------------------------------------------------

    def _falls_back(self, entry: Entry) -> bool:
        return entry.falls_back and self._layout.recursion

    def _keeps_time(self) -> bool:
        return self._table.order == "listed" and self._table.format == "windows"

    def _silent(self, address: str) -> Step:
        node = self._layout.nodes[address]
        if self._layout.programs[node] == "authority":
            return Play(node=node, program="authority", script=Script(silent=True))
        return Play(node=node, program="resolver", script=Script(silent=True))


def _addresses(entry: Entry) -> tuple[str, ...]:
    return tuple(each.address for each in entry.servers)


def _servers(entry: Entry) -> str:
    return ", ".join(_addresses(entry)) or "nobody"


def _what(entry: Entry) -> str:
    return "All other names" if entry.zone == "." else entry.zone
