# SPDX-License-Identifier: ISC
"""How the world sees us, through a real resolver (unbound) and real lists (rbldnsd)."""
from dns_peers import Rbldnsd, Unbound
from egress_rig import (BEHAVES_BADLY, CLEAN, FINE, HELO, INFORMS, IPV4, IPV6, LISTED, NOT_KNOWN, OK, UNKNOWN, Rig,
                        blocklist, code)
from harness import contains, equal, wait_until

TTL_S = 60
HEAD = '$SOA %d ns.example. hostmaster.example. 1 3600 600 86400 %d\n' % (TTL_S, TTL_S)
IP4 = HEAD + ':127.0.0.2:Listed, see https://spam.example/?$\n127.0.0.2\n'
IP6 = HEAD + ':127.0.0.2:Listed, see https://spam.example/?$\n::ffff:7f00:2\n'
NAMES = HEAD + ':127.0.1.2:Spam domain\ntest\n'
SPAM = blocklist('spam', code('127.0.0.2', severity=4), code('127.0.0.3', text='sent to traps'),
                 code('127.0.0.4-7', text='a bot'), code('127.0.0.10', 'policy', 4, 'a dial-up address'),
                 code('127.0.0.11', 'neighbour', 1, 'others nearby'))
DOMAINS = blocklist('names', code('127.0.1.2', text='a spam domain'), subjects=['domain'])


class World:
    """Two lists, a resolver, and policyd behind them."""

    def __init__(self, case, **more):
        self.lists = case.stack.enter_context(Rbldnsd(case.folder / 'lists', {
            'spam.example': {'ip4set': IP4, 'ip6trie': IP6}, 'names.example': {'dnset': NAMES}}, ttl=str(TTL_S)))
        self.resolver = case.stack.enter_context(Unbound(
            case.folder / 'resolver', stubs={'example': self.lists.port}))
        self.rig = Rig(case, self.resolver.address, blocklists=[SPAM, DOMAINS], addresses=[IPV4, IPV6], **more)
        self.rig.settle()

    def spam(self, *lines):
        """From now on these are listed, for resolvers that remember no other answer."""
        self.lists.write('spam.example', 'ip4set', IP4 + '\n'.join(lines) + '\n')

    def pass_ttl(self):
        """Every answer that anybody remembers has run out."""
        self.resolver.flush()
        self.rig.sleep(TTL_S + 1)

    def look(self, times=1):
        """That often, each time with fresh answers; the last check."""
        for _ in range(times):
            self.pass_ttl()
            seen = self.rig.check()
        return seen


def test_clean(case):
    world = World(case)
    seen = world.rig.check()
    equal(seen.exit, FINE)
    equal([(row['subject'], row['list'], row['verdict']) for row in seen.data['listings']],
          [(IPV4, 'spam', CLEAN), (IPV6, 'spam', CLEAN), (HELO, 'names', CLEAN),
           ('example.org', 'names', CLEAN)])
    equal([world.rig.state(name) for name in ('spam', 'names')], [OK, OK])
    equal(world.rig.changes('listing', 'egress:' + IPV4), ['unknown -> clean'])


def test_listed_and_over(case):
    """Listed by the second fresh answer of three, clean again by the third in a row; each told once."""
    world = World(case)
    rig = world.rig
    world.spam(IPV4)
    equal(world.look().exit, BEHAVES_BADLY, 'the first look')
    equal(rig.verdict('spam'), CLEAN, 'after one answer')
    equal(rig.row('spam')['seen'], LISTED, 'the last answer')
    # Nothing has run out yet: the same answers again confirm nothing.
    equal(rig.look(3), BEHAVES_BADLY, 'within the TTL')
    equal(rig.verdict('spam'), CLEAN, 'after the same answer three times more')
    equal(world.look().exit, BEHAVES_BADLY)
    equal(rig.verdict('spam'), LISTED, 'after two answers')
    world.spam()
    equal(world.look().exit, FINE, 'what the list says now')
    equal([rig.verdict('spam'), rig.row('spam')['seen']], [LISTED, CLEAN], 'after one clean answer')
    equal(rig.look(3), FINE, 'within the TTL')
    equal(rig.verdict('spam'), LISTED, 'after the same clean answer three times more')
    world.look()
    equal(rig.verdict('spam'), LISTED, 'after two clean answers')
    world.look()
    equal(rig.verdict('spam'), CLEAN, 'after three clean answers')
    equal(rig.changes('listing', 'egress:' + IPV4), [
        'unknown -> clean', 'clean -> listed: 127.0.0.2 spam was seen (behaviour, severity 4)',
        'listed -> clean'])


def test_flapping(case):
    """One bad answer between clean ones raises nothing; one clean between bad ones lowers nothing."""
    world = World(case)
    for _ in range(3):
        world.spam(IPV4)
        world.look()
        world.spam()
        world.look(2)
    equal(world.rig.verdict('spam'), CLEAN)
    world.spam(IPV4)
    world.look(2)
    for _ in range(3):
        world.spam()
        world.look(2)
        world.spam(IPV4)
        world.look()
    equal(world.rig.verdict('spam'), LISTED)
    equal(len(world.rig.changes('listing', 'egress:' + IPV4)), 2, 'changes told')


