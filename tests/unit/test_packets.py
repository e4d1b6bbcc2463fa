"""Forgeries are wrong in exactly one way."""

import pytest
from scapy.layers.dns import DNS
from scapy.layers.inet import IP, UDP

from lab.scenario import packets
from lab.scenario.model import Edns, Message
from resolver.machine import Endpoint

ASKER = Endpoint("192.168.1.53", 65535)
SERVER = Endpoint("10.10.10.100", 53)
FORGER = "192.168.1.66"
QUERY = packets.question("internet.intern.netz", "A", 65535, Message(edns=Edns()))


def differences(packet: bytes) -> set[str]:
    """Return in what a forgery differs from what a true reply shows."""
    ip = IP(packet)
    dns, true = ip[DNS], DNS(QUERY)
    seen = {
        "source": (ip.src, ip[UDP].sport) == (SERVER.address, SERVER.port),
        "port": (ip.dst, ip[UDP].dport) == (ASKER.address, ASKER.port),
        "id": dns.id == true.id,
        "question": dns.qd[0].qname == true.qd[0].qname,
        "question-type": dns.qd[0].qtype == true.qd[0].qtype,
    }
    return {name for name, same in seen.items() if not same}


@pytest.mark.parametrize("fault", ["source", "port", "id", "question", "question-type"])
def test_a_forgery_is_wrong_in_one_thing_only(fault) -> None:
    packet = packets.forged_reply(
        QUERY, ASKER, SERVER, fault=fault, address=FORGER, elsewhere=FORGER
    )
    assert differences(packet) == {fault}
    assert IP(packet)[DNS].qr == 1
    assert IP(packet)[DNS].an[0].rdata == FORGER
