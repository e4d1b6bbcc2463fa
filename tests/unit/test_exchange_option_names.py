"""Options that a server does not know: import tells them with the nearest one that it knows."""

import pytest

from lab.exchange.importing import import_file

FILES = {
    "bind": (
        "named.conf",
        "options {{ {} {{ 192.0.2.1; }}; }};\nzone corp.example {{ type forward; {} {{ }}; }};\n",
        "forwarders",
    ),
    "unbound": (
        "unbound.conf",
        'forward-zone:\n  name: "corp.example"\n  forward-addr: 192.0.2.1\n  {}: 192.0.2.2\n',
        "forward-addr",
    ),
    "dnsmasq": (
        "dnsmasq.conf",
        "no-resolv\nserver=192.0.2.1\n{}=/corp.example/192.0.2.2\n",
        "server",
    ),
    "powerdns": (
        "recursor.conf",
        "forward-zones=x.example=192.0.2.1\n{}=corp.example=192.0.2.2\n",
        "forward-zones-recurse",
    ),
}


def remarks(tmp_path, product, option):
    name, text, _ = FILES[product]
    file = tmp_path / name
    file.write_text(text.format(option, option))
    return [each for each in import_file(file).remarks if "has no such option" in each.text]


@pytest.mark.parametrize("product", FILES)
def test_a_misspelled_option_is_told_with_its_line_and_the_nearest(tmp_path, product):
    right = FILES[product][2]
    (told,) = remarks(tmp_path, product, f"{right}z")
    assert told.text.startswith(f"{right}z: not read: ")
    assert told.text.endswith(f'did you mean "{right}"?')
    assert (
        f"{right}z" in (tmp_path / FILES[product][0]).read_text().split("\n")[told.place.line - 1]
    )


@pytest.mark.parametrize("product", FILES)
def test_one_that_the_product_knows_is_not(tmp_path, product):
    assert remarks(tmp_path, product, FILES[product][2]) == []


def test_an_unknown_statement_of_a_file_is_told_once(tmp_path):
    file = tmp_path / "named.conf"
    file.write_text("frobnicate yes;\noptions { recursion yes; };\n")
    told = [each.text for each in import_file(file).remarks if "frobnicate" in each.text]
    assert told == ["frobnicate: not read: BIND 9.18 has no such option"]
