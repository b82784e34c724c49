"""The servers: how each is told its zones, started and stopped."""

import itertools
import pathlib
import shutil
import socket
import subprocess

import zones

IDENTITY = "peer"


PORTS = itertools.cycle(range(20053, 30000, 7))


def free_port():
    """A port above 20000 that nobody has, for UDP and TCP, and none that was given before."""
    for port in PORTS:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind(("127.0.0.1", port))
                udp.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Server:
    """A server of `zones` on a port of its own."""

    name = package = program = ""

    @classmethod
    def path(cls):
        return shutil.which(cls.program, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")

    @classmethod
    def version(cls):
        output = subprocess.run([cls.path(), cls.version_option], capture_output=True, text=True)
        lines = (output.stdout + output.stderr).strip().splitlines()
        words = [word.strip("(),") for word in lines[0].split()]
        return next(word for word in words if word[0].isdigit() and "." in word)

    def __init__(self, directory, served):
        self.directory = pathlib.Path(directory) / self.name.lower()
        self.directory.mkdir()
        self.files = {}
        for zone in served:
            self.files[zone.origin] = self.zone_file(zone)
            self.files[zone.origin].write_text(zone.file())
        self.log = (self.directory / "log").open("w+")
        self.port = free_port()
        arguments = self.configure()
        self.process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        cwd=self.directory)

    def zone_file(self, zone):
        index = len(self.files)
        return self.directory / f"zone{index}"

    def write(self, name, text):
        path = self.directory / name
        path.write_text(text)
        return str(path)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


class Meridian(Server):
    name = "Meridian"

    def zone_file(self, zone):
        directory = self.directory / "zones"
        directory.mkdir(exist_ok=True)
        return directory / f"{zones.text(zone.origin).rstrip('.') or '@'}.zone"

    def configure(self):
        config = self.write("meridian.toml", f"""
geoip.databases = []
[server]
listen = ["127.0.0.1:{self.port}"]
control = "control.sock"
state = "state"
identity = "{IDENTITY}"
""")
        return [self.binary, "run", "--config", config]


class Nsd(Server):
    name, package, program, version_option = "NSD", "nsd", "nsd", "-v"

    def configure(self):
        each = "".join(f'zone:\n name: "{zones.text(origin)}"\n zonefile: "{file}"\n' for origin, file in self.files.items())
        config = self.write("nsd.conf", f"""
server:
 ip-address: 127.0.0.1@{self.port}
 zonesdir: "{self.directory}"
 database: ""
 pidfile: "{self.directory}/pid"
 xfrdfile: "{self.directory}/xfrd"
 xfrdir: "{self.directory}"
 zonelistfile: "{self.directory}/zonelist"
 username: ""
 do-ip6: no
 server-count: 1
 identity: "{IDENTITY}"
 nsid: "ascii_{IDENTITY}"
 rrl-ratelimit: 0
 rrl-whitelist-ratelimit: 0
 minimal-responses: yes
 ipv4-edns-size: 1232
 answer-cookie: yes
remote-control:
 control-enable: no
{each}""")
        return [self.path(), "-d", "-c", config]


class Knot(Server):
    name, package, program, version_option = "Knot", "knot", "knotd", "-V"

    def configure(self):
        each = "".join(f' - domain: "{zones.text(origin)}"\n   file: "{file}"\n' for origin, file in self.files.items())
        config = self.write("knot.conf", f"""
server:
 rundir: "{self.directory}"
 listen: 127.0.0.1@{self.port}
 identity: "{IDENTITY}"
 nsid: "{IDENTITY}"
 udp-max-payload: 1232
 edns-client-subnet: on
 udp-workers: 1
 tcp-workers: 1
database:
 storage: "{self.directory}"
mod-cookies:
 - id: default
template:
 - id: default
   storage: "{self.directory}"
   global-module: mod-cookies/default
zone:
{each}""")
        return [self.path(), "-c", config]


class Bind(Server):
    name, package, program, version_option = "BIND", "bind9", "named", "-V"

    def configure(self):
        each = "".join(f'zone "{zones.text(origin)}" {{ type primary; file "{file}"; }};\n'
                       for origin, file in self.files.items())
        config = self.write("named.conf", f"""
options {{
 directory "{self.directory}";
 pid-file "{self.directory}/pid";
 session-keyfile "{self.directory}/session.key";
 managed-keys-directory "{self.directory}";
 listen-on port {self.port} {{ 127.0.0.1; }};
 listen-on-v6 {{ none; }};
 recursion no;
 dnssec-validation no;
 empty-zones-enable no;
 minimal-responses yes;
 check-integrity no;
 check-sibling no;
 check-names primary ignore;
 check-mx ignore;
 check-wildcard no;
 max-records-per-type 0;
 notify no;
 server-id "{IDENTITY}";
 edns-udp-size 1232;
 max-udp-size 1232;
}};
controls {{ }};
{each}""")
        return [self.path(), "-g", "-n", "1", "-c", config]


class PowerDns(Server):
    name, package, program, version_option = "PowerDNS", "pdns-server pdns-backend-bind", "pdns_server", "--version"

    @classmethod
    def version(cls):
        output = subprocess.run([cls.path(), "--version"], capture_output=True, text=True)
        return (output.stdout + output.stderr).split("Server ")[1].split()[0]

    def configure(self):
        each = "".join(f'zone "{zones.text(origin)}" {{ type master; file "{file}"; }};\n'
                       for origin, file in self.files.items())
        zone_list = self.write("named.conf", f'options {{ directory "{self.directory}"; }};\n{each}')
        self.write("pdns.conf", f"""
launch=bind
bind-config={zone_list}
local-address=127.0.0.1
local-port={self.port}
socket-dir={self.directory}
daemon=no
guardian=no
disable-axfr=yes
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
server-id={IDENTITY}
edns-subnet-processing=yes
dname-processing=yes
udp-truncation-threshold=1232
security-poll-suffix=
receiver-threads=1
distributor-threads=1
""")
        return [self.path(), f"--config-dir={self.directory}"]


PEERS = [Nsd, Knot, Bind, PowerDns]
