from lab.judge.checks import Answered, AskedTimes, Reached
from lab.scenario.model import (
    Ask,
    Await,
    Connect,
    Elapse,
    Expectation,
    Halt,
    Play,
    Resume,
    Scenario,
    Script,
)

SCENARIOS = {
    "resolver_during_a_question": Scenario(
        title="The DNS server is killed in the middle of a question, and started again",
        story="""The forwarder is slow, and while a question waits for it the DNS server is killed
(kill -9). Nobody answers that question any more. Whoever asks meanwhile is refused at once: the
port is closed, and the kernel says so. Started again, the server answers, and has forgotten what
it knew.""",
        topology="caches",
        steps=(
            Ask(name="www.example.com"),
            Play(
                node="origin",
                program="authority",
                script=Script(delay_s=1.5, answers=("198.51.100.80",), ttl_s=60),
            ),
            Ask(name="two.example.com", wait=False, label="waiting", patience_s=3.0),
            Elapse(seconds=0.1),
            Halt(node="dns", program="resolver", how="kill"),
            Ask(name="www.example.com", patience_s=3.0),
            Resume(node="origin", program="authority"),
            Resume(node="dns", program="resolver"),
            Await(label="waiting"),
            Ask(name="www.example.com"),
        ),
        expectations=(
            Expectation(
                text="Before, the viewer is served",
                rules=("FLT-06",),
                check=Answered(name="www.example.com", which="first"),
            ),
            Expectation(
                text="Afterwards too, as soon as the server runs again",
                rules=("FLT-06", "FLT-05"),
                check=Answered(name="www.example.com", which="last", within_s=0.5),
            ),
            Expectation(
                text="It has forgotten the answer and asks for it anew",
                rules=("FLT-06",),
                check=AskedTimes(asker="dns", name="www.example.com", times=2),
            ),
        ),
    ),
    "balancer_and_service": Scenario(
        title="A load balancer and a service are killed and started again",
        story="""On server 1 the load balancer is killed: its port refuses, and the translator asks
server 2 at once, without waiting. On server 3 the service is killed and started: viewers reach it
as before.""",
        topology="cluster-nat",
        steps=(
            Halt(node="server1", program="balancer", how="kill"),
            Ask(),
            Connect(),
            Resume(node="server1", program="balancer"),
            Halt(node="server3", program="service", how="kill"),
            Resume(node="server3", program="service"),
            Connect(to="192.168.1.102"),
        ),
        expectations=(
            Expectation(
                text="The viewer is served without a timeout",
                rules=("CLU-02", "FLT-06"),
                check=Answered(
                    among=("192.168.1.100", "192.168.1.101", "192.168.1.102"), within_s=0.3
                ),
            ),
            Expectation(
                text="and reaches the server it was given, and server 3 in the end",
                rules=("FLT-06", "CLU-13"),
                check=Reached(servers=("server3",)),
            ),
        ),
    ),
}
