from pathlib import Path

from lab.judge.checks import TopologyRefused
from lab.scenario.model import CheckTopology, Expectation, Scenario

TOPOLOGIES = Path(__file__).parents[2] / "topologies"

PRINTED = (TOPOLOGIES / "errata" / "faq-as-printed.toml").read_text(encoding="utf-8")
GOOD = (TOPOLOGIES / "cluster-nat.toml").read_text(encoding="utf-8")

MISPRINTS = (
    'nodes[4].label: "TightGate-Pro 1" is a duplicate of nodes[3].label; *',
    'nodes[4].name: "tgpro1" is a duplicate of nodes[3].name; *',
    (
        "nodes[5].addresses.lan: 191.168.1.102 is outside networks.lan (192.168.1.0/24); "
        "write 192.168.1.102, *"
    ),
    'nodes[5].label: "TightGate-Pro 1" is a duplicate of nodes[3].label; *',
    'nodes[5].name: "tgpro1" is a duplicate of nodes[3].name; *',
    (
        "expected_answers[0].addresses[1]: no server has 192.168.1.103; "
        "alias base 192.168.1.100 + 2 gives 192.168.1.102 for server 3: *"
    ),
    "expected_connections[0].dials: no server has 192.168.1.103; *",
)
"""What the cluster FAQ's NAT example contradicts itself in, place by place."""


def changed(old: str, new: str) -> str:
    if old not in GOOD:
        raise ValueError(f"cluster-nat.toml no longer has {old!r}")
    return GOOD.replace(old, new, 1)


CONTRADICTIONS = {
    "two hosts of one name": (
        changed('name = "server2"', 'name = "server1"'),
        'nodes[4].name: "server1" is a duplicate of nodes[3].name; *',
    ),
    "two servers of one number": (
        changed("number = 2", "number = 1"),
        "nodes[4].number: 1 is a duplicate of nodes[3].number; *",
        "nodes[4].addresses.lan: 192.168.1.101 is not what base + (number - 1) gives, *",
    ),
    "a LAN address outside the subnet": (
        changed('lan = "192.168.1.101"', 'lan = "192.168.2.101"'),
        "nodes[4].addresses.lan: 192.168.2.101 is outside networks.lan (192.168.1.0/24); *",
    ),
    "an alias base that the table does not count from": (
        changed('alias_base = "192.168.1.100"', 'alias_base = "192.168.1.110"'),
        (
            "cluster.sub_clusters[0].alias_base: 192.168.1.110 fits none of the LAN addresses "
            "written at the servers; these count from 192.168.1.100: *"
        ),
    ),
    "a node in the text that is not in the table": (
        changed("available = [1, 3]", "available = [1, 4]"),
        "expected_answers[0].available[1]: there is no server 4; *",
    ),
    "an answer in the text that the table does not give": (
        changed('"192.168.1.100", "192.168.1.102"]', '"192.168.1.100", "192.168.1.101"]'),
        "expected_answers[0].addresses[1]: 192.168.1.101 is server 2's alias, which is not *",
    ),
    "an alias that a machine has": (
        changed('addresses.lan = "192.168.1.66"', 'addresses.lan = "192.168.1.102"'),
        "nodes[6].addresses.lan: 192.168.1.102 is a duplicate of nodes[5].addresses.lan; *",
    ),
}


def refused(label: str, *problems: str) -> Expectation:
    said = "Refused" if problems else "Accepted"
    return Expectation(
        text=f"{said}: {label}",
        rules=("CLU-15",),
        check=TopologyRefused(label=label, problems=problems),
    )


SCENARIOS = {
    "as_printed": Scenario(
        title="The cluster FAQ's own example contradicts itself, and is refused",
        story="""The FAQ prints a NAT example with three rows named alike, an address that is in
no network of the example, and a server that has one address in the table and another one in the
text. Whoever sets that up as printed searches for days. The check names every contradiction, at
once and with its place; put right, the same file is taken.""",
        topology="single",
        steps=(
            CheckTopology(label="the FAQ as printed", text=PRINTED),
            CheckTopology(label="put right", text=GOOD),
        ),
        expectations=(refused("the FAQ as printed", *MISPRINTS), refused("put right")),
    ),
    "one_by_one": Scenario(
        title="Each contradiction by itself is refused, and nothing else is said",
        story="""A host name that stands twice, an address outside its network, a table and a text
that differ: each is put into a good file by itself. One message for one mistake, or people learn to
skip over them.""",
        topology="single",
        steps=tuple(
            CheckTopology(label=label, text=text) for label, (text, *_) in CONTRADICTIONS.items()
        ),
        expectations=tuple(
            refused(label, *problems) for label, (_, *problems) in CONTRADICTIONS.items()
        ),
    ),
    "not_refused": Scenario(
        title="A good file where a contradiction is expected: the judge notices",
        story="""The check reads the example put right, and is expected to refuse it as the one that
was printed. A check that said of every file what is expected would pass here.""",
        topology="single",
        steps=(CheckTopology(label="put right", text=GOOD),),
        expectations=(refused("put right", *MISPRINTS),),
        violates=("CLU-15",),
    ),
}
