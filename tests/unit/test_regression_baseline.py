"""A baseline: small, sorted, one line for each verdict and figure; and the commands about it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from regression_samples import key, run
from sample_record import eight_steps, run_of, scenario, silent_forwarder
from shipped import copy_shipped
from typer.testing import CliRunner

from lab.cli import app
from lab.regression.baseline import (
    Baseline,
    BaselineUnreadable,
    FigureKey,
    NothingToKeep,
    Verdict,
    read_baseline,
)

milliseconds = st.integers(0, 10**12).map(lambda ns: ns / 1e6)
names = st.sampled_from(["a/one", "a/two@glibc", "b · c/three"])
words = st.sampled_from(["passed", "failed", "caught", "passed/caught"])
verdicts = st.builds(
    Verdict,
    st.sampled_from(["passed", "observed", "deviates", "unsupported"]),
    st.dictionaries(st.sampled_from(["CLU-01", "FWD-02", "NAT-03"]), words),
)
keys = st.builds(FigureKey, names, st.sampled_from(["time to connect", "wait, longest"]))


@given(
    st.dictionaries(keys, st.lists(milliseconds, min_size=1, max_size=20)),
    st.dictionaries(names, verdicts),
    st.sampled_from(["virtual", "measured"]),
    st.sampled_from([{}, {"dns": "unbound 1.17.1", "nat": "nftables"}]),
)
def test_what_is_kept_is_read_back(tmp_path_factory, figures, kept, clock, subjects):
    if clock == "virtual":
        figures = {each: sorted(values) for each, values in figures.items()}
    baseline = run(figures, kept, clock=clock, subjects=subjects)
    file = tmp_path_factory.mktemp("kept") / "kept.json"
    file.write_text(baseline.text(), encoding="utf-8")
    assert read_baseline(file) == baseline
    assert read_baseline(file).text() == baseline.text()


def test_a_changed_number_is_one_changed_line():
    before = run({key(f"a/{n}"): (1.0, 1.0, 2.0) for n in range(50)})
    after = run({key(f"a/{n}"): (1.0, 1.0, 2.5 if n == 7 else 2.0) for n in range(50)})
    lines = zip(before.text().splitlines(), after.text().splitlines(), strict=True)
    changed = [pair for pair in lines if pair[0] != pair[1]]
    assert changed == [
        (
            ' "a/7 · wait for an answer": "1.0*2 2.0",',
            ' "a/7 · wait for an answer": "1.0*2 2.5",',
        )
    ]


def test_the_file_is_sorted_whatever_the_order_of_the_run():
    one = run({key("b"): (1.0,), key("a"): (2.0,)})
    other = run({key("a"): (2.0,), key("b"): (1.0,)})
    assert one.text() == other.text()


def test_measured_figures_are_one_value_for_each_repetition():
    def once(number):
        return silent_forwarder().model_copy(update={"repetition": number})

    record = run_of(once(1), once(2), once(3)).model_copy(update={"repeat": 3})
    kept = Baseline.of(record)
    assert kept.clock == "measured"
    assert all(len(values) == 3 for values in kept.figures.values())
    identifier = silent_forwarder().id
    assert kept.figures[FigureKey(identifier, "time to connect")] == (2001.72,) * 3
    assert set(kept.host) == {"kernel", "machine", "cores", "python"}


def test_what_broke_tells_no_figures():
    record = run_of(
        eight_steps().model_copy(update={"outcome": "broken"}), scenario("b", "unsupported")
    )
    assert Baseline.of(record).figures == {}


@pytest.mark.parametrize(
    ("baseline", "complaint"),
    [
        (run(verdicts={"a/one": Verdict("failed", {})}), "a/one failed in it; mend that first"),
        (run(verdicts={"a/one": Verdict("broken", {})}), "a/one broken in it"),
        (run(unstable={"a/one": "passed in 1; failed in 2"}), "did not come out the same"),
    ],
)
def test_what_is_wrong_does_not_become_what_is_expected(baseline, complaint):
    with pytest.raises(NothingToKeep, match=complaint):
        baseline.text()


def virtual(number, waited_ms):
    one = eight_steps()
    first = one.exchanges[0].model_copy(update={"waited_ms": waited_ms})
    changes = {"clock": "virtual", "repetition": number, "exchanges": (first,)}
    return one.model_copy(update=changes)


def test_figures_that_differ_between_repetitions_of_virtual_time_are_unstable():
    def twice(first_ms, second_ms):
        record = run_of(virtual(1, first_ms), virtual(2, second_ms))
        return Baseline.of(record.model_copy(update={"world": "simulated", "repeat": 2}))

    assert twice(1.0, 1.0).unstable == {}
    assert twice(1.0, 1.000001).unstable == {
        eight_steps().id: "wait for an answer differs between repetitions"
    }


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"forwardlab_baseline": 1', "line 1: not JSON"),
        ('{"forwardlab_baseline": 2}', "is 2, this forwardlab reads 1"),
        ("[]", "is None, this forwardlab reads 1"),
        ('{"forwardlab_baseline": 1}', "KeyError: 'world'; a baseline is written by"),
        (run({"a": (1.0,)}).text().replace("1.0", "fast"), "ValueError: could not convert"),
        (run({"a": (1.0,)}).text().replace(" · ", " "), "names no scenario"),
    ],
)
def test_a_damaged_file_gives_one_clear_error(tmp_path, text, complaint):
    file = tmp_path / "kept.json"
    file.write_text(text)
    with pytest.raises(BaselineUnreadable) as caught:
        read_baseline(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert complaint in str(caught.value)


def test_a_missing_file_says_how_to_write_one(tmp_path):
    with pytest.raises(BaselineUnreadable, match="forwardlab baseline save"):
        read_baseline(tmp_path / "none.json")


# --- the commands -------------------------------------------------------------------------------


@pytest.fixture
def command(tmp_path, monkeypatch):
    copy_shipped(tmp_path)
    monkeypatch.chdir(tmp_path)

    def run(*words: str):
        done = CliRunner().invoke(app, list(words))
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    return run


@pytest.fixture
def kept(command):
    """A baseline of the cluster's scenarios, and a command line in its folder."""
    assert command("run", "cluster", "--world", "simulated").exit_code == 0
    assert command("baseline", "save").exit_code == 0
    return command


