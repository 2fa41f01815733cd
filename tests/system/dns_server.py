# SPDX-License-Identifier: ISC
"""A DNS server that does what a test says, right or wrong: UDP and TCP on one port of 127.0.0.1 and ::1.

    with DnsServer() as server:
        server.on('2.0.0.127.zen.example', 'A', found('127.0.0.2', '127.0.0.4'))
        server.on('*.zen.example', None, nxdomain())
        server.on('flaky.example', 'A', drop(), rcode(SERVFAIL), found('127.0.0.2'))
        ...
        equal(len(server.asked('flaky.example')), 3)

A rule is looked up by name and type, by name, by "*.zone" (the longest that fits), then server.default. Several
behaviours are used one after the other, the last again and again. A behaviour is a function of a Talk: it looks
at talk.query and calls talk.send() as often as it likes, now or later. Everything asked is in server.log.
"""
import heapq
import itertools
import selectors
import socket
import struct
import threading
import time

from dns_wire import (FORMERR, MALFORMED, MALFORMED_OF, NXDOMAIN, QR, RA, TC, Query, message,
                      name_wire, records, rr, soa, type_number)

UDP_MAX = 65507
LOG_MAX = 200000


class Talk:
    """One query and the way back to who asked."""

    def __init__(self, server, query, sock, address):
        self.server, self.query, self.sock, self.address = server, query, sock, address

    @property
    def is_tcp(self):
        return self.query.transport == 'tcp'

    def send(self, wire, after=0.0):
        """wire without the length that TCP puts before it."""
        self.send_raw(struct.pack('!H', len(wire)) + wire if self.is_tcp else wire, after)

    def send_raw(self, data, after=0.0):
        self.server.later(after, lambda: self._put(data))

    def _put(self, data):
        try:
            if self.is_tcp:
                self.sock.setblocking(True)
                self.sock.sendall(data)
                self.sock.setblocking(False)
            else:
                self.sock.sendto(data, self.address)
        except OSError:
            pass

    def send_from_elsewhere(self, wire):
        """From a port that was not asked."""
        with socket.socket(self.sock.family, socket.SOCK_DGRAM) as other:
            other.bind((self.server.addresses[self.sock.family], 0))
            other.sendto(wire, self.address)

    def close(self, after=0.0, reset=False):
        """Of TCP: the connection."""
        self.server.later(after, lambda: self.server.hang_up(self.sock, reset))


# ---- behaviours that are right ----

def found(*values, ttl=300, flags=QR | RA):
    """values as dns_wire.RDATA takes them: '127.0.0.2', b'text', 'name.', (10, 'mx.example')."""
    return lambda talk: talk.send(message(talk.query, answer=records(talk.query, values, ttl), flags=flags))


def authority(minimum, ttl):
    return [rr('example', 'SOA', soa(minimum), ttl)]


def nxdomain(minimum=300, ttl=300, has_soa=True, flags=QR | RA):
    return lambda talk: talk.send(message(talk.query, NXDOMAIN, flags=flags,
                                          authority=authority(minimum, ttl) if has_soa else ()))


def nodata(minimum=300, ttl=300, has_soa=True, flags=QR | RA):
    return lambda talk: talk.send(message(talk.query, flags=flags,
                                          authority=authority(minimum, ttl) if has_soa else ()))


def rcode(number, edns=True):
    return lambda talk: talk.send(message(talk.query, number, edns=edns))


def alias(targets, *values, ttl=300, alias_ttl=300):
    """A chain of CNAME from the name asked over all targets, and records at its end."""
    def behave(talk):
        owners = [talk.query.name, *targets]
        chain = [rr(owner, 'CNAME', name_wire(target), alias_ttl) for owner, target in zip(owners, targets)]
        talk.send(message(talk.query, answer=chain + records(talk.query, values, ttl, targets[-1])))
    return behave


def zone(codes, text=None, ttl=300):
    """A DNSBL: codes maps a name below the zone (2.0.0.127) to its A records, text to its TXT. For "*.zone"."""
    def behave(talk):
        query = talk.query
        for key, values in codes.items():
            if query.name == key or query.name.startswith(key + '.'):
                if query.kind == 'TXT':
                    values = [text] if text else []
                elif query.kind != 'A':
                    values = []
                return (found(*values, ttl=ttl) if values else nodata())(talk)
        return nxdomain()(talk)
    return behave


# ---- behaviours that are wrong ----

def drop():
    return lambda talk: None


def late(seconds, behaviour):
    """The same, later."""
    return lambda talk: talk.server.later(seconds, lambda: behaviour(talk))


def one_after_another(*behaviours):
    """All of them, for one question."""
    def behave(talk):
        for behaviour in behaviours:
            behaviour(talk)
    return behave


def altered(**keywords):
    """A reply that differs as message() says; 127.0.0.66 in it would be a lie believed."""
    def behave(talk):
        given = {name: value(talk.query) if callable(value) else value for name, value in keywords.items()}
        lie = [rr(talk.query.name, 'A', bytes([127, 0, 0, 66]))]
        talk.send(message(talk.query, **{'answer': lie, **given}))
    return behave


