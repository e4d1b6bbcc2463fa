"""What each product's configuration forwards, row by row."""

import json

import pytest

from lab.exchange.importing import import_file
from lab.exchange.usable import usable

RULES = {
    "unbound": """
server:
    interface: 10.1.0.53@53
    access-control: 10.1.0.0/16 allow_snoop
    access-control: 10.9.0.0/16 refuse
    trust-anchor-file: "x"
    local-zone: "home.example." static
    local-zone: "seen.example." transparent
    include: "{folder}/more/*.conf"
forward-zone:
    name: Corp.Example.        # a comment
    forward-addr: 10.2.0.54@5353#dns.corp.example
    forward-addr: 2001:DB8::54
forward-zone:
    name: "."
    forward-addr: 203.0.113.1
    forward-tls-upstream: yes
    forward-first: yes
stub-zone:
    name: stub.example
    stub-addr: 10.2.0.55
forward-zone:
    name: nobody.example
view:
    name: guests
""",
    "bind": """
acl inside {{ 10.1.0.0/16; !10.1.9.9; }};
options {{
    listen-on port 53 {{ 10.1.0.53; }};
    allow-recursion {{ inside; localhost; }};
    forwarders port 5300 {{ 203.0.113.1; 203.0.113.2 port 54; }};  # both
    dnssec-validation no;
}};
zone "corp.example" IN {{ type forward; forward only; forwarders {{ 10.2.0.54; 10.2.0.55; }}; }};
zone "first.example" {{ type forward; forwarders {{ 10.2.0.54; }}; }}; /* default: first */
zone "nobody.example" {{ type forward; forwarders {{ }}; }};
zone "stub.example" {{ type stub; primaries {{ ours; }}; }};
primaries ours {{ 10.2.0.55; }};
zone "own.example" {{ type master; file "x"; forwarders {{ 10.2.0.1; }}; }};
zone "." {{ type hint; file "y"; }};
include "{folder}/more/more.conf";
""",
    "dnsmasq": """
listen-address=127.0.0.1,10.1.0.53
server=/corp.example/.stub.example/10.2.0.54
server=/corp.example/10.2.0.55#5353@eth0    # two
server=/back.corp.example/#
server="203.0.113.1"
local=/lan/
address=/ads.example/
rev-server=10.2.0.0/15,10.2.0.54
server=//10.2.0.1
conf-dir={folder}/more,*.conf
no-resolv
""",
    "powerdns": """
local-address=10.1.0.53, [2001:db8::53]:53
allow-from=10.1.0.0/16,\\
 127.0.0.0/8
forward-zones=gone.example=10.2.0.1
forward-zones=corp.example=10.2.0.54;10.2.0.55:5300
forward-zones+=stub.example=[2001:db8::54]:54
forward-zones-recurse=.=203.0.113.1 # all
auth-zones=own.example=/own
include-dir={folder}/more
""",
    "knot": """
local inside = policy.todnames({{'corp.example', 'more.example.'}}) -- two
net.listen('10.1.0.53', 53, {{ kind = 'dns' }})
trust_anchors.remove('.')
policy.add(policy.suffix(policy.PASS, {{todname('nobody.corp.example')}}))
policy.add(policy.suffix(policy.FORWARD({{
    '10.2.0.54',
    "10.2.0.55@5353", --[[ the other ]]
}}), inside))
policy.add(policy.suffix(policy.STUB('10.2.0.55'), {{'\\4wire\\7example'}}))
policy.add(policy.suffix(policy.DENY, policy.todnames('ads.example')))
policy.add(policy.all(policy.TLS_FORWARD({{ {{'203.0.113.1', hostname='x'}} }})))
for i = 1, 3 do policy.add(policy.all(policy.PASS)) end
policy.add(policy.suffix(policy.FORWARD('10.2.0.' .. '9'), {{todname('computed.example')}}))
policy.add(policy.suffix(policy.FORWARD('10.2.0.9'), {{todname('late.example')}}))
""",
}

MORE = {
    "unbound": "forward-zone:\n name: more.example\n forward-addr: 10.2.0.56\n",
    "bind": 'zone "more.example" { type forward; forward only; forwarders { 10.2.0.56; }; };\n',
    "dnsmasq": "server=/more.example/10.2.0.56\n",
    "powerdns": "forward-zones-recurse+=more.example=10.2.0.56\n",
    "knot": "",
}

