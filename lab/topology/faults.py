"""Deliberate mistakes: a valid plan in, a plan with one thing wrong out.

Each is a mistake somebody makes when he sets the real thing up. The rest of the plan stays as it
was meant, so a run shows what that one mistake does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from ipaddress import ip_address
from typing import Any

from lab.scenario.mistakes import (
    DropNatEntry,
    FallBackToRecursion,
    Fault,
    GoOnAfter,
    MistypeTimeout,
    OffsetAliasBase,
    OmitForward,
    OmitZone,
    OpenFirewall,
    RewriteAnswers,
    SetNatOtherwise,
    TurnForwardersRound,
)
from lab.topology.addressing import address_of
from lab.topology.plan import Plan, PlannedNode, PlannedProgram
from lab.values import rcode_number
from resolver.config import (
    BalancerConfig,
    Behaviour,
    DnsTranslatorConfig,
    ForwardRule,
    NaptConfig,
    NatConfig,
    PortChoice,
    ProgramConfig,
    Refusal,
    ResolverConfig,
)
from resolver.dns.names import normalise
from resolver.dns.profiles import PROFILES
from resolver.machine import SECOND


class FaultNotPossible(ValueError):
    """The plan has nothing that could be wrong in this way; the message says what is missing."""


def apply_fault(plan: Plan, fault: Fault) -> Plan:  # noqa: PLR0911 - one line per kind of fault
    """The plan with the fault in it. Raises FaultNotPossible where it has no place."""
    match fault:
        case OffsetAliasBase():
            return _offset_alias_base(plan, fault.by)
        case DropNatEntry():
            return _drop_nat_entry(plan, fault.server)
        case RewriteAnswers():
            return _rewrite_answers(plan)
        case SetNatOtherwise():
            return _set_nat_otherwise(plan, fault)
        case OpenFirewall():
            return _open_firewall(plan, fault.node)
        case OmitZone():
            return _omit_zone(plan, fault)
        case GoOnAfter():
            return _go_on_after(plan, fault)
        case TurnForwardersRound() | OmitForward() | MistypeTimeout() | FallBackToRecursion():
            return _change_rule(plan, fault)


def _offset_alias_base(plan: Plan, by: int) -> Plan:
    """The "Client base NAT/alias IP" mistyped: the balancers' answers no longer fit the table."""

    def shift(config: ProgramConfig) -> ProgramConfig:
        if isinstance(config, BalancerConfig) and config.alias_base is not None:
            return replace(config, alias_base=_moved(config.alias_base, by))
        return config

    if by == 0:
        raise FaultNotPossible("alias_base off by 0 is no fault")
    return _changed(plan, shift, f"{plan.source} has no load balancer with an alias base")


def _moved(base: str, by: int) -> str:
    try:
        return str(ip_address(base) + by)
    except ValueError:
        raise FaultNotPossible(f"{base} + {by} is no address") from None


def _drop_nat_entry(plan: Plan, server: str) -> Plan:
    """A server was added and its NAT entry forgotten.

    The translator still answers ARP for the alias: alias addresses are claimed as a range, entries
    are made one by one. So packets to it arrive at the translator and end there. (With ARP gone as
    well nothing would arrive, and there would be no packet to see.)
    """
    alias = next((node.alias for node in plan.nodes if node.name == server), None)
    if alias is None:
        raise FaultNotPossible(f"{plan.source} has no server {server!r} behind NAT")

    def forget(config: ProgramConfig) -> ProgramConfig:
        if isinstance(config, NatConfig):
            return replace(
                config,
                table=tuple(
                    entry for entry in config.table if address_of(entry[0]) != address_of(alias)
                ),
            )
        return config

    return _changed(plan, forget, f"{plan.source} has no NAT entry for {server!r}")


def _rewrite_answers(plan: Plan) -> Plan:
    """The NAT translator's DNS_ALG was left on (RFC 2694). It takes every answer for one that still
    needs translating, looks the addresses up in its table, and turns the aliases that the balancers
    have already put there back into real addresses."""
    table = tuple(
        entry
        for node in plan.nodes
        for program in node.programs
        if isinstance(program.config, NatConfig)
        for entry in program.config.table
    )

    def translate_again(config: ProgramConfig) -> ProgramConfig:
        return replace(config, rewrite=table) if isinstance(config, DnsTranslatorConfig) else config

    return _changed(plan, translate_again, f"{plan.source} has no DNS translator")


def _set_nat_otherwise(plan: Plan, fault: SetNatOtherwise) -> Plan:
    def change(config: ProgramConfig) -> ProgramConfig:
        if not isinstance(config, NatConfig):
            return config
        alg = config.dns_alg if fault.dns_alg is None else fault.dns_alg
        napt = None if config.napt is None else _shared_otherwise(config.napt, fault)
        return replace(config, dns_alg=alg, napt=napt)

    return _changed(plan, change, f"{plan.source} has no translator that is not set so already")


