from lab.judge.checks import (
    Answered,
    AnsweredOnce,
    AskedInOrder,
    NextAskedAfterTimeout,
    PacketsDelayed,
)
from lab.scenario.messages import Edns, Message
from lab.scenario.model import (
    Ask,
    Elapse,
    Expectation,
    Impair,
    Impairment,
    Mend,
    Scenario,
)

LARGE = Message(edns=Edns(size=4096))

SCENARIOS = {
    "beyond_the_timeout": Scenario(
        title="A link slower than the forwarder's timeout counts as silence",
        story="""The first forwarder is well, and the way to it takes 0.7 seconds in each direction:
more than the DNS server waits. It goes on to the second after its timeout; the first one's answer
comes later and changes nothing. When the link is as fast as before, the first serves again.""",
        topology="forwarders",
        steps=(
            Ask(name="ttl60.example.com"),
            Impair(node="forwarder1", impairment=Impairment(delay_ms=700)),
            Ask(name="www.example.com"),
            Elapse(seconds=5.0),
            Mend(node="forwarder1"),
            Ask(name="two.example.com"),
        ),
        expectations=(
            Expectation(
                text="What forwarder 1 sends is on its link for 0.7 s",
                rules=("FLT-02",),
                check=PacketsDelayed(sender="forwarder1", network="internet", at_least_ms=700),
            ),
            Expectation(
                text="Forwarder 2 is asked one timeout after forwarder 1",
                rules=("FWD-02",),
                check=NextAskedAfterTimeout(timeout_s=1.0, name="www.example.com"),
            ),
            Expectation(
                text="The viewer gets one answer, and the late one changes nothing",
                rules=("FWD-18",),
                check=AnsweredOnce(name="www.example.com", late_from="203.0.113.101"),
            ),
            Expectation(
                text="Afterwards forwarder 1 answers in time again",
                rules=("FWD-05", "FLT-05"),
                check=Answered(name="two.example.com", within_s=0.5),
            ),
        ),
    ),
    "slow_and_in_time": Scenario(
        title="A slow link within the timeout changes nobody's turn",
        story="""The way to the first forwarder takes 60 milliseconds, give or take 20; to the
second one it takes none. The first answers within its time, so it stays first: the list decides,
and not the round trip.""",
        topology="forwarders",
        steps=(
            Impair(node="forwarder1", impairment=Impairment(delay_ms=60, jitter_ms=20)),
            Ask(name="www.example.com"),
            Ask(name="two.example.com"),
            Ask(name="ttl60.example.com"),
        ),
        expectations=(
            Expectation(
                text="Each packet of forwarder 1 takes 40 to 80 ms",
                rules=("FLT-02",),
                check=PacketsDelayed(
                    sender="forwarder1", network="internet", at_least_ms=40, at_most_ms=80
                ),
            ),
            *(
                Expectation(
                    text=f"Only forwarder 1 is asked for {name}",
                    rules=("FWD-04",),
                    check=AskedInOrder(asker="dns", servers=("203.0.113.101",), name=name),
                )
                for name in ("www.example.com", "two.example.com", "ttl60.example.com")
            ),
        ),
    ),
    "rate_limited": Scenario(
        title="A large answer over a link with a low rate comes late, and whole",
        story="""The viewer's link carries 64 kbit/s, as an old radio link does. A small answer
takes some milliseconds; an answer of more than 1,200 octets needs a sixth of a second to get
through, and is the same in the end.""",
        topology="forwarders",
        steps=(
            Ask(name="big1232.example.com", qtype="TXT", message=LARGE),
            Impair(node="viewer", impairment=Impairment(rate_kbit_s=64), direction="in"),
            Ask(name="big1232.example.com", qtype="TXT", message=LARGE),
        ),
        expectations=(
            Expectation(
                text="The answer is on the link for at least 150 ms: 1,200 octets at 64 kbit/s",
                rules=("FLT-02",),
                check=PacketsDelayed(
                    sender="dns", network="lan", to="viewer", at_least_ms=150, at_most_ms=170
                ),
            ),
            Expectation(
                text="It comes whole",
                rules=("TRN-09",),
                check=Answered(name="big1232.example.com", qtype="TXT"),
            ),
        ),
    ),
}
