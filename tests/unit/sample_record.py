"""A run record made by hand: every outcome, the eight steps behind NAT, silence, forgeries.

It is what the reports are tested with, so it holds what real runs hold: text that must be escaped,
long labels, exchanges that nobody answered and a scenario with many of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lab.report.record import (
    EvidenceRecord,
    ExchangeRecord,
    ExpectationRecord,
    HopRecord,
    MarkRecord,
    NodeRecord,
    PhaseRecord,
    RunRecord,
    ScenarioRecord,
    StepRecord,
)

NAME = "internet.intern.netz"
VIEWER = "192.168.1.10"
DNS = "192.168.1.2"
TRANSLATOR = "192.168.1.1"
INNER = "10.10.10.1"
REAL = {f"tgp{n}": f"10.10.10.{99 + n}" for n in (1, 2, 3)}
ALIAS = {f"tgp{n}": f"192.168.1.{99 + n}" for n in (1, 2, 3)}

RESOLVER_TOML = f"""program = "resolver"
listen = ["{DNS}:53"]
selection = "one"

[[forward]]
zone = "{NAME}"
servers = ["{TRANSLATOR}:53"]
timeout = 2.0
"""
BALANCER_TOML = f"""program = "balancer"
zone = "{NAME}"
alias_base = "192.168.1.100"
ttl = 2
"""


@dataclass
class Wire:
    """Hops in the making: a clock and a frame counter that go on by themselves."""

    at_ms: float = 0.0
    frame: int = 0
    hops: list[HopRecord] = field(default_factory=list)

    def hop(self, sender, receiver, kind, text, addresses, *, took=0.11, **more: Any) -> None:
        """One message; the next one leaves 0.2 ms after it arrived."""
        self.frame += 2
        self.hops.append(
            HopRecord(
                frame=self.frame,
                at_ms=round(self.at_ms, 3),
                took_ms=took,
                sender=sender,
                receiver=receiver,
                kind=kind,
                text=text,
                addresses=addresses,
                **more,
            )
        )
        self.at_ms += (took or 0) + 0.2

    def exchange(self, title, *, waited: bool = True) -> ExchangeRecord:
        """The hops since the last exchange, as one."""
        started = self.hops[0].at_ms
        hops, self.hops = tuple(self.hops), []
        return ExchangeRecord(
            title=title,
            started_ms=started,
            waited_ms=round(self.at_ms - 0.2 - started, 3) if waited else None,
            hops=hops,
        )


def nodes() -> tuple[NodeRecord, ...]:
    """The cluster behind NAT."""
    servers = tuple(
        NodeRecord(
            name=name,
            label=f"TightGate-Pro {name[-1]}",
            role="server",
            addresses=(real,),
            alias=ALIAS[name],
            configs={"balancer": BALANCER_TOML} if name != "tgp3" else {"service": "port = 5900\n"},
            stderr={"balancer": "ready on port 53\n"} if name != "tgp3" else {},
        )
        for name, real in REAL.items()
    )
    return (
        NodeRecord(name="viewer", label="TightGate-Viewer", role="viewer", addresses=(VIEWER,)),
        NodeRecord(
            name="dns",
            label="local DNS server",
            role="resolver",
            addresses=(DNS,),
            configs={"resolver": RESOLVER_TOML},
            stderr={"resolver": "ready on 192.168.1.2:53\nno <answer> & no error\n"},
        ),
        NodeRecord(
            name="translator",
            label="NAT and DNS translator",
            role="translator",
            addresses=(TRANSLATOR, INNER),
            configs={"nat": 'device = "nat0"\n', "dns-translator": f'zone = "{NAME}"\n'},
        ),
        *servers,
    )


def ask_through_nat(wire: Wire, chosen: str, available: str, *, numbered: bool = True) -> None:
    """Steps 1 to 6 of the FAQ's figure."""
    step = iter(range(1, 7)) if numbered else iter([None] * 6)
    port = 40000 + wire.frame
    question = f"A {NAME}?"
    hop = wire.hop
    hop("viewer", "dns", "query", question, f"{VIEWER}:{port} → {DNS}:53", step=next(step))
    hop("dns", "translator", "query", question, f"{DNS}:51123 → {TRANSLATOR}:53", step=next(step))
    hop(
        "translator", "tgp1", "query", question, f"{INNER}:39004 → 10.10.10.100:53", step=next(step)
    )
    hop(
        "tgp1",
        "translator",
        "reply",
        available,
        f"10.10.10.100:53 → {INNER}:39004",
        step=next(step),
    )
    hop("translator", "dns", "reply", available, f"{TRANSLATOR}:53 → {DNS}:51123", step=next(step))
    hop("dns", "viewer", "reply", chosen, f"{DNS}:53 → {VIEWER}:{port}", step=next(step))


