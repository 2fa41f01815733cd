# SPDX-License-Identifier: ISC
"""Disks that are full, read-only, frozen, broken or slow, descriptors that are out, a process that was stopped:
mail is judged within a second, changes are refused or wait, and all is well again by itself afterwards."""
import contextlib
import os
import re
import resource
import signal
import threading
import time

from faults.disk import ShimmedDisk, ext4, freezable, tmpfs
from faults.load import Prober, control, is_suspended, release, say, suspend, used
from harness import contains, equal, request, wait_until

LIMIT = '{ name = "hourly"; rate = "50/1h"; }'
ROOMY = '{ name = "hourly"; rate = "1000/1h"; }'
EIO, ENOSPC, EROFS = 5, 28, 30
LONG_REASON = 'x' * 200
FAULT_S = 3
# Whoever waits for a frozen disk to be told of has waited long enough after this.
FROZEN_S = 9
SNAPSHOT_S = 5
# What an operator waits for, at most, after the disk is well again.
RECOVERY_S = 10


def told(policyd, pattern):
    return len(re.findall(pattern, policyd.log(), re.M))


def check_told_once(policyd):
    """One line for the fault, one for its end, and no flood beside."""
    wait_until(lambda: told(policyd, '^NOTICE store works again'), 'the recovery in the log')
    equal([told(policyd, '^ERROR store failing'), told(policyd, '^NOTICE store works again')], [1, 1],
          'lines about the fault and about its end')
    assert len(policyd.warnings()) <= 6, policyd.warnings()


def failing_policyd(case, limits=LIMIT):
    policyd = case.policyd(limits=limits, start=False)
    policyd.allow('store failing|snapshot|ladder error=')
    return policyd


def check_refused(policyd, account):
    """A change that cannot be made durable is refused with the reason, and is not made."""
    began = time.monotonic()
    answer = suspend(policyd, account)
    equal(answer['ok'], False, 'suspend while nothing can be written')
    contains(answer['error'], 'nothing was changed', 'error')
    contains(answer['error'], str(policyd.state), 'error')
    assert time.monotonic() - began < 10, 'the refusal took long'
    equal(is_suspended(policyd, account), False, '%s after a refused suspension' % account)
    return answer['error']


def works_again(policyd, account):
    began = time.monotonic()
    wait_until(lambda: suspend(policyd, account)['ok'], 'suspend after the fault', RECOVERY_S)
    equal(is_suspended(policyd, account), True, account)
    return time.monotonic() - began


def check_standing(policyd, wanted, when):
    equal({account: is_suspended(policyd, account) for account in wanted}, wanted, 'who is suspended ' + when)


def failing_writes(case, words, reason):
    """Every write below the state directory fails for a while."""
    policyd = failing_policyd(case)
    disk = ShimmedDisk(case, policyd)
    policyd.start(*disk.prefix)
    equal(suspend(policyd, 'before@example.org')['ok'], True, 'suspend before')
    with Prober(policyd) as prober:
        with disk.fault(words):
            contains(check_refused(policyd, 'within@example.org'), reason, 'error')
            equal(release(policyd, 'before@example.org')['ok'], False, 'release while nothing can be written')
            equal(control(policyd, 'status')['data']['store']['state'], 'failing', 'store in status')
            time.sleep(FAULT_S)
            check_refused(policyd, 'later@example.org')
        say('%s: works %.2f s after the fault', words, works_again(policyd, 'after@example.org'))
        check_told_once(policyd)
    prober.check(words)
    wanted = {'before@example.org': True, 'within@example.org': False, 'later@example.org': False,
              'after@example.org': True}
    check_standing(policyd, wanted, 'afterwards')
    equal(release(policyd, 'before@example.org')['ok'], True, 'release afterwards')
    policyd.kill()
    policyd.start(*disk.prefix)
    check_standing(policyd, wanted | {'before@example.org': False}, 'after kill -9')


def test_broken_disk(case):
    """EIO from every write and fsync."""
    failing_writes(case, 'error %d' % EIO, 'I/O error')


def test_read_only_disk(case):
    """EROFS from every write for a while. (A real mount with files open for writing cannot be made read-only and
    back again: the next case.)"""
    failing_writes(case, 'error %d' % EROFS, '')


