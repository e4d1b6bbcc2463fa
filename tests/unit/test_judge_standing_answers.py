"""The judge on every address that is handed out: whose it is, where it leads, who is available."""

from __future__ import annotations

from dataclasses import replace

from judging import Cases, cluster, lookup, lookup_by_nat, nat, visit
from wire import ALIAS, DNS, REAL, Wire

from lab.judge.checks import HandedOutAvailable, HandedOutLeads
from lab.judge.outages import outages
from lab.topology.plan import PlannedProgram
from resolver.config import ResolverConfig

cases = Cases()

LEADS = HandedOutLeads()
AVAILABLE = HandedOutAvailable()
# The plan's pool: checked every second, twice in vain with 0.5 s each, so out after 2.5 s; TTL 2 s.

ALL_GOOD = (True, True, True)


def health_checks(wire: Wire, balancer: str, *good: bool) -> None:
    """A load balancer checks the members, in order; what is no success goes unanswered."""
    for address, is_good in zip(REAL, good, strict=True):
        if wire.plan.node(balancer).addresses() != (address,):
            wire.connect(balancer, address, silent=not is_good)


def checked(wire: Wire, seconds: int, *good: bool) -> Wire:
    """So many seconds of health checks by the first load balancer."""
    for _ in range(seconds):
        health_checks(wire, "tgp1", *good)
        wire.elapse(1)
    return wire


# --- where addresses lead ---------------------------------------------------------------------


@cases.passes(LEADS)
def each_to_its_server() -> Wire:
    wire = nat()
    lookup_by_nat(wire)
    visit(wire, ALIAS[2])
    return wire


@cases.passes(LEADS)
def without_nat() -> Wire:
    wire = cluster()
    lookup(wire)
    visit(wire, REAL[2])
    return wire


@cases.fails(LEADS, because="192.0.2.1 is handed out, and belongs to no server")
def a_strange_address() -> Wire:
    wire = each_to_its_server()
    lookup_by_nat(wire, "192.0.2.1")
    return wire


@cases.fails(LEADS, because=f"{REAL[0]} is handed out, and belongs to no server")
def an_alias_base_that_is_not_there() -> Wire:
    """Behind NAT a server is handed out by its alias."""
    wire = each_to_its_server()
    lookup_by_nat(wire, REAL[0], REAL)
    return wire


@cases.fails(LEADS, because=f"{ALIAS[2]} is tgp3's; tgp1 answered")
def an_alias_base_off_by_some() -> Wire:
    """The balancers count from another base than the table."""
    wire = each_to_its_server()
    wire.table[ALIAS[2]] = REAL[0]
    lookup_by_nat(wire)
    visit(wire, ALIAS[2], banner="tgp1", far="tgp1")
    return wire


def ends_at_the_translator(wire: Wire) -> Wire:
    """A SYN for an alias that the translator has and does not translate; then the server speaks."""
    wire.connect("tgp3", REAL[0], port=4000, refused=True)
    wire.connect("viewer", ALIAS[2], silent=True, far="translator")
    wire.elapse(1)
    wire.connect("tgp3", REAL[0], port=4000, refused=True)
    return wire


@cases.fails(LEADS, because=f"{ALIAS[2]} is tgp3's; the connection ended at translator, which has")
def an_entry_is_missing() -> Wire:
    wire = each_to_its_server()
    return ends_at_the_translator(wire)


@cases.passes(LEADS)
def the_translator_was_off() -> Wire:
    wire = each_to_its_server()
    wire.mark("halted", "off", node="translator", program="nat")
    return ends_at_the_translator(wire)


@cases.passes(LEADS)
def the_server_was_off() -> Wire:
    """Nobody answers its ARP, so the packet ends at the translator."""
    wire = each_to_its_server()
    wire.connect("viewer", ALIAS[2], silent=True, far="translator")
    return wire


@cases.fails(LEADS, because=f"{ALIAS[2]} is tgp3's; the connection ended at bystander")
def somebody_else_has_the_address() -> Wire:
    wire = each_to_its_server()
    wire.connect("viewer", ALIAS[2], silent=True, far="bystander")
    return wire


@cases.fails(LEADS, because="no answer with an address was seen")
@cases.fails(AVAILABLE, because="no answer was seen of which it shows")
def nobody_is_handed_out() -> Wire:
    wire = cluster()
    wire.exchange("viewer", DNS)
    return wire


# --- who is available -------------------------------------------------------------------------


@cases.passes(AVAILABLE)
def all_are_there() -> Wire:
    wire = checked(cluster(), 4, *ALL_GOOD)
    lookup(wire)
    return wire


@cases.fails(AVAILABLE, because="tgp1 names tgp3, which failed every health check")
def a_pool_that_hands_out_who_never_answered() -> Wire:
    wire = checked(cluster(), 4, True, True, False)
    lookup(wire)
    return wire


@cases.fails(AVAILABLE, because="tgp1 names tgp3 4")
def a_pool_that_hands_out_who_died() -> Wire:
    """The last good check began more than 2.5 s before."""
    wire = checked(cluster(), 4, *ALL_GOOD)
    checked(wire, 3, True, True, False)
    lookup(wire)
    return wire


@cases.passes(AVAILABLE)
def within_the_time_that_noticing_takes() -> Wire:
    wire = checked(cluster(), 4, *ALL_GOOD)
    checked(wire, 1, True, True, False)
    lookup(wire)
    return wire


