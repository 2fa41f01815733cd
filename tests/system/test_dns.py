# SPDX-License-Identifier: ISC
"""The DNS client as it asks, under load, with servers that go and come back (scripted), and with real ones (unbound,
rbldnsd). Servers that do wrong are in test_dns_wrong.py."""
from dns_asker import QUICK, Asker
from dns_peers import Rbldnsd, Unbound, udp_port
from dns_server import (DnsServer, alias, by_transport, drop, found, late, malformed, nodata, nxdomain, rcode, referral,
                        truncated)
from dns_wire import AA, NOTIMP, QR, REFUSED, SERVFAIL, soa
from harness import equal, wait_until

TRUTH = '127.0.0.2'
TIMEOUT, BAD, NO_RECORD, NO_NAME = 'timeout', 'malformed answer', 'no such record', 'no such name'
right = found(TRUTH)
TC = truncated()


# ---- what goes out ----

def start(case, *rules, servers=None, settings=QUICK):
    """A server with rules (name, kind, behaviour ...) and a client of it."""
    server = case.stack.enter_context(DnsServer())
    for name, kind, *behaviours in rules:
        server.on(name, kind, *behaviours)
    return server, Asker(case, *(servers or [server.address]), settings=settings)


def test_queries(case):
    """RD, EDNS with 1232 octets, one question, a port and an id of its own for each; names are absolute."""
    server, asker = start(case, ('*.example', 'A', right))
    begun = [asker.begin('host%d.example' % n) for n in range(100)]
    for question in begun:
        equal(asker.wait(question)['rr'], [TRUTH], 'answer')
    log = server.asked('*.example')
    equal(len(log), 100, 'queries')
    equal({(q.flags, q.edns, q.klass, q.transport) for q in log}, {(0x0100, 1232, 1, 'udp')}, 'flags, EDNS')
    assert len({q.port for q in log}) > 95, 'ports are used again'
    assert len({q.id for q in log}) > 95, 'ids are used again'
    ids = [q.id for q in log]
    assert sum(b - a == 1 for a, b in zip(ids, ids[1:])) < 3, 'ids are counted up'
    server.on('again.example', 'A', drop(), rcode(SERVFAIL), right)
    asker.write(server.address, settings='timeout = "200ms"; attempts = 5;')
    asker.reload()
    equal(asker.ask('again.example')['rr'], [TRUTH], 'the third time')
    retries = server.asked('again.example')
    equal((len({q.port for q in retries}), len({q.id for q in retries})), (3, 3), 'ports and ids of retries')


def test_named_server(case):
    """An authoritative server's own word: RD=0, never from the cache; with rd RD=1."""
    server, asker = start(case, ('host.example', 'A', found(TRUTH)))
    named = case.stack.enter_context(DnsServer())
    named.on('host.example', 'A', found('127.0.0.3', flags=QR | AA))
    equal(asker.ask('host.example')['rr'], [TRUTH], 'of the resolver')
    for _ in range(2):
        answer = asker.ask('host.example', 'A', '@' + named.address)
        equal((answer['rr'], answer['authoritative'], answer['cached'], answer['server']),
              (['127.0.0.3'], True, False, named.address), 'of the named server')
    asker.ask('host.example', 'A', '@' + named.address6, 'rd')
    equal([q.is_rd for q in named.log], [False, False, True], 'RD')
    equal([q.source[0] for q in named.log], ['127.0.0.1', '127.0.0.1', '::1'], 'sources')
    equal((asker.ask('host.example')['rr'], len(server.log)), ([TRUTH], 1), 'of the cache')
    equal(asker.ask('gone.example', 'A', '@127.0.0.1:%d' % udp_port())['result'], TIMEOUT, 'nobody there')
    equal(asker.figures()['down'], 0, 'resolvers down because of another server')


def test_next_server(case):
    """Silence, SERVFAIL, REFUSED, a lame referral and nobody at all: the next one is asked, over IPv6 too."""
    last = case.stack.enter_context(DnsServer())
    last.default = right
    for number, wrong in enumerate([drop(), rcode(SERVFAIL), rcode(REFUSED), rcode(NOTIMP), referral(),
                                    malformed('A of 3 octets'), TC]):
        with DnsServer() as first:
            first.default = wrong
            asker = Asker(case, '127.0.0.1:%d' % udp_port(), first.address, last.address6, folder='asker%d' % number,
                          settings='timeout = "200ms"; attempts = 1;')
            answer = asker.ask('host%d.example' % number)
            equal((answer['rr'], answer['server']), ([TRUTH], last.address6), 'answer, who said it')
            assert first.log, 'the first one was not asked'


