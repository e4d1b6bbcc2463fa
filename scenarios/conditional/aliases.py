from lab.judge.checks import AliasCompleted, AskedInOrder, AskedOnly
from lab.scenario.model import Ask, Expectation, Scenario

TAILSPIN, WIDGETS, CORP = "10.20.0.11", "10.20.0.13", "10.20.0.15"
FORWARDER = "203.0.113.100"
ROOT, COM, TAILSPUB = "203.0.113.10", "203.0.113.20", "203.0.113.41"


def alias(
    title: str, story: str, name: str, target: str, rdata: str, *expectations: Expectation
) -> Scenario:
    return Scenario(
        title=title,
        story=story,
        topology="conditional",
        steps=(Ask(name=name),),
        expectations=(
            Expectation(
                text=f"The alias itself comes from the server of {name}'s own domain",
                rules=("CND-12", "CND-01"),
                check=AskedInOrder(servers=(TAILSPIN,), name=name, times=1),
            ),
            *expectations,
            Expectation(
                text=f"The client gets the whole chain, and the address {rdata}",
                rules=("CND-12",),
                check=AliasCompleted(name=name, through=(target,), rdata=(rdata,)),
            ),
        ),
    )


SCENARIOS = {
    "into_another_condition": alias(
        "An alias from one condition into another is completed by the other's servers",
        """tocorp.tailspintoys.com is an alias of intranet.corp.internal. The server of
tailspintoys.com says so and knows no more; the DNS server asks the server of corp.internal for the
rest, and the client gets both records in one answer.""",
        "tocorp.tailspintoys.com",
        "intranet.corp.internal",
        "10.20.0.80",
        Expectation(
            text="The target is asked of the server of corp.internal, and of nobody else",
            rules=("CND-12",),
            check=AskedOnly(servers=(CORP,), below="corp.internal"),
        ),
    ),
    "into_a_longer_condition": alias(
        "An alias into a longer condition: the shorter one's server is not believed about it",
        """towidgets.tailspintoys.com is an alias of a name in widgets.tailspintoys.com. The server
of tailspintoys.com sends an address for the target along, for it has a wildcard for everything.
But the names below widgets are another server's, and only that one is believed.""",
        "towidgets.tailspintoys.com",
        "www.widgets.tailspintoys.com",
        "198.51.100.13",
        Expectation(
            text="The target is asked of the server of widgets.tailspintoys.com alone",
            rules=("CND-12", "CND-02"),
            check=AskedOnly(servers=(WIDGETS,), below="widgets.tailspintoys.com"),
        ),
    ),
    "to_the_global_forwarder": alias(
        "An alias out of all conditions is completed by the global forwarder",
        """toexample.tailspintoys.com is an alias of www.example.com, which no condition but "." is
for.""",
        "toexample.tailspintoys.com",
        "www.example.com",
        "198.51.100.80",
        Expectation(
            text="The target is asked of the global forwarder alone",
            rules=("CND-12",),
            check=AskedOnly(servers=(FORWARDER,), below="example.com"),
        ),
    ),
    "to_recursion": alias(
        "An alias into a domain that is not forwarded is completed by recursion",
        """topublic.tailspintoys.com is an alias of a name in public.tailspintoys.com, whose
condition names no server: that part is resolved from the root, without a word to the domain's own
servers.""",
        "topublic.tailspintoys.com",
        "www.public.tailspintoys.com",
        "198.51.100.90",
        Expectation(
            text="The target is asked of the Internet's servers alone",
            rules=("CND-12", "CND-06"),
            check=AskedOnly(servers=(ROOT, COM, TAILSPUB), below="public.tailspintoys.com"),
        ),
    ),
}