def test_several_codes_and_text(case):
    """One answer with three codes: the worst of them speaks, all of them are shown, with the list's own words."""
    world = World(case)
    world.spam(IPV4 + ' :127.0.0.10:dial-up', IPV4 + ' :127.0.0.4:bot seen at $', IPV4 + ' :127.0.0.2:spam')
    equal(world.look(2).exit, BEHAVES_BADLY)
    row = world.rig.row('spam')
    equal(row['codes'], ['127.0.0.2', '127.0.0.4', '127.0.0.10'])
    equal([row['verdict'], row['meaning'], row['kind'], row['severity']], [LISTED, 'a bot', 'behaviour', 5])
    wait_until(lambda: world.rig.row('spam')['txt'], 'the text of the listing')
    contains(world.rig.row('spam')['txt'], 'bot seen at ' + IPV4)


def test_exit_codes_by_kind(case):
    """Semantics 28: behaviour, unknown, policy or neighbour, nothing; in this order."""
    world = World(case)
    for lines, wanted in (([IPV4 + ' :127.0.0.10:'], INFORMS), ([IPV4 + ' :127.0.0.11:'], INFORMS),
                          ([IPV4 + ' :127.0.0.11:', IPV4 + ' :127.0.0.3:'], BEHAVES_BADLY),
                          ([IPV4 + ' :127.0.0.99:'], NOT_KNOWN), ([], FINE)):
        world.spam(*lines)
        equal(world.look().exit, wanted, 'exit code with %r' % lines)
        equal(world.rig.policyd.run_ctl('egress', 'check', '--wait').returncode, wanted, 'of policyctl')
    world.spam(IPV4 + ' :127.0.0.10:')
    world.resolver.flush()
    world.resolver.tell('stub_add', 'names.example', '127.0.0.1@1')
    equal(world.look().exit, NOT_KNOWN, 'one list silent, one of kind policy')
    world.spam(IPV4)
    equal(world.look().exit, BEHAVES_BADLY, 'one list silent, one of kind behaviour')


def test_ipv6(case):
    world = World(case)
    world.lists.write('spam.example', 'ip6trie', IP6 + '2001:db8::/64\n')
    equal(world.look(2).exit, BEHAVES_BADLY)
    equal([world.rig.verdict('spam', subject) for subject in (IPV4, IPV6)], [CLEAN, LISTED])
    world.lists.write('spam.example', 'ip6trie', IP6)
    world.look(3)
    equal(world.rig.verdict('spam', IPV6), CLEAN)
    equal(len(world.rig.changes('listing', 'egress:' + IPV6)), 3)


def test_helo_name(case):
    world = World(case)
    world.lists.write('names.example', 'dnset', NAMES + HELO + '\n')
    equal(world.look(2).exit, BEHAVES_BADLY)
    row = world.rig.row('names', HELO)
    equal([row['verdict'], row['codes'], row['meaning'], row['why']], [LISTED, ['127.0.1.2'], 'a spam domain', 'helo'])
    equal(world.rig.verdict('spam'), CLEAN)
    equal(world.rig.told('listing', 'domain:' + HELO),
          ['unknown -> clean', 'clean -> listed: 127.0.1.2 a spam domain (behaviour, severity 5)'])


def test_names_of_pointers(case):
    """The PTR names of our addresses are looked up on lists of domains."""
    lists = case.stack.enter_context(Rbldnsd(case.folder / 'lists', {'names.example': {'dnset': NAMES + '.ptr.test\n'}}))
    resolver = case.stack.enter_context(Unbound(case.folder / 'resolver', stubs={'example': lists.port}, server=[
        'local-zone: "2.0.192.in-addr.arpa." static', 'local-data: "10.2.0.192.in-addr.arpa. PTR host.ptr.test."']))
    rig = Rig(case, resolver.address, blocklists=[DOMAINS])
    wait_until(lambda: 'host.ptr.test' in [row['subject'] for row in rig.data('egress')['listings']], 'the PTR name')
    seen = rig.check()
    equal(seen.exit, BEHAVES_BADLY)
    equal([seen.row('names', 'host.ptr.test')['verdict'], seen.row('names', HELO)['verdict']], [LISTED, CLEAN])
    equal(seen.row('names', 'host.ptr.test')['why'], 'ptr')


def test_rechecks_by_itself(case):
    """Nobody asks: after the first bad answer the daemon looks again when the TTL is over, long before its
    interval, and believes the second."""
    world = World(case)
    world.spam(IPV4)
    world.look()
    equal(world.rig.verdict('spam'), CLEAN)
    world.pass_ttl()
    world.rig.sleep(10)
    wait_until(lambda: world.rig.verdict('spam') == LISTED, 'the recheck', 10)
    equal(world.rig.verdict('names', HELO), CLEAN)


def test_unknown_code_is_neither(case):
    """A code that the list's description does not have: not clean, not listed."""
    world = World(case)
    world.spam(IPV4 + ' :127.0.0.99:')
    equal(world.look(3).exit, NOT_KNOWN)
    equal([world.rig.row('spam')['seen'], world.rig.verdict('spam')], [UNKNOWN, CLEAN])
    contains(world.rig.check().row('spam')['unknown_because'], '127.0.0.99')
    equal(world.rig.state('spam'), OK)
