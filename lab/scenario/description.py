"""Steps in words, and how long they may take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import ceil

from lab.scenario.model import (
    Ask,
    AskMany,
    Await,
    Change,
    CheckTopology,
    Complain,
    Connect,
    Datagram,
    Edns,
    Elapse,
    Emit,
    Flap,
    Forge,
    Halt,
    Impair,
    Mend,
    Message,
    Misconfigure,
    Ping,
    Play,
    Plug,
    Reconfigure,
    RemoveForward,
    RemoveZone,
    Repeat,
    Replay,
    Resume,
    SetForward,
    SetNatOtherwise,
    SetZone,
    Silence,
    Step,
    Unplug,
    Until,
    Visit,
)

_START_S = 20.0
"""How long the start of a program may take: many rounds of any sensible health check."""


def describe(step: Step) -> str:  # noqa: C901, PLR0911, PLR0912 - one line per kind of step
    """Tell a step in one line, for reports and the terminal."""
    match step:
        case Ask(node=node, name=name):
            return f"{node} asks {_asked(step, name or '(the cluster)')}"
        case AskMany(node=node, name=name, count=count, at_once=at_once):
            together = "at once" if at_once >= count else f"at most {at_once} at once"
            return f"{node} asks {count} times, {together}: {_asked(step, name)}"
        case Await(label=label):
            return f"wait for the answer to {label}"
        case Connect(node=node, to=to):
            return f"{node} connects to {to or 'the address it was given'}"
        case Visit(node=node, profile=profile, name=name):
            return f"{node} ({profile or 'one-shot'}) visits {name or 'the cluster'}"
        case Ping(node=node, to=to):
            return f"{node} sends an echo request to {to}"
        case Datagram(node=node, to=to, port=port):
            return f"{node} sends a datagram to {to} port {port}"
        case Emit(node=node, packet=packet):
            return f"{node} sends {packet!r}{_where(step)}"
        case Complain(node=node, packet=packet, about=about):
            wrong = f", wrong: {step.fault}" if step.fault else ""
            told = f"ICMP type {step.type} code {step.code} about {about!r}"
            return f"{node} sends {packet!r}, {told}{wrong}"
        case Silence(node=node):
            return f"{node} says no more that nobody listens"
        case Forge(forger=forger, victim=victim, fault=fault):
            return f"{forger} forges a reply to {victim}'s question: wrong {fault}"
        case Halt(node=node, program=program, how="kill"):
            return f"{program} of {node} is killed"
        case Halt(node=node, program=program):
            return f"{program} of {node} ends" if program else f"{node} loses power"
        case Resume(node=node, program=program):
            return f"{program} of {node} starts again" if program else f"{node} has power again"
        case Unplug(node=node, network=network):
            return f"{_link(node, network)} goes down"
        case Plug(node=node, network=network):
            return f"{_link(node, network)} comes up"
        case Impair(node=node, network=network, direction=direction, impairment=impairment):
            way = {"out": ", outgoing", "in": ", incoming", "both": ""}[direction]
            return f"{_link(node, network)} gets bad{way}: {impairment.told()}"
        case Mend(node=node, network=network):
            return f"{_link(node, network)} is good again"
        case Flap(breaking=breaking, mending=mending, broken_s=broken_s, whole_s=whole_s):
            often = "again and again" if step.times is None else f"{step.times} times"
            broken, whole = (
                "; ".join(describe(inner) for inner in inners) for inners in (breaking, mending)
            )
            return f"{often}, meanwhile: {broken} for {broken_s:g} s; {whole} for {whole_s:g} s"
        case Play(node=node, program=program):
            return f"a scripted server takes the {program} seat of {node}"
        case Reconfigure(node=node, program=program, changes=changes):
            return f"{program} of {node} is reconfigured: {'; '.join(map(_change, changes))}"
        case Replay(questions=questions):
            over_s = questions[-1].at_s
            return f"{len(questions)} questions of a capture are asked again, over {over_s:g} s"
        case CheckTopology(label=label):
            return f"the topology check reads a file: {label}"
        case Elapse(seconds=seconds):
            return f"{seconds:g} s pass"
        case Repeat(times=times, every_s=every_s, steps=steps):
            inner = "; ".join(describe(inner) for inner in steps)
            return f"{times} times, every {every_s:g} s: {inner}"
        case Until(answer=answer, server=server, steps=steps):
            inner = "; ".join(describe(inner) for inner in steps)
            wanted = f"{answer} {server}" if server else answer
            what = "a visit" if answer == "connects" else "the answer"
            return f"until {what} {wanted}: {inner}"
        case Misconfigure(fault=SetNatOtherwise() as fault):
            named = fault.model_dump(exclude={"fault"}, exclude_none=True)
            settings = ", ".join(f"{name} {value}" for name, value in named.items())
            return f"the translator is set otherwise: {settings}"
        case Misconfigure(fault=fault):
            return f"broken on purpose: {fault.fault}"


def _where(step: Emit) -> str:
    """Where a bare packet goes, with everything about it that is out of the ordinary."""
    kind = {"udp": "UDP", "tcp": f"TCP {step.flags}", "echo": "echo request"}[step.protocol]
    place = "" if step.protocol == "echo" else f" port {step.port}"
    where = f" to {step.to}{place}" if step.to else f" back to where {step.answers!r} came from"
    odd = [kind]
    if step.source_port:
        odd.append(f"from port {step.source_port}")
    if step.ttl != Emit.model_fields["ttl"].default:
        odd.append(f"TTL {step.ttl}")
    if step.octets:
        odd.append(f"{step.octets} octets")
    if step.pieces:
        odd.append(f"fragments {', '.join(map(str, step.pieces))}")
    if step.checksum != "right":
        odd.append("no checksum" if step.checksum == "none" else "wrong checksum")
    return f"{where} ({', '.join(odd)})"


def _link(node: str, network: str | None) -> str:
    return f"the link of {node}" + (f" to {network}" if network else "")


def _asked(step: Ask | AskMany, name: str) -> str:
    """The question of a step, with everything about it that is out of the ordinary."""
    qclass = "" if step.message.qclass == "IN" else f" {step.message.qclass}"
    server = f" at {step.server}" if step.server else ""
    over = " over TCP" if step.transport == "tcp" else ""
    if isinstance(step, Ask) and step.pieces > 1:
        over += f" in {step.pieces} pieces"
    odd = ", ".join(_oddities(step.message))
    return f"{step.qtype}{qclass} {name}{server}{over}" + (f" ({odd})" if odd else "")


def _oddities(message: Message) -> Iterator[str]:
    if not message.rd:
        yield "RD clear"
    yield from (flag.upper() for flag in ("ad", "cd", "z", "ra") if getattr(message, flag))
    if message.opcode:
        yield f"opcode {message.opcode}"
    if (edns := message.edns) is not None:
        yield from _edns(edns)
    if message.tsig:
        yield "TSIG"
    if message.fault is not None:
        yield f"broken: {message.fault}"


def _edns(edns: Edns) -> Iterator[str]:
    version = f" version {edns.version}" if edns.version else ""
    copies = f", {edns.copies} times" if edns.copies > 1 else ""
    yield f"EDNS{version}, {edns.size} octets{copies}"
    if edns.do:
        yield "DO"
    if edns.flags:
        yield f"EDNS flags {edns.flags:#06x}"
    yield from (f"EDNS option {code}" for code, _ in edns.options)


def _change(change: Change) -> str:
    match change:
        case SetZone(origin=origin):
            return f"it hosts {origin}"
        case RemoveZone(origin=origin):
            return f"it no longer hosts {origin}"
        case SetForward(zone=zone, servers=()):
            return f"forwarding ends at {zone}"
        case SetForward(zone=zone, servers=servers):
            return f"{zone} goes to {', then '.join(servers)}"
        case RemoveForward(zone=zone):
            return f"no forward rule for {zone}"


def longest_s(steps: Iterable[Step]) -> float:
    """How long the steps may take on the scenario's clock, s, if every wait in them is in vain."""
    return sum(map(_longest_step_s, steps))


def _longest_step_s(step: Step) -> float:  # noqa: PLR0911 - one line per kind of step
    match step:
        case Ask() | Connect() | Visit() | Ping() | Datagram() | Emit() | Complain() | Forge():
            return step.patience_s
        case AskMany():
            # Over TCP, the connection itself may take as long as a question.
            rounds = ceil(step.count / step.at_once) + (step.transport == "tcp")
            return rounds * step.patience_s
        case Replay():
            return step.questions[-1].at_s + step.patience_s
        case Elapse():
            return step.seconds
        case Repeat():
            return step.times * max(step.every_s, longest_s(step.steps))
        case Until():
            # The last turn may begin at the deadline.
            return step.deadline_s + longest_s(step.steps)
        case Silence() | Flap() | CheckTopology():
            return 0.0  # done at once; a flap goes on beside the steps that follow
        case Await() | Halt() | Resume() | Unplug() | Plug() | Impair() | Mend():
            return _START_S
        case Play() | Reconfigure() | Misconfigure():
            return _START_S
