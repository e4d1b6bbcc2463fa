"""What `forwardlab export` and `forwardlab import` print, write and refuse."""

from pathlib import Path

import pytest
from golden import assert_golden
from typer.testing import CliRunner

from lab.cli import app
from lab.cli_frame import Exit
from lab.exchange.exporting import FOLDERS, exported
from lab.subjects.roster import SUBJECTS
from lab.subjects.subject import Sitting
from lab.topology.load import load_topology
from lab.topology.planner import make_plan

ROOT = Path(__file__).parents[2]


@pytest.fixture
def forwardlab(monkeypatch):
    monkeypatch.chdir(ROOT)

    def run(*words: object):
        return CliRunner().invoke(app, [str(word) for word in words])

    return run


def plan_of(name):
    return make_plan(load_topology(ROOT / f"topologies/{name}.toml"), name)


@pytest.mark.parametrize("name", ["conditional", "forwarders-windows", "cluster-nat", "hosted"])
def test_the_commands_for_windows_are_the_kept_ones(forwardlab, name):
    done = forwardlab("export", name, "--for", "windows")
    assert done.exit_code == Exit.PASSED, done.output
    assert "Not run here: no Windows is in the lab." in done.stdout
    assert_golden(f"export_windows_{name}.ps1", done.stdout)


def test_windows_is_told_when_a_list_is_too_long_for_its_timers():
    ((_, script), *_) = exported(plan_of("forwarders-windows"), "windows")
    # Four servers, 3 s each: the last is asked 3 * 3 + 2 s after the first (KB 2834250).
    assert "Set-DnsServerRecursion -Enable $true -Timeout 11" in script


@pytest.mark.parametrize("product", ["bind", "unbound", "dnsmasq", "powerdns", "knot"])
def test_what_is_exported_is_what_the_lab_runs(product):
    plan = plan_of("conditional")
    node = plan.node("dns")
    config = node.program("resolver").config
    rendered = SUBJECTS[product].render(Sitting("dns", plan, node, config))
    files = exported(plan, product)
    for name, text in files:
        (run,) = [words for each, words in rendered.files if each == name]
        assert text == run.replace("{folder}", FOLDERS[product])
    assert files[0][0] == next(name for name, _ in rendered.files if name != "in-the-lab.conf")
    assert not any("lab" in text.replace("label", "").split() for _, text in files)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("cluster", "--for", "bnd"), "there is no product 'bnd'; choose bind, unbound"),
        (("clustr", "--for", "bind"), "there is no topology 'clustr'; did you mean"),
        (("cluster", "--for", "bind", "--node", "dsn"), "no node 'dsn'; did you mean 'dns'?"),
        (("cluster", "--for", "bind", "--node", "viewer"), "viewer answers no DNS"),
        (("merger", "--for", "bind"), "viewers ask dns, dns2; choose one with --node"),
        (("cluster", "--for", "knot", "--node", "server1"), "cannot do what server1 does"),
        (("cluster-nat", "--for", "windows", "--node", "translator"), "only a local DNS server"),
    ],
)
def test_what_cannot_be_exported_is_told_in_one_line(forwardlab, words, told):
    done = forwardlab("export", *words)
    assert done.exit_code == Exit.BAD_INPUT
    assert told in " ".join(done.stderr.split())
    assert done.stdout == ""


def test_files_are_written_to_a_new_folder_and_to_no_other(forwardlab, tmp_path):
    words = ("export", "cluster-nat", "--for", "unbound", "--node", "translator")
    done = forwardlab(*words, "--out", tmp_path / "new")
    assert done.exit_code == Exit.PASSED, done.output
    assert done.stdout.splitlines() == [str(each) for each in (tmp_path / "new").iterdir()]
    again = forwardlab(*words, "--out", tmp_path / "new")
    assert again.exit_code == Exit.BAD_INPUT
    assert "this folder is not empty" in again.stderr
    (tmp_path / "file").write_text("")
    assert forwardlab(*words, "--out", tmp_path / "file").exit_code == Exit.BAD_INPUT


