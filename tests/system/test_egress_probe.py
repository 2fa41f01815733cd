# SPDX-License-Identifier: ISC
"""Whether abuse@ and postmaster@ of ours are accepted, asked of a real Postfix and of servers that behave badly, on
port 25 (egress.probe). What each reply means, and deadlines, are unit tests' matter."""
import random
import socket
import threading

from dns_server import DnsServer, found, nodata
from egress_rig import Rig, blocklist, serve
from harness import contains, equal, wait_until
from postfix import Postfix

DOMAIN = 'example.org'
# A probe a domain in this time at most, and a little later.
INTERVAL, AFTER_S = '1m', 70
# Three failed looks over half an hour are a failure, two good ones are none any more.
HALF_S = 16 * 60
MX = '''\
{host}:25 inet n - n - - smtpd
  -o syslog_name=private/{name}
  -o {{ smtpd_recipient_restrictions = permit_auth_destination, reject }}
  -o {{ smtpd_data_restrictions = }}
  -o {{ relay_recipient_maps = inline:{{ {known} }} }}
'''


def hosts(count):
    """Addresses of this host whose port 25 is nobody else's, other tests' neither."""
    found_hosts = []
    while len(found_hosts) < count:
        host = '127.%d.%d.%d' % (random.randint(64, 127), random.randint(0, 255), random.randint(1, 254))
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind((host, 25))
            except OSError:
                continue
        found_hosts.append(host)
    return found_hosts


class Peer:
    """An SMTP server that says one line of its script after another, one for each that comes."""

    def __init__(self, host, *script, is_endless=False):
        self.script, self.is_endless, self.calls, self.heard = script, is_endless, 0, []
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((host, 25))
        self.listener.listen()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(10)

    def _run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.calls += 1
            with connection:
                connection.settimeout(10)
                try:
                    self._talk(connection)
                except OSError:
                    pass

    def _talk(self, connection):
        lines = connection.makefile('rb')
        for number, line in enumerate(self.script):
            if number:
                self.heard.append(lines.readline())
            connection.sendall(line.encode() + b'\r\n')
        while self.is_endless:
            connection.sendall(b'250-more of it\r\n')


def mx_is(server, *addresses):
    """So many hosts, the first preferred."""
    names = ['mx%d.example.org' % n for n in range(len(addresses))]
    server.on(DOMAIN, 'MX', found(*[(10 + n, name) for n, name in enumerate(names)], ttl=1))
    for name, address in zip(names, addresses):
        server.on(name, 'A', found(address, ttl=1))
        server.on(name, 'AAAA', nodata())


def started(case, *addresses, probe='true'):
    server = case.stack.enter_context(DnsServer())
    serve(server, 'spam')
    mx_is(server, *addresses)
    return server, Rig(case, server.address, blocklists=[blocklist('spam')], audit=True,
                       egress='probe = %s; audit_interval = "%s";' % (probe, INTERVAL))


def finding(rig, check):
    """None while it passes."""
    rows = [row for row in rig.data('egress')['findings'] if (row['subject'], row['check']) == (DOMAIN, check)]
    return rows[0] if rows else None


def wait_seen(rig, check, seen, evidence):
    wait_until(lambda: (finding(rig, check) or {}).get('seen') == seen
               and evidence in (finding(rig, check)['evidence'] or ''),
               '%s to be %s: %s' % (check, seen, evidence), 20)


