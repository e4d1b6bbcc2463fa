"""Conditions inside one another, "." among them: every name of generated trees goes to the right
servers, or to none (CND-02, CND-03, CND-09, CND-11, OWN-03, OWN-04)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from dns_upstreams import Stage, answering
from hypothesis import example, given, settings
from hypothesis import strategies as st

from resolver.config import ForwardRule, HostedZone
from resolver.dns.message import Rcode
from resolver.machine import Endpoint

LABELS = ("a", "b", "ab")
"""One ends in another, so that letters and labels are told apart."""
DEPTH = 4
EVERY_NAME = tuple(
    ".".join(labels) for depth in range(1, DEPTH + 1) for labels in product(LABELS, repeat=depth)
)
"""All names up to the depth, a hundred and twenty of them."""


def is_in(name: str, domain: str) -> bool:
    """Whether a name is the domain or below it, spelt out label by label from the right."""
    wanted = [label for label in domain.split(".") if label]
    return not wanted or name.lower().split(".")[-len(wanted) :] == wanted


@dataclass(frozen=True)
class Tree:
    """Conditions, each with a server of its own or with none."""

    conditions: tuple[tuple[str, bool], ...]
    """Domain, and whether there is a server for it; "." is the root."""

    def server(self, domain: str) -> Endpoint:
        place = [each for each, _ in self.conditions].index(domain)
        return Endpoint(f"10.0.{place}.53", 53)

    def rules(self) -> tuple[ForwardRule, ...]:
        return tuple(
            ForwardRule(domain, (self.server(domain),) if has_server else ())
            for domain, has_server in self.conditions
        )

    def expected(self, name: str) -> Endpoint | None:
        """The server of the longest condition that the name is in, by brute force."""
        fitting = [(domain, has) for domain, has in self.conditions if is_in(name, domain)]
        if not fitting:
            return None
        domain, has_server = max(
            fitting, key=lambda each: len(each[0].strip(".").split(".")) if each[0] != "." else 0
        )
        return self.server(domain) if has_server else None


domains = st.sampled_from((".", *EVERY_NAME))
trees = st.lists(
    st.tuples(domains, st.integers(0, 4).map(bool)), unique_by=lambda each: each[0], max_size=9
).map(lambda conditions: Tree(tuple(conditions)))
spelling = st.sampled_from((str.lower, str.upper, str.swapcase, str.title))

NESTED = Tree((("a", True), (".", True), ("a.a.a", True), ("a.a", True), ("b.a.a", False)))
"""Three inside one another, around them ".", beside the innermost an empty one."""


@settings(deadline=None)
@example(NESTED, str.upper)
@given(trees, spelling)
def test_every_name_goes_to_its_longest_condition(tree, spelt):
    rules = tree.rules()
    play = Stage({server: answering("192.0.2.1") for r in rules for server in r.servers}, rules)
    for name in EVERY_NAME:
        play.asked.clear()
        got = play.resolve(spelt(name))
        server = tree.expected(name)
        assert [each.server for each in play.asked] == ([server] if server else [])
        if server is None:
            # Nobody may be asked: no condition at all, or one that ends forwarding.
            assert got.reply.rcode in {Rcode.REFUSED, Rcode.SERVFAIL}
        else:
            assert got.addresses == ["192.0.2.1"]


HOSTED = """
$TTL 60
@    SOA  ns.x. host.x. 1 2 3 4 60
@    NS   ns.x.
a    NS   ns.x.
"""
"""A hosted zone that delegates one name and nothing else."""


@settings(deadline=None)
@given(trees, st.sampled_from(("a", "b.a", "ab")))
def test_a_hosted_zone_is_forwarded_below_its_delegation_only(tree, origin):
    rules = tree.rules()
    servers = {server: answering("192.0.2.1") for rule in rules for server in rule.servers}
    play = Stage(servers, rules, (HostedZone(origin, HOSTED),))
    for name in EVERY_NAME:
        if not is_in(name, origin):
            continue
        play.asked.clear()
        got = play.resolve(name)
        server = tree.expected(name) if is_in(name, f"a.{origin}") else None
        assert [each.server for each in play.asked] == ([server] if server else []), name
        assert got.reply.aa is not is_in(name, f"a.{origin}")