ROWS = {
    "unbound": {
        "corp.example": "10.2.0.54 port 5353, 2001:db8::54",
        ".": "203.0.113.1 port 853 over TLS, then itself",
        "stub.example": "10.2.0.55 as authorities",
        "nobody.example": "",
        "more.example": "10.2.0.56",
    },
    "bind": {
        ".": "203.0.113.1 port 5300, 203.0.113.2 port 54, then itself",
        "corp.example": "10.2.0.54, 10.2.0.55",
        "first.example": "10.2.0.54, then itself",
        "nobody.example": ", then itself",
        "stub.example": "10.2.0.55 as authorities",
        "more.example": "10.2.0.56",
    },
    "dnsmasq": {
        "corp.example": "10.2.0.54, 10.2.0.55 port 5353",
        "stub.example": "10.2.0.54",
        ".": "203.0.113.1",
        "2.10.in-addr.arpa": "10.2.0.54",
        "3.10.in-addr.arpa": "10.2.0.54",
        "more.example": "10.2.0.56",
        "back.corp.example": "203.0.113.1",
    },
    "powerdns": {
        "corp.example": "10.2.0.54, 10.2.0.55 port 5300 as authorities",
        "stub.example": "2001:db8::54 port 54 as authorities",
        ".": "203.0.113.1",
        "more.example": "10.2.0.56",
    },
    "knot": {
        "nobody.corp.example": ", then itself",
        "corp.example": "10.2.0.54, 10.2.0.55 port 5353",
        "more.example": "10.2.0.54, 10.2.0.55 port 5353",
        "wire.example": "10.2.0.55",
        ".": "203.0.113.1 port 853 over TLS",
    },
}

HOSTED = {
    "unbound": {"home.example": "local-zone static"},
    "bind": {"own.example": "primary"},
    "dnsmasq": {"lan": "local", "ads.example": "address"},
    "powerdns": {"own.example": "auth-zones"},
    "knot": {"ads.example": "policy.DENY"},
}

REMARKS = {
    "unbound": (
        (6, "answers are validated"),
        (24, 'view "guests"'),
        (22, "every question for it fails"),
    ),
    "bind": (
        (2, "who may ask is not fully in the table"),
        (14, "delegated subzones only"),
        (15, "y is not here"),
    ),
    "dnsmasq": ((10, "names without a dot"), (9, "becomes 2 zones")),
    "powerdns": (),
    "knot": (
        (13, "computed or unknown: for i"),
        (14, "computed or unknown"),
        (15, "never reached"),
    ),
}

ADDRESSES = {
    "unbound": (("10.1.0.53",), ("10.1.0.0/16",)),
    "bind": (("10.1.0.53",), ("10.1.0.0/16",)),
    "dnsmasq": (("127.0.0.1", "10.1.0.53"), ()),
    "powerdns": (("10.1.0.53", "[2001:db8::53]:53"), ("10.1.0.0/16", "127.0.0.0/8")),
    "knot": (("10.1.0.53",), ()),
}


def row(entry):
    stub = " as authorities" if entry.stub else ""
    then = ", then itself" if entry.falls_back else ""
    return f"{', '.join(map(str, entry.servers))}{stub}{then}"


@pytest.fixture
def table_of(tmp_path):
    def read(text, name="any.conf", format_name=None):
        path = tmp_path / name
        path.write_text(text)
        return import_file(path, format_name)

    return read


@pytest.mark.parametrize("product", RULES)
def test_a_file_says_what_it_forwards(table_of, tmp_path, product):
    (tmp_path / "more").mkdir()
    (tmp_path / "more/more.conf").write_text(MORE[product])
    (tmp_path / "more/not.bak").write_text("}")
    table = table_of(RULES[product].format(folder=tmp_path))
    assert table.format == product
    assert {entry.zone: row(entry) for entry in table.entries} == ROWS[product]
    assert {hosted.zone: hosted.how for hosted in table.hosted} == HOSTED[product]
    assert (table.listens, table.clients) == ADDRESSES[product]
    told = [(remark.place.line, remark.text) for remark in table.remarks]
    for line, text in REMARKS[product]:
        assert any(line == at and text in words for at, words in told), (line, text, told)
    assert len(told) == len(REMARKS[product]), told
    assert table.validates is (product == "unbound")
    assert table.recursion is (product != "dnsmasq")


