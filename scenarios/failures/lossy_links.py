from lab.judge.checks import (
    Answered,
    LossMadeGood,
    NextAskedAfterTimeout,
    PacketsLost,
    Reached,
    SuccessMeasured,
    SynsRepeated,
)
from lab.scenario.model import (
    Ask,
    AskMany,
    Connect,
    Expectation,
    Halt,
    Impair,
    Impairment,
    Mend,
    Repeat,
    Scenario,
)

SCENARIOS = {
    "every_second_question": Scenario(
        title="Every second packet to the Internet is lost: the next forwarder is asked",
        story="""The router's link to the Internet loses every second packet that leaves. The
first question gets through; the next one is lost on its way to forwarder 1, and the DNS server
asks forwarder 2 after its timeout. So it goes on in turn: exactly these packets are lost in every
run.""",
        topology="forwarders",
        steps=(
            Impair(
                node="router",
                network="internet",
                direction="out",
                impairment=Impairment(lose_every=2),
            ),
            Ask(name="www.example.com"),
            Ask(name="two.example.com"),
            Mend(node="router", network="internet"),
            Ask(name="ttl60.example.com"),
        ),
        expectations=(
            Expectation(
                text="Every second packet is lost, and no other",
                rules=("FLT-01",),
                check=PacketsLost(sender="router", network="internet", every=2),
            ),
            Expectation(
                text="The lost question is put to forwarder 2 after a timeout",
                rules=("FWD-02",),
                check=NextAskedAfterTimeout(timeout_s=1.0, name="two.example.com"),
            ),
            *(
                Expectation(
                    text=f"The viewer gets its answer for {name}",
                    rules=rules,
                    check=Answered(name=name, within_s=within_s),
                )
                for name, within_s, rules in (
                    ("www.example.com", 0.5, ("FLT-01",)),
                    ("two.example.com", 1.5, ("FWD-02",)),
                    ("ttl60.example.com", 0.5, ("FLT-05",)),
                )
            ),
        ),
    ),
    "ten_percent_upstream": Scenario(
        title="The link to the Internet loses a tenth of the packets: how viewers fare",
        story="""Each packet between the DNS server and the Internet is lost with a probability of a
tenth, in both directions. One in five questions to a forwarder is so left without an answer; the
next forwarder is asked a second later. How many questions are answered in the end, and how much
longer that takes, is measured.""",
        topology="forwarders",
        steps=(
            Impair(node="router", network="internet", impairment=Impairment(lose_percent=10)),
            Repeat(
                times=1,
                steps=(AskMany(name="n{n}.example.com", count=120, at_once=30, patience_s=6.0),),
            ),
        ),
        expectations=(
            Expectation(
                text="About a tenth of what the router sends to the Internet is lost",
                rules=("FLT-01",),
                check=PacketsLost(
                    sender="router", network="internet", at_least_percent=2, at_most_percent=22
                ),
            ),
            Expectation(
                text="Success rate and waiting time are measured",
                rules=("ROB-05",),
                check=SuccessMeasured(below="example.com", network="internet"),
            ),
        ),
    ),
    "connection_made_good": Scenario(
        title="The server's name is lost on the way, and sent again",
        story="""The viewer's link loses every second packet that comes in. The server's SYN-ACK
gets through; the octets after it are lost, and the server's kernel sends them again when nothing
acknowledges them. The viewer notices nothing but a pause.""",
        topology="cluster",
        steps=(
            Ask(),
            Impair(node="viewer", direction="in", impairment=Impairment(lose_every=2)),
            Connect(patience_s=5.0),
        ),
        expectations=(
            Expectation(
                text="A segment is lost, comes again and arrives",
                rules=("FLT-04",),
                check=LossMadeGood(),
            ),
            Expectation(
                text="The viewer reads who answered: the right server",
                rules=("FLT-04", "CLU-04"),
                check=Reached(),
            ),
        ),
    ),
    "syn_to_a_silent_server": Scenario(
        title="A SYN that nobody answers is repeated after 1, 3 and 7 seconds",
        story="""The viewer was given a server that has just lost power. Its kernel tries to
connect: once, and again after a second, then after two more and after four more. No viewer can be
faster than that; whoever gives up earlier does so by a timer of his own.""",
        topology="cluster",
        steps=(
            Connect(to="10.10.10.102"),
            Halt(node="server3"),
            Connect(to="10.10.10.102", patience_s=7.5),
        ),
        expectations=(
            Expectation(
                text="SYNs after 1, 3 and 7 seconds",
                rules=("FLT-04",),
                check=SynsRepeated(after_s=(1.0, 3.0, 7.0)),
            ),
        ),
    ),
}
