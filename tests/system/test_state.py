# SPDX-License-Identifier: ISC
"""What outlives the process, and what comes of it when that is lost; the pid file; reloads that are asked for."""
import json
import os
import pwd
import signal
import stat
import threading
import time

from faults.disk import ShimmedDisk
from faults.load import DUNNO
from harness import contains, equal, request, rows, wait_until

ROOMY = '{ name = "hourly"; rate = "1000/1h"; }'
SNAPSHOT_S = 5
# The default of emergency_rate, in an hour.
EMERGENCY = 100
ALICE = 'alice@example.org'


def snapshot_of(policyd):
    return policyd.state / 'counters.snapshot'


def aside(policyd):
    return sorted(path.name for path in policyd.state.iterdir() if '.bad-' in path.name)


def ask(policyd, count, account=ALICE):
    """So many messages of one recipient; how many passed, and the last answer."""
    client = policyd.client_of_case(policyd)
    answers = [client.ask(request(sasl_username=account, instance='s.%d' % time.monotonic_ns()))
               for _ in range(count)]
    return answers.count(DUNNO), answers[-1]


def started(case, settings='', limits=ROOMY, prefix=(), start=True):
    """With counters on disk every few seconds."""
    policyd = case.policyd(settings, limits, start=False)
    policyd.client_of_case = case.client
    (policyd.folder / 'conf.d').mkdir()
    (policyd.folder / 'conf.d' / 'snapshot.conf').write_text('state = { snapshot = "%ds"; };\n' % SNAPSHOT_S)
    return policyd.start(*prefix) if start else policyd


def metric(policyd, name):
    """The value of a metric without labels."""
    done = policyd.run_ctl('metrics')
    equal(done.returncode, 0, done.stderr)
    values = [line.split()[1] for line in done.stdout.splitlines() if line.startswith(name + ' ')]
    equal(len(values), 1, 'lines of %s in\n%s' % (name, done.stdout))
    return float(values[0])


# ---- what is kept ----

def test_first_start(case):
    """Nothing is there, and nothing is missed; nothing is written where nothing was counted."""
    policyd = started(case)
    status = policyd.ctl('status')
    equal((status['state'], status['state_lost'], status['snapshot']['at']), ('ok', None, None))
    policyd.restart()
    equal(snapshot_of(policyd).exists(), False, 'a snapshot of nothing')
    equal(ask(policyd, EMERGENCY + 10)[0], EMERGENCY + 10, 'let through')


def test_counters_outlive_a_stop(case):
    policyd = started(case)
    equal(ask(policyd, 7)[0], 7)
    policyd.restart()
    equal(policyd.used(ALICE, 'hourly'), 7)
    contains(policyd.log(), 'state loaded accounts=1 ', 'the log')
    equal(stat.S_IMODE(snapshot_of(policyd).stat().st_mode), 0o600, 'mode of the snapshot')


def test_counters_outlive_a_kill(case):
    """Those that are older than state.snapshot; and status tells how old they are."""
    policyd = started(case)
    ask(policyd, 7)
    time.sleep(SNAPSHOT_S + 1)
    shown = policyd.ctl('status')['snapshot']
    assert 0 < shown['bytes'] <= snapshot_of(policyd).stat().st_size, shown
    assert shown['age_s'] <= SNAPSHOT_S + 1, shown
    equal(metric(policyd, 'policyd_snapshots_total'), 1, 'snapshots: nothing has changed since the first')
    policyd.kill()
    policyd.start()
    equal(policyd.used(ALICE, 'hourly'), 7)


def test_interval_is_taken_over_by_a_reload(case):
    policyd = case.policyd(limits=ROOMY)
    policyd.client_of_case = case.client
    ask(policyd, 3)
    policyd.config.write_text(policyd.config.read_text().replace('directory =', 'snapshot = "5s"; directory ='))
    policyd.process.send_signal(signal.SIGHUP)
    wait_until(snapshot_of(policyd).exists, 'a snapshot', SNAPSHOT_S + 1)


def test_reset_is_not_undone_by_a_kill(case):
    """The snapshot is older than the reset."""
    policyd = started(case)
    ask(policyd, 7)
    wait_until(snapshot_of(policyd).exists, 'a snapshot')
    policyd.ctl('reset', ALICE, '--reason', 'test')
    policyd.kill()
    policyd.start()
    equal(policyd.used(ALICE, 'hourly'), 0)


# ---- what is lost ----

def damage_cut(path):
    os.truncate(path, path.stat().st_size - 1)


