# SPDX-License-Identifier: ISC
"""A DNS that does not answer, or answers nonsense to everything: nothing is called clean, nothing is called
listed, verdicts grow old and become unknown; and when it answers again all goes on."""
import signal
import subprocess
import time

from dns_peers import Rbldnsd, Unbound
from dns_server import DnsServer, drop, malformed, rcode
from dns_wire import REFUSED, SERVFAIL
from egress_rig import (BEHAVES_BADLY, CLEAN, FINE, IPV4, LISTED, NOT_KNOWN, OK, UNKNOWN, UNREACHABLE, Rig, blocklist,
                        code, serve)
from faults.load import say
from harness import contains, equal, wait_until

LISTS = ('one', 'two', 'three')
# The interval is shorter, but no verdict ages sooner.
AGE_S = 15 * 60
STEP_S = 5 * 60
NO_LIST = 'no list can be reached'


def confirmed(case, server):
    """The first list has our address, the others do not; all is confirmed."""
    for name in LISTS:
        serve(server, name, *([IPV4] if name == 'one' else []))
    rig = Rig(case, server.address, blocklists=[blocklist(name, code('127.0.0.2')) for name in LISTS])
    equal(rig.look(3, after=301), BEHAVES_BADLY)
    equal(verdicts(rig), [LISTED, CLEAN, CLEAN])
    return rig


def verdicts(rig):
    return [rig.verdict(name) for name in LISTS]


def set_all(server, behaviour):
    server.rules.clear()
    server.default = behaviour


def age(rig, seen):
    """What is known stays for a time, and no longer."""
    rig.policyd.write(rig.policyd.config.read_text().split('\n', 3)[3].replace('"1d"', '"1m"'))
    rig.policyd.ctl('reload')
    for _ in range(2):
        rig.sleep(STEP_S - 6)
        equal(rig.check().exit, NOT_KNOWN)
        equal(verdicts(rig), [LISTED, CLEAN, CLEAN], 'ten minutes into it')
    equal([rig.state(name) for name in LISTS], [seen] * 3)
    rig.sleep(AGE_S - 2 * STEP_S + 60)
    wait_until(lambda: verdicts(rig) == [UNKNOWN] * 3, 'every verdict to be unknown', 5)
    equal(rig.check().exit, NOT_KNOWN)
    told = rig.changes('listing', 'egress:' + IPV4)
    equal(sorted(change.split(':')[0] for change in told if change.endswith('unknown') or '-> unknown' in change),
          ['clean -> unknown', 'clean -> unknown', 'listed -> unknown'], 'told once each')
    contains(rig.row('one')['unknown_because'], seen)


def come_back(rig, server):
    """One clean answer is enough for who was clean; who was listed takes what it takes."""
    server.default = drop()
    for name in LISTS:
        serve(server, name, *([IPV4] if name == 'one' else []))
    wait_until(lambda: rig.look(after=301) == BEHAVES_BADLY, 'an answer', 30)
    rig.look(2, after=301)
    equal(verdicts(rig), [LISTED, CLEAN, CLEAN], 'afterwards')
    equal([rig.state(name) for name in LISTS], [OK] * 3)


def grow_old(case, behaviour):
    server = case.stack.enter_context(DnsServer())
    rig = confirmed(case, server)
    set_all(server, behaviour)
    age(rig, UNREACHABLE)
    equal(rig.policyd.log().count(NO_LIST), 1, 'lines that no list can be reached')
    come_back(rig, server)


def test_all_servfail(case):
    grow_old(case, rcode(SERVFAIL))


def test_all_refused(case):
    grow_old(case, rcode(REFUSED))


def test_all_silent(case):
    grow_old(case, drop())


def test_all_garbage(case):
    grow_old(case, malformed('counts of 65535'))


def test_who_was_listed_is_not_clean_after_silence(case):
    """A listing that aged away takes as many clean answers as one that is in force."""
    server = case.stack.enter_context(DnsServer())
    rig = confirmed(case, server)
    set_all(server, drop())
    age(rig, UNREACHABLE)
    for name in LISTS:
        serve(server, name)
    wait_until(lambda: rig.look(after=301) == FINE, 'an answer', 30)
    equal(verdicts(rig), [UNKNOWN, CLEAN, CLEAN], 'after one clean answer')
    rig.look(2, after=301)
    equal(verdicts(rig), [CLEAN] * 3, 'after three')