@cases.fails(AVAILABLE, because="after it went off")
def a_pool_without_health_checks() -> Wire:
    wire = cluster()
    lookup(wire)
    wire.mark("halted", "off", node="tgp3", program="service")
    wire.elapse(4)
    lookup(wire)
    return wire


@cases.fails(AVAILABLE, because="after it went off")
def a_pool_without_health_checks_and_a_cable_pulled() -> Wire:
    wire = cluster()
    lookup(wire)
    wire.mark("unplugged", "down", node="tgp3", network="servers")
    wire.elapse(4)
    lookup(wire)
    return wire


@cases.passes(AVAILABLE)
def off_and_on_again() -> Wire:
    wire = cluster()
    lookup(wire)
    wire.mark("halted", "off", node="tgp3", program=None)
    wire.elapse(4)
    wire.mark("resumed", "on", node="tgp3", program=None)
    lookup(wire)
    return wire


@cases.fails(AVAILABLE, because="tgp1 names 10.10.10.2, which is no member of its pool")
def a_load_balancer_names_who_is_no_member() -> Wire:
    wire = cluster()
    router = next(node for node in wire.plan.nodes if node.name == "router")
    moved = replace(
        router,
        interfaces=tuple(
            replace(each, addresses=(*each.addresses, "10.10.10.2/24"))
            for each in router.interfaces
        ),
    )
    nodes = tuple(moved if node.name == "router" else node for node in wire.plan.nodes)
    wire = Wire(replace(wire.plan, nodes=nodes))
    wire.mark("step", "ask", step="ask")
    lookup(wire, "10.10.10.2", ("10.10.10.2",))
    return wire


@cases.passes(AVAILABLE)
def from_the_cache_within_its_ttl() -> Wire:
    wire = checked(cluster(), 4, *ALL_GOOD)
    lookup(wire)
    wire.elapse(1.5)
    wire.exchange("viewer", DNS, REAL[2], aa=False, ttl=1)
    return wire


@cases.fails(AVAILABLE, because=f"dns names {REAL[2]} 4")
def from_the_cache_far_beyond_its_ttl() -> Wire:
    wire = checked(cluster(), 4, *ALL_GOOD)
    lookup(wire)
    wire.elapse(4)
    wire.exchange("viewer", DNS, REAL[2], aa=False)
    return wire


@cases.fails(AVAILABLE, because=f"dns names {REAL[2]}, which no load balancer had named")
def an_address_of_its_own_making() -> Wire:
    wire = checked(cluster(), 4, *ALL_GOOD)
    lookup(wire, REAL[2], REAL[:2])
    return wire


@cases.passes(AVAILABLE)
def what_a_scripted_server_says_is_scenery() -> Wire:
    wire = all_are_there()
    wire.mark("scripted", "plays", node="tgp1", program="balancer")
    wire.mark("halted", "off", node="tgp3", program=None)
    wire.elapse(4)
    lookup(wire)
    return wire


@cases.passes(AVAILABLE)
def a_server_that_is_meant_to_serve_stale_answers() -> Wire:
    wire = cluster()
    dns = wire.plan.node("dns")
    config = dns.programs[0].config
    assert isinstance(config, ResolverConfig)
    program = PlannedProgram("resolver", replace(config, serve_stale=True))
    nodes = tuple(
        replace(node, programs=(program,)) if node.name == "dns" else node
        for node in wire.plan.nodes
    )
    wire = checked(Wire(replace(wire.plan, nodes=nodes)), 4, *ALL_GOOD)
    lookup(wire)
    wire.elapse(9)
    wire.exchange("viewer", DNS, REAL[2], aa=False)
    return wire


# --- outages ----------------------------------------------------------------------------------


def test_outages_end_where_the_same_thing_is_put_right():
    wire = cluster()
    wire.mark("halted", "", node="tgp1", program=None)
    wire.mark("halted", "", node="tgp1", program="service")
    wire.mark("unplugged", "", node="dns", network="lan")
    wire.elapse(1)
    wire.mark("resumed", "", node="tgp1", program="service")
    wire.mark("plugged", "", node="dns", network="servers")
    wire.mark("mended", "", node="tgp1", network="servers")
    ended = {(each.kind, each.program): each.ended is not None for each in outages(wire.timeline())}
    assert ended == {
        ("halted", None): False,
        ("halted", "service"): True,
        ("unplugged", None): False,
    }


def test_a_scripted_seat_is_put_right_by_its_program():
    wire = cluster()
    wire.mark("scripted", "", node="tgp1", program="balancer")
    wire.elapse(1)
    wire.mark("resumed", "", node="tgp1", program="balancer")
    (outage,) = outages(wire.timeline())
    assert outage.ended is not None
    assert outage.lasts_at(outage.begun.at)
    assert not outage.lasts_at(outage.ended.at)
    assert outage.touches(0, outage.begun.at)
    assert not outage.touches(outage.ended.at, outage.ended.at + 1)


def test_what_shows_nothing_is_not_judged():
    """A capture without health checks and without marks: whether tgp3 was there, nobody can say."""
    wire = cluster()
    question = wire.ask("dns", REAL[0])
    wire.reply(question, *REAL)
    assert AVAILABLE.inspect(wire.timeline()).seen == 0


test_cases = cases.test()
