"""The README shows the kept matrix, and nothing else in it is touched."""

from pathlib import Path

import pytest
from sample_matrix import sample_matrix

from lab.matrix.files import read_matrix, write_matrix
from lab.matrix.readme import BEGIN, END, main, tables, with_tables

ROOT = Path(__file__).parents[2]


def test_the_readme_shows_the_kept_matrix():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    kept = read_matrix(ROOT / "reports" / "matrix" / "matrix.json")
    assert with_tables(text, kept) == text, "run `.venv/bin/python -m lab.matrix.readme`"


def test_only_what_stands_between_the_marks_is_replaced(tmp_path):
    write_matrix(tmp_path / "reports" / "matrix", sample_matrix())
    readme = tmp_path / "README.md"
    readme.write_text(f"# before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    for _ in range(2):
        assert main(tmp_path) == 0
        text = readme.read_text(encoding="utf-8")
        assert text.startswith(f"# before\n{BEGIN}\n\n| seat | subject |")
        assert text.endswith(f"\n{END}\nafter\n")
        assert "old" not in text
        assert "\n".join(tables(sample_matrix())) in text


@pytest.mark.parametrize("text", ["", BEGIN, f"{END}{BEGIN}", f"{BEGIN}{END}{END}"])
def test_without_the_marks_nothing_is_written(tmp_path, text, capsys):
    write_matrix(tmp_path / "reports" / "matrix", sample_matrix())
    readme = tmp_path / "README.md"
    readme.write_text(text, encoding="utf-8")
    assert main(tmp_path) == 2
    assert readme.read_text(encoding="utf-8") == text
    assert "put them back" in capsys.readouterr().err


def test_a_matrix_that_is_missing_is_told(tmp_path, capsys):
    (tmp_path / "README.md").write_text(f"{BEGIN}\n{END}\n", encoding="utf-8")
    assert main(tmp_path) == 2
    assert "forwardlab matrix" in capsys.readouterr().err


def test_a_readme_that_is_missing_is_told(tmp_path, capsys):
    assert main(tmp_path) == 2
    assert "README.md: No such file or directory; run this in" in capsys.readouterr().err