def damage_bit(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def damage_version(path):
    """Of a later policyd."""
    data = bytearray(path.read_bytes())
    data[7] += 1
    path.write_bytes(data)


def damage_empty(path):
    os.truncate(path, 0)


def damage_removed(path):
    path.unlink()


def check_lost(case, damage, kept):
    """policyd starts all the same, says so everywhere, and lets no account send more than emergency_rate."""
    policyd = started(case)
    policyd.allow('^WARNING state lost ')
    equal(ask(policyd, 7)[0], 7)
    policyd.stop()
    damage(snapshot_of(policyd))
    policyd.start()
    equal(aside(policyd), kept, 'files kept aside')
    contains(policyd.log(), 'WARNING state lost why="%s' % snapshot_of(policyd), 'the log')
    status = policyd.ctl('status')
    contains(status['state'], 'lost: emergency_rate 100/1h until ', 'state in status')
    contains(status['state_lost'], kept[0] if kept else 'missing', 'state_lost in status')
    wait_until(lambda: metric(policyd, 'policyd_emergency') == 1, 'the metric')
    passed, last = ask(policyd, EMERGENCY + 1)
    equal(passed, EMERGENCY, 'let through of the account')
    contains(last, 'action=DEFER_IF_PERMIT 4.7.1 ', 'the one too many')
    policyd.wait_log(' rule=emergency account=%s ' % ALICE)
    return policyd


def test_snapshot_cut_short(case):
    check_lost(case, damage_cut, ['counters.snapshot.bad-1'])


def test_snapshot_with_a_wrong_bit(case):
    check_lost(case, damage_bit, ['counters.snapshot.bad-1'])


def test_snapshot_of_a_later_version(case):
    check_lost(case, damage_version, ['counters.snapshot.bad-1'])


def test_snapshot_that_is_empty(case):
    check_lost(case, damage_empty, ['counters.snapshot.bad-1'])


def test_snapshot_that_is_gone(case):
    check_lost(case, damage_removed, [])


def test_loss_is_not_forgotten_by_a_restart(case):
    """Neither by a stop nor by a kill a moment after the next snapshot."""
    policyd = check_lost(case, damage_cut, ['counters.snapshot.bad-1'])
    policyd.restart()
    equal(ask(policyd, 1)[0], 0, 'let through after a restart')
    contains(policyd.ctl('status')['state'], 'lost: ', 'state in status')
    equal(ask(policyd, EMERGENCY + 1, 'bob@example.org')[0], EMERGENCY, 'let through of another account')
    policyd.kill()
    policyd.start()
    contains(policyd.ctl('status')['state'], 'lost: ', 'state in status after a kill')


def test_database_that_is_none(case):
    """Suspensions are gone, which is told, and the counters are there."""
    policyd = started(case)
    policyd.allow('^WARNING state lost ')
    equal(ask(policyd, 7)[0], 7)
    policyd.stop()
    for path in policyd.state.glob('policyd.db*'):
        path.unlink()
    (policyd.state / 'policyd.db').write_bytes(b'this is no database' * 100)
    policyd.start()
    equal(aside(policyd), ['policyd.db.bad-1'])
    contains(policyd.ctl('status')['state_lost'], 'policyd.db.bad-1', 'state_lost in status')
    equal(policyd.used(ALICE, 'hourly'), 7)
    # Per hour, as the counters that are there: what was counted in them is counted.
    equal(ask(policyd, EMERGENCY)[0], EMERGENCY - 7, 'let through')


def test_snapshot_of_another_owner_is_no_way_in(case):
    """A link in the place of the snapshot is moved aside, and what it points at stays as it is."""
    policyd = started(case)
    policyd.allow('^WARNING state lost ')
    ask(policyd, 1)
    policyd.stop()
    victim = policyd.folder / 'victim'
    snapshot_of(policyd).rename(victim)
    before = victim.read_bytes()
    snapshot_of(policyd).symlink_to(victim)
    policyd.start()
    ask(policyd, 1)
    policyd.stop()
    equal(victim.read_bytes(), before)
    equal(snapshot_of(policyd).is_symlink(), False, 'the new snapshot is a link')


# ---- disks ----

def test_failing_snapshot_is_told_once(case):
    """And again when it works, by itself."""
    policyd = started(case, start=False)
    policyd.allow('^ERROR snapshot failing|^ERROR store failing')
    disk = ShimmedDisk(case, policyd)
    policyd.start(*disk.prefix)
    with disk.fault('error 5'):
        for _ in range(3):
            ask(policyd, 1)
            time.sleep(SNAPSHOT_S * 0.8)
        equal(policyd.log().count('ERROR snapshot failing'), 1, 'lines that tell of it')
        contains(policyd.ctl('status')['snapshot']['error'], 'counters.snapshot', 'error in status')
        assert metric(policyd, 'policyd_snapshot_errors_total') >= 2
    ask(policyd, 1)
    policyd.wait_log('NOTICE snapshot works again')
    equal(policyd.ctl('status')['snapshot']['error'], None, 'error in status')
    equal(policyd.used(ALICE, 'hourly'), 4)


def test_stop_does_not_wait_for_a_dead_disk(case):
    """Each fsync takes longer than anybody waits: it ends within 10 s, and tells what was not written."""
    policyd = started(case, start=False)
    policyd.allow('^ERROR ')
    disk = ShimmedDisk(case, policyd)
    policyd.start(*disk.prefix)
    ask(policyd, 3)
    with disk.fault('sync 60000'):
        began = time.monotonic()
        policyd.process.send_signal(signal.SIGTERM)
        policyd.process.wait(10)
        policyd.process = None
        assert time.monotonic() - began < 10
    contains(policyd.log(), 'ERROR snapshot failing', 'the log')
    policyd.start()


# ---- the pid file ----

def test_pid_file(case):
    """There when policyd is ready, for everybody to read, and gone after an orderly stop."""
    policyd = case.policyd('pid_file = "@/policyd.pid";', ROOMY, start=False)
    path = policyd.folder / 'policyd.pid'
    path.write_text('4000000000\n')
    path.chmod(0o600)
    policyd.start('sh', '-c', 'umask 077; exec "$@"', 'sh')
    equal(path.read_text(), '%d\n' % policyd.process.pid)
    equal(stat.S_IMODE(path.stat().st_mode), 0o644, 'mode')
    policyd.stop()
    equal(path.exists(), False, 'the file after the stop')
    policyd.start()
    path.write_text('1\n')
    policyd.stop()
    equal(path.read_text(), '1\n', 'somebody else wrote his number there')


def test_pid_file_of_another_user(case):
    """Made while there are still root's rights; where it cannot be removed it is emptied."""
    policyd = case.policyd('pid_file = "@/policyd.pid"; user = "nobody";', ROOMY, start=False)
    path = policyd.folder / 'policyd.pid'
    policyd.control = policyd.folder / 'run' / 'control.sock'
    policyd.write('pid_file = "@/policyd.pid"; user = "nobody"; limits = ( %s );' % ROOMY)
    policyd.start()
    equal(path.read_text(), '%d\n' % policyd.process.pid)
    policyd.stop()
    equal(path.read_text(), '')


def test_pid_file_that_cannot_be(case):
    """A start that fails says which file it is, and leads nobody into another file."""
    victim = case.folder / 'victim'
    victim.write_text('precious')
    for number, make in enumerate((lambda path: path.symlink_to(victim), lambda path: os.link(victim, path),
                                   lambda path: path.mkdir(), lambda path: None)):
        name = 'nowhere/policyd.pid' if number == 3 else 'policyd.pid'
        policyd = case.policyd('pid_file = "@/%s";' % name, ROOMY, folder='pid%d' % number, start=False)
        policyd.allow('^ERROR cannot start ')
        make(policyd.folder / name)
        process = policyd.spawn()
        try:
            assert process.wait(5) != 0
        finally:
            process.kill()
            process.wait()
        contains(policyd.log(), 'pid_file: %s/%s: ' % (policyd.folder, name), 'the log')
        equal(victim.read_text(), 'precious')


def test_second_start_leaves_the_pid_file(case):
    first = case.policyd('pid_file = "@/policyd.pid";', ROOMY)
    process = first.spawn()
    assert process.wait(5) != 0
    first.allow('^ERROR cannot start ')
    equal((first.folder / 'policyd.pid').read_text(), '%d\n' % first.process.pid)


# ---- another user ----

def test_state_of_another_user(case):
    """Started by root: the state is that user's, before and after a restart, and there is no way back."""
    policyd = started(case, start=False)
    policyd.control = policyd.folder / 'run' / 'control.sock'
    policyd.write('user = "nobody"; limits = ( %s );' % ROOMY)
    policyd.start()
    nobody = pwd.getpwnam('nobody')
    lines = dict(line.split(':\t', 1) for line in
                 open('/proc/%d/status' % policyd.process.pid).read().splitlines() if ':\t' in line)
    equal(lines['Uid'].split(), [str(nobody.pw_uid)] * 4)
    equal(lines['Gid'].split(), [str(nobody.pw_gid)] * 4)
    equal(set(lines['Groups'].split()) - {str(nobody.pw_gid)}, set(), 'supplementary groups')
    equal((int(lines['CapPrm'], 16), int(lines['CapEff'], 16)), (0, 0), 'capabilities')
    equal(ask(policyd, 7)[0], 7)
    policyd.restart()
    equal(policyd.used(ALICE, 'hourly'), 7)
    equal({path.stat().st_uid for path in policyd.state.iterdir()}, {nobody.pw_uid}, 'owners of the state')


def test_descriptors_for_all_connections(case):
    """As root with another user to become, beyond a hard limit that is too low; where even root may not, it is
    told."""
    policyd = case.policyd(start=False)
    policyd.allow('^WARNING few descriptors ')
    policyd.control = policyd.folder / 'run' / 'control.sock'
    policyd.write('user = "nobody"; connections_max = 2000; limits = ( %s );' % ROOMY)
    policyd.start('prlimit', '--nofile=200:200')
    limit = [line.split() for line in open('/proc/%d/limits' % policyd.process.pid) if 'open files' in line][0]
    equal(int(limit[3]) >= 2000, 'few descriptors allowed=200 ' not in policyd.log(), 'enough, or told')


def test_user_that_is_none(case):
    """An error in the check already."""
    policyd = case.policyd('user = "no-such-user";', ROOMY, start=False)
    process = policyd.spawn('env')
    equal(process.wait(5), 78)
    contains(policyd.log(), 'user: there is no user "no-such-user"', 'what it says')


def test_files_out_of_reach_of_a_reload(case):
    """root can read what the user that policyd becomes cannot: told at the start, not only when it is too late."""
    policyd = case.policyd('user = "nobody";', ROOMY, start=False)
    policyd.control = policyd.folder / 'run' / 'control.sock'
    policyd.write('user = "nobody"; limits = ( %s );' % ROOMY)
    policyd.allow('^WARNING file out of reach|^ERROR (configuration|reload) ')
    policyd.config.chmod(0o600)
    policyd.start()
    contains(policyd.log(), 'file out of reach file=%s ' % policyd.config, 'the log')
    done = policyd.run_ctl('reload')
    equal(done.returncode, 78, done.stdout + done.stderr)
    contains(policyd.log(), str(policyd.config), 'the log')
    equal([row['limit'] for row in rows(policyd.ctl('explain', ALICE))], ['hourly'])


# ---- reloads ----

def test_reload_is_answered(case):
    """policyctl reload says what came of it, and what needs a restart."""
    policyd = case.policyd(limits=ROOMY)
    equal(policyd.ctl('reload')['restart'], [])
    listen = policyd.listen
    policyd.listen = listen[:1]
    policyd.write('limits = ( { name = "other"; rate = "9/1h"; } ); connections_max = 500;')
    answer = policyd.ctl('reload')
    equal((answer['result'], sorted(answer['restart'])), ('done', ['connections_max', 'listen']))
    equal([row['limit'] for row in rows(policyd.ctl('explain', ALICE))], ['other'])
    policyd.listen = listen
    policyd.write('limits = ( { name = "third"; rate = "bad"; } );')
    policyd.allow('^ERROR (configuration|reload) ')
    done = policyd.run_ctl('--json', 'reload')
    equal(done.returncode, 78)
    contains(done.stdout, '%s:4: ' % policyd.config, 'the answer')
    equal([row['limit'] for row in rows(policyd.ctl('explain', ALICE))], ['other'])


def test_many_reloads_at_once(case):
    """Each is told of one that began after it asked; meanwhile signals come, too."""
    policyd = case.policyd(limits=ROOMY)
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(policyd.ctl('reload')['result'])) for _ in range(12)]
    for thread in threads:
        thread.start()
        policyd.process.send_signal(signal.SIGHUP)
    for thread in threads:
        thread.join(30)
    equal(answers, ['done'] * len(threads))
    policyd.write('limits = ( { name = "last"; rate = "9/1h"; } );')
    policyd.process.send_signal(signal.SIGHUP)
    wait_until(lambda: [row['limit'] for row in rows(policyd.ctl('explain', ALICE))] == ['last'], 'the last reload')


def test_stop_while_reloads_are_asked_for(case):
    """Nobody is left waiting, nothing leaks."""
    policyd = case.policyd(limits=ROOMY)
    done = []
    threads = [threading.Thread(target=lambda: done.append(policyd.run_ctl('--json', 'reload'))) for _ in range(8)]
    for thread in threads:
        thread.start()
    equal(policyd.stop(), 0)
    for thread in threads:
        thread.join(30)
    equal(len(done), len(threads))
    for one in done:
        assert one.returncode != 0 or json.loads(one.stdout)['ok'], one
