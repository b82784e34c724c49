"""Zones that are valid and full of corners, with few labels so that things meet, and questions about them."""

import itertools

import message

TTL = {"SOA": 900, "NS": 1000, "A": 1100, "AAAA": 1200, "TXT": 1300, "MX": 1400, "SRV": 1500, "CNAME": 1600,
       "DNAME": 1700, "DS": 1800, "TYPE65280": 1900}
LABELS = [b"a", b"b", b"c", b"ns", b"*", b"_x"]
ODD = [b"l" * 63, b"\x01", b"\xff", b".", b" \\", b"@", b"a\"b", b"\x00z"]
PLAIN = b"abcdefghijklmnopqrstuvwxyz0123456789*_"
QTYPES = ["A", "A", "AAAA", "NS", "CNAME", "SOA", "MX", "TXT", "SRV", "DNAME", "DS", "TYPE65280"]


class Zone:
    """An origin, and records by owner: (type, data as text, name in the data)."""

    def __init__(self, random, origin, origins):
        self.origin = origin
        self.names = {}
        for _ in range(random.randrange(4, 30)):
            owner = self.owner(random)
            if owner != origin and owner not in self.names:
                self.names[owner] = self.node(random, owner, origins)
        redirected = [owner for owner, records in self.names.items() if any(r[0] == "DNAME" for r in records)]
        # RFC 6672 section 2.4: nothing exists below a DNAME.
        for owner in list(self.names):
            if any(is_below(owner, above) for above in redirected):
                del self.names[owner]

    def owner(self, random, least=1):
        """A name in the zone."""
        while True:
            labels = random.choices(LABELS, k=random.randrange(least, 4))
            if random.random() < 0.06:
                labels[:1] = [random.choice(ODD)]
            if random.random() < 0.01:
                labels = [b"l" * 63] * 3 + labels
            name = tuple(labels) + self.origin
            if len(message.wire(name)) <= 255:
                return name

    def node(self, random, owner, origins):
        def target():
            choice = random.random()
            if choice < 0.1:
                return (b"out", b"test")
            if choice < 0.2:
                return tuple(random.choices(LABELS, k=random.randrange(0, 3))) + random.choice(origins)
            return self.owner(random, 0)

        kind = random.random()
        if kind < 0.2:
            return [("A", f"192.0.2.{random.randrange(1, 9)}", None)]
        if kind < 0.35:
            return [("A", "192.0.2.20", None), ("A", "192.0.2.21", None), ("AAAA", "2001:db8::20", None),
                    ("TXT", '"all"', None)]
        if kind < 0.4:
            return [("TXT", '"one" "two"', None), ("TYPE65280", "\\# 3 010203", None)]
        if kind < 0.5:
            return [("MX", "10 {}", target()), ("SRV", "1 2 3 {}", target())]
        if kind < 0.7:
            return [("CNAME", "{}", target())]
        if kind < 0.8 and owner[0] != b"*":
            return [("DNAME", "{}", target())]
        # Some refuse delegations at wildcards.
        if kind < 0.95 and owner[0] != b"*":
            servers = {target() for _ in range(random.randrange(1, 3))}
            records = [("NS", "{}", server) for server in sorted(servers)]
            if random.random() < 0.5:
                records.append(("DS", "60485 8 2 " + "2B" * 32, None))
            return records
        return [("AAAA", "2001:db8::30", None)]

    def file(self):
        lines = [f"@ {TTL['SOA']} IN SOA ns.test. host.test. 1 7200 3600 1209600 3600", f"@ {TTL['NS']} IN NS ns.test."]
        if not self.origin:
            # BIND wants an address for a server within the zone.
            lines.append(f"ns.test. {TTL['A']} IN A 192.0.2.53")
        for owner, records in self.names.items():
            for rtype, data, target in records:
                lines.append(f"{text(owner)} {TTL[rtype]} IN {rtype} {data.format(text(target)) if target is not None else data}")
        return f"$ORIGIN {text(self.origin)}\n" + "\n".join(lines) + "\n"


def text(name):
    """As a zone file has it."""
    labels = ("".join(chr(o) if o in PLAIN else f"\\{o:03}" for o in label) for label in name)
    return "".join(label + "." for label in labels) or "."


def zones(random, with_root):
    origins = [(b"example",), (b"a", b"example"), (b"solo",), (b"b", b"a", b"solo")]
    origins += [()] if with_root else []
    zones = [Zone(random, origin, origins) for origin in origins]
    # NSD refuses a zone for a DNAME above names of another.
    everywhere = {owner for zone in zones for owner in zone.names} | set(origins) | {tuple(message.split("ns.test"))}
    for zone in zones:
        for owner, records in list(zone.names.items()):
            if records[0][0] == "DNAME" and any(is_below(name, owner) for name in everywhere):
                del zone.names[owner]
    return zones


def question(random, zones):
    """A name and a type."""
    zone = random.choice(zones)
    owners = [zone.origin, *zone.names]
    choice = random.random()
    if choice < 0.02:
        return (b"a", b"elsewhere"), "A"
    if choice < 0.5:
        name = random.choice(owners)
    elif choice < 0.8:
        name = tuple(random.choices(LABELS, k=random.randrange(1, 3))) + random.choice(owners)
    else:
        name = zone.owner(random)
    if len(message.wire(name)) > 255:
        name = zone.origin
    return name, random.choice(QTYPES)


def is_odd(name):
    """Whether the name has octets that a zone file escapes, or a dot within a label."""
    return any(octet not in PLAIN for label in name for octet in label)


def is_between_zones(name, zones):
    """Whether names of an outer and of an inner zone meet at the name or above: an apex, or what leads to one."""
    def shared(inner):
        pairs = zip(reversed(name), reversed(inner))
        return len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)))

    origins = [zone.origin for zone in zones]
    nested = [(outer, inner) for outer in origins for inner in origins if is_below(inner, outer)]
    return any(shared(inner) > len(outer) for outer, inner in nested)


def is_below(name, above):
    return len(name) > len(above) and name[len(name) - len(above):] == above