def connect_through_nat(wire: Wire, server: str, *, numbered: bool = True) -> None:
    """Steps 7 and 8, and the way back."""
    alias, real, client = f"{ALIAS[server]}:5900", f"{REAL[server]}:5900", f"{VIEWER}:51514"
    first = wire.frame
    seven, eight = (7, 8) if numbered else (None, None)
    hop = wire.hop
    hop("viewer", "translator", "syn", "SYN port 5900", f"{client} → {alias}", step=seven,
        crossing=first)  # fmt: skip
    hop("translator", server, "syn", "SYN port 5900", f"{client} → {real}", step=eight,
        crossing=first)  # fmt: skip
    hop(server, "translator", "syn-ack", "SYN-ACK", f"{real} → {client}", crossing=first + 1)
    hop("translator", "viewer", "syn-ack", "SYN-ACK", f"{alias} → {client}", crossing=first + 1)
    hop(server, "translator", "data", f"“TightGate-Pro {server[-1]}”", f"{real} → {client}",
        crossing=first + 2)  # fmt: skip
    hop("translator", "viewer", "data", f"“TightGate-Pro {server[-1]}”", f"{alias} → {client}",
        crossing=first + 2)  # fmt: skip


def expectation(
    text, rules, outcome="passed", evidence="", frames=(), **more: Any
) -> ExpectationRecord:
    """An expectation with one piece of evidence."""
    return ExpectationRecord(
        text=text,
        rules=rules,
        severity=more.pop("severity", "MUST"),
        outcome=outcome,
        evidence=(EvidenceRecord(text=evidence or "as the frames show", frames=frames),),
        **more,
    )


def scenario(scenario_id: str, outcome="passed", **more: Any) -> ScenarioRecord:
    """A scenario with what all have in common."""
    given = {
        "title": scenario_id,
        "story": "",
        "topology": "cluster-nat",
        "wall_s": 0.42,
        "time_to_connect_ms": None,
        "clock": "measured",
        "duration_s": 0.1,
        "seed": 7,
        "capture": f"captures/{scenario_id.replace('/', '.')}.pcapng",
        "frames": 60,
        "nodes": nodes(),
        "reproduce": f"forwardlab run {scenario_id} --world mininet --seed 7",
    }
    return ScenarioRecord(id=scenario_id, outcome=outcome, **(given | more))


def phases(**took_ms: float) -> tuple[PhaseRecord, ...]:
    """Parts of a wait, by name; "to" stands for the arrow: `stub_to_resolver`."""
    return tuple(
        PhaseRecord(name=name.replace("_to_", " → "), took_ms=took)
        for name, took in took_ms.items()
    )


def eight_steps() -> ScenarioRecord:
    """The cluster behind NAT, as in the FAQ's second figure."""
    wire = Wire()
    ask_through_nat(wire, "192.168.1.102 (ttl 2)", "192.168.1.100, 192.168.1.102 (ttl 2)")
    asked = wire.exchange(f"viewer asks A {NAME}")
    connect_through_nat(wire, "tgp3")
    connected = wire.exchange("viewer connects to 192.168.1.102:5900")
    return scenario(
        "translation/cluster_nat",
        title="Cluster behind NAT: the eight steps",
        story=(
            "The viewer's network and the servers' network are separate address realms. The local "
            "DNS server forwards the cluster's zone to the translator, which asks the load "
            "balancers.\n\nThey answer with alias addresses already, so nothing on the LAN ever "
            "names a 10.10.10.x address; the NAT translator maps the alias the viewer dials."
        ),
        time_to_connect_ms=2.89,
        connect_phases=phases(
            stub_to_resolver=0.22,
            resolver=0.4,
            resolver_to_translator=0.22,
            translator=0.4,
            translator_to_responder=0.22,
            responder=0.2,
            stub=0.2,
            TCP=0.63,
            NAT=0.4,
        ),
        duration_s=0.004,
        steps=(
            StepRecord(text=f"viewer asks A {NAME}", started_ms=0, took_ms=1.66),
            StepRecord(text="viewer connects to the answer", started_ms=1.9, took_ms=1.7),
        ),
        expectations=(
            expectation(
                "the local DNS server asks the translator and nobody else",
                ("CLU-08", "CLU-09"),
                evidence="the only question of dns goes to 192.168.1.1",
                frames=(4,),
            ),
            expectation(
                "the translator relays the answer unchanged",
                ("CLU-12",),
                evidence="same bytes but for the ID",
                frames=(8, 10),
            ),
            expectation(
                "the viewer reaches the server behind its alias",
                ("NAT-01", "CLU-04"),
                evidence="the banner says TightGate-Pro 3",
                frames=(14, 16, 22),
            ),
            expectation(
                "how long the handshake takes",
                ("FWD-19",),
                "observed",
                "from SYN to SYN-ACK",
                (14, 20),
                severity="observed",
                value="1.04 ms",
            ),
        ),
        exchanges=(asked, connected),
        scenario={"title": "Cluster behind NAT", "topology": "cluster-nat"},
    )


