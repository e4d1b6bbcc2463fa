from lab.judge.checks import Answered, AskedInOrder, NextAskedAfterError, NextOnRcodes
from lab.scenario.model import Ask, Expectation, Play, Reply, Scenario, Script
from lab.values import rcode_name

FIRST, SECOND = "203.0.113.101", "203.0.113.102"
RCODES = tuple(rcode_name(number) for number in range(1, 16))
CASES = tuple((rcode, aa) for rcode in RCODES for aa in (False, True))


def name_of(rcode: str, *, aa: bool) -> str:
    return f"{rcode.lower()}.{'aa' if aa else 'noaa'}.example.com"


def by_rcode(topology: str, profile: str, next_on: tuple[str, ...], story: str) -> Scenario:
    """The first forwarder answers each name with another RCODE; the second knows them all."""
    replies = tuple(
        Reply(name=name_of(rcode, aa=aa), rcode=rcode, authoritative=aa) for rcode, aa in CASES
    )
    address = Reply(answer=("@ 60 IN A 198.51.100.202",))
    return Scenario(
        title=f"Which RCODE sends a question to the next forwarder: {profile}",
        story=story,
        topology=topology,
        steps=(
            Play(node="forwarder1", program="resolver", script=Script(replies=replies)),
            Play(node="forwarder2", program="resolver", script=Script(replies=(address,))),
            *(Ask(name=name_of(rcode, aa=aa)) for rcode, aa in CASES),
        ),
        expectations=(
            Expectation(
                text="For each RCODE from 1 to 15, with AA=0 and AA=1, as the profile says",
                rules=("FWD-06", "FWD-09"),
                check=NextOnRcodes(next_on=next_on, seen=RCODES),
            ),
            *(
                Expectation(
                    text=f"NXDOMAIN with AA={int(aa)} never leads to the next forwarder",
                    rules=("FWD-10",),
                    check=AskedInOrder(servers=(FIRST,), name=name_of("NXDOMAIN", aa=aa), times=1),
                )
                for aa in (False, True)
            ),
            *(
                Expectation(
                    text=f"After {rcode} the next forwarder is asked because of it, not of a timer",
                    rules=("FWD-11",),
                    check=NextAskedAfterError(error=rcode),
                )
                for rcode in next_on
            ),
            Expectation(
                text="The client gets the second forwarder's answer",
                rules=("FWD-11",),
                check=Answered(name=name_of("SERVFAIL", aa=False), addresses=("198.51.100.202",)),
            ),
        ),
    )


SCENARIOS = {
    "listed_order": by_rcode(
        topology="forwarders",
        profile="listed order",
        next_on=("SERVFAIL", "NOTIMP", "REFUSED"),
        story="""A forwarder may answer at once and still be no help. In the profile "listed-order"
SERVFAIL, NOTIMP and REFUSED, which speak of the server and not of the name, send the question to
the next forwarder, as in BIND; every other RCODE is passed on to the client. Whether the forwarder
calls itself authoritative (AA) changes nothing. The RCODEs from 11 to 15, most of which have no
meaning yet, are tried as well.""",
    ),
    "windows": by_rcode(
        topology="forwarders-windows",
        profile="Windows",
        next_on=tuple(rcode for rcode in RCODES if rcode != "NXDOMAIN"),
        story="""What Windows does with the RCODEs is not documented with authority; what is
commonly observed is that NXDOMAIN is final and that everything else sends the question to the next
forwarder. The profile "windows" does so.""",
    ),
}
