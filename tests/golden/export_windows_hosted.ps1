--- dns-server.ps1 ---
# A Windows DNS server as the local DNS server of "Hosted zones before forwarders".
# Not run here: no Windows is in the lab. Run it in PowerShell as administrator on a server with
# the DNS role, and look at each command first.
# Cmdlets and parameters: https://learn.microsoft.com/powershell/module/dnsserver (Windows Server
# 2022).

# Stop at the first command that fails.
$ErrorActionPreference = "Stop"

# Forwarding is a part of recursion to Windows: off, nothing is forwarded (Windows Server
# documentation, queries-lookups). No server is tried once this time is over, so it outlasts the
# longest list: server n+1 is asked n times its timeout and n-1 seconds after the first (KB
# 2834250).
Set-DnsServerRecursion -Enable $true -Timeout 8

# A zone of its own: answered before any cache and any forwarder. Copy
# widgets.tailspintoys.com.dns to %SystemRoot%\System32\dns first; -LoadExisting takes it as it
# is. (Add-DnsServerPrimaryZone)
Add-DnsServerPrimaryZone -Name "widgets.tailspintoys.com" -ZoneFile "widgets.tailspintoys.com.dns" -LoadExisting -DynamicUpdate None

# A zone of its own: answered before any cache and any forwarder. Copy
# kids.widgets.tailspintoys.com.dns to %SystemRoot%\System32\dns first; -LoadExisting takes it as
# it is. (Add-DnsServerPrimaryZone)
Add-DnsServerPrimaryZone -Name "kids.widgets.tailspintoys.com" -ZoneFile "kids.widgets.tailspintoys.com.dns" -LoadExisting -DynamicUpdate None

# A zone of its own: answered before any cache and any forwarder. Copy five.example.com.dns to
# %SystemRoot%\System32\dns first; -LoadExisting takes it as it is. (Add-DnsServerPrimaryZone)
Add-DnsServerPrimaryZone -Name "five.example.com" -ZoneFile "five.example.com.dns" -LoadExisting -DynamicUpdate None

# No conditional forwarder for "plain.widgets.tailspintoys.com": the server hosts
# widgets.tailspintoys.com. and cannot forward what it hosts.

# No conditional forwarder for "five.example.com": the server hosts five.example.com. and cannot
# forward what it hosts.

# Names at or below hr.widgets.tailspintoys.com, the longest domain that fits; asked in this
# order, 1 s each. When none answers, the question has failed: the name reaches nobody else.
# (Add-DnsServerConditionalForwarderZone; its -UseRecursion is a switch)
Add-DnsServerConditionalForwarderZone -Name "hr.widgets.tailspintoys.com" -MasterServers 10.20.0.22 -ForwarderTimeout 1 -UseRecursion:$false

# All other names: asked in this order, 2 s each. Windows reorders them by their response times
# unless it is told not to. When none answers, the question has failed: no root servers are asked.
# (Set-DnsServerForwarder; its reference says a default of 5 s, KB 2834250 and MS-DNSP say 3)
Set-DnsServerForwarder -IPAddress 203.0.113.100 -Timeout 2 -EnableReordering $false -UseRootHint $false

# Recursion begins at these root servers. On the Internet itself leave both away: Windows knows
# its root servers. (Add-DnsServerRootHint)
Get-DnsServerRootHint | Remove-DnsServerRootHint -Force
Add-DnsServerRootHint -NameServer "a.root-servers" -IPAddress 203.0.113.10

# The longest that anything is remembered, whatever its TTL says. A TTL of 0 stays 0: such an
# answer is not remembered. (Set-DnsServerCache)
Set-DnsServerCache -MaxTtl 01.00:00:00 -MaxNegativeTtl 00.00:15:00

# Addresses of a name change places from answer to answer. LocalNetPriority would undo that for
# clients in the network of some of the addresses: those were always first (MS-DNSP 3.1.1.1.1: on
# by default). (Set-DnsServerSetting)
$setting = Get-DnsServerSetting -All
$setting.RoundRobin = $true
$setting.LocalNetPriority = $false
Set-DnsServerSetting -InputObject $setting

# DNSSEC: with a trust anchor for the root (Get-DnsServerTrustAnchor) names that the Internet does
# not know are proven not to exist. Install none on this server as long as it forwards private
# domains: hr.widgets.tailspintoys.com.

--- widgets.tailspintoys.com.dns ---
; The zone widgets.tailspintoys.com. as this server hosts it (RFC 1035 5).
$ORIGIN widgets.tailspintoys.com.
$TTL 300
@            SOA   ns1 hostmaster 1 7200 900 1209600 60      ; negative TTL: 60, its last field
@            NS    ns1
@            A     198.51.100.20
ns1          A     192.168.1.53
www          A     198.51.100.21
www          TXT   "own zone"
two          A     198.51.100.22
two          A     198.51.100.23
alias        CNAME www
alias2       CNAME alias
toexample    CNAME www.example.com.
tohr         CNAME www.hr
dangling     CNAME nowhere
old          DNAME kids
gone         DNAME five.example.com.
*.wild       A     198.51.100.24
host.wild    A     198.51.100.25
deep.ent     A     198.51.100.26
; zone cuts
hr           NS    ns1.hr
ns1.hr       A     10.20.0.21
sales        NS    ns1.sales
ns1.sales    A     10.20.0.23
kids         NS    ns1

--- kids.widgets.tailspintoys.com.dns ---
; The zone kids.widgets.tailspintoys.com. as this server hosts it (RFC 1035 5).
$ORIGIN kids.widgets.tailspintoys.com.
$TTL 300
@   30 IN    SOA   ns1.widgets.tailspintoys.com. hostmaster 1 7200 900 1209600 600 ; negative TTL: 30, its own
@            NS    ns1.widgets.tailspintoys.com.
@            A     198.51.100.30
www          A     198.51.100.31

--- five.example.com.dns ---
; The zone five.example.com. as this server hosts it (RFC 1035 5).
$ORIGIN five.example.com.
$TTL 5
@            SOA   ns1 hostmaster 1 7200 900 1209600 5
@            NS    ns1
ns1          A     192.168.1.53
source       A     198.51.100.1

