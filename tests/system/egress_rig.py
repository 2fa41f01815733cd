# SPDX-License-Identifier: ISC
"""A policyd that looks its own addresses up, and what a test wants to know of it.

    rig = Rig(case, server.address, blocklists=[blocklist('spam')])
    rig.check().exit, rig.verdict('spam'), rig.state('spam')
    rig.sleep(61)           # the machine slept: the wall clock and that since the boot went on

Subjects and lists are those of the documentation: 192.0.2.10, spam.example.
"""
import json
import mmap
import socket

from dns_server import zone
from dns_wire import reverse
from faults.disk import preloaded
from harness import wait_until

IPV4, IPV6, HELO = '192.0.2.10', '2001:db8::10', 'mail.example.org'
LISTED, CLEAN, UNKNOWN = 'listed', 'clean', 'unknown'
OK, DEAD, WORLD, REFUSING, UNREACHABLE = 'OK', 'DEAD', 'WORLD', 'REFUSED', 'UNREACHABLE'
# Exit codes of egress check --wait, semantics of monitoring plug-ins.
FINE, INFORMS, BEHAVES_BADLY, NOT_KNOWN = 0, 1, 2, 3
# Two equal checks within this time are one.
SHARED_S = 5
CHECK_S = 60
SPREAD_S = 6
TEST_POINTS = {'2.0.0.127': ['127.0.0.2'], reverse('::ffff:7f00:2'): ['127.0.0.2'], 'test': ['127.0.0.2']}


def code(pattern, kind='behaviour', severity=5, text='spam was seen'):
    return '{ code = "%s"; kind = "%s"; severity = %d; text = "%s"; }' % (pattern, kind, severity, text)


def blocklist(name, *codes, subjects=('ipv4', 'ipv6'), interval='1d', more=''):
    """One of our own, NAME.example. Without codes each of 127/8 is of kind behaviour, severity 3."""
    return '{ name = "%s"; zone = "%s.example"; subjects = [ %s ]; interval = "%s"; interval_min = "10s"; %s %s }' % (
        name, name, ', '.join('"%s"' % s for s in subjects), interval,
        'codes = ( %s );' % ', '.join(codes) if codes else '', more)


def settings(servers, blocklists, addresses=(IPV4,), egress='', dns='timeout = "400ms"; attempts = 2;',
             limits='{ name = "hourly"; rate = "100000/1h"; }', audit=False):
    """addresses: such, or groups as they stand in the file."""
    listed = 'servers = [ %s ];' % ', '.join('"%s"' % s for s in servers) if servers else ''
    groups = [a if '{' in a else '{ address = "%s"; helo = "%s"; }' % (a, HELO) for a in addresses]
    return 'limits = ( %s );\ndns = { %s %s };\negress = { addresses = ( %s ); audit = %s; %s };\nblocklists = ( %s );\n' % (
        limits, listed, dns, ', '.join(groups), 'true' if audit else 'false', egress, ',\n'.join(blocklists))


def listing_of(*subjects, codes=('127.0.0.2',)):
    """What a list in order says, when it lists these addresses or names. For "*.zone" of a DnsServer."""
    names = {reverse(s) if s[0].isdigit() else s: list(codes) for s in subjects}
    return zone(TEST_POINTS | names)


def serve(server, name, *subjects, codes=('127.0.0.2',)):
    server.on('*.%s.example' % name, None, listing_of(*subjects, codes=codes))