def test_coalesced(case):
    server, asker = start(case, ('host.example', 'A', late(0.2, right)),
                          ('host.example', 'AAAA', late(0.2, found('::2'))))
    begun = [asker.begin('host.example') for _ in range(50)] + [asker.begin('HOST.example.')]
    other = asker.begin('host.example', 'AAAA')
    for question in begun:
        equal(asker.wait(question)['rr'], [TRUTH], 'answer')
    equal(asker.wait(other)['rr'], ['::2'], 'answer')
    equal(len(server.log), 2, 'queries')
    equal(asker.figures()['coalesced'], 50, 'coalesced')


def test_cancelled(case):
    server, asker = start(case, ('*.example', None, late(0.2, right)))
    gone, kept, both = asker.begin('gone.example'), asker.begin('kept.example'), asker.begin('gone.example')
    wait_until(lambda: len(server.log) == 2, 'both questions on the way')
    asker.cancel(gone)
    equal((asker.wait(kept)['rr'], asker.wait(both)['rr']), ([TRUTH], [TRUTH]), 'who was not cancelled')
    equal((asker.answers.get(gone[0]), asker.figures()['in_flight']), (None, 0), 'who was')


def test_left_open(case):
    """Ends with questions waiting, queued, and over TCP; the sanitizers look for what is left."""
    server, asker = start(case, ('*.tcp.example', None, by_transport(TC, drop())), ('*.example', None, drop()))
    equal(asker.burst(50, 'tcp.example'), 0, 'refused')
    equal(asker.burst(200, 'example'), 0, 'refused')
    wait_until(lambda: server.asked(transport='tcp'), 'a query over TCP')
    asker.leave()


def test_types(case):
    """Records of every type, names with odd octets, TXT as bytes."""
    binary = bytes(range(256)) * 2
    server, asker = start(
        case, ('host.example', 'A', found('192.0.2.1', '192.0.2.2')), ('host.example', 'AAAA', found('2001:db8::1')),
        ('host.example', 'TXT', found(b'v=spf1 -all', binary, b'')), ('host.example', 'NS', found('NS1.example', '.')),
        ('host.example', 'MX', found((10, 'mx.example'), (0, '.'))),
        ('host.example', 'SOA', found(soa(serial=2 ** 32 - 1))),
        ('1.2.0.192.in-addr.arpa', 'PTR', found('Host.Example', 'a\\032b\\200.example', '_dmarc.x-y.example')),
        ('host.example', 'CNAME', found('other.example')), ('a\\032b.example', 'A', found('192.0.2.3')))
    for name, kind, wanted in [
            ('host.example', 'A', ['192.0.2.1', '192.0.2.2']), ('host.example', 'AAAA', ['2001:db8::1']),
            ('host.example', 'TXT', [b'v=spf1 -all', binary, b'']), ('host.example', 'NS', ['ns1.example', '.']),
            ('host.example', 'MX', [[10, 'mx.example'], [0, '.']]),
            ('host.example', 'SOA', [[2 ** 32 - 1, 'ns.example']]),
            ('1.2.0.192.in-addr.arpa', 'PTR', ['host.example', 'a\\032b\\200.example', '_dmarc.x-y.example']),
            ('host.example', 'CNAME', ['other.example']), ('a\\032b.example', 'A', ['192.0.2.3'])]:
        answer = asker.ask(name, kind)
        equal((answer['result'], sorted(answer['rr'], key=str)), ('found', sorted(wanted, key=str)), kind)


def test_no_names(case):
    server, asker = start(case, ('*.example', None, right))
    for name in ['a..example', '.example', 'x' * 64 + '.example', '.'.join(['x' * 63] * 4), 'a\\999.example', 'a\\1']:
        equal(asker.ask(name), {'id': str(asker.number), 'error': 'Invalid argument'}, name)
    equal(server.log, [], 'queries')


