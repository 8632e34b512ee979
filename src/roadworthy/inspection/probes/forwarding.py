"""Tells programs that serve from those that pass on: proxies, tunnels, and who holds a socket for others."""

from __future__ import annotations

from roadworthy.inspection.probes.host import HostProbe, Process, programs

APACHE = frozenset({"apache2", "httpd"})
APACHE_RUNS = ("mod_wsgi", "libphp", "mod_php", "mod_perl", "mod_passenger")
"""Modules with which Apache is the application's server itself."""
PROXIES = frozenset(
    {"nginx", "openresty", "angie", "caddy", "traefik", "haproxy", "envoy", "pilot-agent", "linkerd2-proxy"}
    | {"varnishd", "squid", "lighttpd", "h2o", "hitch", "stunnel", "stunnel4", "pound", "sozu", "nghttpx"}
    | {"oauth2-proxy", "oauth2_proxy", "kong", "ghostunnel"}
)
FORWARDERS = frozenset(
    {"docker-proxy", "rootlessport", "rootlesskit", "slirp4netns", "passt", "pasta", "pasta.avx2", "gvproxy", "vpnkit"}
    | {"kubectl", "k3s", "ssh", "sshd", "sshd-session", "autossh", "socat", "cloudflared", "ngrok", "frpc", "frps"}
    | {"chisel", "tailscaled", "limactl", "rinetd", "redir", "systemd-socket-proxyd", "com.docker.backend", "wslrelay"}
)
"""They carry bytes to another machine or container: their user, number and unit say nothing of the service."""
ACTIVATORS = frozenset({"systemd", "init", "inetd", "xinetd"})
"""They hold the socket for a service that they start."""


def is_proxy(host: HostProbe, process: Process) -> bool:
    """Whether a process passes requests on to another server; Apache unless it is seen to run the application."""
    names = set(programs(process))
    if names & APACHE:
        loaded = host.libraries(process.pid)
        runs = any(name.startswith(APACHE_RUNS) for name in loaded)
        return not runs or any(name.startswith("mod_proxy") for name in loaded)
    return bool(names & PROXIES)


def serves_itself(host: HostProbe, process: Process) -> bool:
    """Whether a listener is the service, and neither a proxy, nor a tunnel, nor who holds its socket."""
    return not set(programs(process)) & (FORWARDERS | ACTIVATORS) and not is_proxy(host, process)