def wrong_id():
    return altered(id=lambda query: query.id ^ 0x0101)


def wrong_name(name='other.example'):
    return altered(question=lambda query: name_wire(name) + query.question[-4:])


def wrong_type(kind='MX'):
    return altered(question=lambda query: query.question[:-4] + struct.pack('!HH', type_number(kind), 1))


def wrong_class(number=3):
    return altered(question=lambda query: query.question[:-2] + struct.pack('!H', number))


def no_question():
    return altered(question=b'')


def two_questions():
    return altered(question=lambda query: query.question * 2, counts=(2, None, None, None))


def echo():
    """The query itself comes back."""
    return lambda talk: talk.send(talk.query.wire)


def wrong_opcode():
    return altered(flags=QR | RA | 4 << 11)


def spoofed():
    """A lie from another port of the same address."""
    def behave(talk):
        talk.send_from_elsewhere(message(talk.query, answer=[rr(talk.query.name, 'A', bytes([127, 0, 0, 66]))]))
    return behave


def truncated(values=(), cut=None):
    """TC; cut: only so many octets of the packet."""
    def behave(talk):
        talk.send(message(talk.query, answer=records(talk.query, values), flags=QR | RA | TC)[:cut])
    return behave


def without_edns(behaviour, number=FORMERR, has_question=True):
    """Who asks with EDNS gets an error of old servers."""
    def behave(talk):
        if talk.query.edns is None:
            behaviour(talk)
        else:
            talk.send(message(talk.query, number, edns=False, question=None if has_question else b''))
    return behave


def by_transport(udp, tcp):
    return lambda talk: (tcp if talk.is_tcp else udp)(talk)


def malformed(kind):
    """One of dns_wire.MALFORMED."""
    make = next(table[kind] for table in [MALFORMED, *MALFORMED_OF.values()] if kind in table)
    return lambda talk: talk.send(make(talk.query))


def huge(value='127.0.0.2'):
    """As much as a datagram holds: one record, then room for nothing."""
    def behave(talk):
        wire = message(talk.query, answer=records(talk.query, [value]), edns=False)
        talk.send(wire + bytes((UDP_MAX if not talk.is_tcp else 65535) - len(wire)))
    return behave


def referral(flags=QR):
    """Lame: ask somebody else."""
    return lambda talk: talk.send(message(
        talk.query, authority=[rr('example', 'NS', name_wire('ns.elsewhere.example'))], flags=flags))


def bytewise(behaviour, pause=0.0):
    """Of TCP: one octet a segment."""
    def behave(talk):
        class Slowly(Talk):
            def send_raw(self, data, after=0.0):
                for at in range(len(data)):
                    super().send_raw(data[at:at + 1], after + at * pause)
        talk.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        behaviour(Slowly(talk.server, talk.query, talk.sock, talk.address))
    return behave


def hang_up(sent=b'', reset=False):
    """Of TCP: some octets, then the end."""
    def behave(talk):
        if sent:
            talk.send_raw(sent)
        talk.close(reset=reset)
    return behave


