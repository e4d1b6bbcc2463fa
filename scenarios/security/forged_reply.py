from typing import Literal

from lab.judge.checks import Answered, ForgeryIgnored
from lab.scenario.model import Ask, Await, Expectation, Forge, Play, Scenario, Script

CLUSTER, FORGED = "internet.intern.netz", "192.168.1.66"
WWW, DUAL = "www.example.com", "192.168.1.56"

Fault = Literal[
    "source", "source-port", "destination", "port", "id", "question", "question-type", "class"
]


def forged(fault: Fault, what: str) -> Scenario:
    return Scenario(
        title=f"A forged answer with {what} is ignored",
        story=f"""A stranger in the viewers' network sees the local DNS server's question and
answers it before the load balancer does, in its name, right in everything but one thing: {what}.
The DNS server must go on waiting for the true answer.""",
        topology="cluster",
        steps=(
            Play(
                node="server1",
                script=Script(delay_s=0.3, answers=("10.10.10.100", "10.10.10.102")),
            ),
            Ask(wait=False, label="question"),
            Forge(forger="stranger", victim="dns", fault=fault, address=FORGED, name=CLUSTER),
            Await(label="question"),
        ),
        expectations=(
            Expectation(
                text="The forgery arrives first and is ignored; the true answer wins",
                rules=("SEC-03",),
                check=ForgeryIgnored(victim="dns", address=FORGED),
            ),
            Expectation(
                text="The viewer gets an address of the cluster",
                rules=("SEC-03",),
                check=Answered(among=("10.10.10.100", "10.10.10.102")),
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
    "wrong_destination": Scenario(
        title="A forged answer to another address of the server is ignored",
        story="""This DNS server has two addresses. It asked from one of them; the forgery, right
in everything else, goes to the other. A reply belongs to the address that the question came
from.""",
        topology="caches",
        steps=(
            Play(
                node="origin",
                program="authority",
                script=Script(delay_s=0.3, answers=("198.51.100.80",), ttl_s=60),
            ),
            Ask(name=WWW, server=DUAL, wait=False, label="question"),
            Forge(forger="stranger", victim="dual", fault="destination", address=FORGED),
            Await(label="question"),
        ),
        expectations=(
            Expectation(
                text="The forgery arrives first and is ignored; the true answer wins",
                rules=("SEC-03",),
                check=ForgeryIgnored(victim="dual", name=WWW, address=FORGED),
            ),
            Expectation(
                text="The client gets the true address",
                rules=("SEC-03",),
                check=Answered(name=WWW, addresses=("198.51.100.80",)),
            ),
        ),
    ),
}