def test_file_system_that_goes_read_only(case):
    """The kernel finds an error on it: mail is judged on; after its repair and a restart all is there."""
    policyd = failing_policyd(case)
    disk = ext4(case, policyd)
    policyd.start(*disk.prefix)
    equal(suspend(policyd, 'before@example.org')['ok'], True, 'suspend before')
    with Prober(policyd) as prober:
        disk.find_error()
        check_refused(policyd, 'within@example.org')
        time.sleep(FAULT_S)
        check_refused(policyd, 'later@example.org')
    prober.check('ext4 that went read-only')
    equal(told(policyd, '^ERROR store failing'), 1, 'lines about the fault')
    equal(policyd.stop(), 0, 'exit code')
    disk.mount_again()
    policyd.start(*disk.prefix)
    check_standing(policyd, {'before@example.org': True, 'within@example.org': False, 'later@example.org': False},
                   'after the repair')
    works_again(policyd, 'after@example.org')


def test_disk_of_no_room_at_all(case):
    """As a quota says it: also what was free a moment ago."""
    failing_writes(case, 'error %d' % ENOSPC, 'full')


def suspend_until_refused(policyd, prefix):
    """Suspensions that still found room in files that are there, and the error of the first that did not."""
    accounts = []
    for number in range(2000):
        account = '%s%d@example.org' % (prefix, number)
        answer = control(policyd, 'suspend', account=account, reason=LONG_REASON)
        if not answer['ok']:
            return accounts, answer['error']
        accounts.append(account)
    raise AssertionError('2000 suspensions on a disk without a free byte')


def test_full_disk(case):
    """A file system without a free byte: what is acknowledged is durable all the same, the rest is refused."""
    policyd = failing_policyd(case)
    disk = tmpfs(case, policyd, '2m')
    policyd.start(*disk.prefix)
    equal(suspend(policyd, 'before@example.org')['ok'], True, 'suspend before')
    with contextlib.ExitStack() as fault:
        with Prober(policyd) as prober:
            fault.enter_context(disk.full())
            accounts, error = suspend_until_refused(policyd, 'full')
            contains(error, 'full', 'error')
            check_refused(policyd, 'within@example.org')
            time.sleep(FAULT_S)
        prober.check('full disk, %d suspensions still found room' % len(accounts))
        wanted = dict.fromkeys(['before@example.org', *accounts], True) | {'within@example.org': False}
        policyd.kill()
        policyd.start(*disk.prefix)
        check_standing(policyd, wanted, 'after kill -9 and a start on the full disk')
    works_again(policyd, 'after@example.org')
    check_standing(policyd, wanted, 'afterwards')


def test_full_disk_is_told_once(case):
    policyd = failing_policyd(case)
    disk = tmpfs(case, policyd, '2m')
    policyd.start(*disk.prefix)
    with Prober(policyd) as prober:
        with disk.full():
            suspend_until_refused(policyd, 'full')
            time.sleep(FAULT_S)
        say('full disk: works %.2f s after there is room', works_again(policyd, 'after@example.org'))
        check_told_once(policyd)
    prober.check('full disk')


