"""Users' own named.conf, unbound.conf and dnsmasq.conf: as they are, but for what the lab sets."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_subjects_forwarders import sittings

from lab.subjects import unbound_adopting
from lab.subjects.bind import BIND
from lab.subjects.dnsmasq import DNSMASQ
from lab.subjects.subject import CannotFill, FileRefused, Subject
from lab.subjects.unbound import UNBOUND
from lab.topology.plan import PlannedDaemon


def adopted(subject: Subject, folder: Path, text: str) -> PlannedDaemon:
    file = folder / "own.conf"
    file.write_text(text)
    return subject.adopt(sittings("cluster", "dns")[0], file)


def test_a_named_conf_listens_where_the_lab_says(tmp_path: Path) -> None:
    (tmp_path / "zones.conf").write_text('zone "a.example" { type master; file "a.zone"; };\n')
    (tmp_path / "a.zone").write_text("@ SOA a b 1 2 3 4 5\n@ NS a\n")
    daemon = adopted(
        BIND,
        tmp_path,
        'include "zones.conf";\n'
        'options { directory "/var/cache/bind"; listen-on port 5353 { any; };\n'
        "    query-source address 10.0.0.1; forward only; forwarders { 10.0.0.2; }; };\n"
        'view "v" { zone "b.example" { type secondary; primaries { 10.0.0.3; }; file "b"; }; };\n'
        "controls { inet 127.0.0.1 allow { localhost; }; };\n",
    )
    files = dict(daemon.files)
    text = files["own.conf"]
    assert 'include "{folder}/zones.conf";' in text
    assert 'file "{folder}/a.zone"' in files["zones.conf"]
    assert files["a.zone"].startswith("@ SOA")
    assert 'file "{folder}/b"' in text
    assert "forwarders { 10.0.0.2; };" in text
    assert "listen-on port 53 { 192.168.1.53; };" in text
    assert 'directory "{folder}";' in text
    assert "controls { };" in text
    for gone in ("5353", "/var/cache", "10.0.0.1;", "127.0.0.1"):
        assert gone not in text
    told = "\n".join(daemon.overrides)
    for what in (
        "line 2: directory",
        "line 2: listen-on",
        "line 3: query-source",
        "line 5: controls",
    ):
        assert what in told
    assert "forwarders" not in told


def test_a_named_conf_without_options_gets_where_to_listen(tmp_path: Path) -> None:
    text = adopted(
        BIND, tmp_path, 'zone "." { type hint; file "h"; };\n'.replace('file "h";', "")
    ).files[0][1]
    assert "options {" in text
    assert "listen-on port 53 { 192.168.1.53; };" in text


def test_an_unbound_conf_listens_where_the_lab_says(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "b.conf").write_text(
        'forward-zone:\n  name: "."\n  forward-addr: 10.0.0.2\n'
    )
    (tmp_path / "more" / "a.conf").write_text("server:\n  port: 5353\n")
    (tmp_path / "hints").write_text(". NS a.\n")
    daemon = adopted(
        UNBOUND,
        tmp_path,
        "server:\n  interface: 0.0.0.0@5353\n  username: unbound\n  root-hints: hints\n"
        "  outgoing-interface: 10.0.0.9\n  outgoing-interface: 192.168.1.53\n"
        'auth-zone:\n  name: "c.example"\n  primary: 10.0.0.3\n  zonefile: "/var/c.zone"\n'
        'include: "more/*.conf"\nremote-control:\n  control-enable: yes\n',
    )
    files = dict(daemon.files)
    text = files["own.conf"]
    assert text.index("{folder}/a.conf") < text.index("{folder}/b.conf")
    assert "5353" not in "".join(files.values())
    assert 'root-hints: "{folder}/hints"' in text
    assert 'zonefile: "{folder}/c.zone"' in text
    assert 'username: ""' in text
    assert "control-enable: no" in text
    assert "10.0.0.9" not in text
    assert "outgoing-interface: 192.168.1.53" in text
    assert "interface: 192.168.1.53" in files["in-the-lab.conf"]
    told = "\n".join(daemon.overrides)
    for what in ("own.conf line 2", "own.conf line 3", "own.conf line 5", "a.conf line 2"):
        assert what in told
    assert "line 6" not in told


def test_the_trust_anchor_that_debians_service_would_make_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    anchor, written = tmp_path / "anchor.key", tmp_path / "var" / "root.key"
    monkeypatch.setattr(unbound_adopting, "_DEBIANS_ANCHOR", anchor)
    own = f'server:\n    auto-trust-anchor-file: "{written}"\n'
    with pytest.raises(FileRefused, match=r"root\.key: file: cannot be read"):
        adopted(UNBOUND, tmp_path, own)
    anchor.write_text("Debian's")
    daemon = adopted(UNBOUND, tmp_path, own)
    assert dict(daemon.files)["anchor.key"] == "Debian's"
    assert 'auto-trust-anchor-file: "{folder}/anchor.key"' in dict(daemon.files)["own.conf"]
    assert f"is a copy of {anchor}, as Debian's service makes it" in daemon.overrides[0]
    written.parent.mkdir()
    written.write_text("mine")
    daemon = adopted(UNBOUND, tmp_path, own)
    assert dict(daemon.files)["root.key"] == "mine"
    assert not any("Debian" in told for told in daemon.overrides)


def test_a_dnsmasq_conf_listens_where_the_lab_says(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "one.conf").write_text("server=/a.example/10.0.0.2\ninterface=eth0\n")
    (tmp_path / "d" / "two.bak").write_text("server=/never.example/10.0.0.3\n")
    (tmp_path / "hosts").write_text("10.0.0.4 b.example\n")
    daemon = adopted(
        DNSMASQ,
        tmp_path,
        f"port=5353\nuser=dnsmasq\nconf-dir={tmp_path}/d,.bak\naddn-hosts=hosts\n"
        "dhcp-range=10.0.0.50,10.0.0.60\ncache-size=77\n",
    )
    files = dict(daemon.files)
    text = files["own.conf"]
    assert "conf-file={folder}/one.conf" in text
    assert "two.bak" not in "".join(files)
    assert "server=/a.example/10.0.0.2" in files["one.conf"]
    assert "interface=eth0" not in files["one.conf"]
    assert "addn-hosts={folder}/hosts" in text
    assert "cache-size=77" in text
    assert text.rstrip().endswith("listen-address=192.168.1.53")
    assert "port=53\n" in text
    told = "\n".join(daemon.overrides)
    for what in ("own.conf line 1", "own.conf line 2", "own.conf line 5", "one.conf line 2"):
        assert what in told


def test_a_script_of_the_host_is_declined(tmp_path: Path) -> None:
    with pytest.raises(CannotFill, match="line 2: conf-script"):
        adopted(DNSMASQ, tmp_path, "cache-size=1\nconf-script=/usr/bin/x\n")


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        (BIND, 'options { directory "x"; \n'),
        (BIND, 'include "not-there.conf";\n'),
        (UNBOUND, "server\n"),
        (UNBOUND, 'include: "not-there.conf"\n'),
        (DNSMASQ, 'server="10.0.0.1\n'),
        (DNSMASQ, "conf-file=not-there.conf\n"),
    ],
    ids=lambda each: each if isinstance(each, str) else each.name,
)
def test_what_cannot_be_understood_is_told_with_its_file(
    subject: Subject, text: str, tmp_path: Path
) -> None:
    with pytest.raises(CannotFill, match=r"own\.conf|not-there\.conf"):
        adopted(subject, tmp_path, text)


@pytest.mark.parametrize("subject", [BIND, UNBOUND, DNSMASQ], ids=lambda each: each.name)
def test_a_file_that_is_not_there_is_an_error_of_the_system(
    subject: Subject, tmp_path: Path
) -> None:
    with pytest.raises(OSError, match="not-there"):
        subject.adopt(sittings("cluster", "dns")[0], tmp_path / "not-there")
