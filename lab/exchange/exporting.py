"""A node's task as another server's configuration, for production: the text that the lab runs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, TypeAlias, get_args

from lab.exchange.exporting_windows import windows_files
from lab.subjects.roster import SUBJECTS
from lab.subjects.subject import SEATS, CannotFill, SeatName, Sitting
from lab.subjects.unbound_resolver import LAB
from lab.topology.plan import Plan, PlannedNode, PlannedProgram
from lab.values import unknown
from resolver.config import ResolverConfig

Product: TypeAlias = Literal["bind", "unbound", "dnsmasq", "powerdns", "knot", "windows"]
PRODUCTS: Final[tuple[Product, ...]] = get_args(Product)

FOLDERS: Final[Mapping[Product, str]] = MappingProxyType(
    {
        "bind": "/etc/bind",
        "unbound": "/etc/unbound",
        "dnsmasq": "/etc/dnsmasq",
        "powerdns": "/etc/powerdns",
        "knot": "/etc/knot-resolver",
        "windows": r"%SystemRoot%\System32\dns",
    }
)
"""Where each product's files lie, as Debian's packages have it."""

_FOLDER = "{folder}"
_NOT_FOR_PRODUCTION = frozenset({LAB})


class CannotExport(Exception):
    """There is nothing to export, or the product has no way to do it; the message says why."""


def exported(
    plan: Plan, product: Product, node: str | None = None, folder: str | None = None
) -> tuple[tuple[str, str], ...]:
    """(file name, text) of each file, the main one first.

    `node`: the one whose task it is; None: the only one that viewers ask. `folder`: where the files
    will lie; None: where the product's package has them. Raises CannotExport.
    """
    chosen = plan_node(plan, node)
    seat, program = _seat(chosen)
    try:
        files = _files(product, Sitting(seat, plan, chosen, program.config))
    except CannotFill as why:
        raise CannotExport(str(why)) from why
    where = folder if folder is not None else FOLDERS[product]
    return tuple(
        (name, text.replace(_FOLDER, where))
        for name, text in files
        if name not in _NOT_FOR_PRODUCTION
    )


def _files(product: Product, sitting: Sitting) -> tuple[tuple[str, str], ...]:
    if product == "windows":
        if isinstance(sitting.config, ResolverConfig):
            return windows_files(sitting.plan.title, sitting.config)
        raise CannotFill("only a local DNS server is exported as a Windows DNS server")
    subject = SUBJECTS[product]
    if sitting.seat in subject.seats:
        return subject.render(sitting).files
    raise CannotFill(f"{subject.title} cannot do what {sitting.node.name} does")


def plan_node(plan: Plan, name: str | None) -> PlannedNode:
    """The node whose task is meant. Raises CannotExport."""
    if name is None:
        asked = {address for node in plan.nodes for address in node.asks}
        found = [
            node
            for node in plan.nodes
            if node.program("resolver") and asked.intersection(node.addresses())
        ]
        if len(found) == 1:
            return found[0]
        names = ", ".join(node.name for node in found)
        raise CannotExport(f"viewers ask {names or 'nobody'}; choose one with --node")
    if all(node.name != name for node in plan.nodes):
        known = [node.name for node in plan.nodes if any(map(_is_seat, node.programs))]
        raise CannotExport(unknown("node", name, known))
    return plan.node(name)


def _seat(node: PlannedNode) -> tuple[SeatName, PlannedProgram]:
    """The seat of a node that answers DNS, with its program. Raises CannotExport."""
    for seat in SEATS:
        program = node.program(SEATS[seat])
        if seat != "nat" and program is not None:
            return seat, program
    raise CannotExport(f"{node.name} answers no DNS; choose another node with --node")


def _is_seat(program: PlannedProgram) -> bool:
    return any(SEATS[seat] == program.name for seat in SEATS if seat != "nat")
