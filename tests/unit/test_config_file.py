from __future__ import annotations

import dataclasses
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.config import (
    LOCAL_NETWORKS,
    BalancerConfig,
    Behaviour,
    DnsTranslatorConfig,
    ForwardRule,
    HealthCheck,
    HostedZone,
    Member,
    NaptConfig,
    NatConfig,
    PortChoice,
    ProgramConfig,
    Refusal,
    ResolverConfig,
    Selection,
    ServiceConfig,
    WhenNoneAvailable,
)
from resolver.config_file import PROGRAMS, ConfigError, read_config, render_config
from resolver.machine import MILLISECOND, SECOND, Endpoint

addresses = st.one_of(
    st.ip_addresses(v=4).map(lambda a: str(IPv4Address(a))),
    st.ip_addresses(v=6).map(lambda a: str(IPv6Address(a))),
)
endpoints = st.builds(Endpoint, addresses, st.integers(1, 65535))
some_endpoints = st.lists(endpoints, min_size=1, max_size=3).map(tuple)
own_endpoints = some_endpoints.filter(
    lambda some: (
        len({*some}) == len(some) and not any(ip_address(e.address).is_unspecified for e in some)
    )
)
durations = st.integers(1, 365 * 24 * 3600 * SECOND)
ttls = st.integers(0, 2**31 - 1)
pairs = st.tuples(addresses, addresses)


def tuples_of(strategy, least=0):
    return st.lists(strategy, min_size=least, max_size=3).map(tuple)


configs: st.SearchStrategy[ProgramConfig] = st.one_of(
    st.builds(
        ResolverConfig,
        listen=own_endpoints,
        zones=tuples_of(st.builds(HostedZone, origin=st.text(), text=st.text())),
        forward=tuples_of(
            st.builds(ForwardRule, zone=st.text(), servers=some_endpoints, timeout_ns=durations)
        ),
        selection=st.sampled_from(Selection),
        next_on_rcodes=st.frozensets(st.integers(0, 15)),
        cache_entries=st.integers(0, 10_000_000),
        cache_octets=st.integers(0, 1 << 40),
        batched=st.booleans(),
        max_ttl_s=ttls,
        max_negative_ttl_s=ttls,
    ).filter(lambda c: not any({*rule.servers} & {*c.listen} for rule in c.forward)),
    st.builds(
        BalancerConfig,
        listen=own_endpoints,
        zone=st.text(),
        members=tuples_of(
            st.builds(
                Member,
                name=st.text(),
                number=st.integers(1, 65535),
                addresses=tuples_of(addresses, least=1),
            ),
            least=1,
        ),
        service_port=st.integers(1, 65535),
        alias_base=st.none() | addresses,
        ttl_s=ttls,
        negative_ttl_s=ttls,
        answers=st.integers(0, 65535),
        when_none_available=st.sampled_from(WhenNoneAvailable),
        health=st.builds(
            HealthCheck,
            interval_ns=durations,
            timeout_ns=durations,
            fall=st.integers(1, 1000),
            rise=st.integers(1, 1000),
        ),
    ),
    st.builds(
        NatConfig,
        device=st.text(alphabet="natunTUN0123456789-", min_size=1, max_size=15),
        table=tuples_of(pairs, least=1),
        client_side_address=addresses,
        server_side_address=addresses,
        napt=st.none()
        | st.builds(
            NaptConfig,
            inside=tuples_of(st.sampled_from(("10.0.0.0/8", "10.20.0.0/24")), least=1),
            outside_addresses=tuples_of(addresses, least=1),
            mapping=st.sampled_from(Behaviour),
            filtering=st.sampled_from(Behaviour),
            ports=st.sampled_from(PortChoice),
            hairpinning=st.booleans(),
            tcp_established_ns=durations,
            unsolicited_syn=st.sampled_from(Refusal),
            most_mappings=st.integers(1, 1_000_000),
        ),
        dns_alg=st.booleans(),
    ),
    st.builds(
        DnsTranslatorConfig,
        listen=own_endpoints,
        zone=st.text(),
        servers=some_endpoints,
        timeout_ns=durations,
        rewrite=tuples_of(pairs),
    ),
    st.builds(ServiceConfig, listen=own_endpoints, name=st.text()),
)


