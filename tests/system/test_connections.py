# SPDX-License-Identifier: ISC
"""Many connections, many requests, few descriptors: what the socket side promises."""
import os
import re
import resource
import socket
import threading

from harness import RawClient, equal, request, wait_until

LIMIT_200 = '{ name = "hourly"; rate = "200/1h"; }'
ROOMY = '{ name = "hourly"; rate = "100000/1h"; }'
CAP = 16
# So short that what is read at once is far more than one wake-up's share.
SHORT = b'request=smtpd_access_policy\nprotocol_state=RCPT\nsasl_username=a@b.c\nrecipient=r@d.e\ninstance=1\n\n'


def capped(case):
    policyd = case.policyd('connections_max = %d;' % CAP, ROOMY)
    policyd.allow('connection')
    return policyd


def test_cap_drops_the_longest_idle(case):
    policyd = capped(case)
    clients = [case.client(policyd, n % 2) for n in range(CAP)]
    # All have asked; the first asks once more, so that the second is the longest idle.
    for client in clients + clients[:1]:
        equal(client.ask(request()), 'action=DUNNO')
    late = case.client(policyd)
    equal(late.ask(request()), 'action=DUNNO', 'the connection over the cap')
    equal(clients[1].was_closed(), True, 'the longest idle one is closed')
    for client in clients[:1] + clients[2:]:
        equal(client.ask(request()), 'action=DUNNO', 'the others')


def test_cap_with_none_idle_closes_the_new_one(case):
    policyd = capped(case)
    clients = [case.client(policyd, n % 2) for n in range(CAP)]
    for client in clients:
        equal(client.ask(request()), 'action=DUNNO')
        client.send(request()[:50])
    before = len(policyd.warnings())
    wait_until(lambda: policyd.ctl('status') is not None, 'status')
    for _ in range(5):
        equal(case.client(policyd).was_closed(), True, 'the new connection is closed without a byte')
    wait_until(lambda: len(policyd.warnings()) > before, 'a warning')
    equal(len(policyd.warnings()) - before, 1, 'warnings')
    for client in clients:
        equal(client.ask(request()[50:]), 'action=DUNNO', 'the old ones')