def ask_control(path, verb, seconds=CHECK_S, **arguments):
    """The answer's object. Its "exit" is what policyctl would end with."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(seconds)
        sock.connect(str(path))
        sock.sendall(json.dumps({'verb': verb, 'args': arguments}).encode() + b'\n')
        line = b''
        while not line.endswith(b'\n'):
            data = sock.recv(1 << 20)
            if not data:
                raise AssertionError('%s: the control socket was closed without an answer' % verb)
            line += data
    return json.loads(line)


class Check:
    """What one check saw."""

    def __init__(self, answer):
        self.exit = answer['exit']
        if not answer['ok']:
            raise AssertionError('egress check: ' + answer['error'])
        self.data = answer['data']

    def row(self, name, subject=IPV4):
        return row_of(self.data['listings'], name, subject)


def row_of(listings, name, subject):
    for row in listings:
        if (row['list'], row['subject']) == (name, subject):
            return row
    raise AssertionError('no row of %s on %s in %r' % (subject, name, listings))


class Rig:
    def __init__(self, case, *servers, blocklists, start=True, folder='policyd', listen=None, text='', **more):
        self.case = case
        path = case.folder / (folder + '.slept')
        path.write_bytes(bytes(8))
        file = path.open('r+b')
        case.stack.callback(file.close)
        self.slept = mmap.mmap(file.fileno(), 8)
        self.prefix = preloaded(case, 'sleep', POLICYD_SLEPT=path)
        self.policyd = case.policyd(settings(servers, blocklists, **more) + text, folder=folder, listen=listen, start=False)
        # Whatever is bad news is one: a case says in words what it expects.
        self.policyd.allow(r'^WARNING (listing|list state|egress|dns server|posture|audit|delist)')
        self.policyd.allow(r'^WARNING configuration .*has no transport')
        # A disk that was asked before a sleep and answers after it.
        self.policyd.allow(r'^ERROR store failing error="the disk has not answered')
        if start:
            self.start()

    def start(self):
        self.policyd.start(*self.prefix)
        return self

    def sleep(self, seconds):
        self.slept[:] = (int.from_bytes(self.slept[:], 'little') + seconds).to_bytes(8, 'little')

    # ---- asking ----

    def ask(self, verb, **arguments):
        return ask_control(self.policyd.control, verb, **arguments)

    def data(self, verb, **arguments):
        answer = self.ask(verb, **arguments)
        if not answer['ok']:
            raise AssertionError('%s: %s' % (verb, answer['error']))
        return answer['data']

    def check(self, list=None, subject=None):
        """A look that is shared with none before it."""
        self.sleep(SHARED_S + 1)
        chosen = {'list': list, 'subject': subject}
        return Check(self.ask('egress check', wait=True, **{k: v for k, v in chosen.items() if v}))

    def look(self, times=1, after=0):
        """So many checks, after so many seconds each; the exit code of the last."""
        for _ in range(times):
            self.sleep(after)
            seen = self.check()
        return seen.exit

    def row(self, name, subject=IPV4):
        return row_of(self.data('egress')['listings'], name, subject)

    def verdict(self, name, subject=IPV4):
        return self.row(name, subject)['verdict']

    def list_row(self, name):
        return next(row for row in self.data('egress lists') if row['list'] == name)

    def state(self, name):
        return self.list_row(name)['state']

    def settle(self):
        """Until each list has been asked for the first time."""
        wait_until(lambda: all(row['looked_at'] for row in self.data('egress')['listings']),
                   'a first answer of every list', SPREAD_S + 10)

    # ---- what it told ----

    def told(self, event, account):
        """Changes as the log has them, oldest first: 'OK -> DEAD: ...'."""
        start = '%s subject=%s ' % (event, account)
        return [line.split('change=', 1)[1].strip('"') for line in self.policyd.log().splitlines()
                if start in line]

    def audited(self, event, account):
        """The same as the audit trail has them."""
        rows = self.data('audit', count='500')
        rows = rows if isinstance(rows, list) else rows.get('rows', rows)
        return [row['reason'] for row in rows if (row['event'], row['account']) == (event, account)]

    def changes(self, event, account):
        """Those, told once in the log and once in the audit trail."""
        told = self.told(event, account)
        wait_until(lambda: self.audited(event, account) == self.told(event, account),
                   'the audit trail to have what the log has: %r, %r' % (told, self.audited(event, account)), 5)
        return self.told(event, account)