def test_chain_goes_on(case):
    """A CNAME whose target is not in the packet: its name is asked; in a circle it ends."""
    server, asker = start(
        case, ('a.example', 'A', alias(['b.example'])), ('b.example', 'A', alias(['c.example'])),
        ('c.example', 'A', right), ('x.example', 'A', alias(['y.example'])), ('y.example', 'A', alias(['x.example'])))
    answer = asker.ask('a.example')
    equal((answer['rr'], answer['canonical'], len(server.log)), ([TRUTH], 'c.example', 3), 'answer')
    server.forget()
    equal(asker.ask('x.example')['result'], BAD, 'in a circle')
    assert len(server.log) <= 13, server.log


def test_cached(case):
    """The same answer, counted down, as long as it holds; negative ones too; fresh asks nevertheless."""
    server, asker = start(case, ('host.example', 'A', right, found('127.0.0.3')), ('gone.example', 'A', nxdomain()),
                          ('dead.example', 'A', rcode(SERVFAIL)))
    for name in ('host.example', 'gone.example', 'dead.example'):
        first, again = asker.ask(name), asker.ask(name)
        equal((first['cached'], again['cached'], first['result'], first['rr']),
              (False, True, again['result'], again['rr']), name)
    before = len(server.asked('host.example'))
    fresh = asker.ask('host.example', 'A', 'fresh')
    equal((before, fresh['rr'], fresh['cached'], asker.ask('host.example')['rr']),
          (1, ['127.0.0.3'], False, ['127.0.0.3']), 'fresh')


# ---- load, and servers that go ----

def test_in_flight(case):
    """Thousands at once: never more on the way than allowed, what is too much is refused, the loop stays free."""
    server, asker = start(case, ('*.example', None, late(0.02, right)),
                          settings='in_flight_max = 16; queue_max = 2000; cache_max = 64; timeout = "5s";')
    refused = asker.burst(3000, 'many.example')
    assert 900 <= refused <= 1000, refused
    equal(len([n for n in range(3000 - refused) if asker.take('%d.many.example' % n, 60)['rr'] != [TRUTH]]), 0, 'wrong')
    times = sorted([(q.time, 1) for q in server.log] + [(q.time + 0.02, -1) for q in server.log])
    now = most = 0
    for _, step in times:
        now += step
        most = max(most, now)
    assert most <= 17, '%d on the way at once' % most
    figures = asker.figures()
    equal((figures['dropped'], figures['in_flight'], figures['queued']), (refused, 0, 0), 'figures')
    assert figures['cache_n'] <= 64, figures


def test_silent_resolver(case):
    """Everything times out, bounded in time: a dead resolver does not pile up work. It is told once, its return too."""
    server, asker = start(case, settings='timeout = "300ms"; attempts = 2; in_flight_max = 64;')
    server.default = right
    server.is_silent = True
    equal(asker.burst(400, 'many.example'), 0, 'refused')
    for n in range(400):
        equal(asker.take('%d.many.example' % n, 60)['result'], TIMEOUT, 'while it is silent')
    equal((asker.told('dns server does not answer'), asker.figures()['servers']), (1, {server.address: False}), 'down')
    server.is_silent = False
    equal(asker.ask('back.example')['rr'], [TRUTH], 'when it is back')
    equal((asker.told('dns server answers again'), asker.figures()['servers']), (1, {server.address: True}), 'up')


def test_resolver_restarts(case):
    """Its port is closed, then open again: refused at once, asked again at once."""
    server, asker = start(case)
    server.default = right
    equal(asker.ask('a.example')['rr'], [TRUTH], 'before')
    server.stop()
    answer = asker.ask('b.example')
    equal(answer['result'], TIMEOUT, 'meanwhile')
    assert answer['seconds'] < 2, 'the kernel said so, yet it waited'
    server.start()
    equal(asker.ask('c.example')['rr'], [TRUTH], 'after')


def test_probed(case):
    """A server that is down is asked by itself now and then: it is up again without anybody's question."""
    server, asker = start(case)
    server.default = right
    server.is_silent = True
    equal([asker.ask('%d.example' % n)['result'] for n in range(3)], [TIMEOUT] * 3, 'while it is silent')
    equal(asker.figures()['down'], 1, 'down')
    server.is_silent = False
    server.forget()
    wait_until(lambda: asker.figures()['down'] == 0, 'up by a probe', 25)
    equal([(q.name, q.kind) for q in server.log], [('.', 'NS')], 'the probe')