def test_four_thousand_connections(case):
    """The default cap is at least 4096, also where the soft limit of descriptors is below it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 10000), hard))
    policyd = case.policyd(limits=ROOMY, start=False)
    policyd.start('prlimit', '--nofile=1024:')
    clients = []
    try:
        for number in range(4096):
            clients.append(RawClient(policyd.addresses[number % 2]))
            clients[-1].send(request(instance='c.%d' % number))
        for client in clients:
            equal(client.reply(), 'action=DUNNO')
        for client in clients[:10]:
            equal(client.ask(request()), 'action=DUNNO', 'the oldest ones')
    finally:
        for client in clients:
            client.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    wait_until(lambda: policyd.ctl('status')['now']['connections'] == 0, 'no connection left')


def few_descriptors(case, policyd, first):
    """80 clients more than there are descriptors: those that are served go on, nothing spins, all recovers."""
    crowd = []
    for number in range(80):
        crowd.append(case.client(policyd, number % 2))
        equal(first.ask(request()), 'action=DUNNO', 'while clients come')
    busy = cpu_ticks(policyd)
    equal(first.is_silent(0.5), True)
    assert cpu_ticks(policyd) - busy < 20, 'it spins while it is out of descriptors'
    for client in crowd:
        client.close()
    for index in range(2):
        equal(case.client(policyd, index).ask(request()), 'action=DUNNO', 'after the crowd has gone')
    policyd.ctl('suspend', 'bob@example.org', '--reason', 'the store works, too')


def test_started_with_few_descriptors(case):
    policyd = case.policyd(limits=ROOMY, start=False)
    policyd.start('prlimit', '--nofile=40:40')
    policyd.allow('descriptors|connection|accept')
    first = case.client(policyd)
    equal(first.ask(request()), 'action=DUNNO')
    few_descriptors(case, policyd, first)


def test_out_of_descriptors(case):
    """accept(2) fails with EMFILE: the limit is lowered below what is open while it runs."""
    policyd = case.policyd(limits=ROOMY)
    policyd.allow('descriptors|connection|accept')
    first = case.client(policyd)
    equal(first.ask(request()), 'action=DUNNO')
    _, hard = resource.prlimit(policyd.process.pid, resource.RLIMIT_NOFILE)
    opened = len(os.listdir('/proc/%d/fd' % policyd.process.pid))
    resource.prlimit(policyd.process.pid, resource.RLIMIT_NOFILE, (opened + 3, hard))
    few_descriptors(case, policyd, first)
    wait_until(lambda: 'accept failed' in policyd.log(), 'a warning about accept')


def cpu_ticks(policyd):
    with open('/proc/%d/stat' % policyd.process.pid) as f:
        fields = f.read().rsplit(')', 1)[1].split()
    return int(fields[11]) + int(fields[12])


def test_pipelining(case):
    """Several requests in one write get as many replies, in order."""
    policyd = case.policyd(limits='{ name = "hourly"; rate = "100/1h"; }')
    for index in range(2):
        client = case.client(policyd, index)
        login = 'pipe%d@example.org' % index
        client.send(b''.join(request(sasl_username=login, instance='p.%d' % n, recipient='r%d@example.net' % n)
                             for n in range(150)))
        words = [client.reply().split()[0] for _ in range(150)]
        equal(words, ['action=DUNNO'] * 100 + ['action=DEFER_IF_PERMIT'] * 50)
        equal(client.is_silent(), True, 'silence')


def test_part_of_a_request_behind_a_full_share(case):
    """As many requests as one wake-up answers, and half of one: nothing spins, nobody waits, the deadline holds."""
    for index, peer in ((0, 'local'), (1, '127.0.0.1')):
        policyd = case.policyd('request_deadline = "2s";', ROOMY, folder='policyd%d' % index)
        policyd.allow('connection closed')
        client = case.client(policyd, index)
        client.send(request() * 64 + request()[:200])
        equal([client.reply() for _ in range(64)], ['action=DUNNO'] * 64)
        other = case.client(policyd, 1 - index)
        other.socket.settimeout(1)
        equal(other.ask(request()), 'action=DUNNO', 'another connection')
        busy = cpu_ticks(policyd)
        equal(client.is_silent(0.5), True)
        assert cpu_ticks(policyd) - busy < 20, 'it spins'
        equal(client.was_closed(), True, 'after the deadline')
        policyd.wait_log('why="a request does not end" listener=%s peer=%s ' % (policyd.listen[index], peer))
        last = case.client(policyd, index)
        last.send(request() * 64 + request()[:200])
        equal([last.reply() for _ in range(64)], ['action=DUNNO'] * 64)
        equal(policyd.stop(), 0, 'exit code')


def test_pipelining_without_end_leaves_room_for_others(case):
    """A client that always has more requests waiting: others are answered, the tick runs, SIGTERM works."""
    policyd = case.policyd('request_deadline = "1s";', ROOMY)
    policyd.allow('connection closed')
    flood = case.client(policyd)
    flood.socket.settimeout(None)
    def send():
        try:
            while True:
                flood.send(SHORT * 2048)
        except OSError:
            pass
    def read():
        try:
            while flood.socket.recv(1 << 20):
                pass
        except OSError:
            pass
    threads = [threading.Thread(target=work) for work in (send, read)]
    for thread in threads:
        thread.start()
    try:
        stalled = case.client(policyd)
        stalled.send(request()[:70])
        other = case.client(policyd, 1)
        other.socket.settimeout(2)
        for number in range(20):
            equal(other.ask(request(instance='o.%d' % number)), 'action=DUNNO', 'another connection')
        equal(stalled.was_closed(), True, 'after the deadline')
        equal(policyd.stop(), 0, 'exit code')
    finally:
        flood.socket.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(20)


def test_reader_that_never_reads(case):
    """Requests without end and no reader: policyd stops reading them instead of storing replies."""
    policyd = case.policyd(limits=ROOMY)
    client = case.client(policyd)
    block = request() * 100
    client.socket.settimeout(0.5)
    sent = 0
    before = resident_kb(policyd)
    try:
        while sent < 64 << 20:
            sent += client.socket.send(block)
    except TimeoutError:
        pass
    assert sent < 64 << 20, 'it took %d bytes of requests from a client that reads nothing' % sent
    assert resident_kb(policyd) - before < 16384, 'memory grew by %d kB' % (resident_kb(policyd) - before)
    equal(case.client(policyd).ask(request()), 'action=DUNNO', 'another connection')
    client.socket.settimeout(20)
    for _ in range(sent // len(request())):
        equal(client.reply(), 'action=DUNNO')
    equal(client.ask(request()[sent % len(request()):]), 'action=DUNNO', 'the last one, now whole')


def resident_kb(policyd):
    with open('/proc/%d/status' % policyd.process.pid) as f:
        return int(re.search(r'VmRSS:\s+(\d+)', f.read()).group(1))


def test_fifty_at_once_share_one_limit(case):
    """50 connections hammer one account: exactly 200 recipients pass."""
    policyd = case.policyd(limits=LIMIT_200)
    passed = [0] * 50
    def hammer(number):
        client = RawClient(policyd.addresses[number % 2])
        for message in range(20):
            answer = client.ask(request(instance='%d.%d' % (number, message)))
            passed[number] += answer == 'action=DUNNO'
        client.close()
    threads = [threading.Thread(target=hammer, args=(n,)) for n in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    equal(sum(passed), 200, 'accepted of 1000')
    equal(policyd.used('alice@example.org', 'hourly'), 200)


def test_retry_over_a_second_connection(case):
    """A request read and not answered is sent again over a new connection, same instance: one charge."""
    policyd = case.policyd(limits='{ name = "hourly"; rate = "3/1h"; }')
    client = case.client(policyd)
    for state in ('RCPT', 'DATA'):
        client.ask(request(sasl_username='learn@example.org', protocol_state=state, recipient_count=1, instance='l.1'))
    for number in range(3):
        data = request(instance='again.%d' % number)
        for _ in range(3):
            hasty = case.client(policyd)
            hasty.send(data)
            hasty.close()
        equal(case.client(policyd).ask(data), 'action=DUNNO', 'the retry')
        equal(policyd.used('alice@example.org', 'hourly'), number + 1)
        equal(case.client(policyd).ask(request(instance='again.%d' % number, protocol_state='DATA', recipient_count=1)),
              'action=DUNNO', 'DATA')
    equal(policyd.used('alice@example.org', 'hourly'), 3)
    refused = request(instance='again.9')
    first = case.client(policyd).ask(refused)
    assert first.startswith('action=DEFER_IF_PERMIT 4.7.1'), first
    equal(case.client(policyd).ask(refused), first, 'a refusal asked again')


def test_lost_connection_gives_back(case):
    """RCPT reserved, the connection lost: after the grace the reservation is gone, unless the message came back."""
    policyd = case.policyd('lost_connection_grace = "50ms";', ROOMY)
    client = case.client(policyd)
    for state in ('RCPT', 'DATA'):
        client.ask(request(sasl_username='learn@example.org', protocol_state=state, recipient_count=1, instance='l.1'))
    lost = case.client(policyd)
    for number in range(7):
        equal(lost.ask(request(instance='lost.1', recipient='r%d@example.net' % number)), 'action=DUNNO')
    equal(policyd.used('alice@example.org', 'hourly'), 7)
    lost.close()
    policyd.wait_used('alice@example.org', 'hourly', 0)


def test_many_listeners_are_one_policyd(case):
    """unix, IPv4 and IPv6 at once; a unix socket has the mode that was asked for."""
    policyd = case.policyd(limits='{ name = "hourly"; rate = "3/1h"; }', start=False)
    policyd.listen.append('inet:[::1]:%d' % free_port6())
    policyd.write('limits = ( { name = "hourly"; rate = "3/1h"; } );')
    policyd.start()
    six = socket.create_connection(('::1', int(policyd.listen[2].rsplit(':', 1)[1])), 10)
    six.sendall(request(instance='six.1'))
    equal(six.recv(100), b'action=DUNNO\n\n')
    six.close()
    answers = [case.client(policyd, index).ask(request(instance='m.%d' % index))[:12] for index in (0, 1, 0)]
    equal(policyd.used('alice@example.org', 'hourly'), 3, repr(answers))
    equal(os.stat(policyd.addresses[0][1]).st_mode & 0o777, 0o660)


def free_port6():
    with socket.socket(socket.AF_INET6) as s:
        s.bind(('::1', 0))
        return s.getsockname()[1]


def test_idle_connections_stay(case):
    """The deadline of a request does not end an idle connection, but one that stalls within a request."""
    policyd = case.policyd('request_deadline = "1s";', ROOMY)
    policyd.allow('request|deadline')
    idle, stalled = case.client(policyd), case.client(policyd)
    equal(idle.ask(request()), 'action=DUNNO')
    stalled.send(request()[:70])
    equal(stalled.was_closed(), True, 'a request that does not come to its end')
    equal(idle.ask(request()), 'action=DUNNO', 'an idle connection, longer than the deadline')
