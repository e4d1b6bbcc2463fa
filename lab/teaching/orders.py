"""What is typed in the shell, read: words become orders, and nothing is done yet."""

from __future__ import annotations

import difflib
import ipaddress
import math
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

from dnslib import QTYPE
from pydantic import ValidationError

from lab.scenario.model import Ask, Connect, Elapse, Halt, Resume, Step, Visit
from lab.teaching.nodes import UnknownNode, names_of, node_called
from lab.topology.plan import Plan, PlannedNode, ProgramName
from lab.values import unknown
from lab.viewer.profiles import PROFILE_NAMES

ACTIONS = ("lookup", "connect", "visit")
"""What follows a node's name and is no program."""

_LAST_PORT: Final = 65_535

QUERY_TYPES = tuple(sorted(QTYPE.reverse))

_LONGEST_WAIT_S = 3600
"""Of the lab's clock. Health checks go on meanwhile, and all is captured."""

Topic = Literal["nodes", "help", "judge", "ladder"]

SYNTAX: Mapping[str, str] = {
    "NODE lookup [NAME] [TYPE] [@SERVER]": "ask the node's DNS server, or another one",
    "NODE connect [ADDRESS] [PORT]": "connect, to the latest answer if no address is given",
    "NODE visit [VIEWER]": "look up and connect as glibc, musl, windows … do",
    "NODE COMMAND …": "run a program in the node: server1 ip route",
    "fail NODE [PROGRAM]": "take a node's power, or end one of its programs",
    "repair [NODE [PROGRAM]]": "give it back; alone: all that failed",
    "wait SECONDS": "let time pass",
    "capture [FILE]": "draw the packets of the last command, or save all as pcapng",
    "judge": "judge what happened so far by what must always hold",
    "nodes": "show the nodes, their addresses and programs",
    "help": "show this",
    "quit": "take everything down",
}


class NotUnderstood(Exception):
    """The line cannot be meant; the message says why and what can."""


@dataclass(frozen=True, slots=True)
class Act:
    """Do a step."""

    step: Step


@dataclass(frozen=True, slots=True)
class RepairAll:
    """Give back all that failed."""


@dataclass(frozen=True, slots=True)
class Run:
    """Run a program in a node."""

    node: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SaveCapture:
    """Save the capture."""

    file: Path


@dataclass(frozen=True, slots=True)
class Show:
    """Show something that is known already."""

    topic: Topic


@dataclass(frozen=True, slots=True)
class Quit:
    """End."""


Order: TypeAlias = Act | RepairAll | Run | SaveCapture | Show | Quit


def read_order(line: str, plan: Plan) -> Order | None:
    """The order of a line; None for an empty one. Raises NotUnderstood."""
    try:
        words = shlex.split(line, comments=True)
    except ValueError as error:
        raise NotUnderstood(f"{error}: a quotation mark has no partner".lower()) from error
    if not words:
        return None
    first, *others = words
    reader = _READERS.get(first)
    try:
        if reader is not None:
            return reader(others, plan)
        if first not in names_of(plan) and not others:
            near = difflib.get_close_matches(first, [*_READERS, *names_of(plan)], n=1)
            hint = f"did you mean {near[0]!r}?" if near else "help shows what there is"
            raise NotUnderstood(f"no command and no node {first!r}; {hint}")
        return _node_order(node_called(plan, first), others, plan)
    except UnknownNode as error:
        raise NotUnderstood(str(error)) from error
    except ValidationError as error:
        raise NotUnderstood(error.errors()[0]["msg"].removeprefix("Value error, ")) from error


# --- what a node does ---------------------------------------------------------------------------


def _node_order(node: PlannedNode, words: Sequence[str], plan: Plan) -> Order:
    if not words:
        raise NotUnderstood(
            f"what shall {node.name} do? {', '.join(ACTIONS)}, or a program: {node.name} ip route"
        )
    action, *others = words
    if action == "lookup":
        return Act(_lookup(node, others, plan))
    if action == "connect":
        return Act(_connect(node, others, plan))
    if action == "visit":
        return Act(_visit(node, others, plan))
    return Run(node.name, tuple(words))


def _lookup(node: PlannedNode, words: Sequence[str], plan: Plan) -> Ask:
    name = qtype = server = None
    for word in words:
        if word.startswith("@"):
            server = _address(word[1:], node, plan)
        elif word.upper() in QUERY_TYPES and qtype is None:
            qtype = word.upper()
        elif name is None:
            name = word
        else:
            raise NotUnderstood(f"{word!r} is one word too many: lookup [NAME] [TYPE] [@SERVER]")
    if name is None and plan.cluster_name is None:
        raise NotUnderstood(f"{plan.source} has no cluster: say what name to look up")
    if server is None and not node.asks:
        raise NotUnderstood(
            f"{node.name} is set up to ask no DNS server; name one: "
            f"{node.name} lookup {name or plan.cluster_name} @SERVER"
        )
    return Ask(node=node.name, name=name, qtype=qtype or "A", server=server)


