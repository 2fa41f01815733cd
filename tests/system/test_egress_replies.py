# SPDX-License-Identifier: ISC
"""No reply to Postfix triggers a query, or waits for one: the resolver writes down every query."""
import threading
import time

from dns_server import DnsServer
from egress_rig import CLEAN, IPV4, LISTED, OK, SPREAD_S, UNKNOWN, Rig, blocklist, code, serve
from faults.load import DUNNO, say
from harness import equal, request, wait_until

REQUESTS = 20000
AT_ONCE = 50
# Of the sanitized build, on a machine that does other things beside.
P99_S = 0.02
NEVER = 'check_after = 0;'


def ask_many(client, count, clients=251):
    """Requests of many accounts from many public addresses; all must pass."""
    for start in range(0, count, AT_ONCE):
        client.send(b''.join(mail(n, clients) for n in range(start, start + AT_ONCE)))
        for _ in range(AT_ONCE):
            equal(client.reply(), DUNNO)


def mail(n, clients):
    return request(sasl_username='u%d@example.org' % (n % 997), instance='m%d.%d' % (n, time.monotonic_ns()),
                   client_address='198.51.100.%d' % (n % clients))


def measure(client, count, while_true=lambda: True):
    """Seconds that each of so many single questions took."""
    taken = []
    while len(taken) < count and while_true():
        data = mail(len(taken), 251)
        began = time.monotonic()
        equal(client.ask(data), DUNNO)
        taken.append(time.monotonic() - began)
    return sorted(taken)


def check_quick(taken, what):
    p99 = taken[len(taken) * 99 // 100]
    say('%s: %d replies, p50 %.2f ms, p99 %.2f ms, longest %.2f ms', what, len(taken), 1e3 * taken[len(taken) // 2],
        1e3 * p99, 1e3 * taken[-1])
    assert len(taken) > 500, len(taken)
    assert p99 < P99_S, p99


def test_no_reply_asks(case):
    """20000 requests while no list is due: not one query, of no kind."""
    server = case.stack.enter_context(DnsServer())
    serve(server, 'spam', IPV4)
    serve(server, 'names')
    rig = Rig(case, server.address, egress=NEVER,
              blocklists=[blocklist('spam'), blocklist('names', subjects=['domain'])])
    rig.settle()
    time.sleep(1)
    server.forget()
    ask_many(case.client(rig.policyd), REQUESTS)
    time.sleep(1)
    equal(server.log, [], 'queries because of %d requests' % REQUESTS)


def test_much_mail_asks_earlier(case):
    """The one way from mail to lists: a count that the tick looks at, and not below a list's minimum."""
    server = case.stack.enter_context(DnsServer())
    serve(server, 'spam')
    rig = Rig(case, server.address, egress='check_after = 1000;', blocklists=[blocklist('spam')])
    rig.settle()
    client = case.client(rig.policyd)
    server.forget()
    ask_many(client, 900)
    time.sleep(1.5)
    equal(server.log, [], 'queries after too few')
    ask_many(client, 200)
    rig.sleep(12)
    wait_until(lambda: len(server.log) >= 3, 'the list to be asked early', SPREAD_S + 5)
    equal(len(server.log), 3, 'queries')


def test_replies_do_not_wait_for_a_silent_resolver(case):
    server = case.stack.enter_context(DnsServer())
    names = ['list%d' % n for n in range(50)]
    rig = Rig(case, server.address, egress=NEVER, blocklists=[blocklist(name) for name in names],
              addresses=['192.0.2.%d' % n for n in range(1, 9)], dns='timeout = "2s"; attempts = 2;')
    server.is_silent = True
    rig.sleep(6)
    check = threading.Thread(target=lambda: rig.ask('egress check', wait=True), daemon=True)
    client = case.client(rig.policyd)
    quiet = measure(client, 2000)
    check.start()
    wait_until(lambda: len(server.log) > 60, 'the check to be under way')
    taken = measure(client, 20000, check.is_alive)
    check.join()
    check_quick(quiet, 'before the check')
    check_quick(taken, 'while 50 lists x 8 addresses are asked of a silent resolver')


def test_hints_are_never_waited_for(case):
    """clients = true: who writes is looked up later, and slowly; private addresses never."""
    server = case.stack.enter_context(DnsServer())
    serve(server, 'auth', '198.51.100.7', codes=['127.0.0.20'])
    rig = Rig(case, server.address, egress=NEVER, blocklists=[
        blocklist('auth', code('127.0.0.20', severity=4, text='stolen passwords were used'), subjects=['ipv4'],
                  more='clients = true;')])
    rig.settle()
    equal(rig.state('auth'), OK)
    client = case.client(rig.policyd)
    server.forget()
    for address in ('10.1.2.3', '192.168.7.8', '127.0.0.1', 'fd00::1', '100.64.0.9', '169.254.1.1', '198.51.100.7',
                    '198.51.100.8'):
        equal(client.ask(request(client_address=address, sasl_username='carol@example.org')), DUNNO, 'a hint is no block')
    wait_until(lambda: hints(rig) == {'198.51.100.7': LISTED, '198.51.100.8': CLEAN}, 'the hints')
    equal(sorted(query.name for query in server.log),
          ['7.100.51.198.auth.example', '8.100.51.198.auth.example'], 'queries')
    row = next(row for row in rig.data('egress clients') if row['client'] == '198.51.100.7')
    equal([row[key] for key in ('account', 'list', 'code', 'meaning')],
          ['carol@example.org', 'auth', '127.0.0.20', 'stolen passwords were used'])
    equal(client.ask(request(client_address='198.51.100.7', sasl_username='carol@example.org')), DUNNO)
    time.sleep(1)
    equal(len(server.log), 2, 'queries when they come again')


def hints(rig):
    return {row['client']: row['state'] for row in rig.data('egress clients')}


def test_hints_of_a_silent_resolver(case):
    server = case.stack.enter_context(DnsServer())
    serve(server, 'auth')
    rig = Rig(case, server.address, egress=NEVER, blocklists=[
        blocklist('auth', subjects=['ipv4'], more='clients = true;')], dns='timeout = "2s"; attempts = 2;')
    rig.settle()
    server.is_silent = True
    server.forget()
    end = time.monotonic() + 4
    taken = measure(case.client(rig.policyd), 50000, lambda: time.monotonic() < end)
    check_quick(taken, 'with 251 clients to look up and a silent resolver')
    assert 0 < len(server.log) < 251, len(server.log)
    equal(set(hints(rig).values()) <= {UNKNOWN}, True, 'hints')


def test_hints_are_opt_in(case):
    server = case.stack.enter_context(DnsServer())
    serve(server, 'auth')
    rig = Rig(case, server.address, egress=NEVER, blocklists=[blocklist('auth', subjects=['ipv4'])])
    rig.settle()
    server.forget()
    ask_many(case.client(rig.policyd), 500)
    time.sleep(1.5)
    equal(server.log, [])
    equal(rig.data('egress clients'), [])