def silent_forwarder() -> ScenarioRecord:
    """The first load balancer says nothing; the second answers after the timeout."""
    wire = Wire()
    question, hop = f"A {NAME}?", wire.hop
    hop("viewer", "dns", "query", question, f"{VIEWER}:40000 → {DNS}:53", step=1)
    hop("dns", "tgp1", "query", question, f"{DNS}:51000 → 10.10.10.100:53", took=None,
        unanswered=True)  # fmt: skip
    wire.at_ms += 2000
    hop("dns", "tgp2", "query", question, f"{DNS}:51777 → 10.10.10.101:53", step=2)
    hop("tgp2", "dns", "reply", "10.10.10.101, 10.10.10.102 (ttl 2)",
        f"10.10.10.101:53 → {DNS}:51777", step=3)  # fmt: skip
    hop("dns", "viewer", "reply", "10.10.10.102 (ttl 2)", f"{DNS}:53 → {VIEWER}:40000", step=4)
    asked = wire.exchange(f"viewer asks A {NAME}")
    hop("viewer", "tgp3", "syn", "SYN port 5900", f"{VIEWER}:5151 → 10.10.10.102:5900", step=5)
    hop("tgp3", "viewer", "syn-ack", "SYN-ACK", f"10.10.10.102:5900 → {VIEWER}:5151")
    return scenario(
        "forwarding/first_forwarder_silent",
        title="The first load balancer is silent",
        story="The second one is asked after the rule's timeout, not earlier and not later.",
        topology="cluster",
        wall_s=2.61,
        duration_s=2.01,
        time_to_connect_ms=2001.72,
        connect_phases=phases(stub_to_resolver=0.22, resolver=0.4, waiting=2000.2, TCP=0.9),
        marks=(
            MarkRecord(at_ms=-3.0, kind="halted", text="tgp1 halts", node="tgp1"),
            MarkRecord(at_ms=2001.8, kind="resumed", text="tgp1 <resumes>", node="tgp1"),
        ),
        steps=(
            StepRecord(text="tgp1 halts", started_ms=-3.0, took_ms=0.4),
            StepRecord(text=f"viewer asks A {NAME}", started_ms=0, took_ms=2001.1),
        ),
        expectations=(
            expectation(
                "the second is asked after 2 s",
                ("FWD-02", "CLU-02"),
                evidence="2.000 s between the two questions",
                frames=(4, 6),
            ),
            expectation(
                "every answer holds at least one address",
                ("CLU-05",),
                "failed",
                "one of two answers holds none",
                (8,),
                severity="SHOULD",
            ),
        ),
        exchanges=(asked, wire.exchange("viewer connects to 10.10.10.102:5900")),
    )


