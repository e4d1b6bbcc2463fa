"""The configurations of PowerDNS Recursor, Knot Resolver, dnsdist, gdnsd and NSD, as text."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from golden import assert_golden
from shipped import ROOT, shipped_files

from lab.subjects.dnsdist import DNSDIST
from lab.subjects.gdnsd import GDNSD
from lab.subjects.knot import KNOT
from lab.subjects.nsd import NSD
from lab.subjects.powerdns import POWERDNS
from lab.subjects.seating import places
from lab.subjects.subject import CannotFill, SeatName, Sitting, Subject
from lab.topology.load import load_topology
from lab.topology.plan import PlannedDaemon
from lab.topology.planner import make_plan
from resolver.config import DnsTranslatorConfig, ResolverConfig

TOPOLOGIES = sorted(
    path.stem
    for path in shipped_files()
    if path.parent.name == "topologies" and path.suffix == ".toml"
)
SUBJECTS: tuple[Subject, ...] = (POWERDNS, KNOT, DNSDIST, GDNSD, NSD)
SEATS: tuple[SeatName, ...] = ("dns", "translator", "balancer")
MARKS = {"powerdns": "#", "knot": "--", "dnsdist": "--", "gdnsd": "#", "nsd": "#"}


def sittings(topology: str, seat: SeatName) -> list[Sitting]:
    plan = make_plan(load_topology(ROOT / "topologies" / f"{topology}.toml"), topology)
    return [Sitting(seat, plan, node, each.config) for node, each in places(plan, seat)]


def rendered(subject: Subject, topology: str, seat: SeatName) -> PlannedDaemon:
    return subject.render(sittings(topology, seat)[0])


def whole(daemon: PlannedDaemon) -> str:
    parts = [f"=== {name}\n{text}" for name, text in daemon.files]
    return "\n".join([" ".join(daemon.command), *parts])


@pytest.mark.parametrize(
    ("subject", "seat", "topology"),
    [
        (POWERDNS, "dns", "cluster-nat"),
        (POWERDNS, "dns", "cluster-internet"),
        (POWERDNS, "dns", "conditional"),
        (POWERDNS, "dns", "hosted"),
        (POWERDNS, "dns", "recursion-ipv6"),
        (POWERDNS, "translator", "cluster-nat-aliases"),
        (KNOT, "dns", "cluster-nat"),
        (KNOT, "dns", "cluster-internet"),
        (KNOT, "dns", "conditional"),
        (KNOT, "dns", "recursion-ipv6"),
        (KNOT, "translator", "cluster-nat-aliases"),
        (DNSDIST, "dns", "cluster-nat"),
        (DNSDIST, "dns", "forwarders"),
        (DNSDIST, "translator", "cluster-nat-aliases"),
        (GDNSD, "balancer", "cluster"),
        (GDNSD, "balancer", "cluster-nat"),
        (NSD, "balancer", "cluster"),
        (NSD, "balancer", "cluster-large"),
    ],
    ids=lambda each: each if isinstance(each, str) else each.name,
)
def test_the_text_is_the_kept_one(subject: Subject, seat: SeatName, topology: str) -> None:
    text = whole(rendered(subject, topology, seat))
    assert_golden(f"subjects/{subject.name}-{seat}-{topology}.txt", text)


@pytest.mark.parametrize("topology", TOPOLOGIES)
@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda each: each.name)
def test_every_seat_of_every_topology_is_filled_or_declined_in_a_sentence(
    subject: Subject, topology: str
) -> None:
    for seat in SEATS:
        for sitting in sittings(topology, seat):
            try:
                daemon = subject.render(sitting)
            except CannotFill as declined:
                assert len(str(declined)) > 20  # noqa: PT017 - a reason that says something
            else:
                assert seat in subject.seats
                settings = daemon.files[0][1]
                assert_commented(settings, MARKS[subject.name])
                assert_in_its_own_folder(daemon)


def assert_commented(text: str, mark: str) -> None:
    """Every block begins with why it is there."""
    for block in text.strip().split("\n\n"):
        assert block.startswith(f"{mark} "), block


def assert_in_its_own_folder(daemon: PlannedDaemon) -> None:
    for name, text in daemon.files:
        assert ".." not in name
        assert not name.startswith("/")
        for path in re.findall(r"""(?<![\w}.:@/])/(?:etc|var|run|tmp|home|usr)/[^\s'"]*""", text):
            raise AssertionError(f"{name} leads out of its folder: {path}")


def test_what_leads_out_of_the_folder_is_found() -> None:
    stray = PlannedDaemon("nsd", "4", (("nsd.conf", 'zonesdir: "/etc/nsd"'),), ("nsd",))
    with pytest.raises(AssertionError, match="leads out"):
        assert_in_its_own_folder(stray)


def test_a_line_without_its_reason_is_found() -> None:
    with pytest.raises(AssertionError):
        assert_commented("# why\na=1\n\nb=2\n", "#")


def test_a_condition_that_an_own_zone_hides_is_left_out() -> None:
    forwarding = dict(rendered(POWERDNS, "hosted", "dns").files)["forwarding"]
    lines = [line for line in forwarding.splitlines() if not line.startswith("#") and line]
    assert lines == ["+hr.widgets.tailspintoys.com.=10.20.0.22:53", "+.=203.0.113.100:53"]
    assert "plain.widgets.tailspintoys.com" in forwarding  # in a comment that says why


def test_what_is_hidden_no_longer_is_forwarded() -> None:
    sitting = sittings("hosted", "dns")[0]
    assert isinstance(sitting.config, ResolverConfig)
    bare = replace(sitting, config=replace(sitting.config, zones=()))
    forwarding = dict(POWERDNS.render(bare).files)["forwarding"]
    assert "+plain.widgets.tailspintoys.com.=10.20.0.24:53" in forwarding


def test_the_longest_condition_stands_first_where_the_first_wins() -> None:
    text = rendered(KNOT, "longest-match", "dns").files[0][1]
    assert text.index("widgets.tailspintoys.com.'") < text.index("({ 'tailspintoys.com.'")
    text = rendered(DNSDIST, "longest-match", "dns").files[0][1]
    assert text.index('addAction({"widgets.') < text.index('addAction({"tailspintoys.')


@pytest.mark.parametrize(
    ("subject", "topology", "says"),
    [
        (KNOT, "hosted", "hosts no zones"),
        (KNOT, "forwarders-recursion", "once the last server has failed"),
        (POWERDNS, "forwarders-recursion", "once the last server has failed"),
        (DNSDIST, "hosted", "hosts no zones"),
        (DNSDIST, "recursion", "hosts no zones"),
        (DNSDIST, "conditional", "resolves nothing by itself"),
    ],
    ids=lambda each: each if isinstance(each, str) else each.name,
)
def test_what_a_product_cannot_do_is_said(subject: Subject, topology: str, says: str) -> None:
    with pytest.raises(CannotFill, match=says):
        rendered(subject, topology, "dns")


@pytest.mark.parametrize("subject", [POWERDNS, KNOT, DNSDIST], ids=lambda each: each.name)
def test_nobody_rewrites_answers(subject: Subject) -> None:
    sitting = sittings("cluster-nat", "translator")[0]
    assert isinstance(sitting.config, DnsTranslatorConfig)
    config = replace(sitting.config, rewrite=(("192.0.2.1", "192.0.2.2"),))
    with pytest.raises(CannotFill, match="RFC 2694"):
        subject.render(replace(sitting, config=config))


# --- users' own files -------------------------------------------------------------------------


def adopted(
    subject: Subject, folder: Path, name: str, text: str, seat: SeatName, topology: str
) -> PlannedDaemon:
    (folder / name).write_text(text)
    return subject.adopt(sittings(topology, seat)[0], folder / name)


def test_a_users_recursor_conf_listens_in_the_lab(tmp_path: Path) -> None:
    (tmp_path / "corp.zone").write_text("@ SOA a b 1 2 3 4 5\n")
    daemon = adopted(
        POWERDNS,
        tmp_path,
        "my.conf",
        "local-address=127.0.0.1, ::1\nsetuid=pdns\nforward-zones=corp.internal=10.0.0.1\n"
        "auth-zones=corp.example=corp.zone\nmax-cache-ttl=60\n",
        "dns",
        "cluster",
    )
    files = dict(daemon.files)
    text = files["recursor.conf"]
    assert "forward-zones=corp.internal=10.0.0.1" in text
    assert "max-cache-ttl=60" in text
    assert "auth-zones=corp.example={folder}/corp.zone" in text
    assert files["corp.zone"] == "@ SOA a b 1 2 3 4 5\n"
    assert "127.0.0.1" not in text
    assert text.rstrip().splitlines()[-4] == "local-address=192.168.1.53:53"
    assert any("line 2: setuid=pdns: it runs as who starts it" in told for told in daemon.overrides)


def test_a_users_lua_listens_in_the_lab(tmp_path: Path) -> None:
    daemon = adopted(
        KNOT,
        tmp_path,
        "my.conf",
        "-- mine\nnet.listen('127.0.0.1', 53)\nuser('knot-resolver', 'knot-resolver')\n"
        "cache.open(10 * MB, 'lmdb:///var/cache/knot-resolver')\n",
        "dns",
        "cluster",
    )
    first, *rest = daemon.files[0][1].splitlines()
    assert first.startswith("net.listen('192.168.1.53', 53")
    assert first.endswith("-- mine")
    assert rest[0] == "net.listen('127.0.0.1', 53)"  # replaced before it is called
    assert "lmdb://{folder}/cache" in rest[2]
    told = "\n".join(daemon.overrides)
    assert "line 2: net.listen('127.0.0.1', 53): listens at 192.168.1.53:53 instead" in told
    assert "line 3: user(" in told
    assert "line 4: lmdb:///var/cache/knot-resolver" in told


def test_a_users_dnsdist_conf_listens_in_the_lab(tmp_path: Path) -> None:
    text = 'addLocal("0.0.0.0:53")\nwebserver("127.0.0.1:8083")\nnewServer("10.10.10.100")\n'
    daemon = adopted(DNSDIST, tmp_path, "d.conf", text, "translator", "cluster-nat-aliases")
    first = daemon.files[0][1].splitlines()[0]
    assert first.startswith('setLocal("192.168.1.1:53") setLocal = function() end')
    assert "192.168.1.100" not in first  # an alias: the kernel redirects what comes for it
    assert daemon.prepare
    told = "\n".join(daemon.overrides)
    assert "line 1" in told
    assert "line 2" in told
    assert "line 3" not in told


def test_a_users_nsd_conf_listens_in_the_lab(tmp_path: Path) -> None:
    (tmp_path / "z").write_text("@ SOA a b 1 2 3 4 5\n@ NS a\n")
    text = 'server:\n  ip-address: 0.0.0.0\n  username: nsd\nzone:\n  name: "x."\n  zonefile: z\n'
    daemon = adopted(NSD, tmp_path, "nsd.conf", text, "balancer", "cluster")
    text = daemon.files[0][1]
    assert "0.0.0.0" not in text
    assert "ip-address: 10.10.10.100@53" in text
    assert 'zonefile: "{folder}/z"' in text
    assert len(daemon.overrides) == 3


def test_an_nsd_conf_includes_what_its_wildcards_cover_and_stays_off_the_log(
    tmp_path: Path,
) -> None:
    text = f'server:\n  log-only-syslog: yes\ninclude: "{tmp_path}/d/*.conf"\n'
    assert (
        "include" not in adopted(NSD, tmp_path, "nsd.conf", text, "balancer", "cluster").files[0][1]
    )
    (tmp_path / "d").mkdir()
    for name in ("b", "a"):
        (tmp_path / "d" / f"{name}.conf").write_text("server:\n  username: x\n")
    daemon = adopted(NSD, tmp_path, "nsd.conf", text, "balancer", "cluster")
    assert [name for name, _ in daemon.files] == ["nsd.conf", "a.conf", "b.conf"]
    main = daemon.files[0][1]
    assert main.index('include: "{folder}/a.conf"') < main.index('include: "{folder}/b.conf"')
    assert "syslog" not in main
    assert "username: x" not in daemon.files[1][1]


def test_an_nsd_conf_whose_zone_files_are_unknown_is_declined(tmp_path: Path) -> None:
    text = 'pattern:\n  name: "p"\n  zonefile: "%s.zone"\n'
    with pytest.raises(CannotFill, match="line 3"):
        adopted(NSD, tmp_path, "nsd.conf", text, "balancer", "cluster")


def test_a_users_gdnsd_config_listens_in_the_lab(tmp_path: Path) -> None:
    (tmp_path / "zones").mkdir()
    (tmp_path / "zones" / "internet.intern.netz").write_text("@ SOA a b 1 2 3 4 5\n@ NS a\n")
    text = "options => {\n  listen => [ 127.0.0.1,\n    ::1 ],\n  run_dir => /run/x\n}\n"
    daemon = adopted(GDNSD, tmp_path, "config", text, "balancer", "cluster")
    files = dict(daemon.files)
    assert 'listen => [ "10.10.10.100:53" ]' in files["config"]
    assert "127.0.0.1" not in files["config"]
    assert "/run/x" not in files["config"]
    assert "zones/internet.intern.netz" in files
    assert len(daemon.overrides) == 3