def real(case):
    head = '$SOA 60 ns.example. hostmaster.example. 1 3600 600 86400 60\n'
    lists = case.stack.enter_context(Rbldnsd(case.folder / 'lists', {
        name + '.example': {'ip4set': head + '127.0.0.2\n'} for name in LISTS}))
    resolver = case.stack.enter_context(Unbound(case.folder / 'resolver', stubs={'example': lists.port}))
    rig = Rig(case, resolver.address, blocklists=[blocklist(name) for name in LISTS])
    rig.settle()
    equal(rig.check().exit, FINE)
    return lists, resolver, rig


def test_resolver_is_killed_and_started_again(case):
    _, resolver, rig = real(case)
    resolver.stop()
    began = time.monotonic()
    equal(rig.look(2), NOT_KNOWN)
    say('two checks while the resolver was gone: %.2f s', time.monotonic() - began)
    equal([rig.state(name) for name in LISTS], [UNREACHABLE] * 3)
    equal(verdicts(rig), [CLEAN] * 3)
    contains('\n'.join(rig.data('egress')['summary']), 'no resolver answers')
    resolver.start()
    wait_until(lambda: rig.look() == FINE, 'answers', 30)
    equal([rig.state(name) for name in LISTS], [OK] * 3)
    equal(verdicts(rig), [CLEAN] * 3)


def test_resolver_is_frozen(case):
    """Late answers of a resolver that was stopped in the middle are no harm."""
    _, resolver, rig = real(case)
    resolver.freeze()
    equal(rig.look(3), NOT_KNOWN)
    equal([rig.state(name) for name in LISTS], [UNREACHABLE] * 3)
    resolver.thaw()
    wait_until(lambda: rig.look() == FINE, 'answers', 30)
    equal(verdicts(rig), [CLEAN] * 3)


def test_lists_are_gone_but_the_resolver_is_not(case):
    """A resolver in front of dead servers says SERVFAIL: unknown, and no word against the resolver."""
    lists, resolver, rig = real(case)
    lists.stop()
    resolver.flush()
    equal(rig.look(2), NOT_KNOWN)
    equal([rig.state(name) for name in LISTS], [UNREACHABLE] * 3)
    equal(verdicts(rig), [CLEAN] * 3)


def test_check_ends_whatever_is_silent(case):
    """Within a minute, with more to ask than fits into it, and the timeouts of resolv.conf(5)."""
    server = case.stack.enter_context(DnsServer())
    server.default = drop()
    names = ['list%d' % n for n in range(50)]
    rig = Rig(case, server.address, '127.0.0.1:9', server.address6, dns='', blocklists=[blocklist(n) for n in names],
              addresses=['192.0.2.%d' % n for n in range(1, 9)])
    began = time.monotonic()
    done = rig.policyd.build / 'policyd' / 'policyctl'
    process = subprocess.run([done, '-s', rig.policyd.control, 'egress', 'check', '--wait'], capture_output=True,
                             text=True, stdin=subprocess.DEVNULL, timeout=70, env=rig.policyd.environment())
    took = time.monotonic() - began
    say('a check of 50 lists x 8 addresses with three silent resolvers took %.1f s', took)
    equal(process.returncode, NOT_KNOWN, process.stderr)
    assert took < 60, took
    equal({row['state'] for row in rig.data('egress lists') if row['enabled']} <= {UNREACHABLE, 'untested'}, True)


def test_interrupted_check_ends_in_the_daemon(case):
    """Who goes away takes the questions along."""
    server = case.stack.enter_context(DnsServer())
    names = ['list%d' % n for n in range(30)]
    for name in names:
        serve(server, name)
    rig = Rig(case, server.address, blocklists=[blocklist(name) for name in names], dns='timeout = "3s"; attempts = 3;',
              addresses=['192.0.2.%d' % n for n in range(1, 30)])
    rig.settle()
    server.is_silent = True
    rig.sleep(6)
    ctl = subprocess.Popen([rig.policyd.build / 'policyd' / 'policyctl', '-s', rig.policyd.control, 'egress', 'check',
                            '--wait'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           env=rig.policyd.environment())
    wait_until(lambda: in_flight(rig) > 30, 'questions under way')
    ctl.send_signal(signal.SIGINT)
    equal(ctl.wait(5), -signal.SIGINT)
    ctl.stdout.close()
    ctl.stderr.close()
    wait_until(lambda: in_flight(rig) == 0, 'the end of the check', 5)
    server.forget()
    time.sleep(1)
    assert len(server.log) < 200, len(server.log)


def in_flight(rig):
    return next(int(line.split()[1]) for line in rig.policyd.run_ctl('metrics').stdout.splitlines()
                if line.startswith('policyd_egress_in_flight'))


