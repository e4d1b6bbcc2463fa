"""What real clients make of our resolver, and real name servers of its questions."""

from __future__ import annotations

import ctypes
import json
import socket
import subprocess
import threading
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import dns.resolver
import pytest
from real_internet import OURS, start_internet
from resolvers import start_ours
from servers import require

pytestmark = pytest.mark.netns

MS_BIND = 0x1000


@pytest.fixture
def on_the_internet(in_namespace, tmp_path):
    """Runs a body where our resolver recurses over the real Internet."""

    def run(body):
        def with_servers():
            start_internet(tmp_path / "internet")
            start_ours(tmp_path / "ours")
            body()

        in_namespace(with_servers)

    return run


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_dig_is_answered_in_every_way_it_asks(on_the_internet):
    dig = require("dig", "bind9-dnsutils")

    def ask(*options: str) -> str:
        return run(dig, f"@{OURS}", "+tries=1", "+time=8", *options)

    def body():
        # dig's ordinary question has an EDNS cookie, which we neither need nor echo.
        plain = ask("www.alpha.com", "A")
        assert "status: NOERROR" in plain
        assert "flags: qr rd ra;" in plain
        assert {"203.0.113.10", "203.0.113.11"} <= set(plain.split())
        assert "Warning" not in plain
        assert "203.0.113.10" in ask("+noedns", "www.alpha.com", "A")
        assert "203.0.113.10" in ask("+tcp", "www.alpha.com", "A")
        assert "203.0.113.10" in ask("+dnssec", "+cdflag", "www.alpha.com", "A")
        assert "status: NXDOMAIN" in ask("nothing.alpha.com", "A")
        assert "status: SERVFAIL" in ask("www.refused.com", "A")
        assert "status: BADVERS" in ask("+edns=1", "+noednsnegotiation", "www.alpha.com", "A")
        assert "ns1.alpha.com." in ask("-x", "192.0.2.10")
        assert "TYPE65280" in ask("odd.alpha.com", "TYPE65280")
        # 30 strings of 200 octets do not fit into a datagram: dig comes back over TCP.
        big = ask("big.alpha.com", "TXT")
        assert "Truncated, retrying in TCP mode" in big
        assert big.count('"0') == 30
        # Two questions on one connection.
        assert run(dig, f"@{OURS}", "+tcp", "+keepopen", "+short", "www.beta.net", "www.alpha.com")

    on_the_internet(body)


def test_kdig_is_answered_over_udp_and_tcp(on_the_internet):
    kdig = require("kdig", "knot-dnsutils")

    def body():
        for way in ("+notcp", "+tcp"):
            told = run(kdig, f"@{OURS}", way, "+json", "deeper.alpha.com", "A")
            reply = json.loads(told)
            assert reply["RCODE"] == 0
            assert [one["TYPEname"] for one in reply["answerRRs"]] == ["CNAME", "CNAME", "A"]
        padded = run(kdig, f"@{OURS}", "+padding=128", "+bufsize=512", "+nsid", "www.beta.net")
        assert "203.0.113.110" in padded
        assert "status: NOERROR" in padded

    on_the_internet(body)


def test_the_systems_stub_resolver_is_answered(on_the_internet, tmp_path):
    file = tmp_path / "resolv.conf"
    # Two questions at once on one socket (A and AAAA), as glibc asks by default.
    file.write_text(f"nameserver {OURS}\noptions timeout:8 attempts:1 edns0 trust-ad\n")
    services = tmp_path / "nsswitch.conf"
    services.write_text("hosts: dns\n")

    def body():
        libc = ctypes.CDLL(None, use_errno=True)
        for ours, theirs in ((file, "/etc/resolv.conf"), (services, "/etc/nsswitch.conf")):
            where = bytes(Path(theirs).resolve())
            assert libc.mount(bytes(ours), where, None, MS_BIND, None) == 0, ctypes.get_errno()
        lines = run("getent", "ahosts", "www.alpha.com").splitlines()
        assert {line.split()[0] for line in lines} == {
            "203.0.113.10", "203.0.113.11", "2001:db8:1::10",
        }  # fmt: skip
        assert "203.0.113.110" in run("getent", "ahostsv4", "deeper.alpha.com")
        assert "ns1.alpha.com" in run("getent", "hosts", "192.0.2.10")
        missing = subprocess.run(["getent", "hosts", "nothing.alpha.com"], check=False)
        assert missing.returncode == 2

    on_the_internet(body)


def test_dnspython_is_answered(on_the_internet):
    def body():
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = [OURS]
        resolver.lifetime = 10
        answer = resolver.resolve("leaf.tree.alpha.com", "A")
        assert answer.canonical_name.to_text() == "leaf.other.alpha.com."
        assert [each.to_text() for each in answer] == ["203.0.113.80"]
        with pytest.raises(dns.resolver.NXDOMAIN):
            resolver.resolve("missing.alpha.com", "A")
        with pytest.raises(dns.resolver.NoAnswer):
            resolver.resolve("mail.alpha.com", "AAAA")
        assert len(resolver.resolve("big.alpha.com", "TXT")) == 30

    on_the_internet(body)


def test_many_questions_on_one_connection_are_all_answered(on_the_internet):
    """Pipelined, the slowest first, so that answers come back out of order (RFC 7766 6.2.1.1)."""

    def body():
        names = ["www.halfdead.com", *(f"c{n}.alpha.com" for n in range(4, 12)), "www.beta.net"]
        queries = {}
        with socket.create_connection((OURS, 53), timeout=15) as stream:
            for name in names:
                query = dns.message.make_query(name, "A")
                queries[query.id] = query
                dns.query.send_tcp(stream, query)
            for _ in names:
                reply, _ = dns.query.receive_tcp(stream)
                assert queries.pop(reply.id).is_response(reply)
                assert reply.rcode() == dns.rcode.NOERROR
        assert not queries

    on_the_internet(body)


def test_clients_that_ask_the_same_at_once_are_all_answered(on_the_internet):
    def body():
        replies = []

        def ask():
            query = dns.message.make_query("deeper.alpha.com", "A")
            replies.append(dns.query.udp(query, OURS, timeout=10).rcode())

        askers = [threading.Thread(target=ask) for _ in range(50)]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
        assert replies == [dns.rcode.NOERROR] * 50

    on_the_internet(body)
