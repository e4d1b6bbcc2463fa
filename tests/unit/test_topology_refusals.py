"""Every refusal, with its exact place and words; the cases stand in test_topology_refusals.toml."""

import tomllib
from pathlib import Path

import pytest
from shipped import shipped_topologies
from topology_samples import problems_in

from lab.topology.load import TopologyError, load_topology

ROOT = Path(__file__).parents[2]
TOPOLOGIES = ROOT / "topologies"
CASES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))["case"]


def changed(base, changes):
    text = (TOPOLOGIES / f"{base}.toml").read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, f"{base}.toml no longer has {old!r}"
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize("case", CASES, ids=[case["mistake"] for case in CASES])
def test_a_mistake_is_reported_once_with_place_and_remedy(case, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(changed(case["base"], case["changes"]), encoding="utf-8")
    assert problems_in(file) == [f"{file}: {problem}" for problem in case["problems"]]


@pytest.mark.parametrize("file", shipped_topologies(), ids=lambda file: file.stem)
def test_shipped_topologies_are_valid(file):
    assert problems_in(file) == []


@pytest.mark.parametrize(
    ("servers", "place"),
    [
        ('"10.10.10.9"', "servers"),
        ('["10.10.10.9"]', "servers[0]"),
        ('["192.168.1.1", "10.10.10.9"]', "servers[1]"),
    ],
)
def test_a_place_has_an_index_where_the_file_has_a_list(servers, place, tmp_path):
    file = tmp_path / "mine.toml"
    text = changed("cluster-nat", [('servers = ["192.168.1.1"]', f"servers = {servers}")])
    file.write_text(text, encoding="utf-8")
    (problem,) = problems_in(file)
    assert problem.startswith(f"{file}: nodes[1].forward[0].{place}: nobody has 10.10.10.9")


def test_a_byte_order_mark_is_no_mistake(tmp_path):
    file = tmp_path / "notepad.toml"
    file.write_bytes(b"\xef\xbb\xbf" + (TOPOLOGIES / "cluster.toml").read_bytes())
    assert problems_in(file) == []


def test_files_that_cannot_be_read_say_why(tmp_path):
    good = TOPOLOGIES / "cluster.toml"
    missing, broken = tmp_path / "missing.toml", tmp_path / "broken.toml"
    broken.write_text("format = 1\ntitle = \n", encoding="utf-8")
    assert [problem for file in (missing, good, broken) for problem in problems_in(file)] == [
        (
            f"{missing}: file: no such file or directory; give the path of a topology file, e.g. "
            "topologies/cluster.toml"
        ),
        (
            f"{broken}: line 2, column 9: this is not TOML: Invalid value; text wants quotes: "
            'key = "value"'
        ),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            'title = "a"\ntitle = "b"\n',
            (
                "line 2, column 12: this is not TOML: Cannot overwrite a value; a key may be "
                "written once; delete one of the two"
            ),
        ),
        (
            "[cluster\n",
            (
                'line 1, column 9: this is not TOML: Expected "]" at the end of a table '
                "declaration; write TOML there; topologies/README.md shows the format"
            ),
        ),
        (
            'title = "a\n',
            (
                "line 1, column 11: this is not TOML: Illegal character '\\n'; end the text with a "
                'quote on its line, or use """ for several lines'
            ),
        ),
    ],
)
def test_what_is_not_toml_is_reported_with_its_line(text, said, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(text, encoding="utf-8")
    (problem,) = problems_in(file)
    assert problem.replace("'", '"') == f"{file}: {said}".replace("'", '"')


def test_what_is_not_utf8_is_reported(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_bytes('title = "Größe"'.encode("latin-1"))
    assert problems_in(file) == [f"{file}: file: byte 11 is not UTF-8; save the file as UTF-8"]


def test_an_empty_file_lacks_everything(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("", encoding="utf-8")
    places = [problem.split(": ")[1] for problem in problems_in(file)]
    assert places == ["format", "title", "networks", "nodes"]


def test_the_faq_as_printed_is_refused():
    file = Path("topologies/errata/faq-as-printed.toml")
    with pytest.raises(TopologyError) as refused:
        load_topology(ROOT / file)
    said = [problem.removeprefix(f"{ROOT}/") for problem in refused.value.problems]
    distinct_labels = (
        'is a duplicate of nodes[3].label; give every node a label of its own, e.g. "TightGate-Pro '
        '1", "TightGate-Pro 2"'
    )
    distinct_names = (
        "is a duplicate of nodes[3].name; give every node a name of its own, e.g. server1, "
        "server2, server3"
    )
    assert said == [
        f'{file}: nodes[4].label: "TightGate-Pro 1" {distinct_labels}',
        f'{file}: nodes[4].name: "tgpro1" {distinct_names}',
        (
            f"{file}: nodes[5].addresses.lan: 191.168.1.102 is outside networks.lan "
            "(192.168.1.0/24); write 192.168.1.102, which is the alias base + 2, or leave it out: "
            "it is counted from the base"
        ),
        f'{file}: nodes[5].label: "TightGate-Pro 1" {distinct_labels}',
        f'{file}: nodes[5].name: "tgpro1" {distinct_names}',
        (
            f"{file}: expected_answers[0].addresses[1]: no server has 192.168.1.103; alias base "
            "192.168.1.100 + 2 gives 192.168.1.102 for server 3: write that"
        ),
        (
            f"{file}: expected_connections[0].dials: no server has 192.168.1.103; write the "
            "address a viewer connects to, behind NAT the alias"
        ),
    ]


def test_yes_as_the_faq_writes_it_is_true(tmp_path):
    file = tmp_path / "mine.toml"
    changes = [("load_balancer = true", 'load_balancer = "yes"')]
    file.write_text(changed("cluster", changes), encoding="utf-8")
    balancers = [server.name for server in load_topology(file).servers() if server.load_balancer]
    assert balancers == ["server1", "server2"]


def test_a_delegated_name_may_be_forwarded(tmp_path):
    """Document B: a server cannot forward for a zone it hosts, except below a delegation."""
    zone = """[[nodes.zones]]
origin = "intern.netz"
records = '''
@ 60 IN SOA dns hostmaster 1 3600 600 86400 60
@ 60 IN NS dns
internet 60 IN NS server1.internet
'''

[[nodes]]
name = "router"
"""
    file = tmp_path / "mine.toml"
    file.write_text(changed("cluster", [('[[nodes]]\nname = "router"\n', zone)]), encoding="utf-8")
    assert problems_in(file) == []


SECOND_SITE = """[networks.cluster2]
prefix = "10.10.10.0/25"

[[cluster.sub_clusters]]
name = "second"
network = "cluster2"
behind_nat_on = "lan"
alias_base = "192.168.1.150"

[[nodes]]
name = "nat2"
plays = "translator"
addresses = { lan = "192.168.1.2", cluster2 = "10.10.10.2" }

[[nodes]]
name = "server4"
plays = "server"
number = 4
sub_cluster = "second"
addresses.cluster2 = "10.10.10.4"

[[nodes]]
name = "viewer"
"""


def test_networks_may_overlap_where_nat_hides_them_from_one_another(tmp_path):
    """Two sites with the same addresses behind a translator each: viewers dial aliases only."""
    file = tmp_path / "mine.toml"
    changes = [
        ('[[nodes]]\nname = "viewer"\n', SECOND_SITE),
        ("number = 1\n", 'number = 1\nsub_cluster = "main"\n'),
        ("number = 2\n", 'number = 2\nsub_cluster = "main"\n'),
        ("number = 3\n", 'number = 3\nsub_cluster = "main"\n'),
    ]
    file.write_text(changed("cluster-nat", changes), encoding="utf-8")
    assert problems_in(file) == []
