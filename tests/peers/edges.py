"""Edge cases of header, EDNS and zone content: each has a name and the octets of its query."""

import struct

from message import (COOKIE, NSID, SUBNET, TYPES, header, opt, option, query, question, split, wire)

ORIGIN = split("edge")

# For what random zones seldom hold.
ZONE = """$ORIGIN edge.
@ 900 IN SOA ns host 1 7200 3600 1209600 300
@ 1000 IN NS ns
@ 1400 IN MX 10 mail
@ 1300 IN TXT "apex"
ns 1100 IN A 192.0.2.53
mail 1100 IN A 192.0.2.25
mail 1200 IN AAAA 2001:db8::25
www 1100 IN A 192.0.2.80
svc 1500 IN SRV 1 2 3 www
https 1500 IN HTTPS 1 www
alias 1600 IN CNAME www
loop1 1600 IN CNAME loop2
loop2 1600 IN CNAME loop1
*.wild 1300 IN TXT "wild"
a.ent 1100 IN A 192.0.2.1
sub 1000 IN NS ns.sub
sub 1000 IN NS ns.sibling
ns.sub 1100 IN A 192.0.2.54
ns.sibling 1100 IN A 192.0.2.55
sibling 1000 IN NS ns.sibling
d 1700 IN DNAME www
old 1700 IN DNAME nowhere
grow 1700 IN DNAME x.grow2
grow2 1700 IN DNAME x.grow
""" + "".join(f"chain{n} 1600 IN CNAME chain{n + 1}\n" for n in range(40)) \
    + "chain40 1100 IN A 192.0.2.40\n" \
    + "".join(f"big 1100 IN A 192.0.{n // 256}.{n % 256}\n" for n in range(300)) \
    + "".join(f"medium 1100 IN A 192.0.2.{n}\n" for n in range(40)) \
    + "".join(f"many 1000 IN NS ns{n}.many\nns{n}.many 1200 IN AAAA 2001:db8::{n:x}\n" for n in range(1, 30))


class Zone:
    origin = tuple(ORIGIN)
    names = {}

    def file(self):
        return ZONE


def subnet(family, source, scope, address):
    return option(SUBNET, struct.pack("!HBB", family, source, scope) + address)


def with_opts(*opts):
    return header(counts=(1, 0, 0, len(opts))) + question("www.edge") + b"".join(opts)


