# SPDX-License-Identifier: ISC
"""A wall clock that is set while policyd runs, and while it does not: limits and suspensions keep their length."""
import mmap
import time

from faults.disk import preloaded
from faults.load import DUNNO, Prober, is_suspended, say, suspend, used
from harness import equal, request, wait_until

HOUR_S = 3600
DAY_S = 24 * HOUR_S
STEPS = (HOUR_S, DAY_S, 31 * DAY_S, 365 * DAY_S, -HOUR_S, -DAY_S, -31 * DAY_S, -365 * DAY_S)
LIMITS = '{ name = "hourly"; rate = "50/1h"; }, { name = "daily"; rate = "1000/1d"; }'
# Longer than the daemon's own tick, at which it looks for what is over.
TICKS_S = 1.3


class WallClock:
    """The wall clock of one policyd."""

    def __init__(self, case):
        path = case.folder / 'clock'
        path.write_bytes(bytes(8))
        self.file = path.open('r+b')
        self.map = mmap.mmap(self.file.fileno(), 8)
        case.stack.callback(self.file.close)
        self.prefix = preloaded(case, 'clock', POLICYD_CLOCK=path)

    def step(self, seconds):
        """From now on it is wrong by that much."""
        self.map[:] = seconds.to_bytes(8, 'little', signed=True)


def started(case):
    clock = WallClock(case)
    policyd = case.policyd(limits=LIMITS, start=False)
    policyd.start(*clock.prefix)
    return clock, policyd


def ask(client, account, count):
    """How many of so many questions of an account passed."""
    answers = [client.ask(request(sasl_username=account, instance='k.%d' % time.monotonic_ns())) for _ in range(count)]
    return answers.count(DUNNO)


def shown_year(policyd):
    return int(policyd.ctl('suspend', 'now@example.org', '--reason', 'to see the time')['since'][:4])


def test_the_clock_is_the_one_of_the_test(case):
    """What the other cases rest on: policyd sees the steps."""
    clock, policyd = started(case)
    year = shown_year(policyd)
    clock.step(366 * DAY_S)
    equal(shown_year(policyd) - year, 1, 'years ahead')


def test_limits_do_not_see_steps(case):
    """Neither room for free nor room lost, there and back, and each answer in time."""
    clock, policyd = started(case)
    client = case.client(policyd)
    with Prober(policyd) as prober:
        for number, step in enumerate(STEPS):
            account = 'step%d@example.org' % number
            parts = [ask(client, account, 20)]
            clock.step(step)
            time.sleep(TICKS_S)
            parts.append(ask(client, account, 20))
            clock.step(0)
            parts.append(ask(client, account, 20))
            equal(parts, [20, 20, 10], 'what passed before, at and after a step of %d s' % step)
            equal(used(policyd, account, 'hourly'), 50)
        fresh = 'fresh@example.org'
        clock.step(365 * DAY_S)
        equal(ask(client, fresh, 60), 50, 'a new account a year ahead')
        clock.step(0)
        equal(ask(client, fresh, 5), 0, 'it, back again')
    prober.check('%d steps and back' % len(STEPS), least=1000)


def test_suspension_outlives_steps(case):
    """One for 24 h is in force after a step of any length and back; one step of an hour changes nothing."""
    clock, policyd = started(case)
    equal(suspend(policyd, 'bob@example.org')['ok'], True)
    for step in STEPS:
        clock.step(step)
        time.sleep(TICKS_S)
        if abs(step) <= HOUR_S:
            equal(is_suspended(policyd, 'bob@example.org'), True, 'suspended at a step of %d s' % step)
        clock.step(0)
        equal(is_suspended(policyd, 'bob@example.org'), True, 'suspended after a step of %d s and back' % step)


def test_suspension_outlives_a_step_over_restarts(case):
    """policyd starts with a clock a month ahead, which is then put right."""
    clock, policyd = started(case)
    equal(suspend(policyd, 'bob@example.org')['ok'], True)
    policyd.stop()
    clock.step(31 * DAY_S)
    policyd.start(*clock.prefix)
    # Something is written, as each day, with the wrong time.
    equal(suspend(policyd, 'carol@example.org')['ok'], True)
    equal(ask(case.client(policyd), 'alice@example.org', 60), 50)
    policyd.stop()
    clock.step(0)
    policyd.start(*clock.prefix)
    equal(is_suspended(policyd, 'bob@example.org'), True, 'suspended when the clock is right again')


def ends_soon(policyd, account, what):
    began = time.monotonic()
    wait_until(lambda: not is_suspended(policyd, account), 'the end of a suspension for 2 s, ' + what, 8)
    say('a suspension for 2 s ended after %.1f s, %s', time.monotonic() - began, what)


def test_suspension_is_not_made_endless(case):
    """One for 2 s that was made before the clock went back, or while it was ahead, ends all the same."""
    clock, policyd = started(case)
    equal(suspend(policyd, 'bob@example.org', **{'for': '2s'})['ok'], True)
    clock.step(-HOUR_S)
    ends_soon(policyd, 'bob@example.org', 'the clock an hour back')
    clock.step(365 * DAY_S)
    equal(suspend(policyd, 'carol@example.org', **{'for': '2s'})['ok'], True)
    clock.step(0)
    ends_soon(policyd, 'carol@example.org', 'made a year ahead')


def test_suspension_is_not_made_endless_by_a_restart(case):
    """Made with a clock a year ahead: what is left of it is never more than what it was made for."""
    clock, policyd = started(case)
    clock.step(365 * DAY_S)
    equal(suspend(policyd, 'bob@example.org', **{'for': '2s'})['ok'], True)
    policyd.stop()
    clock.step(0)
    policyd.start(*clock.prefix)
    ends_soon(policyd, 'bob@example.org', 'made a year ahead, after a restart')


def restart_with_a_step(case, step):
    """Counters over an orderly restart during which the clock is set: kept, not forgotten, not doubled."""
    clock, policyd = started(case)
    client = case.client(policyd)
    equal([ask(client, 'alice@example.org', 30), ask(client, 'bob@example.org', 60)], [30, 50], 'before')
    policyd.stop()
    clock.step(step)
    policyd.start(*clock.prefix)
    equal([used(policyd, account, limit) for account in ('alice@example.org', 'bob@example.org')
           for limit in ('hourly', 'daily')], [30, 30, 50, 50], 'used after the restart')
    client = case.client(policyd)
    equal([ask(client, 'alice@example.org', 30), ask(client, 'bob@example.org', 5)], [20, 0], 'let through after it')
    clock.step(0)
    equal(ask(client, 'alice@example.org', 5), 0, 'when the clock is right again')


def test_counters_over_a_restart(case):
    restart_with_a_step(case, 0)


def test_counters_over_a_restart_with_the_clock_an_hour_back(case):
    restart_with_a_step(case, -HOUR_S)


def test_counters_over_a_restart_with_the_clock_a_year_back(case):
    restart_with_a_step(case, -365 * DAY_S)
