"""A firewall, an SSH server and fail2ban as they are in effect, not as a file begins."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.fixtures.machine import Machine, Program
from roadworthy.inspection.fixtures.stage import Stage

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
UFW = """Status: active
Logging: on (low)
Default: deny (incoming), allow (outgoing), disabled (routed)

To                         Action      From
--                         ------      ----
22/tcp                     LIMIT IN    Anywhere
80,443/tcp (Nginx Full)    ALLOW IN    Anywhere
5432/tcp                   ALLOW IN    10.0.0.5
22/tcp (v6)                LIMIT IN    Anywhere (v6)
"""
NFT = """table inet filter {
	chain input {
		type filter hook input priority filter; policy drop;
		iif "lo" accept
		ct state established,related accept
		tcp dport { 22, 80, 443 } accept
	}
	chain forward {
		type filter hook forward priority filter; policy accept;
	}
}
"""
IPTABLES = """*nat
:INPUT ACCEPT [0:0]
COMMIT
*filter
:INPUT DROP [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A INPUT -p tcp -m multiport --dports 80,443 -j ACCEPT
COMMIT
"""
PORTS = ("22", "80", "443")
SIX = {"proc/net/if_inet6": "20010db8000000000000000000000001 02 40 00 80 eth0\n"}
DOCKER = Program("/usr/bin/docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 5432 -container-port 5432")
OWN = Program("/usr/bin/docker-proxy -proto tcp -host-ip 127.0.0.1 -host-port 5432 -container-port 5432")


@pytest.mark.parametrize(
    ("machine", "status"),
    [
        (Machine(commands={"ufw": UFW}), PASS),
        (Machine(commands={"nft": NFT}), PASS),
        (Machine(commands={"iptables-save": IPTABLES}), PASS),
        (Machine(), UNKNOWN),
        (Machine(files={"etc/ufw/ufw.conf": "ENABLED=yes\n"}), UNKNOWN),
        (Machine(commands={"ufw": "Status: inactive\n"}), FAIL),
        (Machine(commands={"ufw": UFW.replace("deny (incoming)", "allow (incoming)")}), FAIL),
        (Machine(commands={"ufw": UFW.replace("10.0.0.5", "Anywhere")}), FAIL),
        (Machine(commands={"ufw": "Status: inactive\n", "nft": NFT}), PASS),
        (Machine(commands={"nft": NFT.replace("policy drop", "policy accept")}), FAIL),
        (Machine(commands={"nft": NFT.replace("{ 22, 80, 443 }", "{ 22, 80 }")}), FAIL),
        (Machine(commands={"nft": NFT.replace('iif "lo" accept', "ip daddr 1.2.3.4 accept")}), UNKNOWN),
        (Machine(commands={"iptables-save": IPTABLES.replace(":INPUT DROP", ":INPUT ACCEPT")}), FAIL),
        (Machine(commands={"iptables-save": "*nat\n:INPUT DROP [0:0]\nCOMMIT\n"}), FAIL),
        (Machine(commands={"nft": NFT.replace("\t\ttcp", "\t\tct state new tcp dport 5432 accept\n\t\ttcp")}), FAIL),
        (
            Machine(commands={"iptables-save": IPTABLES.replace("--dport 22", "--dport 5432 -m state --state NEW")}),
            FAIL,
        ),
        (Machine(commands={"iptables-save": IPTABLES}, files=SIX), UNKNOWN),
        (Machine(commands={"iptables-save": IPTABLES, "ip6tables-save": IPTABLES}, files=SIX), PASS),
        (Machine(commands={"nft": NFT}, files=SIX), PASS),
        (Machine(commands={"nft": NFT.replace("table inet", "table ip")}, files=SIX), UNKNOWN),
        (Machine((DOCKER,), commands={"ufw": UFW}), FAIL),
        (Machine((OWN,), commands={"ufw": UFW}), PASS),
    ],
)
async def test_firewall(machine: Machine, status: Status) -> None:
    verdict = await verdict_of("host.firewall.rules", Stage(machine=machine), ports=PORTS)
    assert verdict.status is status, verdict.summary


async def test_a_named_tool_is_the_one_that_is_on() -> None:
    stage = Stage(machine=Machine(commands={"nft": NFT}))
    assert (await verdict_of("host.firewall.rules", stage, subject="UFW firewall enabled")).status is FAIL
    assert (await verdict_of("host.firewall.rules", stage, subject="Security groups set")).status is UNKNOWN


CONFIG = "etc/ssh/sshd_config"
STRICT = "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin no\n"


@pytest.mark.parametrize(
    ("files", "status"),
    [
        ({CONFIG: STRICT}, PASS),
        ({CONFIG: ""}, FAIL),
        ({CONFIG: "# " + STRICT.replace("\n", "\n# ")}, FAIL),
        ({CONFIG: "PasswordAuthentication yes\n" + STRICT}, FAIL),
        ({CONFIG: STRICT + "PasswordAuthentication yes\n"}, PASS),
        ({CONFIG: "Include sshd_config.d/*.conf\n", "etc/ssh/sshd_config.d/a.conf": STRICT}, PASS),
        ({CONFIG: STRICT, "etc/ssh/sshd_config.d/a.conf": "PasswordAuthentication yes\n"}, PASS),
        ({CONFIG: f"Match User git\n{STRICT}"}, FAIL),
        ({CONFIG: f"{STRICT}Match Address 10.0.0.0/8\n  PasswordAuthentication yes\n"}, FAIL),
        ({CONFIG: "PasswordAuthentication no\nPermitRootLogin no\nUsePAM yes\n"}, FAIL),
        ({CONFIG: "PasswordAuthentication no\nPermitRootLogin no\nUsePAM no\n"}, PASS),
        ({CONFIG: STRICT.replace("PermitRootLogin no", "PermitRootLogin prohibit-password")}, FAIL),
        ({CONFIG: f"Include {CONFIG}\n{STRICT}".replace("Include etc", "Include /etc")}, PASS),
        ({"etc/ssh/ssh_config": "PasswordAuthentication no\n"}, UNKNOWN),
    ],
)
async def test_ssh(files: dict[str, str], status: Status) -> None:
    verdict = await verdict_of("host.ssh.keys", Stage(machine=Machine(files=files)))
    assert verdict.status is status, verdict.summary


@pytest.mark.parametrize(
    ("subject", "config", "status"),
    [
        ("Root login disabled", "PermitRootLogin no\n", PASS),
        ("Root login disabled", "PasswordAuthentication no\n", FAIL),
        ("SSH key-based auth enabled", "PasswordAuthentication no\nKbdInteractiveAuthentication no\n", PASS),
        ("SSH key-based auth enabled", "PermitRootLogin no\n", FAIL),
        ("SSH hardened", "PermitRootLogin no\n", FAIL),
        ("SSH: keys only, no root", "PasswordAuthentication no\nKbdInteractiveAuthentication no\n", FAIL),
    ],
)
async def test_a_line_about_one_half_is_held_to_that(subject: str, config: str, status: Status) -> None:
    stage = Stage(machine=Machine(files={CONFIG: config}))
    assert (await verdict_of("host.ssh.keys", stage, subject=subject)).status is status


async def test_from_where_ssh_is_reached_is_another_question() -> None:
    stage = Stage(machine=Machine(files={CONFIG: STRICT}))
    verdict = await verdict_of("host.ssh.keys", stage, subject="Port 22 (SSH) - restricted to your IP")
    assert verdict.status is UNKNOWN


async def test_a_machine_of_systemd_without_ssh_has_nothing_to_harden() -> None:
    verdict = await verdict_of("host.ssh.keys", Stage(machine=Machine(units={})))
    assert verdict.status is Status.NOT_APPLICABLE


RUNS = (Program("/usr/bin/python3 /usr/bin/fail2ban-server -xf start"),)


@pytest.mark.parametrize(
    ("programs", "files", "status"),
    [
        (RUNS, {"etc/fail2ban/jail.conf": "[sshd]\n", "etc/fail2ban/jail.d/d.conf": "[sshd]\nenabled = true\n"}, PASS),
        (RUNS, {"etc/fail2ban/jail.conf": "[sshd]\n[nginx-http-auth]\n"}, FAIL),
        (RUNS, {"etc/fail2ban/jail.conf": "[DEFAULT]\nenabled = false\n[sshd]\nport = ssh\n"}, FAIL),
        (RUNS, {"etc/fail2ban/jail.local": "#[sshd]\n#enabled = true\n"}, FAIL),
        (
            RUNS,
            {
                "etc/fail2ban/jail.d/a.conf": "[sshd]\nenabled = true\n",
                "etc/fail2ban/jail.local": "[sshd]\nenabled=no\n",
            },
            FAIL,
        ),
        ((), {"etc/fail2ban/jail.local": "[sshd]\nenabled = true\n"}, FAIL),
        (
            (Program("vim /etc/fail2ban/fail2ban-server"),),
            {"etc/fail2ban/jail.local": "[sshd]\nenabled = true\n"},
            FAIL,
        ),
    ],
)
async def test_fail2ban(programs: tuple[Program, ...], files: dict[str, str], status: Status) -> None:
    verdict = await verdict_of("host.fail2ban.jails", Stage(machine=Machine(programs, files=files)))
    assert verdict.status is status, verdict.summary