@given(config=configs)
def test_what_is_rendered_reads_back_equal(tmp_path_factory, config):
    path = tmp_path_factory.mktemp("config", numbered=True) / "program.toml"
    path.write_bytes(render_config(config).encode())
    assert read_config(path) == config


RESOLVER = """
program = "resolver"
listen = ["192.168.1.53:53", "[FD00:0::1]:53"]

[[zones]]
origin = "single.intern.netz"
text = '''
@ 3600 IN SOA ns hostmaster 1 1h 15m 1w 60
'''

[[forward]]
zone = "internet.intern.netz"
servers = ["10.10.10.100:53", "10.10.10.101:53"]
timeout_s = 0.5
"""


@pytest.fixture
def read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = Path("program.toml")

    def read_text(text: str) -> ProgramConfig:
        path.write_text(text)
        return read_config(path)

    return read_text


def test_a_file_as_people_write_it(read):
    assert read(RESOLVER) == ResolverConfig(
        listen=(Endpoint("192.168.1.53", 53), Endpoint("fd00::1", 53)),
        zones=(HostedZone("single.intern.netz", "@ 3600 IN SOA ns hostmaster 1 1h 15m 1w 60\n"),),
        forward=(
            ForwardRule(
                "internet.intern.netz",
                (Endpoint("10.10.10.100", 53), Endpoint("10.10.10.101", 53)),
                500 * MILLISECOND,
            ),
        ),
    )


BALANCER = """
program = "balancer"
listen = ["10.10.10.100:53"]
zone = "internet.intern.netz"
service_port = 443
members = [{ name = "node1", number = 1, addresses = ["10.10.10.100"] }]
"""
NAT = """
program = "nat"
device = "nat0"
table = [["192.168.1.100", "10.10.10.100"]]
client_side_address = "192.168.1.1"
server_side_address = "10.10.10.1"
"""
NAPT = """
[napt]
inside = ["10.20.0.0/24"]
outside_addresses = ["203.0.113.2"]
"""
SERVICE = 'program = "service"\nlisten = ["10.10.10.100:443"]\nname = "node1"\n'


