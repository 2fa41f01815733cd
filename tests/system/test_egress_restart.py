# SPDX-License-Identifier: ISC
"""What is known of lists outlives restarts, kill -9 and reloads; keys of lists are seen by nobody."""
import time

from dns_server import DnsServer
from egress_rig import (BEHAVES_BADLY, CLEAN, DEAD, IPV4, LISTED, OK, UNKNOWN, Rig, blocklist, serve, settings)
from harness import contains, equal, wait_until

OTHER = '192.0.2.11'
LISTS = ('one', 'two', 'gone')
KEY = 'sesame4711opensesame'
# What says when something is next, or how old it is by now.
MOVING = ('age', 'next', 'next_at')


def rows_of(rig):
    """What is shown, without what a clock alone changes."""
    rows = rig.data('egress')['listings']
    lists = [row for row in rig.data('egress lists') if row['enabled']]
    return ({(row['subject'], row['list']): {k: v for k, v in row.items() if k not in MOVING} for row in rows},
            {row['list']: [row[key] for key in ('state', 'why', 'since')] for row in lists})


def known(case, server):
    """Two addresses on three lists: one listed and confirmed, one dead list, the rest clean."""
    serve(server, 'one', IPV4, codes=['127.0.0.2', '127.0.0.4'])
    serve(server, 'two')
    serve(server, 'gone')
    rig = Rig(case, server.address, blocklists=[blocklist(name) for name in LISTS], addresses=[IPV4, OTHER])
    rig.look(2, after=301)
    server.on('*.gone.example', None, lambda talk: server.default(talk))
    equal(rig.look(after=301), 2)
    wait_until(lambda: rig.row('one')['txt'] is None and rig.state('gone') == DEAD, 'the dead list')
    listings, lists = rows_of(rig)
    equal({pair: row['verdict'] for pair, row in listings.items()}, {
        (IPV4, 'one'): LISTED, (OTHER, 'one'): CLEAN, (IPV4, 'two'): CLEAN, (OTHER, 'two'): CLEAN,
        (IPV4, 'gone'): CLEAN, (OTHER, 'gone'): CLEAN})
    return rig


def kept(case, end):
    server = case.stack.enter_context(DnsServer())
    rig = known(case, server)
    time.sleep(1.5)
    before = rows_of(rig)
    told = len(rig.audited('listing', 'egress:' + IPV4))
    server.forget()
    end(rig)
    rig.start()
    equal(rows_of(rig), before, 'afterwards')
    time.sleep(7)
    equal(rows_of(rig), before, 'some seconds later')
    # No list is due: who was asked an hour ago is not asked because of a restart.
    equal([query for query in server.log if query.kind != 'PTR'], [], 'queries because of a restart')
    equal(len(rig.audited('listing', 'egress:' + IPV4)), told, 'no change is told again')
    return server, rig


def test_orderly_restart(case):
    kept(case, lambda rig: rig.policyd.stop())


def test_kill(case):
    kept(case, lambda rig: rig.policyd.kill())


def test_history_goes_on(case):
    """Half way to a listing before the restart, confirmed by one answer after it; and half way back."""
    server = case.stack.enter_context(DnsServer())
    serve(server, 'one')
    rig = Rig(case, server.address, blocklists=[blocklist('one')])
    rig.look()
    serve(server, 'one', IPV4)
    rig.look(after=301)
    equal(rig.verdict('one'), CLEAN, 'after one answer')
    rig.policyd.stop()
    rig.start()
    equal(rig.row('one')['seen'], LISTED)
    equal(rig.look(), BEHAVES_BADLY)
    equal(rig.verdict('one'), CLEAN, 'the same answer again, over the restart')
    equal(rig.look(after=301), BEHAVES_BADLY)
    equal(rig.verdict('one'), LISTED)
    serve(server, 'one')
    rig.look(2, after=301)
    rig.policyd.stop()
    rig.start()
    equal(rig.verdict('one'), LISTED, 'two clean answers')
    rig.look(after=301)
    equal(rig.verdict('one'), CLEAN, 'the third')
    equal(rig.audited('listing', 'egress:' + IPV4)[1].split(':')[0], 'clean -> listed')
    equal(len(rig.audited('listing', 'egress:' + IPV4)), 3)


