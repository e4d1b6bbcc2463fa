from lab.judge.checks import Answered, AnsweredOnce, PacketsDoubled, PacketsReordered
from lab.scenario.model import Ask, Await, Expectation, Impair, Impairment, Scenario

SCENARIOS = {
    "duplicated": Scenario(
        title="Every answer from the Internet comes twice: the client gets one",
        story="""The network doubles each packet that comes in from the Internet. The DNS server
takes the first copy of each answer, and the second finds nobody who waits for it. The viewer gets
one reply to each question.""",
        topology="forwarders",
        steps=(
            Impair(
                node="router",
                network="internet",
                direction="in",
                impairment=Impairment(duplicate_every=1),
            ),
            Ask(name="www.example.com"),
            Ask(name="two.example.com"),
        ),
        expectations=(
            Expectation(
                text="Both answers of forwarder 1 come to the router twice",
                rules=("FLT-03",),
                check=PacketsDoubled(sender="forwarder1", network="internet", at_least=2),
            ),
            *(
                Expectation(
                    text=f"The viewer gets one reply for {name}",
                    rules=("FLT-03", "FWD-18"),
                    check=AnsweredOnce(name=name),
                )
                for name in ("www.example.com", "two.example.com")
            ),
        ),
    ),
    "reordered": Scenario(
        title="Answers that overtake one another find their questions",
        story="""Packets from the Internet take 0.2 seconds, but every second one takes none and
overtakes the one before it. Two questions are put at nearly the same moment: the answer to the
second comes first. Each question gets its own.""",
        topology="forwarders",
        steps=(
            Ask(name="mail.example.com"),
            Impair(
                node="router",
                network="internet",
                direction="in",
                impairment=Impairment(delay_ms=200, reorder_every=2),
            ),
            Ask(name="www.example.com", wait=False, label="first"),
            Ask(name="ttl60.example.com", wait=False, label="second"),
            Await(label="first"),
            Await(label="second"),
        ),
        expectations=(
            Expectation(
                text="The second answer of forwarder 1 overtakes the first",
                rules=("FLT-03",),
                check=PacketsReordered(sender="forwarder1", network="internet"),
            ),
            *(
                Expectation(
                    text=f"{name} gets its own answer, once",
                    rules=("FLT-03",),
                    check=check,
                )
                for name, address in (
                    ("www.example.com", "198.51.100.80"),
                    ("ttl60.example.com", "198.51.100.92"),
                )
                for check in (
                    Answered(name=name, addresses=(address,)),
                    AnsweredOnce(name=name),
                )
            ),
        ),
    ),
}
