"""What is exported and imported again forwards the same: for every product, over topologies that
nobody wrote."""

from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.exchange.exporting import PRODUCTS, CannotExport, exported
from lab.exchange.importing import import_file
from lab.subjects.rendering import timeout_ns, used_rules
from lab.topology.load import load_topology
from lab.topology.model import Topology
from lab.topology.planner import make_plan
from resolver.dns.names import is_at_or_below, normalise, with_ancestors
from resolver.machine import SECOND

ROOT = Path(__file__).parents[2]
LABELS = ("corp", "lab", "a", "xn--bcher-kva", "10", "_tcp")
ADDRESSES = tuple(
    str(ip_address(text))
    for text in ("10.2.0.10", "10.2.0.11", "10.2.0.12", "2001:db8:2::10", "2001:db8:2::11")
)
zones = st.lists(st.sampled_from(LABELS), min_size=1, max_size=3).map(".".join) | st.just(".")


@st.composite
def rules(draw):
    fields = {
        "zone": draw(zones),
        "servers": draw(st.lists(st.sampled_from(ADDRESSES), unique=True, max_size=3)),
    }
    if draw(st.booleans()):
        fields["timeout_s"] = draw(st.sampled_from([0.5, 1.0, 2.0, 3.0, 7.0]))
    if fields["servers"] and draw(st.booleans()):
        fields["recursion"] = True
    return fields


@st.composite
def topologies(draw):
    """A DNS server with any rules, zones of its own and recursion, or none of it."""
    forward = draw(st.lists(rules(), unique_by=lambda rule: rule["zone"], max_size=6))
    origins = draw(
        st.lists(st.sampled_from(["own.test", "corp", "a.lab"]), unique=True, max_size=2)
    )
    recursion = any(rule.get("recursion") for rule in forward) or draw(st.booleans())
    records = "@ 300 SOA ns hostmaster 1 7200 900 1209600 60\n@ 300 NS ns\nns 300 A 192.168.1.53\n"
    hints = [{"name": "a.root.test", "addresses": "10.2.0.99"}] if recursion else []
    return Topology.model_validate(
        {
            "format": 1,
            "title": "Generated",
            "networks": {"lan": {"prefix": "192.168.1.0/24"}},
            "nodes": [
                {
                    "name": "viewer",
                    "plays": "viewer",
                    "asks": "dns",
                    "addresses": {"lan": "192.168.1.10"},
                },
                {
                    "name": "dns",
                    "plays": "resolver",
                    "addresses": {"lan": "192.168.1.53"},
                    "selection": draw(st.sampled_from(["one", "all"])),
                    "recursion": recursion,
                    "root_hints": hints,
                    "zones": [{"origin": origin, "records": records} for origin in origins],
                    "forward": forward,
                },
            ],
        }
    )


NOBODY = ((), None, 0)
NO_END = {"powerdns", "unbound", "windows"}
"""They cannot say that forwarding ends; Unbound names other servers in its place."""


def rows(config, product):
    """The rules that can be used: zone to servers, fall-back and, where the product has such a
    setting, timeout."""
    found = {
        normalise(rule.zone): (
            tuple(str(ip_address(server.address)) for server in rule.servers),
            rule.recursion,
            min(15, max(1, -(-timeout_ns(rule, config) // SECOND))) if product == "windows" else 0,
        )
        for rule in used_rules(config)
    }
    found = without_effect(found)
    ends = {zone for zone, (servers, *_) in found.items() if not servers}
    if product in NO_END:
        return {zone: row for zone, row in found.items() if zone not in ends}
    if product == "dnsmasq":
        # It has no recursion to end in: "#" sends the zone to those for all other names.
        everybody = found.get(".")
        found |= {zone: everybody for zone in ends if everybody}
        return {zone: row for zone, row in found.items() if row[0]}
    return found


def imported_rows(table, product):
    return without_effect(
        {
            entry.zone: (
                tuple(server.address for server in entry.servers),
                entry.falls_back,
                entry.timeout_s if product == "windows" else 0,
            )
            for entry in table.entries
        }
    )


def without_effect(found):
    """The rows without those that end forwarding where nothing above is forwarded."""

    def ends_something(zone):
        above = (found[each] for each in with_ancestors(zone)[1:] if each in found)
        return bool(next(above, ((),))[0])

    return {
        zone: row if row[0] else NOBODY
        for zone, row in found.items()
        if row[0] or ends_something(zone)
    }


def round_trip(folder, plan, product):
    """The rows of the topology, those that come back, and the zones it hosts, likewise."""
    folder.mkdir(exist_ok=True, parents=True)
    files = exported(plan, product, folder=str(folder))
    for name, text in files:
        (folder / name).write_text(text)
    table = import_file(folder / files[0][0])
    # What we write ourselves has no option that the product does not know.
    assert not [each for each in table.remarks if "has no such option" in each.text]
    config = plan.node("dns").program("resolver").config
    hosts = {zone.origin for zone in config.zones}
    hosts_back = {hosted.zone for hosted in table.hosted}
    back = imported_rows(table, product)
    meant = rows(config, product)
    # Where forwarding ends, some products name the zone's own servers instead, and below a hosted
    # zone those that it delegates to.
    ends = {normalise(rule.zone) for rule in config.forward if not rule.servers}
    for zone in set(back) - set(meant):
        if zone in ends or any(is_at_or_below(zone, each) for each in hosts):
            del back[zone]
    for zone in ends & set(meant):
        if meant[zone] == NOBODY and zone in back:
            back[zone] = NOBODY
    return (meant, hosts), (back, hosts_back)


@pytest.mark.parametrize("product", PRODUCTS)
@settings(max_examples=60)
@given(topology=topologies())
def test_what_is_exported_comes_back(tmp_path_factory, product, topology):
    plan = make_plan(topology, "generated")
    try:
        (meant, hosts), (back, back_hosts) = round_trip(
            tmp_path_factory.getbasetemp() / product, plan, product
        )
    except CannotExport:
        return
    assert back == meant
    assert back_hosts >= hosts


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("name", ["conditional", "forwarders", "cluster", "merger", "hosted"])
def test_what_we_ship_comes_back(tmp_path, name, product):
    plan = make_plan(load_topology(ROOT / f"topologies/{name}.toml"), name)
    if len([node for node in plan.nodes if node.asks]) > 1:
        with pytest.raises(CannotExport, match="choose one with --node"):
            exported(plan, product)
        return
    if (name, product) in {("hosted", "dnsmasq"), ("hosted", "knot")}:
        with pytest.raises(CannotExport, match=r"aliases lead only to|hosts no zones"):
            exported(plan, product)
        return
    (meant, hosts), (back, back_hosts) = round_trip(tmp_path, plan, product)
    assert meant
    assert back == meant
    assert back_hosts >= hosts


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_table_that_was_changed_does_not_come_back(tmp_path, product):
    plan = make_plan(load_topology(ROOT / "topologies/forwarders.toml"), "forwarders")
    (name, text), *_ = exported(plan, product)
    changed = [
        (each, words.replace("203.0.113.102", "203.0.113.201"))
        for each, words in exported(plan, product, folder=str(tmp_path))
    ]
    for each, words in changed:
        (tmp_path / each).write_text(words)
    config = plan.node("dns").program("resolver").config
    table = import_file(tmp_path / name)
    assert imported_rows(table, product) != rows(config, product), text
