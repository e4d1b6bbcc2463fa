"""Whatever octets a configuration file has: a table, or one error with file, place and remedy."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.exchange.importing import TITLES, import_file
from lab.exchange.source import Unreadable

SNIPPETS = (
    *(
        "options {",
        "zone",
        '"corp.example"',
        "{",
        "}",
        ";",
        "type forward",
        "forwarders",
        "10.0.0.1",
    ),
    *(
        "/*",
        "*/",
        "//",
        "#",
        '"',
        "'",
        "\\",
        "include",
        "acl a { !10/8; };",
        "view v {",
        "port 99999",
    ),
    *("server:", "forward-zone:", "name:", "forward-addr:", "192.0.2.1@53#x", "stub-zone:", "yes"),
    *(
        "server=/a/",
        "server=",
        "rev-server=",
        "10.0.0.0/9,",
        "address=/#/",
        "conf-dir=/nowhere",
        "#5",
    ),
    *(
        "forward-zones=",
        "forward-zones-recurse+=",
        "a=1.2.3.4;",
        "[::1]:53",
        "include-dir=/nowhere",
    ),
    *("recursor:", "forward_zones:", "- zone: a", "  forwarders: [1.2.3.4]", "&a *a", "!!python/x"),
    *(
        "policy.add(",
        "policy.all(",
        "policy.FORWARD(",
        "{'1.2.3.4'}",
        ")",
        "function()",
        "end",
        "[[",
    ),
    *('{"ZoneName":"a","ZoneType":"Forwarder","MasterServers":', '["1.2.3.4"]', "}", "[", "1e999"),
    *(
        "Set-DnsServerForwarder -IPAddress",
        "1.2.3.4",
        ",",
        "`",
        "$x",
        "-Name",
        "Add-DnsServerStubZone",
    ),
    *("\n", "\r\n", " ", "\t", "\0", "\ufeff", "é", "\x85", "\u2028"),
)
texts = st.lists(st.sampled_from(SNIPPETS) | st.text(string.printable, max_size=8), max_size=25)
octets = (
    st.binary(max_size=200)
    | texts.map("".join).map(str.encode)
    | texts.map(" ".join).map(str.encode)
    | texts.map("\n".join).map(lambda text: text.encode("utf-16"))
)


@pytest.mark.parametrize("format_name", [None, *TITLES])
@given(octets=octets)
def test_any_octets_are_a_table_or_one_error(tmp_path_factory, format_name, octets):
    path = tmp_path_factory.getbasetemp() / "any.conf"
    path.write_bytes(octets)
    try:
        table = import_file(path, format_name)
    except Unreadable as error:
        text = str(error)
        assert re.match(rf"{re.escape(str(path))}: (file|line \d+): .+; .+", text), text
        assert text.isprintable()
    else:
        assert table.files[0] == str(path)
        lines = octets.count(b"\n") + 1
        assert all(1 <= entry.place.line <= lines for entry in table.entries)


@pytest.mark.parametrize(
    ("format_name", "text", "told"),
    [
        ("bind", 'zone "a" { type forward\n forwarders { 1.2.3.4 }; };', 'line 2: no ";" behind'),
        ("bind", "options {\n /* no end", "line 2: a comment that nothing closes"),
        ("bind", "options { forwarders { 1.2.3.400; }; };", '"1.2.3.400" is no IP address'),
        ("bind", "options { forwarders { 1.2.3.4 port 0; }; };", '"0" is no port'),
        ("bind", "}", 'a "}" that closes nothing'),
        ("bind", "options {", 'a "{" that nothing closes'),
        ("bind", "{" * 60, "more than 40 blocks in one another"),
        ("unbound", "server:\nforward-zone\n", '"forward-zone" is no keyword'),
        ("unbound", "forward-zone:\n forward-addr: 1.2.3.4", "forward-zone without a name"),
        ("unbound", "server:\n port:", '"port:" has no value'),
        ("unbound", 'server:\n directory: "x', "line 2: a quote that nothing closes"),
        ("dnsmasq", "server=/a/1.2.3.4#x", '"x" is no port'),
        ("dnsmasq", "server=/a", "a domain without its closing slash"),
        ("dnsmasq", "rev-server=10,1.2.3.4", '"10" is no prefix'),
        ("dnsmasq", 'server="1.2.3.4', "a quote that nothing closes"),
        ("powerdns", "quiet=yes\nforward-zones=a", 'line 2: "a" names no server'),
        ("powerdns", "forward zones", '"forward zones" is no option'),
        ("powerdns", "quiet=\\", 'the file ends behind a "\\"'),
        ("powerdns-yaml", "recursor:\n  forward_zones: 5", "line 2: no list"),
        ("powerdns-yaml", "recursor: [", "no YAML"),
        ("powerdns-yaml", "[" * 40, "nested too deep"),
        ("powerdns-yaml", "recursor:\n  forward_zones: [{zone: a}]", '"a" has no forwarders'),
        ("knot", "policy.add(policy.all(policy.FORWARD({'1.2.3'})))", '"1.2.3" is no IP address'),
        ("knot", "policy.add(", "the file ends too soon"),
        ("knot", "if x then\n", '"if" without its end'),
        ("knot", f"x = {'{' * 60}", "nested too deep"),
        ("windows", "{", "no JSON"),
        ("windows", "{}\n[1", "line 2: no JSON"),
        ("windows", "{}", "no export of a DNS server"),
        ("windows", "[" * 100_000, "nested too deep"),
        ("windows", '{"UseRootHint":true,"Timeout":"soon","IPAddress":"1.2.3.4"}', "is no time"),
        ("windows", '{"ZoneName":"a","ZoneType":"Forwarder","MasterServers":"x"}', "no IP address"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path, format_name, text, told):
    path = tmp_path / "wrong.conf"
    path.write_text(text)
    with pytest.raises(Unreadable) as caught:
        import_file(path, format_name)
    assert told in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")


def test_files_that_cannot_be_read_are_told(tmp_path):
    for path, told in (
        (tmp_path / "nowhere", "cannot be read (no such file or directory)"),
        (tmp_path, "not a regular file"),
        (tmp_path / ("x" * 300), "cannot be read"),
    ):
        with pytest.raises(Unreadable) as caught:
            import_file(path)
        assert told in str(caught.value)


def test_octets_that_are_no_text_are_told_with_their_line(tmp_path):
    path = tmp_path / "latin.conf"
    path.write_bytes(b"server:\n# \xe4\n")
    with pytest.raises(Unreadable) as caught:
        import_file(path, "unbound")
    assert str(caught.value) == f"{path}: line 2: byte 0xe4 is no UTF-8; save the file as UTF-8"


def test_what_could_be_anything_asks_for_the_format(tmp_path):
    path = tmp_path / "some.conf"
    path.write_text("hello\n")
    with pytest.raises(Unreadable) as caught:
        import_file(path)
    assert "no format that is known; say which with --format: bind, unbound" in str(caught.value)


@pytest.mark.parametrize(
    ("format_name", "text"),
    [
        ("bind", 'include "{path}";'),
        ("unbound", "include: {path}"),
        ("dnsmasq", "conf-file={path}"),
    ],
)
def test_a_file_that_includes_itself_is_refused(tmp_path, format_name, text):
    path = tmp_path / "round.conf"
    path.write_text(text.format(path=path))
    with pytest.raises(Unreadable) as caught:
        import_file(path, format_name)
    assert "more than 100 files; include no file in itself" in str(caught.value)