# --- import -------------------------------------------------------------------------------------


def test_import_shows_the_table_and_what_it_did_not_understand(forwardlab, tmp_path):
    path = tmp_path / "kresd.conf"
    path.write_text(
        "policy.add(policy.suffix(policy.FORWARD({'10.2.0.54', '10.2.0.55@5353'}),"
        " {todname('corp.example')}))\nfor i = 1, 2 do end\n"
    )
    done = forwardlab("import", path)
    assert done.exit_code == Exit.PASSED, done.output
    assert done.stdout.splitlines()[0] == f"{path}: Knot Resolver, kresd.conf"
    for text in (
        "corp.example  10.2.0.54, 10.2.0.55 port 5353  by itself  fails  kresd.conf line 1",
        "other names: resolved from the root servers",
        "kresd.conf line 2: not understood, because it is computed or unknown: for i = 1, 2",
        "corp.example: no scenarios: 10.2.0.55 is asked at port 5353",
        "no scenarios: no rule of it can be stood up in the lab",
    ):
        assert text in done.stdout
    assert '"port":5353' in "".join(forwardlab("import", path, "--json").stdout.split())


def test_import_says_of_a_file_without_a_rule_that_it_forwards_nothing(forwardlab, tmp_path):
    path = tmp_path / "named.conf"
    path.write_text("options { recursion yes; };\n")
    done = forwardlab("import", path)
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (
        Exit.PASSED,
        "no scenarios: it forwards nothing",
    )
    refused = forwardlab("import", path, "--out", tmp_path / "out")
    assert refused.exit_code == Exit.BAD_INPUT
    assert refused.stderr.splitlines() == [f"{path}: no scenarios: it forwards nothing"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nowhere.conf",), "nowhere.conf: file: cannot be read (no such file or directory)"),
        (("FILE", "--format", "bnd"), "there is no format 'bnd'; choose bind"),
        (("FILE", "--format", "bind"), 'FILE: line 2: the file ends without ";"'),
        (("FILE", "--view", "in"), "there is no view 'in'; take --view away: it has none"),
        (("FILE", "--out", "HERE"), "this folder is not empty"),
    ],
)
def test_what_cannot_be_imported_is_told_in_one_line(forwardlab, tmp_path, words, told):
    path = tmp_path / "some.conf"
    path.write_text("no-resolv\nserver=/a.example/10.2.0.54\n")
    names = {"FILE": str(path), "HERE": str(tmp_path)}
    done = forwardlab("import", *(names.get(word, word) for word in words))
    assert done.exit_code == Exit.BAD_INPUT
    assert told.replace("FILE", str(path)) in " ".join(done.stderr.split())


def test_addresses_that_cannot_stand_in_one_topology_are_told(forwardlab, tmp_path):
    path = tmp_path / "some.conf"
    path.write_text("no-resolv\nserver=/a.example/10.2.0.255\nserver=/b.example/10.2.0.5\n")
    done = forwardlab("import", path, "--out", tmp_path / "ours")
    assert done.exit_code == Exit.BAD_INPUT
    assert "these addresses cannot stand in one topology" in done.stderr
    assert "10.2.0.0/24 overlaps 10.2.0.254/31" in done.stderr
    assert not (tmp_path / "ours").exists()


def test_the_views_clients_are_chosen(forwardlab, tmp_path):
    path = tmp_path / "named.conf"
    view = 'view {0} {{ zone "{0}.example" {{ type forward; forwarders {{ 10.2.0.1; }}; }}; }};\n'
    path.write_text(view.format("in") + view.format("out"))
    assert "choose one with --view" in forwardlab("import", path).stdout
    done = forwardlab("import", path, "--view", "out", "--out", tmp_path / "ours")
    assert done.exit_code == Exit.PASSED, done.output
    stems = {each.name for each in (tmp_path / "ours").iterdir()}
    assert "out.example-hit.json" in stems
    assert "in.example-hit.json" not in stems