def dead_node() -> ScenarioRecord:
    """A failure with evidence: a dead server is still handed out."""
    wire = Wire()
    question, hop = f"A {NAME}?", wire.hop
    exchanges = []
    for port in (40001, 40002):
        hop("viewer", "dns", "query", question, f"{VIEWER}:{port} → {DNS}:53")
        hop("dns", "tgp1", "query", question, f"{DNS}:51000 → 10.10.10.100:53")
        hop("tgp1", "dns", "reply", "10.10.10.100, 10.10.10.101, 10.10.10.102 (ttl 2)",
            f"10.10.10.100:53 → {DNS}:51000")  # fmt: skip
        hop("dns", "viewer", "reply", "10.10.10.102 (ttl 2)", f"{DNS}:53 → {VIEWER}:{port}")
        exchanges.append(wire.exchange(f"viewer asks A {NAME}"))
        wire.at_ms += 6000
    hop("viewer", "tgp3", "syn", "SYN port 5900", f"{VIEWER}:6000 → 10.10.10.102:5900", took=None,
        unanswered=True)  # fmt: skip
    exchanges.append(wire.exchange("viewer connects to 10.10.10.102:5900", waited=False))
    return scenario(
        "balancing/dead_node",
        "failed",
        title="A server that dies is no longer handed out",
        story="tgp3 loses power; its address must be gone after fall x interval + timeout + TTL.",
        topology="cluster",
        wall_s=8.1,
        duration_s=8.0,
        expectations=(
            expectation(
                "tgp3 is not handed out later than 5.5 s after its death",
                ("CLU-03", "CLU-20"),
                "failed",
                "handed out 6.002 s after the halt (bound 5.5 s): 10.10.10.102 <in the answer>",
                (14, 16),
            ),
            expectation("the answer is one the load balancer gave", ("CLU-04",), frames=(6, 8)),
        ),
        exchanges=tuple(exchanges),
    )


def forged_reply() -> ScenarioRecord:
    """A forged answer with a wrong ID loses against the true one."""
    wire = Wire()
    question, hop = f"A {NAME}?", wire.hop
    hop("viewer", "dns", "query", question, f"{VIEWER}:40000 → {DNS}:53", step=1)
    hop("dns", "tgp1", "query", question, f"{DNS}:51000 → 10.10.10.100:53", step=2)
    hop("bystander", "dns", "reply", "6.6.6.6 (ttl 60), wrong ID", f"10.10.10.100:53 → {DNS}:51000",
        forged=True)  # fmt: skip
    hop("tgp1", "dns", "reply", "10.10.10.100 (ttl 2)", f"10.10.10.100:53 → {DNS}:51000", step=3)
    hop("dns", "viewer", "reply", "10.10.10.100 (ttl 2)", f"{DNS}:53 → {VIEWER}:40000", step=4)
    bystander = NodeRecord(
        name="bystander", label="Bystander", role="bystander", addresses=("10.10.10.66",)
    )
    return scenario(
        "security/forged_id",
        title="A forged answer with a wrong ID is ignored",
        story="Somebody on the path answers first, but cannot know the question's ID.",
        topology="cluster",
        expectations=(
            expectation("the forged address reaches nobody", ("SEC-03",), frames=(6, 10)),
        ),
        exchanges=(wire.exchange(f"viewer asks A {NAME}"),),
        nodes=(*nodes(), bystander),
    )


def broken_on_purpose() -> ScenarioRecord:
    """The alias base is one off: the scenario passes because the right rules are violated."""
    wire = Wire()
    ask_through_nat(wire, "192.168.1.103 (ttl 2)", "192.168.1.101, 192.168.1.103 (ttl 2)")
    asked = wire.exchange(f"viewer asks A {NAME}")
    wire.hop("viewer", "translator", "syn", "SYN port 5900",
             f"{VIEWER}:5151 → 192.168.1.103:5900", unanswered=True)  # fmt: skip
    wire.hop("translator", "viewer", "icmp-error", "host unreachable", f"{TRANSLATOR} → {VIEWER}")
    return scenario(
        "failures/alias_base_off_by_one",
        title="Alias base off by one",
        story="Broken on purpose: the load balancers count from .101 instead of .100.",
        violates=("CLU-14", "CLU-13"),
        expectations=(
            expectation(
                "alias = base + index for every server",
                ("CLU-14",),
                "failed",
                "tgp1 is answered as 192.168.1.101 instead of 192.168.1.100",
                (8,),
                meant_to_fail=True,
            ),
            expectation(
                "every answered address has a NAT entry",
                ("CLU-13",),
                "failed",
                "192.168.1.103 is in no table",
                (8, 14),
                meant_to_fail=True,
            ),
            expectation("the answer is relayed unchanged", ("CLU-12",), frames=(8, 10)),
        ),
        exchanges=(asked, wire.exchange("viewer connects to 192.168.1.103:5900", waited=False)),
    )