def flood(case, policyd, number):
    """A hundred refusals of twenty accounts, with long texts."""
    client = case.client(policyd)
    ask = lambda n: request(sasl_username='f%d.%d@example.org' % (number, n // 55), instance='m%d.%d' % (number, n),
                            recipient='r%d@%s.example.net' % (n, 'd' * 60))
    answers = []
    # Not all at once: who does not read what he is answered is not read either.
    for begin in range(0, 1100, 50):
        client.send(b''.join(map(ask, range(begin, begin + 50))))
        answers += [client.reply()[:12] for _ in range(50)]
    equal(answers.count('action=DUNNO'), 1000, 'let through')
    client.close()


def test_state_directory_of_1_mib(case):
    """More refusals than fit are not all kept, but every suspension is."""
    policyd = failing_policyd(case)
    disk = tmpfs(case, policyd, '1m')
    policyd.start(*disk.prefix)
    accounts = ['small%d@example.org' % n for n in range(60)]
    with Prober(policyd) as prober:
        for number, account in enumerate(accounts):
            flood(case, policyd, number)
            equal(suspend(policyd, account)['ok'], True, '%s after %d refusals' % (account, 100 * number))
        figures = control(policyd, 'status')['data']['since_start']
    prober.check('1 MiB, %d refusals, %d store errors' % (figures['decisions_refused'], figures['store_errors']))
    for start in range(2):
        check_standing(policyd, dict.fromkeys(accounts, True), 'in 1 MiB, start %d' % start)
        policyd.kill() if start else policyd.stop()
        policyd.start(*disk.prefix)
    works_again(policyd, 'last@example.org')


def test_counters_in_1_mib(case):
    """Decisions do not take the room that what was counted needs."""
    policyd = failing_policyd(case)
    disk = tmpfs(case, policyd, '1m')
    policyd.start(*disk.prefix)
    for number in range(60):
        flood(case, policyd, number)
    equal(policyd.stop(), 0, 'exit code')
    contains(policyd.log(), 'no room for what was learnt', 'what is told of habits')
    policyd.start(*disk.prefix)
    equal([used(policyd, 'f%d.0@example.org' % number, 'hourly') for number in (0, 30, 59)], [50] * 3,
          'used after a restart')


def test_snapshots_go_on_after_a_fault(case):
    """The one on disk stays while none can be written; later ones follow by themselves; it is told, no more."""
    policyd = failing_policyd(case)
    (policyd.folder / 'conf.d').mkdir()
    (policyd.folder / 'conf.d' / 'snapshot.conf').write_text('state = { snapshot = "%ds"; };\n' % SNAPSHOT_S)
    disk = ShimmedDisk(case, policyd)
    policyd.start(*disk.prefix)
    file = policyd.state / 'counters.snapshot'
    signature = lambda: (file.stat().st_ino, file.stat().st_mtime_ns) if file.exists() else None
    client = case.client(policyd)
    ask = lambda n: equal(client.ask(request(instance='f.%d' % n)), 'action=DUNNO')
    ask(0)
    wait_until(signature, 'the first snapshot')
    with Prober(policyd) as prober:
        with disk.fault('error %d' % EIO):
            kept = signature()
            ask(1)
            time.sleep(2.5 * SNAPSHOT_S)
            equal(signature(), kept, 'the snapshot while none can be written')
        wait_until(lambda: signature() != kept, 'a snapshot after the fault', 2 * SNAPSHOT_S)
    prober.check('EIO while snapshots are due')
    about = [line for line in policyd.warnings() if 'snapshot' in line]
    equal(len(about), 1, 'warnings about snapshots: %r' % about)
    policyd.kill()
    policyd.start(*disk.prefix)
    equal(used(policyd, 'alice@example.org', 'hourly'), 2)


def in_thread(function, *arguments):
    """Calls it meanwhile; get() waits for what it gave."""
    found = []

    def run():
        try:
            found.append((function(*arguments), time.monotonic()))
        except Exception as error:
            found.append((error, time.monotonic()))
    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def get():
        thread.join(40)
        if not found:
            raise AssertionError('no answer within 40 s')
        return found[0]
    return get


def test_frozen_disk(case):
    """Nothing comes back from the disk: a suspension waits or is refused in the end, never acknowledged before it
    is durable; it is told; and when the disk thaws all goes on."""
    policyd = failing_policyd(case)
    disk, freeze, how = freezable(case, policyd)
    policyd.start(*disk.prefix)
    equal(suspend(policyd, 'before@example.org')['ok'], True, 'suspend before')
    with Prober(policyd) as prober:
        with freeze():
            within = in_thread(suspend, policyd, 'within@example.org')
            began = time.monotonic()
            while time.monotonic() - began < FROZEN_S:
                assert control(policyd, 'status')['ok'], 'status while the disk is frozen'
                time.sleep(0.2)
            was_told = told(policyd, '^ERROR store failing')
            thawed = time.monotonic()
        answer, at = within()
        if isinstance(answer, Exception):
            raise answer
        assert not answer['ok'] or at > thawed, 'acknowledged while nothing could be written'
        works_again(policyd, 'after@example.org')
    # Log lines gather for a moment, which kill -9 would not leave them.
    policyd.wait_log('store works again')
    prober.check('frozen for %d s by %s, suspend said %r %.1f s after the thaw' % (
        FROZEN_S, how, answer['error'] or 'done', at - thawed), least=1000)
    policyd.kill()
    policyd.start(*disk.prefix)
    check_standing(policyd, {'before@example.org': True, 'within@example.org': answer['ok'],
                             'after@example.org': True}, 'after kill -9')
    equal(was_told, 1, 'lines that tell of a disk that has been frozen for %d s' % FROZEN_S)
    equal(told(policyd, '^NOTICE store works again'), 1, 'lines about its end')


def test_slow_disk(case):
    """Each fsync takes two seconds longer: suspensions take their time, mail does not."""
    policyd = failing_policyd(case)
    disk = ShimmedDisk(case, policyd)
    policyd.start(*disk.prefix)
    with Prober(policyd) as prober:
        with disk.fault('sync 2000'):
            began = time.monotonic()
            answers = [in_thread(suspend, policyd, 'slow%d@example.org' % n) for n in range(5)]
            for get in answers:
                answer, at = get()
                equal(isinstance(answer, dict) and answer['ok'], True, 'suspend on a slow disk: %r' % (answer,))
                assert at - began >= 1.9, 'acknowledged before the disk had it'
        longest = time.monotonic() - began
        works_again(policyd, 'after@example.org')
    prober.check('fsync of 2 s, five suspensions together in %.1f s' % longest)
    policyd.kill()
    policyd.start(*disk.prefix)
    check_standing(policyd, dict.fromkeys(['slow%d@example.org' % n for n in range(5)], True), 'after kill -9')


def test_slow_disk_at_the_stop(case):
    """SIGTERM with commits under way: what is acknowledged is kept, and the end comes within 10 s."""
    policyd = failing_policyd(case)
    disk = ShimmedDisk(case, policyd)
    policyd.start(*disk.prefix)
    with disk.fault('sync 1000'):
        equal(suspend(policyd, 'slow@example.org')['ok'], True, 'suspend on a slow disk')
        began = time.monotonic()
        equal(policyd.stop(), 0, 'exit code')
    say('the stop on a disk with an fsync of 1 s took %.1f s', time.monotonic() - began)
    policyd.start(*disk.prefix)
    equal(is_suspended(policyd, 'slow@example.org'), True, 'after the restart')


def lower_descriptors(policyd, more):
    """At most as many more as are open now."""
    pid = policyd.process.pid
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (len(os.listdir('/proc/%d/fd' % pid)) + more, hard))


