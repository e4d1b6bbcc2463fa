"""Deliberate mistakes: a valid plan in, a plan with one thing wrong out.

Each is a mistake somebody makes when he sets the real thing up. The rest of the plan stays as it
was meant, so a run shows what that one mistake does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address

from lab.scenario.model import DropNatEntry, Fault, OffsetAliasBase
from lab.topology.addressing import address_of
from lab.topology.plan import Plan, PlannedNode, PlannedProgram
from resolver.config import BalancerConfig, DnsTranslatorConfig, NatConfig, ProgramConfig


class FaultNotPossible(ValueError):
    """The plan has nothing that could be wrong in this way; the message says what is missing."""


def apply_fault(plan: Plan, fault: Fault) -> Plan:
    """The plan with the fault in it. Raises FaultNotPossible where it has no place."""
    if isinstance(fault, OffsetAliasBase):
        return _offset_alias_base(plan, fault.by)
    if isinstance(fault, DropNatEntry):
        return _drop_nat_entry(plan, fault.server)
    return _rewrite_answers(plan)


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