def half_then_hang_up(behaviour):
    """Of TCP: the first half of a reply."""
    def behave(talk):
        class Half(Talk):
            def send_raw(self, data, after=0.0):
                super().send_raw(data[:len(data) // 2], after)
                self.close(after)
        behaviour(Half(talk.server, talk.query, talk.sock, talk.address))
    return behave


# ---- the server ----

class DnsServer:
    def __init__(self, port=0, has_ipv6=True):
        self.addresses = {socket.AF_INET: '127.0.0.1'}
        if has_ipv6:
            self.addresses[socket.AF_INET6] = '::1'
        self.port = port
        self.rules = {}
        self.default = nxdomain()
        self.log = []
        self.is_silent = False  # takes queries down, and says nothing
        self.trouble = None  # a behaviour that could not: the case fails at its end
        self._numbers = itertools.count()
        self._later = []
        self._inbox = []
        self._connections = {}
        self._thread = None

    # ---- life ----

    def __enter__(self):
        return self.start()

    def __exit__(self, *ignored):
        self.stop()

    def start(self):
        """Also again, on the same port, after stop()."""
        self._selector = selectors.DefaultSelector()
        self._sockets = []
        self._wake, woken = socket.socketpair()
        self._sockets += [self._wake, woken]
        self._selector.register(woken, selectors.EVENT_READ, lambda: woken.recv(4096))
        self._bind()
        self._ends = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def stop(self):
        """Its port is closed: whoever asks is refused by the kernel."""
        if not self._thread:
            return
        self._ends = True
        self._wake.send(b'.')
        self._thread.join()
        self._thread = None
        for sock in [*self._sockets, *self._connections]:
            sock.close()
        self._connections.clear()
        self._selector.close()
        self._later.clear()
        if self.trouble:
            raise AssertionError('the scripted DNS server failed') from self.trouble

    def _bind(self):
        """One port for both families and transports: another program may have it for one of them."""
        for _ in range(50):
            opened = []
            try:
                port = self.port
                for family, address in self.addresses.items():
                    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                        opened.append(self._open(family, kind, address, port))
                        port = port or opened[0].getsockname()[1]
                break
            except OSError:
                for sock in opened:
                    self._selector.unregister(sock)
                    sock.close()
                if self.port:
                    raise
        else:
            raise AssertionError('no port that is free for UDP and TCP')
        self.port = port
        self._sockets += opened

    def _open(self, family, kind, address, port):
        sock = socket.socket(family, kind)
        try:
            if kind == socket.SOCK_STREAM:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((address, port))
            sock.setblocking(False)
            if kind == socket.SOCK_STREAM:
                sock.listen(128)
            else:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        except OSError:
            sock.close()
            raise
        take = self._accept if kind == socket.SOCK_STREAM else self._datagrams
        self._selector.register(sock, selectors.EVENT_READ, lambda: take(sock))
        return sock

    # ---- use ----

    @property
    def address(self):
        """As dns.servers takes it."""
        return '127.0.0.1:%d' % self.port

    @property
    def address6(self):
        return '[::1]:%d' % self.port

    def on(self, name, kind, *behaviours):
        """From now on. kind None: every type."""
        self.rules[name.lower().rstrip('.'), kind] = iter(itertools.chain(
            behaviours[:-1], itertools.repeat(behaviours[-1])))

    def off(self, name, kind):
        self.rules.pop((name.lower().rstrip('.'), kind), None)

    def asked(self, name=None, kind=None, transport=None):
        """What was asked so far, oldest first. name may begin with "*."."""
        return [query for query in list(self.log)
                if (name is None or query.name == name or name[:2] == '*.' and query.name.endswith(name[1:]))
                and kind in (None, query.kind) and transport in (None, query.transport)]

    def forget(self):
        self.log = []

    def later(self, seconds, action):
        """Runs it in the server's thread."""
        entry = (time.monotonic() + seconds, next(self._numbers), action)
        if threading.current_thread() is self._thread:
            heapq.heappush(self._later, entry)
        else:
            self._inbox.append(entry)
            self._wake.send(b'.')

    # ---- the thread ----

    def _run(self):
        try:
            while not self._ends:
                self._round()
        except Exception as error:
            self.trouble = error

    def _round(self):
        wait = self._later[0][0] - time.monotonic() if self._later else None
        for key, _ in self._selector.select(None if wait is None else max(wait, 0)):
            key.data()
        while self._inbox:
            heapq.heappush(self._later, self._inbox.pop(0))
        while self._later and self._later[0][0] <= time.monotonic():
            heapq.heappop(self._later)[2]()

    def _datagrams(self, sock):
        for _ in range(256):
            try:
                wire, address = sock.recvfrom(65535)
            except OSError:
                return
            self._answer(wire, sock, address, 'udp')

    def _accept(self, sock):
        try:
            connection, address = sock.accept()
        except OSError:
            return
        connection.setblocking(False)
        self._connections[connection] = b''
        self._selector.register(connection, selectors.EVENT_READ, lambda: self._stream(connection, address))

    def _stream(self, connection, address):
        try:
            data = connection.recv(65535)
        except BlockingIOError:
            return
        except OSError:
            data = b''
        if not data:
            self.hang_up(connection)
            return
        data = self._connections[connection] + data
        while len(data) >= 2 and len(data) >= 2 + int.from_bytes(data[:2], 'big'):
            size = 2 + int.from_bytes(data[:2], 'big')
            self._answer(data[2:size], connection, address, 'tcp')
            data = data[size:]
        if connection in self._connections:
            self._connections[connection] = data

    def hang_up(self, connection, reset=False):
        if connection not in self._connections:
            return
        del self._connections[connection]
        self._selector.unregister(connection)
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        connection.close()

    def _rule(self, query):
        names = [query.name]
        parts = query.name.split('.')
        names += ['*.' + '.'.join(parts[n:]) for n in range(1, len(parts))]
        for name in names:
            for kind in (query.kind, None):
                if (name, kind) in self.rules:
                    return next(self.rules[name, kind])
        return self.default

    def _answer(self, wire, sock, address, transport):
        try:
            query = Query(wire, transport, address, time.monotonic())
        except (ValueError, IndexError, struct.error):
            self.log.append(BadQuery(wire, transport, address))
            return
        if len(self.log) < LOG_MAX:
            self.log.append(query)
        if not self.is_silent:
            self._rule(query)(Talk(self, query, sock, address))


class BadQuery:
    """What came and is no query: a case that looks at server.log must not find any."""

    def __init__(self, wire, transport, source):
        self.wire, self.transport, self.source = wire, transport, source
        self.name, self.kind = None, None

    def __repr__(self):
        return '<no query: %r>' % self.wire