def test_ages_go_on_while_it_is_down(case):
    """A verdict grows old while policyd does not run."""
    server = case.stack.enter_context(DnsServer())
    rig = known(case, server)
    server.is_silent = True
    rig.policyd.write(settings([server.address], [blocklist(name, interval='1m') for name in LISTS], [IPV4, OTHER]))
    rig.policyd.ctl('reload')
    equal(rig.verdict('one'), LISTED)
    rig.policyd.stop()
    rig.sleep(20 * 60)
    rig.start()
    wait_until(lambda: {row['verdict'] for row in rig.data('egress')['listings']} == {UNKNOWN}, 'all to be unknown')
    contains(' '.join(rig.audited('listing', 'egress:' + IPV4)), 'listed -> unknown')


def test_saved_within_a_minute(case):
    """What is no change, such as when it was looked at last, is at most a minute old after kill -9."""
    server = case.stack.enter_context(DnsServer())
    rig = known(case, server)
    time.sleep(1.5)
    rig.look(after=120)
    looked = rig.row('one')['looked_at']
    rig.sleep(61)
    time.sleep(2.5)
    rig.policyd.kill()
    rig.start()
    equal(rig.row('one')['looked_at'], looked)


def test_reload_keeps_the_others(case):
    server = case.stack.enter_context(DnsServer())
    rig = known(case, server)
    before = rows_of(rig)[0]
    serve(server, 'three')
    third = '192.0.2.12'
    rig.policyd.write(settings([server.address], [blocklist(name) for name in ('three', 'one')], [OTHER, third, IPV4]))
    rig.policyd.ctl('reload')
    rig.settle()
    after = rows_of(rig)[0]
    equal(sorted(after), sorted((s, n) for s in (IPV4, OTHER, third) for n in ('one', 'three')), 'what is looked at')
    for subject in (IPV4, OTHER):
        equal(after[subject, 'one'], before[subject, 'one'], 'what was known of ' + subject)
    # What went and comes again at once is known still or unknown, never clean without an answer.
    server.is_silent = True
    rig.policyd.write(settings([server.address], [blocklist(name) for name in LISTS], [IPV4, OTHER]))
    rig.policyd.ctl('reload')
    for pair, row in rows_of(rig)[0].items():
        equal(row['verdict'] in (UNKNOWN, before[pair]['verdict']), True, 'verdict of %s on %s' % pair)
    equal(rig.verdict('one'), LISTED)


def test_other_zone_is_another_list(case):
    """A name that stands for another zone now: what the old one said is not said of it."""
    server = case.stack.enter_context(DnsServer())
    rig = known(case, server)
    serve(server, 'new')
    rig.policyd.write(settings([server.address], [blocklist('new').replace('name = "new"', 'name = "one"')]))
    rig.policyd.ctl('reload')
    equal(rig.verdict('one'), UNKNOWN)
    wait_until(lambda: rig.verdict('one') == CLEAN, 'an answer of the new zone')


def test_reload_while_questions_are_open(case):
    """Lists and addresses come and go ten times while nobody answers; then all is well."""
    server = case.stack.enter_context(DnsServer())
    for name in ('a', 'b', 'c'):
        serve(server, name)
    server.is_silent = True
    rig = Rig(case, server.address, blocklists=[blocklist('a')])
    for names, addresses in ([['a', 'b'], [IPV4]], [['b'], [IPV4, OTHER]], [['b', 'c', 'a'], [OTHER]], [[], [IPV4]]) * 3:
        rig.policyd.write(settings([server.address], [blocklist(name) for name in names], addresses))
        rig.policyd.ctl('reload')
        if names:
            rig.ask('egress check')
    server.is_silent = False
    rig.policyd.write(settings([server.address], [blocklist(name) for name in ('a', 'b')], [OTHER]))
    rig.policyd.ctl('reload')
    wait_until(lambda: rig.look(after=60) == 0, 'answers', 60)
    equal([rig.state('a'), rig.state('b')], [OK, OK])


