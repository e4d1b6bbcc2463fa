"""A user's own file with all that it includes, taken into a server's folder."""

import pytest

from lab.exchange.option_lines import recursor_options
from lab.exchange.source import Unreadable
from lab.subjects.adopting import Adopted, Edit, adopt_files
from lab.subjects.subject import CannotFill


def override(source, taking):
    """A product whose files say "include-dir", "zone", "setuid" and what they like."""
    for option in recursor_options(source):
        match option.key:
            case "include":
                yield Edit(option.start, option.end, f"include={taking.config(option.value)}")
            case "several":
                text = "\n".join(f"include={each}" for each in taking.several(option.value))
                yield Edit(option.start, option.end, text)
            case "zone":
                yield Edit(option.start, option.end, f"zone={taking.plain(option.value)}")
            case "directory":
                taking.folders.append(source.path.parent / option.value)
            case "setuid":
                yield Edit(option.start, option.end, "", "setuid: it runs as who starts it")


@pytest.fixture
def write(tmp_path):
    def files(**texts):
        for name, text in texts.items():
            path = tmp_path / name.replace("__", "/")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return tmp_path / "main"

    return files


def test_what_is_not_overridden_stays_letter_for_letter(write):
    text = "# ours \u00e4\n\nquiet = yes\t# why\n"
    assert adopt_files(write(main=text), override) == Adopted((("main", text),), ())


def test_overrides_are_told_with_file_and_line_and_lines_keep_their_numbers(write):
    main = write(main="a=1\nsetuid=x \\\n y\nb=2\ninclude=more\n", more="\nsetuid=z\n")
    adopted = adopt_files(main, override)
    assert adopted.files == (
        ("main", "a=1\n\n\nb=2\ninclude={folder}/more\n"),
        ("more", "\n\n"),
    )
    assert adopted.overrides == (
        "main line 2: setuid: it runs as who starts it",
        "more line 2: setuid: it runs as who starts it",
    )


def test_every_file_is_taken_once_under_a_name_of_its_own(write):
    main = write(
        main="include=a/x\ninclude=b/x\nzone=a/x\nseveral=b/*\nzone=c\n",
        a__x="a=1\n",
        b__x="b=1\n",
        c="setuid=is no setting here\n",
    )
    adopted = adopt_files(main, override)
    assert dict(adopted.files) == {
        "main": (
            "include={folder}/x\ninclude={folder}/2-x\nzone={folder}/x\n"
            "include={folder}/2-x\nzone={folder}/c\n"
        ),
        "x": "a=1\n",
        "2-x": "b=1\n",
        "c": "setuid=is no setting here\n",
    }


def test_a_file_that_names_itself_is_taken_once(write):
    adopted = adopt_files(write(main="include=main\n"), override)
    assert adopted.files == (("main", "include={folder}/main\n"),)


def test_files_are_looked_for_in_the_working_folder_and_beside(write):
    main = write(main="directory=var\nzone=z1\nzone=/nowhere/z2\n", var__z1="1", z2="2")
    assert dict(adopt_files(main, override).files)["z2"] == "2"
    assert dict(adopt_files(main, override).files)["z1"] == "1"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("what is this\n", 'line 1: "what is this" is no option; write "option=value"'),
        ("a=1\nzone=nowhere\n", "nowhere: file: cannot be read (no such file or directory)"),
        ("zone=folder\n", "not a regular file"),
    ],
)
def test_what_cannot_be_taken_is_the_reason_that_the_seat_stays_empty(write, tmp_path, text, told):
    (tmp_path / "folder").mkdir()
    with pytest.raises(CannotFill) as caught:
        adopt_files(write(main=text), override)
    assert told in str(caught.value)


def test_files_without_end_are_refused(write, tmp_path):
    for number in range(300):
        (tmp_path / f"f{number}").write_text(f"include=f{number + 1}\n")
    with pytest.raises(CannotFill, match="one of more than 200; give fewer"):
        adopt_files(write(main="include=f0\n"), override)


def test_a_main_file_that_cannot_be_read_is_the_systems_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        adopt_files(tmp_path / "nowhere", override)


def test_a_product_may_refuse_by_itself(write):
    def refusing(source, _):
        raise source.wrong(0, "no", "none")

    with pytest.raises(CannotFill, match="line 1: no; none"):
        adopt_files(write(main=""), refusing)
    assert not issubclass(CannotFill, Unreadable)
