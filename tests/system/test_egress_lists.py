# SPDX-License-Identifier: ISC
"""Lists that refuse, die, list the world or are parked, behind a real resolver: their state says so, once, and
no verdict changes; when they come back all goes on."""
import time

from dns_peers import Rbldnsd, Unbound
from dns_server import DnsServer, drop, found, nxdomain, rcode
from dns_wire import REFUSED, SERVFAIL
from egress_rig import (CLEAN, DEAD, FINE, IPV4, LISTED, NOT_KNOWN, OK, REFUSING, UNKNOWN, UNREACHABLE, WORLD, Rig,
                        blocklist, code, serve)
from harness import contains, equal, wait_until

OTHER = '192.0.2.11'
TTL_S = 60
HEAD = '$SOA %d ns.example. hostmaster.example. 1 3600 600 86400 %d\n' % (TTL_S, TTL_S)
RIGHT = HEAD + ':127.0.0.2:Listed\n127.0.0.2\n%s\n' % IPV4
OWN_ERROR = 'errors = ( { code = "127.0.0.255"; text = "too many questions"; } );'
SPAM = blocklist('spam', code('127.0.0.2'), subjects=['ipv4'], more=OWN_ERROR)


def everybody(answer):
    return HEAD + '0.0.0.0/1 :%s:\n128.0.0.0/1 :%s:\n' % (answer, answer)


# What a list turns into: its zone file, what it is called then, and why.
TROUBLES = {
    'open resolver': (everybody('127.255.255.254'), REFUSING, '127.255.255.254'),
    'too many': (everybody('127.255.255.255'), REFUSING, '127.255.255.255'),
    'own error': (everybody('127.0.0.255'), REFUSING, 'too many questions'),
    'emptied': (HEAD, DEAD, 'not listed'),
    'the world': (everybody('127.0.0.2'), WORLD, '127.0.0.2'),
    'parked': (everybody('203.0.113.80'), WORLD, '203.0.113.80'),
    'localhost': (everybody('127.0.0.1'), REFUSING, '127.0.0.1'),
}


class Two:
    """One address is listed, the other is not, both confirmed. steady is a list beside it that stays in order."""

    def __init__(self, case):
        self.lists = case.stack.enter_context(Rbldnsd(case.folder / 'lists', {
            'spam.example': {'ip4set': RIGHT}, 'steady.example': {'ip4set': RIGHT}}, ttl=str(TTL_S)))
        self.resolver = case.stack.enter_context(Unbound(
            case.folder / 'resolver', stubs={'example': self.lists.port}))
        self.rig = Rig(case, self.resolver.address, blocklists=[SPAM, SPAM.replace('spam', 'steady')],
                       addresses=[IPV4, OTHER])
        self.rig.settle()
        self.look(2)
        self.before = self.known()
        equal([row[0] for row in self.before], [LISTED, CLEAN] * 2, 'verdicts before')

    def known(self):
        rows = [self.rig.row(name, subject) for name in ('spam', 'steady') for subject in (IPV4, OTHER)]
        return [(row['verdict'], row['codes'] if row['verdict'] == LISTED else [], row['since']) for row in rows]

    def write(self, text):
        self.lists.write('spam.example', 'ip4set', text)

    def look(self, times=1):
        for _ in range(times):
            self.resolver.flush()
            self.rig.sleep(TTL_S + 1)
            seen = self.rig.check()
        return seen


def judge(case, what):
    text, state, why = TROUBLES[what]
    two = Two(case)
    rig = two.rig
    two.write(text)
    seen = two.look(3)
    equal(rig.state('spam'), state)
    contains(rig.list_row('spam')['why'], why, 'why')
    equal([seen.row('spam', subject)['verdict'] for subject in (IPV4, OTHER)], [UNKNOWN] * 2, 'what was seen')
    equal(two.known(), two.before, 'verdicts, codes and their ages')
    equal([rig.state('steady'), seen.row('steady', OTHER)['verdict']], [OK, CLEAN], 'the list beside it')
    two.write(RIGHT)
    two.look(3)
    equal(rig.state('spam'), OK)
    equal(two.known(), two.before, 'verdicts when it is back')
    changes = rig.changes('list state', 'blocklist:spam')
    equal([change.split(':')[0] for change in changes], ['untested -> OK', 'OK -> ' + state, state + ' -> OK'])
    contains(changes[1], why, 'the line of the log')
    equal(rig.changes('list state', 'blocklist:steady'), ['untested -> OK'])
    # As before, on both lists: clean from the start, listed by the second answer.
    for subject, listed in ((IPV4, 1), (OTHER, 0)):
        told = [change.split(':')[0] for change in rig.changes('listing', 'egress:' + subject)]
        equal([change for change in told if change.endswith('listed')], ['unknown -> listed'] * 2 * listed)
        equal([change for change in told if change.endswith('unknown')], [])
    if state == REFUSING:
        equal(rig.policyd.log().count('is refused by list spam'), 1, 'lines about our resolver')