def test_yaml_settings_say_what_they_forward(table_of, tmp_path):
    (tmp_path / "zones.yml").write_text("- zone: more.example\n  forwarders: [10.2.0.56]\n")
    table = table_of(
        "incoming:\n  listen: [10.1.0.53]\n  allow_from: [10.1.0.0/16]\n"
        "recursor:\n  forward_zones:\n  - zone: corp.example\n    forwarders: ['10.2.0.54:5300']\n"
        "  - {zone: ., forwarders: [203.0.113.1], recurse: true}\n"
        "  forward_zones_file: zones.yml\n  auth_zones: [{zone: own.example, file: x}]\n"
    )
    assert table.format == "powerdns-yaml"
    assert {entry.zone: row(entry) for entry in table.entries} == {
        "corp.example": "10.2.0.54 port 5300 as authorities",
        ".": "203.0.113.1",
        "more.example": "10.2.0.56 as authorities",
    }
    assert [hosted.zone for hosted in table.hosted] == ["own.example"]


# --- Windows ------------------------------------------------------------------------------------

FORWARDER = {
    "UseRootHint": True,
    "Timeout": 3,
    "EnableReordering": False,
    "IPAddress": [{"Address": 1, "IPAddressToString": "203.0.113.1"}, "203.0.113.2"],
    "ReorderedIPAddress": None,
}
CONDITION = {
    "ZoneName": "corp.example",
    "ZoneType": "Forwarder",
    "MasterServers": {"value": ["10.2.0.54", "10.2.0.55"], "Count": 2},
    "ForwarderTimeout": 5,
    "UseRecursion": False,
}
OTHERS = [
    {"ZoneName": "own.example", "ZoneType": "Primary"},
    {"ZoneName": "TrustAnchors", "ZoneType": "Primary"},
    {"ZoneName": "stub.example", "ZoneType": 3, "MasterServers": "10.2.0.55 10.2.0.56"},
]
SPANS = (3, "3", "00:00:03", {"Ticks": 30_000_000, "Days": 0}, {"TotalSeconds": 3.0, "Ticks": 1})


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    "export",
    [
        [FORWARDER, CONDITION, *OTHERS],
        [FORWARDER, [CONDITION, *OTHERS]],
        {"ServerForwarder": FORWARDER, "ServerZone": [CONDITION, *OTHERS], "ServerSetting": {}},
    ],
)
def test_a_windows_export_says_what_it_forwards(tmp_path, export, encoding):
    path = tmp_path / "windows.json"
    path.write_text(json.dumps(export, indent=1), encoding=encoding)
    table = import_file(path)
    assert table.format == "windows"
    assert {entry.zone: (row(entry), entry.timeout_s) for entry in table.entries} == {
        ".": ("203.0.113.1, 203.0.113.2, then itself", 3),
        "corp.example": ("10.2.0.54, 10.2.0.55", 5),
        "stub.example": ("10.2.0.55, 10.2.0.56 as authorities", None),
    }
    assert [hosted.zone for hosted in table.hosted] == ["own.example"]
    assert (table.order, table.recursion) == ("listed", True)


@pytest.mark.parametrize("between", ["\n", "\n\ufeff", ""])
def test_exports_that_were_appended_to_one_file_are_one(table_of, between):
    texts = (json.dumps(each, indent=1) for each in (FORWARDER, [CONDITION, *OTHERS]))
    table = table_of(between.join(texts))
    assert [entry.zone for entry in table.entries] == [".", "corp.example", "stub.example"]
    assert table.entries[1].place.line > json.dumps(FORWARDER, indent=1).count("\n")


@pytest.mark.parametrize("span", SPANS)
def test_a_single_object_and_any_time_are_read(table_of, span):
    alone = {**FORWARDER, "Timeout": span, "UseRootHint": False, "EnableReordering": True}
    table = table_of(json.dumps(alone))
    (entry,) = table.entries
    assert (entry.timeout_s, entry.falls_back) == (3, False)
    assert (table.order, table.recursion) == ("round-trip time", False)