def _shared_otherwise(napt: NaptConfig, fault: SetNatOtherwise) -> NaptConfig:
    """How machines share addresses, with what the fault names in place of what was meant."""
    named = fault.model_dump(exclude={"fault", "dns_alg"}, exclude_none=True)
    of: dict[str, type[Enum]] = {"mapping": Behaviour, "filtering": Behaviour, "ports": PortChoice}
    of |= {"unsolicited_syn": Refusal, "when_full": Refusal}
    changed: dict[str, Any] = {}
    for key, value in named.items():
        if key in _IN_SECONDS:
            changed[_IN_SECONDS[key]] = round(value * SECOND)
        else:
            changed[key] = of[key](value) if key in of else value
    return replace(napt, **changed)


_IN_SECONDS = {
    "udp_timeout_s": "udp_timeout_ns",
    "tcp_established_s": "tcp_established_ns",
    "tcp_transitory_s": "tcp_transitory_ns",
    "unsolicited_syn_s": "unsolicited_syn_ns",
}


def _change_rule(
    plan: Plan, fault: TurnForwardersRound | OmitForward | MistypeTimeout | FallBackToRecursion
) -> Plan:
    """One of a DNS server's forward rules is not as it was meant."""
    zone = normalise(fault.zone)

    def change(config: ResolverConfig) -> ResolverConfig:
        rules = tuple(
            changed
            for rule in config.forward
            for changed in (_mistaken(rule, fault) if rule.zone == zone else (rule,))
        )
        return replace(config, forward=rules)

    otherwise = f"{fault.node} of {plan.source} has no forward rule for {zone!r} to mistake so"
    return _changed_resolver(plan, fault.node, change, otherwise)


def _mistaken(
    rule: ForwardRule,
    fault: TurnForwardersRound | OmitForward | MistypeTimeout | FallBackToRecursion,
) -> tuple[ForwardRule, ...]:
    match fault:
        case TurnForwardersRound():
            return (replace(rule, servers=rule.servers[::-1]),)
        case OmitForward():
            return ()
        case MistypeTimeout():
            return (replace(rule, timeout_ns=round(fault.timeout_s * SECOND)),)
        case FallBackToRecursion():
            return (replace(rule, recursion=True),)


def _omit_zone(plan: Plan, fault: OmitZone) -> Plan:
    origin = normalise(fault.origin)

    def change(config: ResolverConfig) -> ResolverConfig:
        return replace(config, zones=tuple(z for z in config.zones if z.origin != origin))

    otherwise = f"{fault.node} of {plan.source} hosts no zone {origin!r}"
    return _changed_resolver(plan, fault.node, change, otherwise)


def _go_on_after(plan: Plan, fault: GoOnAfter) -> Plan:
    more = frozenset(map(rcode_number, fault.rcodes))

    def change(config: ResolverConfig) -> ResolverConfig:
        meant = config.next_on_rcodes
        if meant is None:
            meant = PROFILES[config.profile].next_on_rcodes
        return config if more <= meant else replace(config, next_on_rcodes=meant | more)

    otherwise = f"{fault.node} of {plan.source} has no forwarder to go on to after these RCODEs"
    return _changed_resolver(plan, fault.node, change, otherwise)


def _open_firewall(plan: Plan, node: str) -> Plan:
    opened = tuple(
        replace(each, firewall=None) if each.name == node else each for each in plan.nodes
    )
    if opened == plan.nodes:
        raise FaultNotPossible(f"{plan.source} has no firewall on {node!r}")
    return replace(plan, nodes=opened)


def _changed_resolver(
    plan: Plan, name: str, change: Callable[[ResolverConfig], ResolverConfig], otherwise: str
) -> Plan:
    """The plan with the configuration of one node's DNS server put through `change`."""

    def program_changed(program: PlannedProgram) -> PlannedProgram:
        config = program.config
        return (
            replace(program, config=change(config))
            if isinstance(config, ResolverConfig)
            else program
        )

    changed = tuple(
        replace(node, programs=tuple(map(program_changed, node.programs)))
        if node.name == name
        else node
        for node in plan.nodes
    )
    if changed == plan.nodes:
        raise FaultNotPossible(otherwise)
    return replace(plan, nodes=changed)


def _changed(plan: Plan, change: Callable[[ProgramConfig], ProgramConfig], otherwise: str) -> Plan:
    """The plan with every program's configuration put through `change`."""

    def node_changed(node: PlannedNode) -> PlannedNode:
        return replace(
            node,
            programs=tuple(
                PlannedProgram(program.name, change(program.config)) for program in node.programs
            ),
        )

    changed = replace(plan, nodes=tuple(node_changed(node) for node in plan.nodes))
    if changed == plan:
        raise FaultNotPossible(otherwise)
    return changed
