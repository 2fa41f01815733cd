# SPDX-License-Identifier: ISC
"""DNS packets by hand, right ones and wrong ones. Bytes only: what sends them is dns_server.py.

    message(query, answer=[rr(query.name, 'A', a('127.0.0.2'))])

A query is what Query.parse() makes of a packet.
"""
import ipaddress
import re
import struct

TYPES = {'A': 1, 'NS': 2, 'CNAME': 5, 'SOA': 6, 'PTR': 12, 'MX': 15, 'TXT': 16, 'AAAA': 28, 'OPT': 41}
TYPE_NAMES = {number: name for name, number in TYPES.items()}
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = range(6)
NOTAUTH, BADVERS = 9, 16
QR, AA, TC, RD, RA = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080
POINTER_TO_QUESTION = b'\xc0\x0c'


def type_number(kind):
    return kind if isinstance(kind, int) else TYPES[kind]


# ---- names ----

def labels(name):
    """The labels of a name as text (\\DDD understood), as bytes."""
    found, label = [], bytearray()
    for piece in re.findall(r'\\[0-9]{3}|\\.|.', name.rstrip('.'), re.S):
        if piece == '.':
            found.append(bytes(label))
            label = bytearray()
        elif piece[0] == '\\':
            label += bytes([int(piece[1:])]) if len(piece) == 4 else piece[1:].encode('latin-1')
        else:
            label += piece.encode('latin-1')
    return found + [bytes(label)] if label or found else []


def name_wire(name):
    return b''.join(bytes([len(label)]) + label for label in labels(name)) + b'\0'


def name_text(wire, at):
    """(text, where it ends) of the name at that place; pointers are none of a question's business."""
    parts = []
    while wire[at]:
        length = wire[at]
        if length > 63:
            raise ValueError('a pointer in a question')
        parts.append(''.join(chr(c) if re.match(r'[\w-]', chr(c), re.A) else '\\%03d' % c
                             for c in wire[at + 1:at + 1 + length]).lower())
        at += 1 + length
    return '.'.join(parts) or '.', at + 1


def reverse(address):
    """The name that DNS lists and PTR go by, without what stands behind: 2.0.0.127."""
    return ipaddress.ip_address(address).reverse_pointer.removesuffix('.in-addr.arpa').removesuffix('.ip6.arpa')


# ---- records ----

def a(address):
    return ipaddress.IPv4Address(address).packed


def aaaa(address):
    return ipaddress.IPv6Address(address).packed


def txt(*strings):
    """Each string (bytes or str) on its own; longer ones than 255 octets are cut into several."""
    wire = b''
    for string in strings:
        string = string.encode() if isinstance(string, str) else string
        for at in range(0, max(len(string), 1), 255):
            piece = string[at:at + 255]
            wire += bytes([len(piece)]) + piece
    return wire


def mx(preference, name):
    return struct.pack('!H', preference) + name_wire(name)


def soa(minimum=300, mname='ns.example', serial=1):
    return name_wire(mname) + name_wire('hostmaster.example') + struct.pack('!5I', serial, 3600, 600, 86400, minimum)


RDATA = {'A': a, 'AAAA': aaaa, 'TXT': txt, 'NS': name_wire, 'PTR': name_wire, 'CNAME': name_wire,
         'MX': lambda pair: mx(*pair), 'SOA': lambda value: value}


def rr(name, kind, rdata, ttl=300, rdlength=None, klass=1):
    """name: text, or the wire as bytes. rdlength: another one than is true."""
    owner = name if isinstance(name, bytes) else name_wire(name)
    return owner + struct.pack('!HHIH', type_number(kind), klass, ttl,
                               len(rdata) if rdlength is None else rdlength) + rdata


def opt(size=1232, version=0, extended=0):
    return b'\0' + struct.pack('!HHBBHH', TYPES['OPT'], size, extended, version, 0, 0)


# ---- packets ----

class Query:
    """A question as it came: transport ('udp', 'tcp'), family, source (address, port), time, id, flags,
    is_rd, name, kind ('A'), edns (None or the size offered), question (its bytes), wire."""

    def __init__(self, wire, transport='udp', source=('', 0), time=0.0):
        self.wire, self.transport, self.source, self.time = wire, transport, source, time
        self.port = source[1]
        self.id, self.flags, questions, answers, authorities, additionals = struct.unpack_from('!6H', wire)
        if (questions, answers, authorities) != (1, 0, 0) or self.flags & QR:
            raise ValueError('not a query')
        self.is_rd = bool(self.flags & RD)
        self.name, end = name_text(wire, 12)
        kind, self.klass = struct.unpack_from('!HH', wire, end)
        self.kind = TYPE_NAMES.get(kind, 'TYPE%d' % kind)
        self.question = wire[12:end + 4]
        self.edns = None
        if additionals:
            root, number, self.edns = struct.unpack_from('!BHH', wire, end + 4)
            if (root, number) != (0, TYPES['OPT']):
                raise ValueError('an additional record that is no OPT')

    def __repr__(self):
        return '<%s %s/%s id=%d from %s#%d rd=%d edns=%s>' % (
            self.transport, self.name, self.kind, self.id, *self.source[:2], self.is_rd, self.edns)


