"""What people call a node: by its name, by its label, or by what it is there for."""

from __future__ import annotations

from lab.topology.plan import Plan, PlannedNode
from lab.values import unknown


class UnknownNode(Exception):
    """No node is called so; the message names the nearest one."""


def names_of(plan: Plan) -> dict[str, PlannedNode]:
    """Every word for a node, the nodes' own names first: "lb1" is the first load balancer, "dns"
    the first DNS server, "nat" the translator."""
    found = {node.name: node for node in plan.nodes}
    balancers = [node for node in plan.nodes if node.load_balancer]
    for number, node in enumerate(balancers, start=1):
        found.setdefault(f"lb{number}", node)
    for word, role in (("dns", "resolver"), ("nat", "translator"), ("viewer", "viewer")):
        for node in plan.with_role(role)[:1]:
            found.setdefault(word, node)
    for node in plan.nodes:
        if node.label:
            found.setdefault(node.label, node)
    return found


def node_called(plan: Plan, word: str) -> PlannedNode:
    """The node of that name, label or part. Raises UnknownNode."""
    names = names_of(plan)
    if word in names:
        return names[word]
    for name, node in names.items():
        if name.lower() == word.lower():
            return node
    raise UnknownNode(unknown("node", word, names))