def test_reload(case):
    """Other servers while questions wait: each gets its answer, of the new one."""
    server, asker = start(case, settings='timeout = "20s"; attempts = 1;')
    server.is_silent = True
    other = case.stack.enter_context(DnsServer())
    other.default = right
    equal(asker.burst(200, 'many.example'), 0, 'refused')
    wait_until(lambda: len(server.log) >= 64, 'questions on the way')
    asker.write(other.address)
    asker.reload()
    for n in range(200):
        equal(asker.take('%d.many.example' % n)['rr'], [TRUTH], 'of the other one')
    equal(asker.told('dns servers are other ones servers=' + other.address), 1, 'told')


def test_few_descriptors(case):
    """Out of descriptors: unknown, counted, told once; all is well when there are some."""
    server = case.stack.enter_context(DnsServer())
    server.on('*.example', None, late(0.1, right))
    asker = Asker(case, server.address, prefix=['prlimit', '--nofile=24:24'], settings='in_flight_max = 200;')
    asker.allow('^WARNING dns question not sent error="Too many open files"')
    equal(asker.burst(200, 'many.example'), 0, 'refused')
    results = {asker.take('%d.many.example' % n, 60)['result'] for n in range(200)}
    assert results <= {'found', TIMEOUT} and TIMEOUT in results, results
    assert asker.figures()['unsent'] > 0, 'not counted'
    equal(asker.told('dns question not sent'), 1, 'lines')
    wait_until(lambda: asker.ask('after.example', 'A', 'fresh')['rr'] == [TRUTH], 'an answer afterwards')


# ---- servers as they are ----

LISTS = {
    'ip4.example': {'ip4set': ':127.0.0.2:Listed, see https://list.example/$\n127.0.0.2\n192.0.2.16/28\n!192.0.2.20\n'
                              '192.0.2.99 :127.0.0.4:one\n192.0.2.99 :127.0.0.11:two\n'},
    'ip6.example': {'ip6trie': ':127.0.0.2:Listed\n2001:db8::/32\n::ffff:7f00:2\n'},
    'domain.example': {'dnset': ':127.0.1.2:spam\n.bad.example.net\nonly.example.org\n'},
    'records.example': {'generic': '$SOA 300 ns.example hostmaster.example 7 3600 600 86400 120\n$NS 300 ns.example\n'
                                   'www A 192.0.2.80\nwww TXT "some text"\n@ MX 10 mx.example\n'},
}
LOCAL = [
    'local-zone: "local.example." static', 'local-data: "local.example. 300 SOA ns.example. h.example. 9 1 1 1 120"',
    'local-data: "local.example. 300 NS ns.local.example."', 'local-data: "local.example. 300 MX 5 mx.local.example."',
    'local-data: "host.local.example. 300 A 192.0.2.1"', 'local-data: "host.local.example. 300 AAAA 2001:db8::1"',
    "local-data: 'host.local.example. 300 TXT \"v=spf1 -all\"'", 'local-data-ptr: "192.0.2.1 300 host.local.example"',
    'local-zone: "refused.example." always_refuse', 'local-zone: "gone.example." always_nxdomain',
    'local-zone: "empty.example." always_nodata',
]


def real(case, **stubs):
    lists = case.stack.enter_context(Rbldnsd(case.folder / 'lists', LISTS))
    # rbldnsd refuses what is not its own, and unbound then has no answer at all.
    stubs = {'example': lists.port, 'broken.example': lists.port} | stubs
    resolver = case.stack.enter_context(Unbound(case.folder / 'resolver', stubs, LOCAL))
    return lists, resolver, Asker(case, resolver.address, settings='timeout = "3s"; attempts = 2;')


def test_real_types(case):
    """unbound: each type, and each way of there being nothing."""
    _, resolver, asker = real(case)
    for name, kind, wanted in [
            ('host.local.example', 'A', ['192.0.2.1']), ('host.local.example', 'AAAA', ['2001:db8::1']),
            ('host.local.example', 'TXT', [b'v=spf1 -all']), ('local.example', 'NS', ['ns.local.example']),
            ('local.example', 'SOA', [[9, 'ns.example']]), ('local.example', 'MX', [[5, 'mx.local.example']]),
            ('1.2.0.192.in-addr.arpa', 'PTR', ['host.local.example']), ('www.records.example', 'A', ['192.0.2.80']),
            ('www.records.example', 'TXT', [b'some text'])]:
        answer = asker.ask(name, kind)
        equal((answer['result'], answer['rr'], answer['server']), ('found', wanted, resolver.address), (name, kind))
    for name, kind, wanted in [
            ('host.local.example', 'MX', NO_RECORD), ('none.local.example', 'A', NO_NAME),
            ('gone.example', 'A', NO_NAME), ('empty.example', 'A', NO_RECORD),
            ('refused.example', 'A', 'REFUSED'), ('x.broken.example', 'A', 'SERVFAIL'),
            ('www.records.example', 'AAAA', NO_RECORD), ('none.records.example', 'A', NO_NAME)]:
        equal(asker.ask(name, kind)['result'], wanted, (name, kind))