def test_real_mail_server(case):
    """postmaster is accepted and abuse is not, then both are; nothing is sent."""
    refusing, accepting = hosts(2)
    postfix = case.stack.enter_context(Postfix(case.folder / 'postfix', listeners={}, services=''.join(
        MX.format(host=host, name=name, known=known) for host, name, known in (
            (refusing, 'refusing', '{ postmaster@example.org = x }'),
            (accepting, 'accepting', '{ postmaster@example.org = x }, { abuse@example.org = x }')))))
    server, rig = started(case, refusing)

    def probed(name):
        return postfix.log().count('private/%s/smtpd' % name) and len(
            [line for line in postfix.log().splitlines()
             if 'private/%s/smtpd' % name in line and ': disconnect from' in line])

    wait_seen(rig, 'abuse', 'fail', ' [%s] refuses abuse@: 550 5.1.1 <abuse@example.org>: Recipient address' % refusing)
    contains(finding(rig, 'abuse')['fix'], 'accept abuse@example.org')
    equal(finding(rig, 'abuse')['result'], 'unknown', 'the first look is no verdict')
    equal(finding(rig, 'postmaster'), None)
    # Whoever is in a hurry: not again in this interval.
    rig.check()
    rig.check()
    equal(probed('refusing'), 1, 'probes')
    for count in (2, 3):
        rig.sleep(HALF_S)
        wait_until(lambda: probed('refusing') == count, 'probe %d' % count, 20)
    wait_until(lambda: finding(rig, 'abuse')['result'] == 'fail', 'a failure', 20)
    equal(finding(rig, 'postmaster'), None)
    contains(rig.told('audit', 'domain:' + DOMAIN)[-1], 'unknown -> fail')
    mx_is(server, accepting)
    for count in (1, 2):
        rig.sleep(AFTER_S)
        wait_until(lambda: probed('accepting') == count, 'probe %d of the other' % count, 20)
    wait_until(lambda: finding(rig, 'abuse') is None, 'no failure any more', 20)
    equal(finding(rig, 'postmaster'), None)
    equal(postfix.queue(), [])
    assert 'DATA' not in postfix.log() and 'lost connection' not in postfix.log(), postfix.log()


def test_servers_that_do_not_tell(case):
    """One hangs up, one talks without end, one says later: nothing is known, and each was asked in its turn."""
    first, second, third = hosts(3)
    gone = case.stack.enter_context(Peer(first, '220 mx'))
    endless = case.stack.enter_context(Peer(second, '220 mx', '250-mx', is_endless=True))
    later = case.stack.enter_context(Peer(third, '220 mx', '250 mx', '250 ok', '450 4.2.0 later \x1b[2J', '450 4.2.0 not now',
                                          '250 ok', '221 bye'))
    _, rig = started(case, first, second, third)
    wait_seen(rig, 'postmaster', 'unknown', 'mx2.example.org [%s] does not say whether it accepts postmaster@: '
              '450 4.2.0 not now' % third)
    wait_seen(rig, 'abuse', 'unknown', '450 4.2.0 later ?[2J')
    equal((gone.calls, endless.calls, later.calls), (1, 1, 1))
    equal(later.heard, [b'EHLO mail.example.org\r\n', b'MAIL FROM:<>\r\n', b'RCPT TO:<abuse@example.org>\r\n',
                        b'RCPT TO:<postmaster@example.org>\r\n', b'RSET\r\n', b'QUIT\r\n'])
    equal(finding(rig, 'abuse')['result'], 'unknown')


def test_only_where_it_is_wanted(case):
    """Not unless it is set; a reload is enough."""
    host, = hosts(1)
    peer = case.stack.enter_context(Peer(host, '220 mx', '250 mx', '250 ok', '251 goes on', '550 5.1.1 nobody', '250 ok',
                                         '221 bye'))
    _, rig = started(case, host, probe='false')
    assert rig.check().data['findings'], 'the audit looks at nothing'
    equal(peer.calls, 0)
    equal(finding(rig, 'postmaster'), None)
    config = rig.policyd.config
    config.write_text(config.read_text().replace('probe = false', 'probe = true'))
    rig.policyd.ctl('reload')
    wait_seen(rig, 'postmaster', 'fail', 'refuses postmaster@: 550 5.1.1 nobody')
    equal(finding(rig, 'abuse'), None)
    equal(peer.calls, 1)
