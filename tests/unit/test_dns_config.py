"""What a configuration file says of recursion."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.config import ForwardRule, ResolverConfig, RootHint
from resolver.config_file import ConfigError, read_config, render_config
from resolver.machine import MILLISECOND, SECOND, Endpoint

HERE = Endpoint("192.168.1.53", 53)
BASE = 'program = "resolver"\nlisten = ["192.168.1.53:53"]\n'
FULL = (
    BASE
    + """
recursion = true
qname_minimisation = false
server_timeout_s = 0.25
query_timeout_s = 5

[[root_hints]]
name = "a.root"
addresses = ["198.41.0.4", "2001:503:BA3E::2:30"]

[[forward]]
zone = "."
servers = ["10.10.10.100:53"]
recursion = true

[[forward]]
zone = "corp.test"
servers = []
"""
)


def read(folder: Path, text: str):
    path = folder / "program.toml"
    path.write_text(text)
    return read_config(path)


def test_a_full_resolver_as_people_write_it(tmp_path):
    assert read(tmp_path, FULL) == ResolverConfig(
        (HERE,),
        forward=(
            ForwardRule(".", (Endpoint("10.10.10.100", 53),), recursion=True),
            ForwardRule("corp.test", ()),
        ),
        recursion=True,
        root_hints=(RootHint("a.root", ("198.41.0.4", "2001:503:ba3e::2:30")),),
        qname_minimisation=False,
        server_timeout_ns=250 * MILLISECOND,
        query_timeout_ns=5 * SECOND,
    )


def test_without_a_word_of_it_nothing_recurses(tmp_path):
    config = read(tmp_path, BASE)
    assert isinstance(config, ResolverConfig)
    assert (config.recursion, config.root_hints) == (False, ())
    assert not ForwardRule("x", ()).recursion


@given(
    recursion=st.booleans(),
    minimise=st.booleans(),
    timeout_ns=st.integers(1, 10**12),
    rule=st.booleans(),
    hints=st.lists(st.ip_addresses().map(str), min_size=1, max_size=3),
)
def test_what_is_rendered_reads_back_equal(
    tmp_path_factory, recursion, minimise, timeout_ns, rule, hints
):
    config = ResolverConfig(
        (HERE,),
        forward=(ForwardRule("x", (), recursion=rule and recursion),),
        recursion=recursion,
        root_hints=(RootHint("ns", tuple(hints)),),
        qname_minimisation=minimise,
        server_timeout_ns=timeout_ns,
        query_timeout_ns=timeout_ns,
    )
    assert read(tmp_path_factory.mktemp("config"), render_config(config)) == config


@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        (BASE + 'recursion = "yes"', "recursion", "true or false"),
        (BASE + "recursion = 1", "recursion", "true or false"),
        (FULL.replace("0.25", "0"), "server_timeout_s", "more than 0"),
        (FULL.replace("198.41.0.4", "a.root"), "root_hints[0].addresses[0]", "no IP address"),
        (BASE + '[[root_hints]]\nname = "a"\naddresses = []', "root_hints[0].addresses", "empty"),
        (FULL.replace('name = "a.root"', ""), "root_hints[0].name", "missing"),
        (
            'program = "dns-translator"\nzone = "x"\nservers = []\nlisten = ["192.168.1.1:53"]',
            "servers",
            "empty",
        ),
    ],
)
def test_one_clear_line_for_each_mistake(tmp_path, text, place, hint):
    with pytest.raises(ConfigError) as raised:
        read(tmp_path, text)
    (problem,) = raised.value.problems
    assert f"program.toml: {place}: " in problem
    assert hint in problem