def test_a_run_is_kept_shown_and_the_same_run_is_no_change(kept, tmp_path):
    text = (tmp_path / "reports" / "baseline" / "simulated.json").read_text()
    shown = kept("baseline", "show")
    assert "4 passed; simulated world, virtual clock, seed 1" in shown.stdout
    assert "cluster/five_steps · time to connect" in shown.stdout
    again = kept("run", "cluster", "--world", "simulated", "--repeat", "2")
    assert again.exit_code == 0
    compared = kept("compare", "simulated")
    assert compared.exit_code == 0
    assert compared.stdout.startswith("nothing changed; 4 scenarios and ")
    assert kept("baseline", "save", "--to", "other").exit_code == 0
    assert (tmp_path / "other" / "simulated.json").read_text() == text.replace(
        '"repeat": 1', '"repeat": 2'
    )


def test_a_slower_program_is_a_regression(kept, monkeypatch, tmp_path):
    from lab.worlds.simulation import process

    monkeypatch.setattr(process, "PROCESSING_TIME_NS", process.PROCESSING_TIME_NS + 1)
    assert kept("run", "cluster", "--world", "simulated").exit_code == 0
    found = kept("compare", "simulated", "latest", "--junit", "diff.xml")
    assert found.exit_code == 1
    assert "✘ slower                cluster/five_steps · time to connect: 0.3 ms → " in found.stdout
    assert 'type="slower"' in (tmp_path / "diff.xml").read_text()
    assert kept("compare", "simulated", "latest", "--fail-on", "never").exit_code == 0
    # The other way round it became better: a change, and no regression.
    assert kept("compare", "latest", "simulated").exit_code == 0
    assert kept("compare", "latest", "simulated", "--fail-on", "changed").exit_code == 1
    told = json.loads(kept("compare", "simulated", "latest", "--json").stdout)
    assert told["worse"] == len(told["changes"]) > 4


def test_a_verdict_that_turned_is_a_regression(kept, tmp_path):
    broken = tmp_path / "scenarios" / "cluster" / "five_steps.py"
    text = broken.read_text()
    assert text.count("Connect(") == 1
    broken.write_text(text.replace("Connect(", 'Connect(to="192.168.1.66", '))
    assert kept("run", "cluster", "--world", "simulated").exit_code == 1
    found = kept("compare", "simulated")
    assert found.exit_code == 1
    assert "✘ new failure           cluster/five_steps: passed → failed" in found.stdout
    kept_anew = kept("baseline", "save")
    assert kept_anew.exit_code == 2
    assert "cluster/five_steps failed in it; mend that first" in kept_anew.output


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("compare", "nowhere"), "nowhere: no run there"),
        (("compare", "simulated", "nowhere"), "nowhere: no run there"),
        (("baseline", "save", "nowhere"), "nowhere: no run there"),
        (("baseline", "show", "nowhere"), "nowhere: no run there"),
        (("compare", "simulated", "--fail-on", "better"), "choose worse, changed,"),
        (("compare", "simulated", "--junit", "no/such.xml"), "No such file or directory; name"),
        (("baseline", "save", "--to", "reports/latest/record.json"), "choose another place"),
    ],
)
def test_bad_input_gives_one_clear_error(kept, words, complaint):
    done = kept(*words)
    assert done.exit_code == 2
    assert complaint in " ".join(done.output.split())