def test_real_lists(case):
    """rbldnsd behind unbound, and asked itself: listed, several codes, excluded, IPv6, domains; it flips."""
    lists, resolver, asker = real(case)
    nibbles = '1.' + '0.' * 23 + '8.b.d.0.1.0.0.2.ip6.example'
    for at in ([], ['@' + lists.address]):
        for name, wanted in [
                ('2.0.0.127.ip4.example', ['127.0.0.2']), ('17.2.0.192.ip4.example', ['127.0.0.2']),
                ('99.2.0.192.ip4.example', ['127.0.0.11', '127.0.0.4']), (nibbles, ['127.0.0.2']),
                ('x.bad.example.net.domain.example', ['127.0.1.2']),
                ('only.example.org.domain.example', ['127.0.1.2'])]:
            equal(sorted(asker.ask(name, 'A', *at)['rr']), wanted, (name, at))
        for name in ('1.0.0.127.ip4.example', '20.2.0.192.ip4.example', 'good.example.net.domain.example'):
            equal(asker.ask(name, 'A', *at)['result'], NO_NAME, (name, at))
        equal(asker.ask('2.0.0.127.ip4.example', 'TXT', *at)['rr'], [b'Listed, see https://list.example/127.0.0.2'], at)
    lists.write('ip4.example', 'ip4set', '127.0.0.2\n192.0.2.200 :127.0.0.4:new\n')
    resolver.flush('ip4.example')
    equal(asker.ask('17.2.0.192.ip4.example', 'A', 'fresh')['result'], NO_NAME, 'no more')
    equal(asker.ask('200.2.0.192.ip4.example', 'A', 'fresh')['rr'], ['127.0.0.4'], 'new')


def test_real_aliases_and_tcp(case):
    """unbound follows CNAME for us, and has more to say than a datagram holds."""
    origin = case.stack.enter_context(DnsServer())
    origin.default = nodata(flags=QR | AA)
    origin.on('a.origin.example', 'A', alias(['b.origin.example', 'c.origin.example'], '192.0.2.7'))
    origin.on('b.origin.example', 'A', alias(['c.origin.example'], '192.0.2.7'))
    origin.on('c.origin.example', 'A', found('192.0.2.7', flags=QR | AA))
    large = bytes(n % 251 for n in range(9000))
    origin.on('large.origin.example', 'TXT', by_transport(truncated(), found(large, flags=QR | AA)))
    _, resolver, asker = real(case, **{'origin.example': origin.port})
    answer = asker.ask('a.origin.example')
    equal((answer['rr'], answer['canonical']), (['192.0.2.7'], 'c.origin.example'), 'at the end of the chain')
    equal(asker.ask('large.origin.example', 'TXT')['rr'], [large], 'over TCP')
    equal(asker.figures()['sent_tcp'], 1, 'questions over TCP')


def test_real_resolver_freezes(case):
    """unbound is stopped under load and goes on: no answer is lost or told twice, and it is told of once each."""
    _, resolver, asker = real(case)
    asker.write(resolver.address, settings='timeout = "300ms"; attempts = 2;')
    asker.reload()
    equal(asker.ask('host.local.example')['rr'], ['192.0.2.1'], 'before')
    resolver.freeze()
    equal(asker.burst(300, 'local.example'), 0, 'refused')
    equal({asker.take('%d.local.example' % n, 60)['result'] for n in range(300)}, {TIMEOUT}, 'meanwhile')
    resolver.thaw()
    wait_until(lambda: asker.ask('host.local.example', 'A', 'fresh')['rr'] == ['192.0.2.1'], 'an answer again')
    equal(asker.burst(300, 'again.local.example'), 0, 'refused')
    equal({asker.take('%d.again.local.example' % n, 60)['result'] for n in range(300)}, {NO_NAME}, 'afterwards')
    equal((asker.told('dns server does not answer'), asker.told('dns server answers again')), (1, 1), 'lines')
