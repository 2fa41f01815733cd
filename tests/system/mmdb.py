# SPDX-License-Identifier: ISC
"""Small files in the MaxMind DB format (2.0), of networks and records.

    write(path, 'GeoLite2-City', {'192.0.2.0/24': {'country': {'iso_code': 'DE'}}})

Networks must not overlap. Integers become uint32, floats doubles.
"""
import ipaddress
import struct

TEXT, DOUBLE, UINT16, UINT32, MAP, UINT64, LIST = 2, 3, 5, 6, 7, 9, 11


class Short(int):
    """A number of two bytes, as the metadata want them."""


class Long(int):
    """Of eight."""


def head(kind, size):
    more = b'' if kind < 8 else bytes([kind - 7])
    first = (kind if kind < 8 else 0) << 5
    if size < 29:
        return bytes([first | size]) + more
    return bytes([first | 29]) + more + bytes([size - 29])


def encode(value):
    if isinstance(value, str):
        return head(TEXT, len(value.encode())) + value.encode()
    if isinstance(value, float):
        return head(DOUBLE, 8) + struct.pack('>d', value)
    if isinstance(value, Short):
        return head(UINT16, 2) + struct.pack('>H', value)
    if isinstance(value, Long):
        return head(UINT64, 8) + struct.pack('>Q', value)
    if isinstance(value, int):
        return head(UINT32, 4) + struct.pack('>I', value)
    if isinstance(value, list):
        return head(LIST, len(value)) + b''.join(map(encode, value))
    return head(MAP, len(value)) + b''.join(encode(k) + encode(v) for k, v in value.items())


class Tree:
    """The nodes, each with two sides: None, ('node', n) or ('data', offset)."""

    def __init__(self):
        self.nodes = [[None, None]]

    def add(self, network, offset):
        net = ipaddress.ip_network(network)
        # An IPv4 network lies in ::/96.
        length = net.prefixlen + (96 if net.version == 4 else 0)
        at = 0
        for depth in range(length):
            side = int(net.network_address) >> (127 - depth) & 1
            if depth == length - 1:
                self.nodes[at][side] = ('data', offset)
                return
            if self.nodes[at][side] is None:
                self.nodes.append([None, None])
                self.nodes[at][side] = ('node', len(self.nodes) - 1)
            at = self.nodes[at][side][1]

    def encode(self):
        count = len(self.nodes)
        numbers = {None: lambda to: count, 'node': lambda to: to, 'data': lambda to: count + 16 + to}
        return b''.join(struct.pack('>I', numbers[side[0] if side else None](side[1] if side else 0))
                        for node in self.nodes for side in node)


def write(path, kind, records):
    tree, data = Tree(), b''
    for network, record in records.items():
        tree.add(network, len(data))
        data += encode(record)
    meta = {'node_count': len(tree.nodes), 'record_size': Short(32), 'ip_version': Short(6), 'database_type': kind,
            'languages': ['en'], 'binary_format_major_version': Short(2), 'binary_format_minor_version': Short(0),
            'build_epoch': Long(1700000000), 'description': {'en': 'of a test'}}
    whole = tree.encode() + b'\0' * 16 + data + b'\xab\xcd\xefMaxMind.com' + encode(meta)
    with open(path, 'wb') as f:
        f.write(whole)
