from lab.judge.checks import AnsweredInTurn, Turn
from lab.scenario.model import (
    Ask,
    Elapse,
    Expectation,
    Play,
    Reconfigure,
    RemoveForward,
    RemoveZone,
    Reply,
    Scenario,
    Script,
    SetZone,
)

FIVE = "five.example.com"
SOURCE = f"source.{FIVE}"
CONDITION, FORWARDER = "10.20.0.25", "203.0.113.100"
ROOT, COM, EXAMPLE = "203.0.113.10", "203.0.113.20", "203.0.113.40"
OWN, CACHED, BY_CONDITION, BY_FORWARDER, BY_RECURSION = (
    f"198.51.100.{last}" for last in (1, 2, 3, 4, 5)
)


def condition_answers(address: str, ttl_s: int) -> Play:
    record = f"@ {ttl_s} IN A {address}"
    return Play(node="five", program="authority", script=Script(replies=(Reply(answer=(record,)),)))


def hosted(origin: str, name: str, address: str) -> Reconfigure:
    records = f"""
$TTL 300
@       SOA  ns1 hostmaster 1 7200 900 1209600 60
@       NS   ns1
ns1     A    192.168.1.53
{name}  A    {address}
"""
    return Reconfigure(node="dns", changes=(SetZone(origin=origin, records=records),))


def no_longer(*changes: RemoveZone | RemoveForward) -> Reconfigure:
    return Reconfigure(node="dns", changes=changes)


SCENARIOS = {
    "five_sources": Scenario(
        title="Five sources, five answers: the order is proven by taking one away at a time",
        story="""For one name there is an address in the server's own zone (.1), in its cache (.2),
at the condition's server (.3), at the global forwarder (.4) and on the Internet (.5). First the
cache is filled through the condition, whose server says .2 then and .3 from now on. Then the zone
is hosted: its answer wins. The zone is taken away: the cache answers, and nobody is asked. The
cached answer's two seconds pass: the condition's server is asked. The condition is taken away: the
global forwarder is asked. The forwarder is taken away: the server begins at the root. Own zone,
cache, longest condition, global forwarders, recursion: that is the order.""",
        topology="hosted",
        steps=(
            condition_answers(CACHED, ttl_s=2),
            no_longer(RemoveZone(origin=FIVE)),
            Ask(name=SOURCE),
            condition_answers(BY_CONDITION, ttl_s=60),
            hosted(FIVE, "source", OWN),
            Ask(name=SOURCE),
            no_longer(RemoveZone(origin=FIVE)),
            Ask(name=SOURCE),
            Elapse(seconds=2.1),
            Ask(name=SOURCE),
            no_longer(RemoveForward(zone=FIVE)),
            Ask(name=SOURCE),
            no_longer(RemoveForward(zone=".")),
            Ask(name=SOURCE),
        ),
        expectations=(
            Expectation(
                text="Own zone, cache, condition, forwarder, recursion: each when those before it "
                "are gone",
                rules=("OWN-06", "OWN-01", "OWN-10", "CND-05", "CND-06", "FWD-01"),
                check=AnsweredInTurn(
                    name=SOURCE,
                    turns=(
                        Turn(address=CACHED, servers=(CONDITION,)),
                        Turn(address=OWN, authoritative=True),
                        Turn(address=CACHED),
                        Turn(address=BY_CONDITION, servers=(CONDITION,)),
                        Turn(address=BY_FORWARDER, servers=(FORWARDER,)),
                        Turn(address=BY_RECURSION, servers=(ROOT, COM, EXAMPLE)),
                    ),
                ),
            ),
        ),
    ),
    "own_before_cached": Scenario(
        title="Own data beats cached data, also when the cache was filled first",
        story="""www.example.com is resolved through the global forwarder and is in the cache for
five minutes. Then the server is made to host example.com: from the next question on its own zone
answers, with authority. The zone is taken away again: the cached answer is still good.""",
        topology="hosted",
        steps=(
            Ask(name="www.example.com"),
            hosted("example.com", "www", "198.51.100.99"),
            Ask(name="www.example.com"),
            no_longer(RemoveZone(origin="example.com")),
            Ask(name="www.example.com"),
        ),
        expectations=(
            Expectation(
                text="From the forwarder, then from the own zone, then from the cache",
                rules=("OWN-10", "OWN-01"),
                check=AnsweredInTurn(
                    name="www.example.com",
                    turns=(
                        Turn(address="198.51.100.80", servers=(FORWARDER,)),
                        Turn(address="198.51.100.99", authoritative=True),
                        Turn(address="198.51.100.80"),
                    ),
                ),
            ),
        ),
    ),
    "change_is_seen_at_once": Scenario(
        title="A change in a hosted zone is visible with the next question",
        story="""The administrator changes an address in the hosted zone and has the server read it
again. Its TTL is five minutes, but no cache stands in front of a server's own data: the next
client gets the new address.""",
        topology="hosted",
        steps=(
            hosted("new.example.org", "www", "198.51.100.61"),
            Ask(name="www.new.example.org"),
            Ask(name="www.new.example.org"),
            hosted("new.example.org", "www", "198.51.100.62"),
            Ask(name="www.new.example.org"),
        ),
        expectations=(
            Expectation(
                text="The old address twice, then the new one, with authority; nobody is asked",
                rules=("OWN-05",),
                check=AnsweredInTurn(
                    name="www.new.example.org",
                    turns=(
                        Turn(address="198.51.100.61", authoritative=True),
                        Turn(address="198.51.100.61", authoritative=True),
                        Turn(address="198.51.100.62", authoritative=True),
                    ),
                ),
            ),
        ),
    ),
}
