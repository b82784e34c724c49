"""DNS messages: questions as octets, and responses as what two servers can be compared by."""

import struct

TYPES = {
    "A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "HINFO": 13, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33,
    "DNAME": 39, "OPT": 41, "DS": 43, "RRSIG": 46, "DNSKEY": 48, "HTTPS": 65, "SPF": 99, "IXFR": 251, "AXFR": 252,
    "MAILB": 253, "ANY": 255, "TYPE65280": 65280,
}
NAMES = {number: name for name, number in TYPES.items()}
RCODES = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN"]
# Where the names in the data of a type begin: octets before each, and how many there are.
NAMES_IN = {"NS": (0, 1), "CNAME": (0, 1), "PTR": (0, 1), "DNAME": (0, 1), "SOA": (0, 2), "MX": (2, 1), "SRV": (6, 1)}
NSID, SUBNET, COOKIE, ERROR = 3, 8, 10, 15


def wire(labels):
    """The wire form of a name: a sequence of labels."""
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def split(text):
    """The labels of a name without escapes."""
    return [label.encode() for label in text.split(".") if label]


def question(name, rtype="A", rclass=1):
    """A question; `name` is labels, text or wire form."""
    if isinstance(name, str):
        name = split(name)
    octets = name if isinstance(name, bytes) else wire(name)
    return octets + struct.pack("!HH", TYPES[rtype], rclass)


def header(flags=0, counts=(1, 0, 0, 0), id=0x1234):
    return struct.pack("!HHHHHH", id, flags, *counts)


def opt(options=b"", payload=1232, version=0, flags=0, owner=b"\0"):
    return owner + struct.pack("!HHBBHH", TYPES["OPT"], payload, 0, version, flags, len(options)) + options


def option(code, data=b""):
    return struct.pack("!HH", code, len(data)) + data


def query(name, rtype="A", options=None, flags=0, **more):
    """A query, with EDNS where `options` is given."""
    asked = question(name, rtype)
    if options is None:
        return header(flags) + asked
    return header(flags, (1, 0, 0, 1)) + asked + opt(options, **more)


class Malformed(Exception):
    """What can't be read as a response."""


class Response:
    """A response, read."""

    def __init__(self, octets):
        self.octets = octets
        if len(octets) < 12:
            raise Malformed("shorter than a header")
        self.id, flags, *counts = struct.unpack("!HHHHHH", octets[:12])
        self.opcode = flags >> 11 & 15
        bits = [("qr", 15), ("aa", 10), ("tc", 9), ("rd", 8), ("ra", 7), ("z", 6), ("ad", 5), ("cd", 4)]
        self.flags = {flag for flag, bit in bits if flags >> bit & 1}
        self.rcode = flags & 15
        self.opt = None
        try:
            at = 12
            for _ in range(counts[0]):
                _, at = self.name(at)
                at += 4
            self.question = octets[12:at] if counts[0] else b""
            self.sections = []
            for count in counts[1:]:
                records = []
                for _ in range(count):
                    at = self.record(at, records)
                self.sections.append(records)
        except (IndexError, struct.error) as error:
            raise Malformed("ends early") from error
        if at != len(octets):
            raise Malformed("octets behind its end")
        if self.opt:
            self.rcode |= self.opt["rcode"] << 4

    def name(self, at):
        """The labels at an offset, in lower case, and where what follows is."""
        labels, end = [], None
        for _ in range(130):
            length = self.octets[at]
            if length & 0xC0 == 0xC0:
                end = end or at + 2
                at = (length & 0x3F) << 8 | self.octets[at + 1]
                continue
            if length & 0xC0:
                raise Malformed("an unknown label type")
            at += 1
            if not length:
                return tuple(labels), end or at
            if at + length > len(self.octets):
                raise IndexError
            labels.append(self.octets[at:at + length].lower())
            at += length
        raise Malformed("pointers without end")

    def record(self, at, records):
        owner, at = self.name(at)
        rtype, rclass, ttl, length = struct.unpack("!HHIH", self.octets[at:at + 10])
        at += 10
        end = at + length
        if end > len(self.octets):
            raise IndexError
        if rtype == TYPES["OPT"]:
            if self.opt:
                raise Malformed("two OPT records")
            self.opt = {"payload": rclass, "rcode": ttl >> 24, "version": ttl >> 16 & 255, "flags": ttl & 0xFFFF}
            self.opt["options"] = list(self.options(at, end))
            return end
        name = NAMES.get(rtype, f"TYPE{rtype}")
        before, count = NAMES_IN.get(name, (0, 0))
        data = self.octets[at:at + before]
        at += before
        for _ in range(count):
            labels, at = self.name(at)
            data += wire(labels)
        records.append((owner, name, rclass, ttl, data + self.octets[at:end]))
        return end

    def options(self, at, end):
        while at < end:
            code, length = struct.unpack("!HH", self.octets[at:at + 4])
            if at + 4 + length > end:
                raise Malformed("an option longer than OPT")
            yield code, self.octets[at + 4:at + 4 + length]
            at += 4 + length


def rcode_text(rcode):
    return "BADVERS" if rcode == 16 else RCODES[rcode] if rcode < len(RCODES) else f"RCODE{rcode}"


def name_text(labels):
    shown = ("".join(chr(octet) if 33 <= octet < 127 else f"\\{octet:03}" for octet in label) for label in labels)
    return ".".join(shown) + "."


def record_text(record):
    owner, rtype, _, ttl, data = record
    shown = "".join(chr(octet) if 33 <= octet < 127 else f"\\{octet}" for octet in data)
    return f"{name_text(owner)} {ttl} {rtype} {shown}"


def show(response):
    """One line."""
    if response is None:
        return "(silence)"
    if isinstance(response, Malformed):
        return f"(unreadable: {response})"
    parts = [rcode_text(response.rcode), *sorted(response.flags - {"qr"})]
    if response.opt:
        parts.append(f"edns={response.opt['payload']}")
        parts += [f"option{code}={data.hex()}" for code, data in response.opt["options"]]
    for section, records in zip(("an", "ns", "ar"), response.sections):
        parts += [f"| {section} {record_text(record)}" for record in sorted(records)]
    return " ".join(parts)
