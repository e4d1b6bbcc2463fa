from lab.judge.checks import (
    Answered,
    AskedInOrder,
    AskedIteratively,
    AskedOnly,
    NothingSent,
    RecursionDesired,
)
from lab.scenario.model import Ask, Expectation, Reconfigure, RemoveForward, Scenario

TAILSPIN, WIDGETS, CORP = "10.20.0.11", "10.20.0.13", "10.20.0.15"
FORWARDER = "203.0.113.100"
ROOT, COM, EXAMPLE, TAILSPUB = "203.0.113.10", "203.0.113.20", "203.0.113.40", "203.0.113.41"

TO_ITS_SERVER = (
    ("www.tailspintoys.com", TAILSPIN, "198.51.100.11"),
    ("www.widgets.tailspintoys.com", WIDGETS, "198.51.100.13"),
    ("intranet.corp.internal", CORP, "10.20.0.80"),
    ("www.example.com", FORWARDER, "198.51.100.80"),
)
"""Name, server asked, address there."""

SCENARIOS = {
    "by_domain_name": Scenario(
        title="Each query goes to the server that is associated with its domain name",
        story="""The figure on conditional forwarders. The DNS server keeps a list of domain names,
each with the address of a server. A query for a name in one of these domains goes to that domain's
server and to nobody else. What is in none of them goes to the global forwarder, which never hears
of the others.""",
        topology="conditional",
        steps=tuple(Ask(name=name) for name, _, _ in TO_ITS_SERVER),
        expectations=(
            *(
                Expectation(
                    text=f"{name} is asked of {server}, once, and of nobody else",
                    rules=("CND-01",) if server != FORWARDER else ("CND-01", "FWD-01"),
                    check=AskedInOrder(servers=(server,), name=name, which="all", times=1),
                )
                for name, server, _ in TO_ITS_SERVER
            ),
            *(
                Expectation(
                    text=f"{name} is answered with that server's data",
                    rules=("CND-01",),
                    check=Answered(name=name, addresses=(address,)),
                )
                for name, _, address in TO_ITS_SERVER
            ),
            Expectation(
                text="The global forwarder gets what no condition is for, and nothing else",
                rules=("CND-05",),
                check=AskedOnly(servers=(TAILSPIN, WIDGETS, CORP), below="tailspintoys.com"),
            ),
            Expectation(
                text="No packet goes to a root server: nobody need recurse",
                rules=("REC-01",),
                check=NothingSent(node="dns", to=(ROOT, COM, EXAMPLE, TAILSPUB)),
            ),
        ),
    ),
    "recursion_otherwise": Scenario(
        title="A name that no forwarder is listed for is resolved by standard recursion",
        story="""The administrator takes the global forwarder away. "If the DNS server has no
forwarder listed for the name that is designated in the query, it attempts to resolve the query
using standard recursion": it begins at the root server, is referred down, and asks each server
without asking for recursion. The conditions go on as before.""",
        topology="conditional",
        steps=(
            Reconfigure(node="dns", changes=(RemoveForward(zone="."),)),
            Ask(name="www.example.com"),
            Ask(name="www.tailspintoys.com"),
        ),
        expectations=(
            Expectation(
                text="From the root server over com to the server of example.com",
                rules=("CND-06",),
                check=AskedIteratively(name="www.example.com", servers=(ROOT, COM, EXAMPLE)),
            ),
            Expectation(
                text="A name with a condition is still asked of that domain's server",
                rules=("CND-06", "CND-01"),
                check=AskedInOrder(servers=(TAILSPIN,), name="www.tailspintoys.com"),
            ),
            Expectation(
                text="Questions to the domain's server carry RD=1, those on the way down RD=0",
                rules=("CND-15",),
                check=RecursionDesired(
                    forwarding_to=(TAILSPIN,), iterating_at=(ROOT, COM, EXAMPLE)
                ),
            ),
            Expectation(
                text="The client gets the address",
                rules=("CND-06",),
                check=Answered(name="www.example.com", addresses=("198.51.100.80",)),
            ),
        ),
    ),
    "no_servers_ends_forwarding": Scenario(
        title="A condition without servers ends forwarding at its domain",
        story="""public.tailspintoys.com lies inside the forwarded domain, but the Internet's
servers are to be asked for it. A condition that names no server says so: neither the servers of
the domain around it nor the global forwarder are asked; the name is resolved from the root. Its
neighbours are still forwarded.""",
        topology="conditional",
        steps=(Ask(name="www.public.tailspintoys.com"), Ask(name="www.tailspintoys.com")),
        expectations=(
            Expectation(
                text="The name below the empty condition is resolved from the root",
                rules=("CND-06", "CND-09"),
                check=AskedIteratively(
                    name="www.public.tailspintoys.com", servers=(ROOT, COM, TAILSPUB)
                ),
            ),
            Expectation(
                text="The name beside it goes to the domain's server",
                rules=("CND-01", "CND-09"),
                check=AskedInOrder(servers=(TAILSPIN,), name="www.tailspintoys.com"),
            ),
            Expectation(
                text="The client gets what the Internet's server says",
                rules=("CND-06",),
                check=Answered(name="www.public.tailspintoys.com", addresses=("198.51.100.90",)),
            ),
        ),
    ),
}