def test_a_script_says_what_it_sets_up(table_of):
    table = table_of(
        "# ours\n<# more\n words #>\n"
        "Set-DnsServerForwarder -IPAddress 203.0.113.1, 203.0.113.2 -UseRootHint $false `\n"
        "    -EnableReordering:$false -Timeout 3\n"
        "Add-DnsServerConditionalForwarderZone 'corp.example' 10.2.0.54,10.2.0.55 5\n"
        "Add-DnsServerConditionalForwarderZone -Name x.example -MasterServers $servers\n"
        "Add-DnsServerPrimaryZone -Name own.example -ZoneFile own.dns; Get-Date | Out-Null\n"
        'Add-DnsServerConditionalForwarderZone "a.example" -MasterServers 10.2.0.54 -UseRecursion\n'
    )
    assert {entry.zone: (row(entry), entry.timeout_s) for entry in table.entries} == {
        ".": ("203.0.113.1, 203.0.113.2", 3),
        "corp.example": ("10.2.0.54, 10.2.0.55", 5),
        "a.example": ("10.2.0.54, then itself", None),
    }
    assert [(each.place.line, each.text) for each in table.remarks] == [
        (7, "add-dnsserverconditionalforwarderzone: computed, so not in the table")
    ]
    assert [hosted.zone for hosted in table.hosted] == ["own.example"]
    assert table.order == "listed"


# --- what a table cannot say --------------------------------------------------------------------


def test_an_include_of_bind_covers_all_files_of_its_wildcards(table_of, tmp_path):
    (tmp_path / "zones").mkdir()
    for name in ("b", "a"):
        zone = f'zone "{name}.example" {{ type forward; forwarders {{ 10.2.0.1; }}; }};'
        (tmp_path / "zones" / f"{name}.conf").write_text(zone)
    table = table_of('options { };\ninclude "zones/*.conf";\ninclude "none/*.conf";\n')
    assert [each.zone for each in table.entries] == ["a.example", "b.example"]
    assert not [each for each in table.remarks if "is not here" in each.text]


def test_views_are_told_and_kept_apart(table_of):
    table = table_of(
        'view in { match-clients { 10.1.0.0/16; }; zone "a.example" { type forward;\n'
        "forwarders { 10.2.0.54; }; }; };\n"
        'view out { match-clients { any; }; zone "a.example" { type forward;\n'
        "forwarders { 10.2.0.55; }; }; };\n"
    )
    assert table.views() == ("in", "out")
    assert [row(each) for each in table.entries] == [
        "10.2.0.54, then itself",
        "10.2.0.55, then itself",
    ]
    assert [row(each) for each in table.of_view("out").entries] == ["10.2.0.55, then itself"]
    assert any('view "in": its rules hold for its clients only' in r.text for r in table.remarks)


@pytest.mark.parametrize(
    ("server", "hosted"),
    [
        ("", ["10.in-addr.arpa", "test"]),
        ("unblock-lan-zones: yes", ["test"]),
        ('local-zone: "10.in-addr.arpa." nodefault', ["test"]),
        ('local-zone: "b.a.test" transparent', ["10.in-addr.arpa", "test"]),
        ('local-zone: "a.test" transparent', ["10.in-addr.arpa"]),
        ('local-zone: "test" static', ["test", "10.in-addr.arpa"]),
    ],
)
def test_unbound_answers_its_default_zones_itself_until_a_local_zone_opens_them(
    table_of, server, hosted
):
    table = table_of(
        f"server:\n {server}\nforward-zone:\n name: 10.in-addr.arpa\n forward-addr: 10.2.0.1\n"
        "stub-zone:\n name: a.test\n stub-addr: 10.2.0.1\n"
    )
    assert [each.zone for each in table.hosted] == hosted
    assert {each.zone for each in usable(table)} == {"10.in-addr.arpa", "a.test"} - {
        "a.test" if each == "test" else each for each in hosted
    }
    if not server:
        assert [each.how for each in table.hosted] == [
            'default local-zone; local-zone: "10.in-addr.arpa." nodefault opens it',
            'default local-zone; local-zone: "a.test." transparent opens it',
        ]