def cases():
    """Pairs of a name and a query."""
    www = question("www.edge")
    ask = query("www.edge")
    yield "plain", ask
    yield "RD", query("www.edge", flags=0x0100)
    yield "CD", query("www.edge", flags=0x0010)
    yield "AD", query("www.edge", flags=0x0020)
    yield "Z", query("www.edge", flags=0x0040)
    yield "AA, TC and RA set", query("www.edge", flags=0x0680)
    yield "RCODE set", query("www.edge", flags=0x0003)
    yield "QR=1", query("www.edge", flags=0x8000)
    for opcode in [1, 2, 3, 4, 5, 6, 15]:
        yield f"opcode {opcode}", header(opcode << 11) + www
        yield f"opcode {opcode} with OPT", header(opcode << 11, (1, 0, 0, 1)) + www + opt()
        yield f"opcode {opcode} without a question", header(opcode << 11, (0, 0, 0, 0))
    yield "QDCOUNT 0", header(counts=(0, 0, 0, 0))
    yield "QDCOUNT 0 with OPT", header(counts=(0, 0, 0, 1)) + opt()
    yield "QDCOUNT 0 with a cookie", header(counts=(0, 0, 0, 1)) + opt(option(COOKIE, bytes(8)))
    yield "QDCOUNT 2", header(counts=(2, 0, 0, 0)) + www + www
    yield "QDCOUNT 2, one question", header(counts=(2, 0, 0, 0)) + www
    yield "ANCOUNT 1", header(counts=(1, 1, 0, 0)) + www + wire(split("www.edge")) + struct.pack("!HHIH", 1, 1, 0, 4) + bytes(4)
    yield "NSCOUNT 1", header(counts=(1, 0, 1, 0)) + www + wire(split("www.edge")) + struct.pack("!HHIH", 1, 1, 0, 4) + bytes(4)
    yield "ARCOUNT 1 and nothing", header(counts=(1, 0, 0, 1)) + www
    yield "a record before OPT", header(counts=(1, 0, 0, 2)) + www + b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 0, 4) + bytes(4) + opt()
    yield "trailing octets", ask + b"\0\1\2"
    yield "header alone", header()
    yield "11 octets", header()[:11]
    yield "question cut short", ask[:-3]
    yield "question without end", header() + b"\3www"
    yield "compressed question", header() + b"\3www\xc0\x0c" + struct.pack("!HH", 1, 1)
    yield "question as a pointer to the header", header() + b"\xc0\0" + struct.pack("!HH", 1, 1)
    yield "label type 01", header() + b"\x41x\0" + struct.pack("!HH", 1, 1)
    yield "name of 256 octets", header() + b"\x3f" + b"l" * 63 + (b"\x3f" + b"l" * 63) * 3 + b"\0" + struct.pack("!HH", 1, 1)
    yield "name of 255 octets", query(wire([b"l" * 63, b"l" * 63, b"l" * 63, b"l" * 56, b"edge"]))
    yield "name too long by a DNAME", query(wire([b"l" * 63, b"l" * 63, b"l" * 63, b"l" * 54, b"d", b"edge"]), options=b"")
    yield "name too long by a DNAME to no name", query(wire([b"l" * 63, b"l" * 63, b"l" * 63, b"l" * 52, b"old", b"edge"]), options=b"")
    yield "NUL in the name", query([b"\0", b"edge"])
    yield "dot in the name", query([b"w.w", b"edge"])
    yield "mixed case", query("wWw.EdGe")
    yield "mixed case, alias", query("aLiAs.EdGe")
    yield "mixed case, negative", query("nOnE.EdGe")
    yield "class CH", header() + question("www.edge", rclass=3)
    yield "class HS", header() + question("www.edge", rclass=4)
    yield "class NONE", header() + question("www.edge", rclass=254)
    yield "class ANY", header() + question("www.edge", rclass=255)
    yield "class 0", header() + question("www.edge", rclass=0)
    for name in ["id.server", "hostname.bind", "version.server", "version.bind", "authors.bind", "other.bind"]:
        yield f"CHAOS {name}", header() + question(name, "TXT", 3)
    yield "CHAOS id.server A", header() + question("id.server", "A", 3)
    yield "another zone", query("www.elsewhere")
    yield "another zone with OPT", query("www.elsewhere", options=b"")
    yield "the root", query("")
    for rtype in ["ANY", "AXFR", "IXFR", "MAILB", "RRSIG", "DNSKEY", "OPT"]:
        yield f"type {rtype} at the apex", query("edge", rtype)
        yield f"type {rtype}", query("www.edge", rtype)
    yield "ANY of an alias", query("alias.edge", "ANY")
    yield "ANY of no name", query("none.edge", "ANY")
    yield "ANY of an empty non-terminal", query("ent.edge", "ANY")
    yield "ANY of a wildcard", query("x.wild.edge", "ANY")
    yield "ANY below a cut", query("x.sub.edge", "ANY")
    yield "type 0", header() + wire(split("www.edge")) + struct.pack("!HH", 0, 1)
    # EDNS.
    yield "OPT", query("www.edge", options=b"")
    yield "DO", query("www.edge", options=b"", flags=0) [:-4] + b"\x80\0\0\0"
    yield "flags of EDNS", query("www.edge", options=b"")[:-4] + b"\x7f\xff\0\0"
    yield "two OPTs", with_opts(opt(), opt())
    yield "BADVERS", with_opts(opt(version=1))
    yield "BADVERS with NSID", with_opts(opt(option(NSID), version=1))
    yield "BADVERS and opcode 15", header(15 << 11, (1, 0, 0, 1)) + www + opt(version=1)
    yield "OPT owned by a name", with_opts(opt(owner=b"\1x\0"))
    yield "OPT in the answer section", header(counts=(1, 1, 0, 0)) + www + opt()
    yield "OPT with RCODE", with_opts(b"\0" + struct.pack("!HHIH", 41, 1232, 0x10000000, 0))
    yield "OPT cut short", with_opts(opt()[:-1])
    yield "RDLENGTH beyond the end", with_opts(opt()[:-2] + b"\0\7")
    yield "option cut short", with_opts(opt(b"\0\3"))
    yield "option longer than OPT", with_opts(opt(struct.pack("!HH", 65001, 9) + b"x"))
    yield "unknown option", with_opts(opt(option(65001, b"unknown")))
    yield "payload 0", query("medium.edge", options=b"", payload=0)
    yield "payload 512", query("medium.edge", options=b"", payload=512)
    yield "payload 1232", query("medium.edge", options=b"")
    yield "payload 65535", query("big.edge", options=b"", payload=65535)
    yield "no OPT, large set", query("medium.edge")
    yield "NSID", with_opts(opt(option(NSID)))
    yield "NSID with data", with_opts(opt(option(NSID, b"x")))
    yield "NSID twice", with_opts(opt(option(NSID) + option(NSID)))
    yield "cookie of a client", with_opts(opt(option(COOKIE, bytes(range(8)))))
    yield "cookie of a client and a wrong server's", with_opts(opt(option(COOKIE, bytes(range(24)))))
    for length in [0, 7, 9, 15, 41]:
        yield f"cookie of {length} octets", with_opts(opt(option(COOKIE, bytes(length))))
    yield "two cookies", with_opts(opt(option(COOKIE, bytes(8)) + option(COOKIE, bytes(8))))
    yield "keepalive", with_opts(opt(option(11)))
    yield "keepalive with a value", with_opts(opt(option(11, b"\0\x64")))
    yield "keepalive of 1 octet", with_opts(opt(option(11, b"\0")))
    yield "padding", with_opts(opt(option(12, bytes(50))))
    yield "subnet /24", with_opts(opt(subnet(1, 24, 0, b"\xc6\x33\x64")))
    yield "subnet /0", with_opts(opt(subnet(1, 0, 0, b"")))
    yield "subnet /0 of family 0", with_opts(opt(subnet(0, 0, 0, b"")))
    yield "subnet /56 of IPv6", with_opts(opt(subnet(2, 56, 0, bytes.fromhex("20010db8000012"))))
    yield "subnet /25, bits beyond the prefix", with_opts(opt(subnet(1, 25, 0, b"\xc6\x33\x64\xff")))
    yield "subnet /24 in four octets", with_opts(opt(subnet(1, 24, 0, b"\xc6\x33\x64\0")))
    yield "subnet /24 in two octets", with_opts(opt(subnet(1, 24, 0, b"\xc6\x33")))
    yield "subnet /33 of IPv4", with_opts(opt(subnet(1, 33, 0, b"\xc6\x33\x64\0\0")))
    yield "subnet with a scope", with_opts(opt(subnet(1, 24, 24, b"\xc6\x33\x64")))
    yield "subnet of family 3", with_opts(opt(subnet(3, 24, 0, b"\xc6\x33\x64")))
    yield "subnet of 3 octets", with_opts(opt(option(SUBNET, b"\0\1\0")))
    yield "subnet twice", with_opts(opt(subnet(1, 24, 0, b"\xc6\x33\x64") * 2))
    yield "subnet, refused", header(counts=(1, 0, 0, 1)) + question("www.elsewhere") + opt(subnet(1, 24, 0, b"\xc6\x33\x64"))
    # Zones.
    for name, rtype in [("sub", "NS"), ("sub", "DS"), ("sub", "A"), ("x.sub", "A"), ("x.sub", "DS"), ("ns.sub", "A"),
                        ("sibling", "A"), ("many", "A"), ("", "NS"), ("", "SOA"), ("", "MX"), ("svc", "SRV"),
                        ("https", "HTTPS"), ("ent", "A"), ("x.ent", "A"), ("wild", "TXT"), ("x.wild", "TXT"),
                        ("x.wild", "A"), ("x.y.wild", "TXT"), ("*.wild", "TXT"), ("x.*.wild", "TXT"),
                        ("alias", "A"), ("alias", "MX"), ("alias", "CNAME"), ("loop1", "A"), ("chain0", "A"),
                        ("chain30", "A"), ("d", "A"), ("d", "DNAME"), ("x.d", "A"), ("x.d", "DNAME"), ("x.d", "CNAME"), ("x.grow", "A")]:
        text = f"{name}.edge" if name else "edge"
        yield f"{name or '@'} {rtype}", query(text, rtype, options=b"")
