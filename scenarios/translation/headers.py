from lab.judge.checks import Delivered, Translated
from lab.scenario.model import Emit, Expectation, Scenario, Silence


def scenario(topology: str, inside: str, outside: str, to: str) -> Scenario:
    """What `inside` sends, and what `outside` answers."""
    odd = {
        "no checksum": {"checksum": "none"},
        "marked": {"tos": 0x2E << 2 | 3},  # expedited forwarding, and congestion (RFC 3168 5)
        "whole": {"dont_fragment": True},
    }
    names = tuple(odd)
    segment = {"protocol": "tcp", "options": True, "tos": 2}
    return Scenario(
        title=f"Headers come through as they were sent ({topology})",
        story="""Datagrams without checksum, with the marks of congestion and of priority, with DF;
segments with options, among them one that nobody knows. A translator changes addresses, ports where
it must, checksums and the TTL: nothing else.""",
        topology=topology,
        steps=(
            Silence(node=inside),
            Silence(node=outside),
            *(Emit(packet=name, node=inside, to=to, **fields) for name, fields in odd.items()),
            *(
                Emit(packet=f"{name} back", node=outside, answers=name, **fields)
                for name, fields in odd.items()
            ),
            Emit(packet="syn", node=inside, to=to, flags="S", **segment),
            Emit(packet="syn ack", node=outside, answers="syn", flags="SA", **segment),
            Emit(packet="ack", node=inside, answers="syn ack", flags="A", **segment),
            Emit(packet="data", node=outside, answers="ack", flags="PA", **segment),
        ),
        expectations=(
            Expectation(
                text="Every checksum is right, one that was left out stays out; TTL one less; all "
                "else as it was",
                rules=("NAT-13", "NAT-14"),
                check=Translated(protocols=("udp", "tcp")),
            ),
            Expectation(
                text="All of it arrives",
                rules=("NAT-13",),
                check=Delivered(packets=(*names, "syn", "ack"), node=outside),
            ),
            Expectation(
                text="All that comes back arrives",
                rules=("NAT-13",),
                check=Delivered(
                    packets=(*(f"{name} back" for name in names), "syn ack", "data"), node=inside
                ),
            ),
        ),
    )


SCENARIOS = {
    "static": scenario("cluster-nat", "viewer", "server2", "192.168.1.101"),
    "shared_address": scenario("napt", "client1", "ext1", "203.0.113.51"),
}