def test_out_of_descriptors(case):
    """Newcomers take all descriptors: whoever asks is served on, a suspension is made, at once or when they have
    gone."""
    policyd = failing_policyd(case, limits=ROOMY)
    policyd.allow('accept|descriptors|control')
    policyd.start()
    # More than will come, and idle for longer than the prober, so that it never is the one that has to go.
    crowd = [case.client(policyd, n % 2) for n in range(80)]
    for client in crowd:
        equal(client.ask(request(sasl_username='bob@example.org', instance='')), 'action=DUNNO')
    with Prober(policyd) as prober:
        wait_until(lambda: prober.count > 10, 'the first answers')
        lower_descriptors(policyd, 3)
        crowd += [case.client(policyd, n % 2) for n in range(60)]
        policyd.wait_log('accept failed')
        late = in_thread(suspend, policyd, 'within@example.org')
        time.sleep(FAULT_S)
        for client in crowd:
            client.close()
        gone = time.monotonic()
        answer, at = late()
        if isinstance(answer, Exception):
            raise answer
        equal(answer['ok'], True, 'suspend that came while there were no descriptors: %r' % answer['error'])
        assert at - gone < RECOVERY_S, 'it took %.1f s' % (at - gone)
        equal(is_suspended(policyd, 'within@example.org'), True, 'suspended')
        equal(case.client(policyd).ask(request()), 'action=DUNNO', 'a newcomer afterwards')
    prober.check('out of descriptors')
    equal(told(policyd, '^WARNING accept failed'), 1, 'warnings about accept')


def test_stopped_and_continued(case):
    """SIGSTOP for 3 s (a suspended machine, a debugger): what was asked meanwhile is answered at once."""
    policyd = case.policyd(limits=LIMIT)
    clients = [case.client(policyd, n % 2) for n in range(50)]
    for client in clients:
        equal(client.ask(request(sasl_username='bob@example.org', instance='')), 'action=DUNNO')
    policyd.process.send_signal(signal.SIGSTOP)
    for number, client in enumerate(clients):
        client.send(b''.join(request(instance='z%d.%d' % (number, n)) for n in range(2)))
    newcomer = case.client(policyd)
    newcomer.send(request(sasl_username='carol@example.org'))
    late = in_thread(suspend, policyd, 'dave@example.org')
    time.sleep(FAULT_S)
    policyd.process.send_signal(signal.SIGCONT)
    began = time.monotonic()
    answers = [client.reply()[:12] for client in clients for _ in range(2)]
    took = time.monotonic() - began
    equal([answers.count('action=DUNNO'), answers.count('action=DEFER')], [50, 50], 'answers to what waited')
    equal(newcomer.reply(), 'action=DUNNO', 'who came meanwhile')
    answer, _ = late()
    equal(answer['ok'], True, 'suspend that came meanwhile')
    say('SIGSTOP for %d s: 100 waiting questions answered %.1f ms after SIGCONT', FAULT_S, took * 1000)
    assert took < 1, 'answers %.2f s after SIGCONT' % took
    equal(used(policyd, 'alice@example.org', 'hourly'), 50)