def _connect(node: PlannedNode, words: Sequence[str], plan: Plan) -> Connect:
    if len(words) > 2:
        raise NotUnderstood(f"{words[2]!r} is one word too many: connect [ADDRESS] [PORT]")
    to = _address(words[0], node, plan) if words else None
    port = words[1] if len(words) == 2 else None
    if port is not None and not (port.isdecimal() and 1 <= int(port) <= _LAST_PORT):
        raise NotUnderstood(
            f"{port!r} is no port: write a number from 1 to {_LAST_PORT}, such as "
            f"{plan.service_port}"
        )
    return Connect(node=node.name, to=to, port=None if port is None else int(port))


def _visit(node: PlannedNode, words: Sequence[str], plan: Plan) -> Visit:
    if not node.asks:
        raise NotUnderstood(f"{node.name} is set up to ask no DNS server, so it visits nobody")
    if plan.cluster_name is None:
        raise NotUnderstood(f"{plan.source} has no cluster, so there is nothing to visit")
    if len(words) > 1:
        raise NotUnderstood(f"{words[1]!r} is one word too many: visit [VIEWER]")
    for profile in PROFILE_NAMES:
        if not words or profile == words[0]:
            return Visit(node=node.name, profile=profile if words else "one-shot")
    raise NotUnderstood(unknown("viewer", words[0], PROFILE_NAMES))


def _address(word: str, asker: PlannedNode, plan: Plan) -> str:
    """An address as it stands, or that of a node as the asker reaches it."""
    try:
        return str(ipaddress.ip_address(word))
    except ValueError:
        node = node_called(plan, word)
    near = {each.network for each in asker.interfaces}
    for interface in node.interfaces:
        if interface.network in near and interface.addresses:
            return interface.addresses[0].split("/")[0]
    if node.alias is not None and not near & {each.network for each in node.interfaces}:
        return node.alias
    return node.addresses()[0]


# --- what happens to the set-up -----------------------------------------------------------------


def _fail(words: Sequence[str], plan: Plan) -> Order:
    node, program = _seat("fail", words, plan)
    return Act(Halt(node=node.name, program=program))


def _repair(words: Sequence[str], plan: Plan) -> Order:
    if not words:
        return RepairAll()
    node, program = _seat("repair", words, plan)
    return Act(Resume(node=node.name, program=program))


def _seat(verb: str, words: Sequence[str], plan: Plan) -> tuple[PlannedNode, ProgramName | None]:
    if not 1 <= len(words) <= 2:
        raise NotUnderstood(f"write {verb} NODE, or {verb} NODE PROGRAM")
    node = node_called(plan, words[0])
    if len(words) == 1:
        return node, None
    known = [program.name for program in node.programs]
    for program in get_args(ProgramName):
        if program == words[1] and program in known:
            return node, program
    raise NotUnderstood(f"{node.name} has {unknown('program', words[1], known)}")


def _wait(words: Sequence[str], _plan: Plan) -> Order:
    try:
        (seconds,) = (float(word) for word in words)
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:  # nor is "nan" a time
        raise NotUnderstood("say how many seconds: wait 2.5")
    if seconds > _LONGEST_WAIT_S:
        raise NotUnderstood(f"wait at most {_LONGEST_WAIT_S} s at a time")
    return Act(Elapse(seconds=seconds))


def _capture(words: Sequence[str], _plan: Plan) -> Order:
    if len(words) > 1:
        raise NotUnderstood("write capture, or capture FILE")
    return SaveCapture(Path(words[0])) if words else Show("ladder")


def _alone(verb: str, order: Order) -> Callable[[Sequence[str], Plan], Order]:
    def read(words: Sequence[str], _plan: Plan) -> Order:
        if words:
            raise NotUnderstood(f"{verb} takes no more words")
        return order

    return read


_READERS: Mapping[str, Callable[[Sequence[str], Plan], Order]] = {
    "fail": _fail,
    "repair": _repair,
    "wait": _wait,
    "capture": _capture,
    "judge": _alone("judge", Show("judge")),
    "rules": _alone("rules", Show("judge")),
    "nodes": _alone("nodes", Show("nodes")),
    "help": _alone("help", Show("help")),
    "quit": _alone("quit", Quit()),
    "exit": _alone("exit", Quit()),
}

VERBS = tuple(_READERS)
