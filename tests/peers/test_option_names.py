"""The options that import knows are those that the servers' own checkers know."""

import re
import subprocess

import pytest
from servers import require

from lab.exchange.option_names import option_names

BLOCKS = ("{} ;", "options {{ {} ; }};", 'zone "x" {{ {} ; }};', 'view "x" {{ {} ; }};')


def complaints(*words: str) -> str:
    """What a checker says. That a file is refused for other reasons is no matter."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def knows(product: str, option: str, file) -> bool:
    match product:
        case "bind":
            checker = require("named-checkconf", "bind9-utils")
            for block in BLOCKS:
                file.write_text(block.format(option) + "\n")
                if f"unknown option '{option}'" not in complaints(checker, str(file)):
                    return True
            return False
        case "unbound":
            checker = require("unbound-checkconf", "unbound")
            for value in (" 1", ""):  # a section has none
                file.write_text(f"{option}:{value}\n")
                if "unknown keyword" not in complaints(checker, str(file)):
                    return True
            return False
        case _:
            checker = require("dnsmasq", "dnsmasq-base")
            file.write_text(f"{option}=\n")
            return "bad option" not in complaints(checker, "--test", "-C", str(file))


@pytest.mark.parametrize("product", ["bind", "unbound", "dnsmasq"])
def test_the_server_knows_each_option(tmp_path, product):
    file = tmp_path / "server.conf"
    known = option_names()[product]
    assert not knows(product, "frobnicate", file)
    assert [each for each in sorted(known) if not knows(product, each, file)] == []


def test_the_recursor_lists_the_same_options():
    told = complaints(require("pdns_recursor", "pdns-recursor"), "--help")
    listed = set(re.findall(r"^\s+--([a-z0-9-]+)", told, re.MULTILINE))
    assert listed == option_names()["powerdns"]
