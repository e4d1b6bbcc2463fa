"""What holds for every topology, not only for the shipped ones."""

import re
import tempfile
import tomllib
from ipaddress import IPv4Address, ip_interface
from itertools import pairwise
from pathlib import Path

import jsonschema
import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from shipped import all_shipped_topologies, shipped_topologies
from topology_samples import clusters, problems_in

from lab.topology.addressing import alias_of
from lab.topology.checks import problems_of
from lab.topology.draw import draw_topology
from lab.topology.load import load_topology, schema
from lab.topology.model import Topology
from lab.topology.planner import make_plan
from resolver.config import BalancerConfig, NatConfig

TOPOLOGIES = Path(__file__).parents[2] / "topologies"
SHIPPED = shipped_topologies()


@given(base=st.integers(0, 2**32 - 1), number=st.integers(1, 65_535))
def test_an_alias_is_base_plus_index(base, number):
    """CLU-14; the reference counts up one by one, octet by octet."""
    octets = list(IPv4Address(base).packed)
    steps, position = number - 1, 3
    while steps and position >= 0:
        steps, octets[position] = divmod(octets[position] + steps, 256)
        position -= 1
    if steps:
        with pytest.raises(ValueError, match="address"):
            alias_of(IPv4Address(base), number)
    else:
        assert alias_of(IPv4Address(base), number) == IPv4Address(bytes(octets))


@given(raw=clusters())
@settings(max_examples=60)
def test_a_valid_topology_gives_a_sound_plan(raw):
    topology = Topology.model_validate(raw)
    assert problems_of(topology) == ()
    plan = make_plan(topology, "any")
    addresses = [address for node in plan.nodes for address in node.addresses()]
    addresses += [node.alias for node in plan.nodes if node.alias]
    assert len(addresses) == len(set(addresses))
    for node in plan.nodes:
        on_link = [ip_interface(text).network for one in node.interfaces for text in one.addresses]
        for route in node.routes:
            owner = plan.owner(route.via)
            assert owner is not None
            assert owner.forwards
            assert any(ip_interface(route.via).ip in network for network in on_link)


@given(raw=clusters())
@settings(max_examples=60)
def test_answers_and_nat_table_agree(raw):
    """CLU-13: each address a load balancer can answer leads to the server it stands for."""
    plan = make_plan(Topology.model_validate(raw), "any")
    configs = [program.config for node in plan.nodes for program in node.programs]
    nat = next((config for config in configs if isinstance(config, NatConfig)), None)
    table = dict(nat.table) if nat else {}
    balancers = [config for config in configs if isinstance(config, BalancerConfig)]
    assert balancers
    for config in balancers:
        for member in config.members:
            real = member.addresses[0]
            assert plan.owner(real).name == member.name
            if config.alias_base is not None:
                answered = str(IPv4Address(config.alias_base) + member.number - 1)
                assert table[answered] == real
                assert plan.behind_alias(answered).name == member.name


@given(raw=clusters())
@settings(max_examples=40)
def test_a_topology_survives_its_file(raw):
    topology = Topology.model_validate(raw)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "any.toml"
        file.write_bytes(tomli_w.dumps(topology.model_dump(exclude_none=True)).encode())
        assert load_topology(file) == topology


def paths_in(value, path=()):
    """Every place in a nested value, the inner ones too."""
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths_in(inner, (*path, key))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from paths_in(inner, (*path, position))


def with_value(value, path, new):
    if not path:
        return new
    copied = value.copy()
    copied[path[0]] = with_value(value[path[0]], path[1:], new)
    return copied


RAW = [tomllib.loads(file.read_text(encoding="utf-8")) for file in SHIPPED]
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-10, 70_000),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        [
            "",
            "lan",
            "cluster",
            "server1",
            "dns",
            "10.10.10.100",
            "192.168.1.100",
            "fd00::1",
            "::/0",
            "0.0.0.0/0",
            "192.168.1.0/24",
            "10.10.10.0/31",
            "255.255.255.255",
            ".",
            "a..b",
            "router",
        ]
    ),
    st.lists(st.sampled_from(["192.168.1.100", "x", "fd00:2::53"]), max_size=3),
    st.dictionaries(st.sampled_from(["lan", "cluster", "wan"]), st.just("192.168.1.7"), max_size=2),
)


