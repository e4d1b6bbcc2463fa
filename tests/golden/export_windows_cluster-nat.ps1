# A Windows DNS server as the local DNS server of "Cluster behind NAT, forwarding to the
# translator".
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

# Names at or below internet.intern.netz, the longest domain that fits; asked in this order, 1 s
# each. When none answers, the question has failed: the name reaches nobody else.
# (Add-DnsServerConditionalForwarderZone; its -UseRecursion is a switch)
Add-DnsServerConditionalForwarderZone -Name "internet.intern.netz" -MasterServers 192.168.1.1 -ForwarderTimeout 1 -UseRecursion:$false

# Nothing but the domains above is looked up: no root hints are left to begin with, so all other
# names fail. (Remove-DnsServerRootHint)
Get-DnsServerRootHint | Remove-DnsServerRootHint -Force

# The longest that anything is remembered, whatever its TTL says. A TTL of 0 stays 0: such an
# answer is not remembered. (Set-DnsServerCache)
Set-DnsServerCache -MaxTtl 01.00:00:00 -MaxNegativeTtl 00.00:15:00

# Windows gives a client all addresses and cannot select one: it turns them round, and clients
# take the first. LocalNetPriority would undo that for clients in the network of some of the
# addresses: those were always first (MS-DNSP 3.1.1.1.1: on by default). (Set-DnsServerSetting)
$setting = Get-DnsServerSetting -All
$setting.RoundRobin = $true
$setting.LocalNetPriority = $false
Set-DnsServerSetting -InputObject $setting

# DNSSEC: with a trust anchor for the root (Get-DnsServerTrustAnchor) names that the Internet does
# not know are proven not to exist. Install none on this server as long as it forwards private
# domains: internet.intern.netz.

