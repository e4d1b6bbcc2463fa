from lab.judge.checks import (
    Answered,
    ArrivedInPieces,
    TooLargeTold,
    TruncatedThenTcp,
)
from lab.scenario.messages import Edns, Message
from lab.scenario.model import Ask, Elapse, Expectation, Impair, Impairment, Scenario

LARGE = Message(edns=Edns(size=4096))
NARROW = Impairment(mtu=600)

SCENARIOS = {
    "on_the_way": Scenario(
        title="A narrow link on the way: first large answers are lost, later ones come in pieces",
        story="""The router's link to the local network takes packets of 600 octets. An answer of
more than 1,200 octets may not be cut by routers: each forwarder's first one is thrown away, and the
router tells the forwarder how much gets through. The DNS server hears nothing, asks all three and
gives up. Whoever asks later gets an answer: the forwarder cuts it itself.""",
        topology="forwarders",
        steps=(
            Impair(node="router", network="lan", impairment=NARROW),
            Ask(name="big1232.example.com", qtype="TXT", message=LARGE),
            Elapse(seconds=6.0),
            Ask(name="big600.example.com", qtype="TXT", message=LARGE),
        ),
        expectations=(
            *(
                Expectation(
                    text=f"The router tells forwarder {number} that 600 octets is the most",
                    rules=("FLT-07",),
                    check=TooLargeTold(router="router", node=f"forwarder{number}", mtu=600),
                )
                for number in (1, 2, 3)
            ),
            Expectation(
                text="The first question fails in time",
                rules=("FWD-13",),
                check=Answered(
                    name="big1232.example.com", qtype="TXT", rcode="SERVFAIL", within_s=3.0
                ),
            ),
            Expectation(
                text="The second large answer comes to the DNS server in pieces",
                rules=("FLT-07",),
                check=ArrivedInPieces(asker="dns", name="big600.example.com", mtu=600),
            ),
            Expectation(
                text="and to the viewer whole",
                rules=("FLT-07", "TRN-09"),
                check=Answered(name="big600.example.com", qtype="TXT", within_s=0.5),
            ),
        ),
    ),
    "truncated_then_tcp": Scenario(
        title="A narrow link on the way, and an answer that needs TCP: it arrives",
        story="""The answer has nearly 4,000 octets. The forwarder says over UDP that it is too
long; over TCP it comes in segments, the first of which are too large for the way. The router says
so, and the forwarder's kernel sends them again in smaller ones: here, unlike over UDP, somebody
notices.""",
        topology="forwarders",
        steps=(
            Impair(node="router", network="lan", impairment=NARROW),
            Ask(name="big4000.example.com", qtype="TXT", message=LARGE),
        ),
        expectations=(
            Expectation(
                text="The forwarder's answer is truncated, and fetched over TCP",
                rules=("FWD-22",),
                check=TruncatedThenTcp(asker="dns"),
            ),
            Expectation(
                text="The router tells forwarder 1 what gets through",
                rules=("FLT-07",),
                check=TooLargeTold(router="router", node="forwarder1", mtu=600),
            ),
            Expectation(
                text="The viewer gets the whole answer within its first second",
                rules=("FLT-07",),
                check=Answered(name="big4000.example.com", qtype="TXT", within_s=1.0),
            ),
        ),
    ),
    "at_the_viewer": Scenario(
        title="A viewer with a narrow link says how much it takes, or asks over TCP",
        story="""The viewer sits behind a tunnel: its interface takes 600 octets. Whatever is larger
is lost right in front of it, and nobody is told. Over TCP its own kernel says so when it connects,
and gets segments that fit.""",
        topology="forwarders",
        steps=(
            Ask(name="big1232.example.com", qtype="TXT", message=LARGE),
            Impair(node="viewer", impairment=NARROW),
            Ask(name="big1232.example.com", qtype="TXT", message=LARGE, patience_s=2.0),
            Ask(name="big1232.example.com", qtype="TXT", transport="tcp", message=LARGE),
        ),
        expectations=(
            Expectation(
                text="Over TCP the whole answer arrives",
                rules=("FLT-07",),
                check=Answered(
                    name="big1232.example.com", qtype="TXT", transport="tcp", within_s=0.5
                ),
            ),
        ),
    ),
}