def _case_of(what):
    def case_of_row(case):
        judge(case, what)
    case_of_row.__doc__ = what
    return case_of_row


globals().update({'test_' + what.replace(' ', '_'): _case_of(what) for what in TROUBLES})


def test_raises_nothing_while_wrong(case):
    """A list that goes from clean to listing the world and on to refusing: clean stays, for all of them."""
    two = Two(case)
    for what in TROUBLES:
        two.write(TROUBLES[what][0])
        two.look(2)
        equal(two.known(), two.before, 'after ' + what)
        equal(two.rig.state('spam'), TROUBLES[what][1], what)


def test_wrong_from_the_start(case):
    """A list that was never right says nothing at all, and nothing is called clean."""
    server = case.stack.enter_context(DnsServer())
    server.on('*.world.example', 'A', found('127.0.0.2'))
    server.on('*.dead.example', None, nxdomain())
    server.on('*.parked.example', 'A', found('203.0.113.80'))
    server.on('*.refusing.example', 'A', found('127.255.255.254'))
    server.on('*.broken.example', None, rcode(SERVFAIL))
    server.on('*.closed.example', None, rcode(REFUSED))
    server.on('*.silent.example', None, drop())
    serve(server, 'right')
    wanted = {'world': WORLD, 'dead': DEAD, 'parked': WORLD, 'refusing': REFUSING, 'broken': UNREACHABLE,
              'closed': UNREACHABLE, 'silent': UNREACHABLE, 'right': OK}
    rig = Rig(case, server.address, blocklists=[blocklist(name) for name in wanted])
    equal(rig.look(4, after=400), NOT_KNOWN)
    equal({row['list']: row['state'] for row in rig.data('egress lists') if row['enabled']}, wanted)
    equal({name: rig.verdict(name) for name in wanted}, {name: UNKNOWN for name in wanted} | {'right': CLEAN})
    equal({name: len(rig.changes('list state', 'blocklist:' + name)) for name in wanted}, dict.fromkeys(wanted, 1))
    equal(rig.told('listing', 'egress:' + IPV4), ['unknown -> clean'])
    contains(rig.row('world')['unknown_because'], WORLD)


def test_subject_questions_are_spared(case):
    """What cannot be believed is not asked about us: a list that refuses gets its test points only."""
    server = case.stack.enter_context(DnsServer())
    server.on('*.spam.example', 'A', found('127.255.255.254'))
    rig = Rig(case, server.address, blocklists=[blocklist('spam')],
              addresses=['192.0.2.%d' % n for n in range(1, 64)])
    wait_until(lambda: rig.state('spam') == REFUSING, 'the state')
    server.forget()
    equal(rig.look(), NOT_KNOWN)
    assert len(server.asked('*.spam.example')) <= 64, len(server.log)


def test_own_trouble_with_one_subject(case):
    """Only the question about one address fails: it alone is unknown, the list is in order."""
    server = case.stack.enter_context(DnsServer())
    serve(server, 'spam')
    server.on('10.2.0.192.spam.example', 'A', rcode(SERVFAIL))
    rig = Rig(case, server.address, blocklists=[blocklist('spam')], addresses=[IPV4, OTHER])
    seen = rig.check()
    equal([seen.exit, seen.row('spam')['verdict'], seen.row('spam', OTHER)['verdict']], [NOT_KNOWN, UNKNOWN, CLEAN])
    equal(rig.state('spam'), OK)
    serve(server, 'spam')
    server.off('10.2.0.192.spam.example', 'A')
    equal(rig.look(after=61), FINE)


def test_one_lost_packet_is_no_state(case):
    """A look without any answer leaves the list OK; the second in a row does not."""
    server = case.stack.enter_context(DnsServer())
    serve(server, 'spam', IPV4)
    rig = Rig(case, server.address, blocklists=[blocklist('spam')])
    rig.look(3, after=301)
    server.is_silent = True
    equal([rig.look(), rig.state('spam'), rig.verdict('spam')], [NOT_KNOWN, OK, LISTED])
    equal([rig.look(), rig.state('spam'), rig.verdict('spam')], [NOT_KNOWN, UNREACHABLE, LISTED])
    server.is_silent = False
    began = time.monotonic()
    wait_until(lambda: rig.look() != NOT_KNOWN, 'the list to be back', 30)
    equal([rig.state('spam'), rig.verdict('spam')], [OK, LISTED])
    assert time.monotonic() - began < 20