@given(data=st.data())
@settings(max_examples=400, deadline=None)
def test_whatever_stands_in_a_file_it_is_refused_in_words_or_can_be_run(data):
    raw = data.draw(st.sampled_from(RAW))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(list(paths_in(raw))[1:]))
        new = data.draw(ODD)
        raw = with_value(raw, path, 0 if new is None else new)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "odd.toml"
        file.write_bytes(tomli_w.dumps(raw).encode())
        problems = problems_in(file)
        for problem in problems:
            said = problem.removeprefix(f"{file}: ")
            assert said != problem
            assert "; " in said.partition(": ")[2]
            assert "\n" not in problem
        if not problems:
            assert draw_topology(make_plan(load_topology(file), "odd"))


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_the_schema_takes_every_shipped_topology(file):
    checker = jsonschema.Draft202012Validator(schema())
    assert list(checker.iter_errors(tomllib.loads(file.read_text(encoding="utf-8")))) == []


SCHEMA = jsonschema.Draft202012Validator(schema())


@given(data=st.data())
@settings(max_examples=400, deadline=None)
def test_the_schema_takes_whatever_is_read(data):
    raw = data.draw(st.sampled_from(RAW))
    path = data.draw(st.sampled_from(list(paths_in(raw))[1:]))
    words = st.sampled_from(["yes", "no", "Yes", "true", "on", "1", "0.5", 1.0, 0.0, 1, 0])
    raw = with_value(raw, path, data.draw(st.one_of(ODD, words)))
    try:
        Topology.model_validate(raw)
    except ValidationError:
        return
    SCHEMA.validate(raw)


@pytest.mark.parametrize("word", ["yes", "no", True, False])
def test_check_and_schema_read_the_faqs_words(word):
    raw = tomllib.loads((TOPOLOGIES / "cluster.toml").read_text(encoding="utf-8"))
    (last,) = [at for at, node in enumerate(raw["nodes"]) if node["name"] == "server3"]
    raw = with_value(raw, ("nodes", last), {**raw["nodes"][last], "load_balancer": word})
    SCHEMA.validate(raw)
    assert Topology.model_validate(raw).nodes[last].load_balancer is (word in ("yes", True))


@pytest.mark.parametrize("odd", ["5900", True, "yes"])
def test_neither_check_nor_the_schema_guesses_at_numbers(odd):
    raw = tomllib.loads((TOPOLOGIES / "cluster.toml").read_text(encoding="utf-8"))
    raw = with_value(raw, ("cluster",), {**raw["cluster"], "service_port": odd})
    with pytest.raises(ValidationError, match="service_port"):
        Topology.model_validate(raw)
    assert not SCHEMA.is_valid(raw)


def test_the_schema_knows_ranges_words_and_unknown_keys():
    checker = jsonschema.Draft202012Validator(schema())
    jsonschema.Draft202012Validator.check_schema(schema())
    raw = tomllib.loads((TOPOLOGIES / "cluster.toml").read_text(encoding="utf-8"))
    for path, new in [
        (("cluster", "service_port"), 0),
        (("cluster", "when_none_available"), "nothing"),
        (("nodes", 0, "plays"), "king"),
        (("nodes", 0, "addresses"), {}),
        (("networks", "lan"), {"prefixes": "192.168.1.0/24"}),
    ]:
        assert list(checker.iter_errors(with_value(raw, path, new))), path


def test_every_key_has_a_description_for_editors():
    definitions = schema()["$defs"].values()
    for table in (schema(), *definitions):
        for name, value in table["properties"].items():
            assert name == "plays" or value.get("description"), (table.get("title"), name)


def test_problems_come_in_the_files_order():
    raw = with_value(RAW[0], ("nodes", 2, "name"), "Not_Good")
    raw = with_value(raw, ("networks",), {**raw["networks"], "lan": {"prefix": "10"}})
    places = [problem.place for problem in problems_of(Topology.model_validate(raw))]
    ranks = [
        ["networks", "cluster", "nodes"].index(place.split(".")[0].split("[")[0])
        for place in places
    ]
    assert len(places) > 1
    assert all(one <= other for one, other in pairwise(ranks))


def test_the_readme_documents_every_key_and_every_file():
    text = (TOPOLOGIES / "README.md").read_text(encoding="utf-8")
    for table in (schema(), *schema()["$defs"].values()):
        for name in table["properties"]:
            assert re.search(rf"[`.\[]{name}\b", text), f"{table.get('title')}.{name}"
    for file in all_shipped_topologies():
        assert str(file.relative_to(TOPOLOGIES)) in text