def message(query, rcode=NOERROR, answer=(), authority=(), additional=(), *, flags=QR | RA, id=None, question=None,
            counts=None, edns=True, tail=b''):
    """A reply. What is said by keyword differs from what is right; counts: (questions, answers, authorities,
    additionals), None where true."""
    additional = list(additional)
    if edns and query.edns is not None:
        additional.append(opt(extended=rcode >> 4))
    question = query.question if question is None else question
    true = [1 if question else 0, len(answer), len(authority), len(additional)]
    said = [t if c is None else c for t, c in zip(true, counts or [None] * 4)]
    header = struct.pack('!6H', query.id if id is None else id, flags | query.flags & RD | rcode & 15, *said)
    return header + question + b''.join([*answer, *authority, *additional]) + tail


def records(query, values, ttl=300, name=None):
    make = RDATA[query.kind]
    return [rr(name or query.name, query.kind, make(value), ttl) for value in values]


def ending(query, rdata):
    """A reply that ends with one A record of that rdata and rdlength; without OPT behind it."""
    return message(query, answer=[rdata], edns=False)


LONG_LABEL = b'\x3f' + b'x' * 63

# Packets that are none, by name: what each makes of a query. All have the query's id, but for the first.
MALFORMED = {
    'empty': lambda q: b'',
    'one octet': lambda q: q.wire[:1],
    'short header': lambda q: message(q)[:11],
    'header alone': lambda q: message(q, question=b'', counts=(1, 0, 0, 0), edns=False),
    'cut in the question': lambda q: message(q)[:15],
    'garbage': lambda q: q.wire[:2] + bytes((i * 73 + 41) % 256 for i in range(300)),
    'answer is missing': lambda q: message(q, counts=(None, 1, None, 0), edns=False),
    'fewer answers than said': lambda q: message(
        q, answer=[rr(q.name, 'A', a('127.0.0.2'))], counts=(None, 5, None, 0), edns=False),
    'counts of 65535': lambda q: message(
        q, answer=[rr(q.name, 'A', a('127.0.0.2'))], counts=(1, 65535, 65535, 65535), edns=False),
    'pointer to itself': lambda q: ending(q, rr(struct.pack('!H', 0xc000 | 12 + len(q.question)), 'A', a('127.0.0.2'))),
    'pointers in a circle': lambda q: ending(
        q, rr(struct.pack('!HH', 0xc000 | 14 + len(q.question), 0xc000 | 12 + len(q.question)), 'A', a('127.0.0.2'))),
    'pointer forward': lambda q: ending(q, rr(b'\xff\xff', 'A', a('127.0.0.2'))),
    'pointer into the header': lambda q: ending(q, rr(b'\xc0\x02', 'A', a('127.0.0.2'))),
    'pointer cut': lambda q: message(q, counts=(None, 1, None, 0), edns=False, tail=b'\xc0'),
    'label of a reserved type': lambda q: ending(q, rr(b'\x41' + b'x' * 65 + b'\0', 'A', a('127.0.0.2'))),
    'label beyond the end': lambda q: message(q, counts=(None, 1, None, 0), edns=False, tail=b'\x3fabc'),
    'owner without end': lambda q: message(q, counts=(None, 1, None, 0), edns=False, tail=b'\x03abc'),
    'owner of 320 octets': lambda q: ending(q, rr(LONG_LABEL * 5 + b'\0', 'A', a('127.0.0.2'))),
    'record cut after its type': lambda q: message(
        q, counts=(None, 1, None, 0), edns=False, tail=POINTER_TO_QUESTION + b'\0\1'),
    'rdlength beyond the end': lambda q: ending(q, rr(q.name, 'A', a('127.0.0.2'), rdlength=400)),
    'rdlength of 65535': lambda q: ending(q, rr(q.name, 'A', a('127.0.0.2'), rdlength=65535)),
    'A of 3 octets': lambda q: ending(q, rr(q.name, 'A', b'\x7f\0\0')),
    'A of 5 octets': lambda q: ending(q, rr(q.name, 'A', b'\x7f\0\0\2\2')),
    'A of 0 octets': lambda q: ending(q, rr(q.name, 'A', b'')),
}
# The same for questions of other types.
MALFORMED_OF = {
    'AAAA': {
        'AAAA of 4 octets': lambda q: ending(q, rr(q.name, 'AAAA', a('127.0.0.2'))),
        'AAAA of 17 octets': lambda q: ending(q, rr(q.name, 'AAAA', b'x' * 17)),
    },
    'TXT': {
        'string beyond the record': lambda q: ending(q, rr(q.name, 'TXT', b'\x20short')),
        'record without a string': lambda q: ending(q, rr(q.name, 'TXT', b'')),
    },
    'MX': {
        'MX of 1 octet': lambda q: ending(q, rr(q.name, 'MX', b'\0')),
        'MX without name': lambda q: ending(q, rr(q.name, 'MX', b'\0\1')),
    },
    'SOA': {
        'SOA without numbers': lambda q: ending(q, rr(q.name, 'SOA', name_wire('ns.example') * 2)),
    },
    'PTR': {
        'name that points to itself': lambda q: ending(
            q, rr(q.name, 'PTR', struct.pack('!H', 0xc000 | 22 + len(q.question) + len(name_wire(q.name))))),
        'name beyond the record': lambda q: ending(q, rr(q.name, 'PTR', b'\x3fhost')),
        'name shorter than the record': lambda q: ending(q, rr(q.name, 'PTR', name_wire('a.example') + b'more')),
    },
    'CNAME': {
        'empty target': lambda q: ending(q, rr(q.name, 'CNAME', b'')),
    },
}
