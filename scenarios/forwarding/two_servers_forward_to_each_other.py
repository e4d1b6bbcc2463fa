from lab.judge.checks import Answered, QuestionsBounded
from lab.scenario.model import (
    Ask,
    Edns,
    Elapse,
    Expectation,
    Message,
    Reconfigure,
    Scenario,
    SetForward,
)

WWW = "www.example.com"
ADDRESSES = {
    "dns": "192.168.1.53",
    "forwarder1": "203.0.113.101",
    "forwarder2": "203.0.113.102",
}


def circle(title: str, story: str, nodes: tuple[str, ...], ask: Ask) -> Scenario:
    """Each of the nodes forwards everything to the next, the last to the first."""
    following = dict(zip(nodes, (*nodes[1:], nodes[0]), strict=True))
    return Scenario(
        title=title,
        story=story,
        topology="forwarders",
        steps=(
            *(
                Reconfigure(
                    node=node,
                    changes=(
                        SetForward(
                            zone=".",
                            servers=(ADDRESSES[other],),
                            # The first gives up first, so that the others hear it from him.
                            timeout_s=0.5 * place,
                        ),
                    ),
                )
                for place, (node, other) in enumerate(following.items(), start=1)
            ),
            ask,
            Elapse(seconds=0.2),
        ),
        expectations=(
            *(
                Expectation(
                    text=f"{node} asks {other} once, and then no more",
                    rules=("FWD-21",),
                    check=QuestionsBounded(asker=node, at_most=1),
                )
                for node, other in following.items()
            ),
            Expectation(
                text="The client is told SERVFAIL, after one timeout at the latest",
                rules=("FWD-21",),
                check=Answered(name=WWW, rcode="SERVFAIL", count=0, within_s=0.5),
            ),
        ),
    )


SCENARIOS = {
    "a_pair": circle(
        "Two servers that forward to each other stop, and say that they failed",
        """A mistake that is easily made after a merger: each DNS server is entered as the other's
forwarder. A question neither can answer would go round for ever, as fast as the wires allow. Here
it comes back once: the DNS server is asked by its own forwarder what it has just asked it, sees
the loop and says that it failed. So does the forwarder then, and the client is told.""",
        ("dns", "forwarder1"),
        Ask(name=WWW),
    ),
    "three_in_a_circle": circle(
        "Three servers that forward in a circle stop, and say that they failed",
        """The same with one more in between: the question comes back from somebody who was never
asked it. So the DNS server cannot tell that it is its own; but it is the same question, and nobody
is asked once more for what is being asked already. When the timeout is over, all are told.""",
        ("dns", "forwarder1", "forwarder2"),
        Ask(name=WWW),
    ),
    "over_tcp": circle(
        "Two servers that forward to each other stop over TCP too, with all bits set",
        """The client asks over TCP, wants DNSSEC data and no checking. The servers pass that on to
each other, over TCP as well. It makes no difference to the loop.""",
        ("dns", "forwarder1"),
        Ask(name=WWW, transport="tcp", message=Message(cd=True, edns=Edns(do=True))),
    ),
}