@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        ("listen = [", "end of document", "syntax"),
        ("program = resolver", "line 1, column 11", "syntax"),
        ('listen = ["1.2.3.4:53"]', "program", '"resolver"'),
        ('program = "resolve"', "program", "did you mean 'resolver'?"),
        ("program = 3", "program", "3 is no program"),
        (SERVICE + "nmae = 1", "nmae", "did you mean 'name'?"),
        (SERVICE + "xyzzy = 1", "xyzzy", '"listen" or "name"'),
        ('program = "service"\nname = "n"', "listen", "missing"),
        ('program = "service"\nname = "n"\nlisten = []', "listen", "empty"),
        ('program = "service"\nname = "n"\nlisten = "1.2.3.4:5"', "listen", "list"),
        ('program = "service"\nname = 7\nlisten = ["1.2.3.4:5"]', "name", "string"),
        (RESOLVER.replace("0.5", "0"), "forward[0].timeout_s", "more than 0"),
        (RESOLVER.replace("0.5", "-1"), "forward[0].timeout_s", "more than 0"),
        (RESOLVER.replace("0.5", "nan"), "forward[0].timeout_s", "more than 0"),
        (RESOLVER.replace("0.5", "inf"), "forward[0].timeout_s", "more than 0"),
        (RESOLVER.replace("0.5", "true"), "forward[0].timeout_s", "seconds"),
        (RESOLVER.replace("0.5", "0.0000000001"), "forward[0].timeout_s", "nanosecond"),
        (RESOLVER.replace("timeout_s", "timeout_ns"), "forward[0].timeout_ns", "'timeout_s'"),
        (RESOLVER.replace("10.10.10.101:53", "10.10.10.101"), "forward[0].servers[1]", "port"),
        (RESOLVER.replace("10.10.10.101:53", "10.10.10.101:0"), "forward[0].servers[1]", "port"),
        (RESOLVER.replace("10.10.10.101:53", "ns.example:53"), "forward[0].servers[1]", "port"),
        (RESOLVER.replace("[FD00:0::1]:53", "FD00::1:53"), "listen[1]", '"[fd00::1]:53"'),
        (RESOLVER.replace("[FD00:0::1]", "[10.0.0.1]"), "listen[1]", '"[fd00::1]:53"'),
        (RESOLVER.replace("192.168.1.53", "0.0.0.0"), "listen[0]", "each address"),
        (RESOLVER.replace("FD00:0::1", "::"), "listen[1]", "each address"),
        (RESOLVER.replace("[FD00:0::1]", "192.168.1.53"), "listen", "twice"),
        ('selection = "some"\n' + RESOLVER, "selection", '"one" or "all"'),
        ("next_on_rcodes = [2, 16]\n" + RESOLVER, "next_on_rcodes[1]", "from 0 to 15"),
        ("max_ttl_s = 1.5\n" + RESOLVER, "max_ttl_s", "whole number"),
        ("max_ttl_s = true\n" + RESOLVER, "max_ttl_s", "whole number"),
        ("zones = [1]\n" + 'program = "resolver"\nlisten = ["1.2.3.4:53"]', "zones[0]", "table"),
        (BALANCER.replace("443", "0"), "service_port", "from 1 to 65535"),
        (BALANCER.replace("number = 1", "number = 0"), "members[0].number", "from 1"),
        (BALANCER.replace('["10.10.10.100"]', "[]"), "members[0].addresses", "empty"),
        (BALANCER + 'alias_base = "191.168.1"', "alias_base", "no IP address"),
        (BALANCER + "health = { fall = 0 }", "health.fall", "from 1"),
        (NAT.replace("nat0", "a-name-far-too-long"), "device", "1 to 15"),
        (NAT.replace(', "10.10.10.100"', ""), "table[0]", "exactly 2"),
        (NAT.replace("10.10.10.100", "node1"), "table[0][1]", "no IP address"),
        (NAT.replace('["192.168.1.100", "10.10.10.100"]', ""), "table", "add [napt]"),
        (NAT + NAPT.replace("10.20", "10.300"), "napt.inside[0]", "network"),
        (NAT + NAPT.replace("113.2", "113"), "napt.outside_addresses[0]", "no IP address"),
        (NAT + NAPT.replace('["10.20.0.0/24"]', "[]"), "napt.inside", "empty"),
        (NAT + NAPT + 'mapping = "full-cone"', "napt.mapping", '"address-dependent"'),
        (NAT + NAPT + "udp_timeout_s = 0", "napt.udp_timeout_s", "more than 0"),
        (NAT + NAPT + "most_mappings = 0", "napt.most_mappings", "from 1"),
        (NAT + NAPT + "hairpining = true", "napt.hairpining", "did you mean 'hairpinning'?"),
    ],
)
def test_one_clear_line_for_each_mistake(read, text, place, hint):
    with pytest.raises(ConfigError) as raised:
        read(text)
    (problem,) = raised.value.problems
    assert problem.startswith(f"program.toml: {place}: ")
    assert hint in problem
    assert "; " in problem
    assert "\n" not in problem


OPEN = 'recursion_for = ["192.168.0.0/16", "10.0.0.1"]\n' + RESOLVER


