from typing import Literal

from lab.judge.checks import (
    AllReplied,
    Answered,
    AskedOnceForMany,
    ForgeryIgnored,
    QuestionsBounded,
    Unpredictable,
)
from lab.scenario.model import (
    Ask,
    AskMany,
    Await,
    Elapse,
    Expectation,
    Forge,
    Play,
    Reply,
    Scenario,
    Script,
)

CLUSTER, DNS, TRANSLATOR = "internet.intern.netz", "192.168.1.53", "192.168.1.1"
FIRST, THIRD, FORGED = "192.168.1.100", "192.168.1.102", "192.168.1.66"

Fault = Literal["source", "source-port", "port", "id", "question", "question-type", "class"]


def both(script: Script) -> tuple[Play, ...]:
    """The load balancers, whichever of them is asked."""
    return tuple(Play(node=node, script=script) for node in ("server1", "server2"))


def forged(fault: Fault, what: str) -> Scenario:
    return Scenario(
        title=f"A node that was taken over forges for the translator: {what}",
        story=f"""One of the cluster's servers, which is no load balancer, has been taken over. It
sees what the DNS translator asks the load balancer and answers first, in its name, right in
everything but one thing: {what}. The translator must go on waiting for the true answer.""",
        topology="cluster-nat",
        steps=(
            *both(Script(delay_s=0.2, answers=(FIRST, THIRD))),
            Ask(wait=False, label="question"),
            Forge(forger="server3", victim="translator", fault=fault, address=FORGED, name=CLUSTER),
            Await(label="question"),
        ),
        expectations=(
            Expectation(
                text="The forgery arrives first and is ignored; the true answer wins",
                rules=("SEC-03",),
                check=ForgeryIgnored(victim="translator", asker="dns", address=FORGED),
            ),
            Expectation(
                text="The viewer gets an address of the cluster",
                rules=("SEC-03",),
                check=Answered(among=(FIRST, THIRD)),
            ),
        ),
    )


SCENARIOS = {
    "wrong_source": forged("source", "a wrong source address"),
    "wrong_source_port": forged("source-port", "a wrong source port"),
    "wrong_port": forged("port", "a wrong port"),
    "wrong_id": forged("id", "a wrong ID"),
    "wrong_question": forged("question", "a wrong question"),
    "wrong_question_type": forged("question-type", "a wrong question type"),
    "wrong_class": forged("class", "a wrong class"),
    "guessing": Scenario(
        title="IDs and source ports of the translator's questions cannot be guessed",
        story="""What the DNS server draws at random stops at the translator: that asks the load
balancers in its own name. If it counted its IDs, or asked from one port, all the care before it
would be in vain. Five hundred questions show it; that so many drawn at random would look
predictable happens less than once in 10**9 runs.""",
        topology="cluster-nat",
        steps=(AskMany(name=f"n{{n}}.{CLUSTER}", count=510, at_once=20, server=TRANSLATOR),),
        expectations=(
            Expectation(
                text="Spread, without repetition beyond chance, without sequence",
                rules=("SEC-04",),
                check=Unpredictable(asker="translator", questions=500),
            ),
            Expectation(
                text="Every question was answered",
                rules=("SEC-04",),
                check=AllReplied(count=510, rcodes=("NXDOMAIN",)),
            ),
        ),
    ),
    "storm": Scenario(
        title="Fifty ask the translator the same at once: one question goes on",
        story="""A question that is out fifty times at once gives a forger fifty chances to guess
(the birthday attack). The load balancer thinks for a while; meanwhile fifty clients have asked the
translator the same.""",
        topology="cluster-nat",
        steps=(
            *both(Script(replies=(Reply(delay_s=0.3, answer=(f"@ 2 IN A {FIRST}",)),))),
            AskMany(name=CLUSTER, count=50, at_once=50, server=TRANSLATOR),
        ),
        expectations=(
            Expectation(
                text="Fifty clients wait at one moment, and one question goes to the load balancer",
                rules=("FWD-20",),
                check=AskedOnceForMany(asker="translator", name=CLUSTER, clients=50),
            ),
            Expectation(
                text="Every client gets the address",
                rules=("FWD-20",),
                check=Answered(name=CLUSTER, addresses=(FIRST,), within_s=0.3),
            ),
        ),
    ),
    "loop": Scenario(
        title="A load balancer that asks the DNS server back is a loop, and ends",
        story="""The first load balancer has been replaced by a careless forwarder that hands each
question back to the DNS server it came from; the second fails. It would go round for ever, by way
of the translator. The DNS server is asked what it is asking already, and asks nobody anew.""",
        topology="cluster-nat",
        steps=(
            # One that loops: two would answer in the order in which their hosts happen to run.
            Play(node="server1", script=Script(relays_to=(DNS,))),
            Play(node="server2", script=Script(rcode="SERVFAIL")),
            Ask(),
            Elapse(seconds=1.0),
        ),
        expectations=(
            Expectation(
                text="The DNS server asks the translator once",
                rules=("FWD-21",),
                check=QuestionsBounded(asker="dns", at_most=1),
            ),
            Expectation(
                text="The translator asks each load balancer once",
                rules=("FWD-21",),
                check=QuestionsBounded(asker="translator", at_most=2),
            ),
            Expectation(
                text="The viewer is told SERVFAIL, after the timeouts at the latest",
                rules=("FWD-21",),
                check=Answered(rcode="SERVFAIL", count=0, within_s=1.0),
            ),
        ),
    ),
}