def test_a_misspelled_option_of_a_zone_is_told(table_of):
    table = table_of(
        "forward-zone:\n name: a.example\n forward-addr: 10.2.0.1\n forward-adr: 10.2.0.2\n"
        " forward-no-cache: yes\nstub-zone:\n name: b.example\n stub-prime: no\n"
        " stub-addr: 10.2.0.1\n forward-addr: 10.2.0.3\n"
    )
    assert [(each.place.line, each.text) for each in table.remarks] == [
        (
            4,
            'forward-adr: not read: Unbound 1.17 has no such option; did you mean "forward-addr"?',
        ),
        (10, "forward-addr: no option of a stub-zone, so not read"),
    ]


def test_a_zone_that_stands_twice_is_told(table_of):
    zone = "forward-zone:\n name: a.example\n forward-addr: 10.2.0.{}\n"
    table = table_of(zone.format(1) + zone.format(2))
    assert [row(each) for each in table.entries] == ["10.2.0.1"]
    assert "stands a second time, first at line 1" in table.remarks[0].text


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('// x\ninclude "/nowhere/here.conf";\noptions { };', 2),
        ("server:\n include: /nowhere/here.conf", 2),
        ("no-resolv\nconf-file=/nowhere/here.conf", 2),
        ("quiet=yes\nforward-zones-file=/nowhere/here.conf\nthreads=1", 2),
    ],
)
def test_a_file_that_is_not_here_is_told_and_looked_for_beside(table_of, tmp_path, text, line):
    table = table_of(text)
    (remark,) = [each for each in table.remarks if "is not here" in each.text]
    assert remark.place.line == line
    (tmp_path / "here.conf").write_text("")
    table = table_of(text)
    assert not [each for each in table.remarks if "is not here" in each.text]
    assert table.files[1] == str(tmp_path / "here.conf")


def test_the_order_of_servers_is_the_products(table_of):
    for text, order in (
        ("no-resolv\nserver=10.2.0.1", "last that answered"),
        ("no-resolv\nserver=10.2.0.1\nstrict-order", "listed"),
        ("no-resolv\nserver=10.2.0.1\nstrict-order\nall-servers", "all at once"),
    ):
        assert table_of(text).order == order


def test_dnsmasq_says_that_the_hosts_own_servers_are_asked_too(table_of, tmp_path):
    table = table_of("server=/a.example/10.2.0.1\n")
    assert "/etc/resolv.conf are asked too" in table.remarks[0].text
    (tmp_path / "resolv").write_text("# x\nnameserver 10.2.0.9\nsearch a\n")
    table = table_of("server=/a.example/10.2.0.1\nresolv-file=resolv\n")
    assert {entry.zone: row(entry) for entry in table.entries} == {
        "a.example": "10.2.0.1",
        ".": "10.2.0.9",
    }


@pytest.mark.parametrize(
    "text",
    [
        'zone "." { type hint; file "root.hints"; };',
        "server:\n root-hints: root.hints\n",
        "quiet=yes\nhint-file=root.hints\n",
        "hints.root_file('root.hints')\npolicy.add(policy.all(policy.PASS))",
    ],
)
def test_recursion_begins_where_the_hints_say(table_of, tmp_path, text):
    hints = tmp_path / "root.hints"
    assert "root.hints is not here" in str(table_of(text).remarks)
    hints.write_text("; ours\n. 3600 NS a.root.ours.\na.root.ours. 3600 A 10.0.0.1\n")
    table = table_of(text)
    assert [(each.name, each.address) for each in table.root_servers] == [
        ("a.root.ours", "10.0.0.1")
    ]
    assert table.recursion
    hints.write_text(". 3600 NS nobody.invalid.\n")
    assert not table_of(text).recursion
    hints.write_text("what?")
    assert "has no root hints" in str(table_of(text).remarks)
    assert table_of(text).root_servers is None


def test_a_domain_may_be_open_in_one_that_is_answered_here(table_of):
    table = table_of(
        "server:\n local-zone: . refuse\n local-zone: corp.example. transparent\n"
        "forward-zone:\n name: corp.example\n forward-addr: 10.2.0.1\n"
    )
    assert table.hosted_for("www.corp.example") is None
    assert table.hosted_for("example").zone == "."
    table = table_of(
        "policy.add(policy.suffix(policy.STUB('10.2.0.1'), {todname('corp.example')}))\n"
        "policy.add(policy.all(policy.REFUSE))\n"
    )
    assert table.hosted_for("www.corp.example") is None
    assert table.hosted_for("example").zone == "."