@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        (OPEN.replace("/16", "/33"), "recursion_for[0]", "write one such as 192.168.1.0/24"),
        (OPEN.replace("168.0", "168.1"), "recursion_for[0]", "write 192.168.0.0/16 for the"),
        (OPEN.replace("10.0.0.1", "::ffff:10.0.0.1"), "recursion_for[1]", "write 10.0.0.1/32"),
        (OPEN.replace("recursion_for", "private_addresses").replace("/16", "/x"),
         "private_addresses[0]", "write one such as"),
        ("counters_every_s = 0\n" + RESOLVER, "counters_every_s", "more than 0"),
        ('journal = "all"\n' + RESOLVER, "journal", '"questions" or "events"'),
        (RESOLVER.replace("[[forward]]", '[[zones]]\norigin = "x"\n[[forward]]'), "zones[1]",
         "add file ="),
        (RESOLVER.replace("text =", 'file = "x"\ntext ='), "zones[0]", "keep one of them"),
        (RESOLVER.replace("[[forward]]", '[[zones]]\norigin = "x"\nfile = "no.zone"\n[[forward]]'),
         "zones[1]", "no.zone: no such file"),
        (RESOLVER.replace("[[forward]]", '[[zones]]\norigin = "x"\nfile = 7\n[[forward]]'),
         "zones[1].file", "string"),
        (RESOLVER.replace("[[forward]]", '[[zones]]\norigin = "x"\nfile = "bin.zone"\n[[forward]]'),
         "zones[1]", "bin.zone: octet 2 is not UTF-8"),
        (RESOLVER.replace("[[forward]]", '[[zones]]\norigin = "x"\nfile = "\\u0000"\n[[forward]]'),
         "zones[1]", "correct the path"),
    ],
)  # fmt: skip
def test_networks_and_zone_files_get_one_clear_line_too(read, text, place, hint):
    Path("bin.zone").write_bytes(b"; \xff")
    test_one_clear_line_for_each_mistake(read, text, place, hint)


def test_networks_are_read_in_one_spelling(read):
    config = read(OPEN.replace("10.0.0.1", "FD00::/8"))
    assert isinstance(config, ResolverConfig)
    assert config.recursion_for == ("192.168.0.0/16", "fd00::/8")
    assert ResolverConfig(config.listen).recursion_for == LOCAL_NETWORKS


def test_a_zone_file_is_found_from_the_folder_of_the_configuration(tmp_path):
    folder = tmp_path / "etc"
    (folder / "zones").mkdir(parents=True)
    (folder / "zones" / "x.zone").write_text("@ SOA ns h 1 2 3 4 5\n")
    path = folder / "resolver.toml"
    path.write_text(
        'program = "resolver"\nlisten = ["192.0.2.1:53"]\n'
        '[[zones]]\norigin = "x"\nfile = "zones/x.zone"\n'
    )
    config = read_config(path)
    assert isinstance(config, ResolverConfig)
    (zone,) = config.zones
    assert zone == HostedZone("x", "@ SOA ns h 1 2 3 4 5\n")
    assert zone.file == str(folder / "zones/x.zone")
    path.write_text(render_config(config))
    assert read_config(path) == config


def test_all_problems_come_at_once(read):
    with pytest.raises(ConfigError) as raised:
        read('program = "service"\nlisten = ["nowhere", "1.2.3.4:99999"]\nport = 3\n')
    places = {problem.split(": ")[1] for problem in raised.value.problems}
    assert places == {"listen[0]", "listen[1]", "port", "name"}
    assert str(raised.value).splitlines() == list(raised.value.problems)


def test_a_rule_that_leads_nowhere_is_refused(read):
    with pytest.raises(ConfigError) as raised:
        read(
            'program = "resolver"\nlisten = ["127.0.0.1:53"]\n[[forward]]\nzone = "."\n'
            'servers = ["192.0.2.1:53", "127.0.0.1:53"]\nrecursion = true\n'
        )
    recursion, itself = (problem.split(": ", 1)[1] for problem in raised.value.problems)
    assert recursion == (
        "forward[0].recursion: there is no own recursion to fall back on; "
        "write recursion = true at the top, or leave it out here"
    )
    assert itself.startswith("forward[0].servers[1]: is this server itself;")


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.toml: file: no such file"):
        read_config(tmp_path / "nowhere.toml")
    with pytest.raises(ConfigError, match="file: is a directory"):
        read_config(tmp_path)
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b'name = "\xff"')
    with pytest.raises(ConfigError, match="octet 8: not UTF-8"):
        read_config(binary)


@pytest.mark.parametrize("kind", PROGRAMS.values())
def test_every_integer_field_has_bounds(kind):
    """A new field in `resolver.config` must get its bounds, or reading it would fail."""
    from resolver.config_values import _BOUNDS

    def integers(record):
        for field in dataclasses.fields(record):
            if field.type in {"int", "frozenset[int]"}:
                yield field.name

    kinds = [kind, *{BalancerConfig: [Member, HealthCheck]}.get(kind, [ForwardRule])]
    names = {name for record in kinds for name in integers(record)}
    assert names <= _BOUNDS.keys()
