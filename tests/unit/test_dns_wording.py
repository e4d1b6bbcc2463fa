"""What an arrow of the ladder says of a message."""

import pytest
from scapy.layers.inet import IP, UDP
from wire import DNS, VIEWER, Wire, cluster_plan

from lab.observe.dns_wording import asked, wording
from lab.scenario import packets
from lab.scenario.model import Message, Reply, Script
from lab.scenario.peers import ScriptedServer
from resolver.machine import Endpoint, MessageArrived, Transport

CLIENT, SERVER = Endpoint(VIEWER, 40000), Endpoint(DNS, 53)


def seen(payload: bytes, *, from_server: bool):
    wire = Wire(cluster_plan())
    source, destination = (SERVER, CLIENT) if from_server else (CLIENT, SERVER)
    packet = IP(src=source.address, dst=destination.address)
    packet /= UDP(sport=source.port, dport=destination.port) / payload
    wire.packet(packet, *(("dns", "viewer") if from_server else ("viewer", "dns")))
    (message,) = wire.timeline().messages
    return message


@pytest.mark.parametrize(
    ("name", "qtype", "message", "words", "what"),
    [
        ("a.test", "A", Message(), "A a.test?", "A a.test"),
        (".", "NS", Message(), "NS .?", "NS ."),
        ("version.bind", "TXT", Message(qclass="CH"), "TXT CH version.bind?", None),
        ("a.test", "TYPE65280", Message(), "TYPE65280 a.test?", "TYPE65280 a.test"),
        ("a.test", "A", Message(fault="no-question"), "no question", "no question"),
        ("a.test", "A", Message(fault="cut-question"), "malformed question", "something malformed"),
    ],
)
def test_a_question_in_words(name, qtype, message, words, what) -> None:
    found = seen(packets.question(name, qtype, 1, message), from_server=False)
    assert wording(found) == words
    assert asked(found) == what or what is None


SOA = ("test. 60 IN SOA ns.test. h.test. 1 2 3 4 5",)
NS = ("sub.test. 60 IN NS ns.sub.test.", "sub.test. 60 IN NS ns2.sub.test.")
LONG = f'@ 60 IN TXT "{"x" * 60}"'


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ({"answer": ("@ 60 IN A 10.0.0.1", "@ 60 IN A 10.0.0.2")}, "10.0.0.1, 10.0.0.2 (ttl 60)"),
        ({"answer": ("@ 60 IN CNAME b.test.",)}, "CNAME b.test."),
        (
            {"answer": tuple(f"@ 60 IN MX {n} m.test." for n in (1, 2, 3, 4))},
            "MX 1 m.test., MX 2 m.test. and 2 more",
        ),
        ({"answer": (LONG,)}, f'TXT "{"x" * 38}…'),
        ({"authority": NS, "authoritative": False}, "referral to sub.test"),
        ({"authority": (*NS, *SOA), "authoritative": False}, "no data"),
        ({"authority": SOA}, "no data"),
        ({"truncated": True}, "no data, truncated"),
        ({"rcode": "NXDOMAIN", "authority": SOA}, "NXDOMAIN"),
        ({"rcode": "RCODE12"}, "RCODE12"),
        ({"fault": "wrong-counts"}, "malformed reply"),
    ],
)
def test_a_reply_in_words(reply, words: str) -> None:
    server = ScriptedServer(Script(replies=(Reply(**reply),)))
    query = packets.question("a.test", "A", 1)
    (sent,) = server.handle(MessageArrived("flow", query, Transport.UDP, CLIENT, SERVER), 0)
    assert wording(seen(sent.payload, from_server=True)) == words