# ---- keys ----

KEYED = '{ name = "keyed"; zone = "<key>.keyed.example"; interval = "1d"; %s key_file = "@/list.key"; }'


def keyed(case, server):
    rig = Rig(case, server.address, blocklists=[KEYED % ''], start=False)
    write_key(rig, 0o600)
    return rig


def write_key(rig, mode, key=KEY):
    path = rig.policyd.folder / 'list.key'
    path.write_text(key + '\n')
    path.chmod(mode)


def test_key_is_in_queries_and_nowhere_else(case):
    server = case.stack.enter_context(DnsServer())
    serve(server, '%s.keyed' % KEY, IPV4)
    rig = keyed(case, server).start()
    rig.look(3, after=301)
    equal(rig.verdict('keyed'), LISTED)
    server.is_silent = True
    rig.look(2, after=301)
    said = []
    for verb in (['egress'], ['egress', IPV4], ['egress', 'lists'], ['egress', 'check', '--wait'], ['status'],
                 ['egress', 'lists', 'test', 'keyed'], ['audit'], ['metrics'], ['egress', 'check', '--list', 'kyed'],
                 ['egress', 'lists', 'test', '<key>.keyed.example'], ['reload'],
                 ['config', 'show', '-c', str(rig.policyd.config)], ['config', 'check', '-c', str(rig.policyd.config)]):
        for json in ([], ['--json']):
            done = rig.policyd.run_ctl(*json, *verb)
            said.append((verb, done.stdout + done.stderr))
    contains(dict((tuple(v), t) for v, t in said)['egress', 'lists'], '<key>.keyed.example')
    assert any(KEY in query.name for query in server.log), 'the key is not in the queries'
    rig.policyd.stop()
    said.append(('log', rig.policyd.log()))
    for verb, text in said:
        assert KEY not in text, (verb, text)
    for path in rig.policyd.state.rglob('*'):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), path
    # A restart knows the list by its name.
    rig.start()
    equal(rig.verdict('keyed'), LISTED)


def test_key_that_others_can_read(case):
    server = case.stack.enter_context(DnsServer())
    rig = keyed(case, server)
    write_key(rig, 0o644)
    process = rig.policyd.spawn()
    equal(process.wait(20), 78)
    where = '%s:%d: ' % (rig.policyd.config, line_of(rig.policyd.config, 'key_file'))
    contains(rig.policyd.log(), where + 'blocklists.key_file')
    contains(rig.policyd.log(), 'chmod 600')
    assert KEY not in rig.policyd.log()
    write_key(rig, 0o600)
    rig.start()
    write_key(rig, 0o640)
    reload = rig.ask('reload')
    equal(reload['ok'], False)
    contains(str(reload), 'chmod 600')
    equal(rig.state('keyed') is not None, True, 'the old configuration holds')
    rig.policyd.allow(r'^ERROR (reload|configuration)')


def line_of(path, part):
    return next(n for n, line in enumerate(path.read_text().splitlines(), 1) if part in line)


def test_new_key_after_a_reload(case):
    server = case.stack.enter_context(DnsServer())
    serve(server, '%s.keyed' % KEY, IPV4)
    serve(server, 'another-key-entirely.keyed', IPV4)
    rig = keyed(case, server).start()
    rig.look(3, after=301)
    write_key(rig, 0o600, 'another-key-entirely')
    rig.policyd.ctl('reload')
    server.forget()
    equal(rig.look(after=301), BEHAVES_BADLY)
    equal(rig.verdict('keyed'), LISTED, 'the same list by another key')
    equal({query.name.split('.keyed')[0].split('.')[-1] for query in server.log if 'keyed' in query.name},
          {'another-key-entirely'}, 'keys in queries')