def every_node() -> ScenarioRecord:
    """Many lookups: a scenario with more exchanges than one wants to see at once."""
    wire = Wire()
    exchanges = []
    for number in range(24):
        server = f"tgp{number % 3 + 1}"
        ask_through_nat(
            wire,
            f"{ALIAS[server]} (ttl 2)",
            "192.168.1.100, 192.168.1.101, 192.168.1.102 (ttl 2)",
            numbered=number == 0,
        )
        exchanges.append(wire.exchange(f"viewer asks A {NAME}"))
        connect_through_nat(wire, server, numbered=number == 0)
        exchanges.append(wire.exchange(f"viewer connects to {ALIAS[server]}:5900"))
        wire.at_ms += 2100
    return scenario(
        "balancing/every_node_is_handed_out",
        title="Every available server is handed out",
        story="24 lookups, each after the answer's TTL.",
        wall_s=51.2,
        duration_s=50.9,
        time_to_connect_ms=2.71,
        expectations=(
            expectation("all three are handed out", ("CLU-05",), severity="SHOULD", frames=(12,)),
        ),
        exchanges=tuple(exchanges),
    )


def lab_fault() -> ScenarioRecord:
    """The lab's own fault."""
    return scenario(
        "failures/translator_down",
        "broken",
        title="The translator is down",
        story="Nobody answers; the viewer gets SERVFAIL within the bound.",
        reason="the capture lost 12 frames: nothing can be judged from it; run with fewer workers",
        frames=912,
        frames_lost=12,
        nodes=(),
    )


def no_such_link() -> ScenarioRecord:
    """A capability the host lacks."""
    return scenario(
        "resolution/slow_link",
        "unsupported",
        title="A slow link",
        reason="needs link delay, which this kernel lacks (no netem)",
        topology="cluster",
        wall_s=0.0,
        capture=None,
        frames=0,
        nodes=(),
    )


def listed_deviation() -> ScenarioRecord:
    """A documented deviation that came out as listed."""
    wire = Wire()
    wire.hop("viewer", "dns", "query", f"TYPE65280 {NAME}?", f"{VIEWER}:40000 → {DNS}:53")
    wire.hop("dns", "viewer", "reply", "NOTIMP", f"{DNS}:53 → {VIEWER}:40000")
    return scenario(
        "resolution/unknown_type",
        "deviates",
        title="An unknown type <TYPE65280> & its answer",
        story="Passed on byte for byte, says RFC 3597.",
        topology="single",
        expectations=(
            expectation("the answer comes back unchanged", ("TRN-02",), "deviates", "NOTIMP", (4,)),
        ),
        exchanges=(wire.exchange("viewer asks TYPE65280"),),
        clock="virtual",
    )


def sample_run() -> RunRecord:
    """All of them, as one run."""
    return run_of(
        eight_steps(),
        silent_forwarder(),
        dead_node(),
        every_node(),
        forged_reply(),
        broken_on_purpose(),
        lab_fault(),
        no_such_link(),
        listed_deviation(),
    )


def run_of(*scenarios: ScenarioRecord) -> RunRecord:
    """A run of these scenarios."""
    totals: dict[str, int] = {}
    for one in scenarios:
        totals[one.outcome] = totals.get(one.outcome, 0) + 1
    return RunRecord(
        forwardlab="0.1.0",
        world="mininet",
        world_requested="auto",
        seed=7,
        workers=4,
        started="2026-04-15T21:50:00+00:00",
        wall_s=56.31,
        host={
            "kernel": "Linux 6.1.0",
            "machine": "x86_64",
            "python": "3.11.2",
            "cores": 4,
            "versions": {"mininet": "2.3.0.dev6", "scapy": "2.6.1"},
            "findings": [
                {
                    "subject": "netem",
                    "fine": False,
                    "found": "this kernel has none",
                    "remedy": "modprobe sch_netem",
                    "needed": False,
                },
                {
                    "subject": "Mininet worlds",
                    "fine": True,
                    "found": "can run",
                    "remedy": "",
                    "needed": True,
                },
            ],
        },
        scenarios=scenarios,
        totals=totals,
    )


def large_run(count: int = 40) -> RunRecord:
    """As many scenarios as a whole set has, for measuring."""
    kinds = (eight_steps, silent_forwarder, dead_node, broken_on_purpose, forged_reply)
    made = [kinds[n % len(kinds)]() for n in range(count - 1)]
    return run_of(
        every_node(),
        *(one.model_copy(update={"id": f"{one.id}_{n}"}) for n, one in enumerate(made)),
    )
