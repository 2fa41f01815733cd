# SPDX-License-Identifier: ISC
"""kill -9 under load, and the orderly stop: no acknowledged act is lost, nothing is charged twice.

(That DATA dragged past the window lets no more than N through is a scenario, in virtual time.)
"""
import random
import signal
import statistics
import time

from faults.disk import ShimmedDisk
from faults.load import DUNNO, Background, Crowd, RawClient, is_suspended, release, say, suspend, used
from harness import equal, request, wait_until
from postfix import learn_stage as learn_stage_of
from postfix import mail_server

LIMIT = '{ name = "hourly"; rate = "1000/1h"; }'
KILLS = 100
WITHIN_S = 0.05
BUSY = 20
SNAPSHOT_S = 5
# A snapshot begins at its time, and takes one of its own.
SNAPSHOT_SLACK_S = 1.5


def with_snapshots(case, limits=LIMIT, start=True):
    """Counters on disk every few seconds."""
    policyd = case.policyd(limits=limits, start=False)
    (policyd.folder / 'conf.d').mkdir()
    (policyd.folder / 'conf.d' / 'snapshot.conf').write_text('state = { snapshot = "%ds"; };\n' % SNAPSHOT_S)
    return policyd.start() if start else policyd


def await_snapshot(policyd):
    """One that was begun after this call; returns when it is there."""
    path = policyd.state / 'counters.snapshot'
    written = lambda: path.stat().st_mtime_ns if path.exists() else 0
    for number in range(2):
        before = written()
        Message(policyd, 'somebody@example.org', 'news.%d.%d' % (before, number)).whole()
        wait_until(lambda: written() > before, 'a snapshot', 2 * SNAPSHOT_S + SNAPSHOT_SLACK_S)


class Message:
    """One message of one recipient, as Postfix asks about it over a policy connection that may break."""

    def __init__(self, policyd, login, name):
        self.policyd = policyd
        self.about = {'sasl_username': login, 'instance': name}
        self.client = None

    def _ask(self, **more):
        self.client = self.client or RawClient(self.policyd.addresses[0])
        return self.client.ask(request(**self.about, **more))

    def recipient(self):
        return self._ask()

    def data(self):
        return self._ask(protocol_state='DATA', recipient='', recipient_count='1')

    def lost(self):
        """The connection is gone; the next question is asked over a new one, as Postfix does."""
        self.client.close()
        self.client = None

    def whole(self):
        """RCPT and DATA pass."""
        equal([self.recipient(), self.data()], [DUNNO, DUNNO], 'a whole message')
        self.lost()


def learn_stage(policyd):
    """From now on policyd knows that this listener asks at DATA."""
    Message(policyd, 'carol@example.org', 'learn.%d' % time.monotonic_ns()).whole()


# ---- a hundred kills ----

def busy_question(asker):
    """RCPT and DATA of one message after the other; after a break the same once more."""
    message, is_data = divmod(asker.answers, 2)
    about = {'protocol_state': 'DATA', 'recipient': '', 'recipient_count': '1'} if is_data else {}
    return request(sasl_username='busy%d@example.org' % (message % 300),
                   instance='busy.%d.%d' % (asker.number, message), **about)


def nothing(asker, answer):
    assert answer.startswith('action=D'), answer


class Acts:
    """What was acknowledged: the account of each suspension, and whether it is in force."""

    def __init__(self, policyd):
        self.policyd = policyd
        self.in_force = {}
        self.acknowledged = 0

    def next(self, number):
        """Suspends somebody new, or releases who was suspended some acts ago; returns when it is acknowledged."""
        account = 'victim%d@example.org' % number
        older = 'victim%d@example.org' % (number - 4)
        act, account = (release, older) if number % 3 == 2 and self.in_force.get(older) else (suspend, account)
        answer = act(self.policyd, account)
        equal(answer['ok'], True, '%s of %s: %s' % (act.__name__, account, answer['error']))
        self.in_force[account] = act is suspend
        self.acknowledged += 1
        return account

    def check(self, accounts, when):
        found = {account: is_suspended(self.policyd, account) for account in accounts}
        equal(found, {account: self.in_force[account] for account in accounts}, 'who is suspended ' + when)


def begin_messages(policyd, number):
    """Some are between RCPT and DATA when the end comes."""
    messages = [Message(policyd, 'open%d.%d@example.org' % (number, n), 'open.%d.%d' % (number, n)) for n in range(2)]
    equal([message.recipient() for message in messages], [DUNNO] * 2, 'RCPT before kill %d' % number)
    return messages


def end_messages(policyd, number, messages):
    """Their DATA is asked over a new connection: let through, and charged no more than once."""
    for message in messages:
        message.lost()
        equal(message.data(), DUNNO, 'DATA after kill %d' % number)
        count = used(policyd, message.about['sasl_username'], 'hourly')
        assert count <= 1, 'a message of one recipient is counted %d times after kill %d' % (count, number)
        message.lost()


def kill_once(policyd, acts, number, chance):
    """One act, acknowledged; at most 50 ms later the end; a new start. The time that took."""
    messages = begin_messages(policyd, number) if number % 2 else []
    account = acts.next(number)
    time.sleep(chance.uniform(0, WITHIN_S - 0.005))
    policyd.kill()
    began = time.monotonic()
    policyd.start()
    took = time.monotonic() - began
    acts.check([account], 'after kill %d' % number)
    end_messages(policyd, number, messages)
    return took


def test_hundred_kills_under_load(case):
    policyd = case.policyd(limits=LIMIT)
    learn_stage(policyd)
    acts, chance = Acts(policyd), random.Random(3)
    began = time.monotonic()
    with Crowd(policyd, BUSY, busy_question, nothing, may_return=True) as crowd:
        starts = [kill_once(policyd, acts, number, chance) for number in range(KILLS)]
    say('%d kills in %.0f s: %d acts acknowledged and kept; %d answers meanwhile, connections made again %d times;'
        ' a start took %.0f ms (median), %.0f ms (longest)', KILLS, time.monotonic() - began, acts.acknowledged,
        crowd.count, crowd.returned, statistics.median(starts) * 1000, max(starts) * 1000)
    assert crowd.count > KILLS * BUSY, 'there was hardly a load: %d answers' % crowd.count
    acts.check(acts.in_force, 'at the end')
    equal([row['event'] for row in policyd.ctl('audit', '--count', '1000')].count('suspend'),
          len(acts.in_force), 'suspensions in the audit')


def test_kills_between_rcpt_and_data_of_postfix(case):
    """Postfix comes back by itself and asks about DATA: the message goes out, and is counted once at most."""
    postfix, policyd = mail_server(case, LIMIT, listeners={'submission': {}})
    learn_stage_of(postfix)
    with postfix.login() as smtp:
        for number in range(5):
            smtp.begin('alice@example.org')
            equal(smtp.recipient('k%d@example.net' % number)[0], 250, 'RCPT %d' % number)
            before = used(policyd, 'alice@example.org', 'hourly')
            policyd.kill()
            policyd.start()
            equal(smtp.body()[0], 250, 'the message after kill %d' % number)
            count = used(policyd, 'alice@example.org', 'hourly')
            assert count <= before, '%d counted after kill %d, %d before' % (count, number, before)
    postfix.wait_delivered(6)


# ---- what was counted ----

class Steady(Background):
    """Whole messages of one account, one after the other: how many were asked for, when each was acknowledged."""

    def __init__(self, policyd, login):
        self.policyd, self.login = policyd, login
        self.asked = 0
        self.booked = []
        self.is_dying = False

    def step(self):
        self.asked += 1
        try:
            Message(self.policyd, self.login, 'steady.%s.%d' % (self.login, self.asked)).whole()
            self.booked.append(time.monotonic())
        except (OSError, AssertionError):
            # Killed in between: perhaps charged.
            if not self.is_dying:
                raise
            self.is_ending = True
        time.sleep(0.02)


def test_counters_after_a_kill(case):
    """At most one snapshot interval of charges is missing, and there is none that nobody asked for."""
    policyd = with_snapshots(case)
    learn_stage(policyd)
    await_snapshot(policyd)
    for number in range(2):
        login = 'steady%d@example.org' % number
        with Steady(policyd, login) as steady:
            time.sleep(SNAPSHOT_S * 1.6 + number)
            steady.is_dying = True
            killed = time.monotonic()
            policyd.kill()
        policyd.start()
        count = used(policyd, login, 'hourly')
        least = sum(at < killed - SNAPSHOT_S - SNAPSHOT_SLACK_S for at in steady.booked)
        say('kill %d: %d charges acknowledged, %d of them older than the last snapshot must be; %d are there', number,
            len(steady.booked), least, count)
        assert least > 20, 'only %d messages' % least
        assert least <= count <= steady.asked, '%d charges after the kill; %d to %d are right' % (
            count, least, steady.asked)


def test_no_double_charge_between_rcpt_and_data(case):
    """The reservation is in a snapshot, or is not; after the kill DATA is asked: the message counts once."""
    policyd = with_snapshots(case)
    learn_stage(policyd)
    for number in range(7):
        Message(policyd, 'alice@example.org', 'whole.%d' % number).whole()
    message = Message(policyd, 'alice@example.org', 'late.1')
    equal(message.recipient(), DUNNO)
    await_snapshot(policyd)
    policyd.kill()
    policyd.start()
    message.lost()
    equal(message.data(), DUNNO, 'DATA after the kill')
    equal(used(policyd, 'alice@example.org', 'hourly'), 8, 'messages counted')
    equal(message.data(), DUNNO, 'DATA once more')
    equal(used(policyd, 'alice@example.org', 'hourly'), 8, 'messages counted after a repetition')


def test_kill_while_a_snapshot_is_written(case):
    """The one before counts; nobody is told of a loss, because there is none."""
    policyd = with_snapshots(case, start=False)
    disk = ShimmedDisk(case, policyd)
    policyd.start(*disk.prefix)
    learn_stage(policyd)
    for number in range(10):
        Message(policyd, 'alice@example.org', 'whole.%d' % number).whole()
    await_snapshot(policyd)
    for number in range(10, 15):
        Message(policyd, 'alice@example.org', 'whole.%d' % number).whole()
    with disk.fault('sync 1000'):
        wait_until(lambda: (policyd.state / 'counters.snapshot.new').exists(), 'a snapshot that is being written')
        policyd.kill()
    for start in range(2):
        policyd.start(*disk.prefix)
        count = used(policyd, 'alice@example.org', 'hourly')
        assert 10 <= count <= 15, '%d messages counted after start %d' % (count, start)
        policyd.stop()
    equal(sorted(path.name for path in policyd.state.iterdir() if 'bad' in path.name), [], 'files put aside')
    policyd.start()


def test_learnt_stage_is_kept(case):
    """Over a kill and over a restart: where DATA is asked, a message that was given up gives back its charge."""
    policyd = with_snapshots(case)
    learn_stage(policyd)
    await_snapshot(policyd)
    policyd.kill()
    policyd.start()
    for number, again in enumerate((lambda: policyd.restart(), lambda: None)):
        client = case.client(policyd)
        login = 'gives.up%d@example.org' % number
        ask = lambda instance: client.ask(request(sasl_username=login, instance=instance))
        equal(ask('up.1'), DUNNO)
        equal(ask('up.2'), DUNNO, 'the next message of that connection')
        equal(used(policyd, login, 'hourly'), 1, 'charges of one open message and of one that was given up')
        again()


def test_restart_between_rcpt_and_data(case):
    """An orderly one: never more than N, never less, whatever was open."""
    policyd = with_snapshots(case, '{ name = "hourly"; rate = "5/1h"; }')
    learn_stage(policyd)
    for number in range(3):
        Message(policyd, 'alice@example.org', 'whole.%d' % number).whole()
    message = Message(policyd, 'alice@example.org', 'late.1')
    equal(message.recipient(), DUNNO)
    policyd.restart()
    message.lost()
    equal(message.data(), DUNNO, 'DATA after the restart')
    equal(used(policyd, 'alice@example.org', 'hourly'), 4, 'messages counted')
    Message(policyd, 'alice@example.org', 'fifth.1').whole()
    answer = Message(policyd, 'alice@example.org', 'sixth.1').recipient()
    assert answer.startswith('action=DEFER_IF_PERMIT 4.7.1 '), 'the sixth of five: %r' % answer


def test_restarts_in_a_row(case):
    """What was counted is there after each, also when nothing happened in between."""
    policyd = case.policyd(limits='{ name = "hourly"; rate = "40/1h"; }')
    for number in range(5):
        client = case.client(policyd)
        answers = [client.ask(request(instance='row.%d.%d' % (number, n))) for n in range(10)]
        equal(answers.count(DUNNO), 10 if number < 4 else 0, 'of ten after %d restarts' % number)
        policyd.restart()
        policyd.restart()
    equal(used(policyd, 'alice@example.org', 'hourly'), 40)


# ---- the orderly stop ----

def test_sigterm_answers_two_hundred_connections(case):
    """Every complete request that lies in a socket's buffer, in each of them, and half a request in some."""
    policyd = case.policyd(limits='{ name = "hourly"; rate = "100/1h"; }')
    clients = [case.client(policyd, n % 2) for n in range(200)]
    for number, client in enumerate(clients):
        equal(client.ask(request(sasl_username='t%d@example.org' % number, instance='')), DUNNO)
    policyd.process.send_signal(signal.SIGSTOP)
    sent = [1 + number * 7 % 60 for number in range(len(clients))]
    for number, client in enumerate(clients):
        questions = [request(sasl_username='t%d@example.org' % number, instance='t.%d.%d' % (number, n))
                     for n in range(sent[number])]
        client.send(b''.join(questions) + (request()[:100] if number % 3 == 0 else b''))
    began = time.monotonic()
    policyd.process.send_signal(signal.SIGTERM)
    policyd.process.send_signal(signal.SIGCONT)
    for number, client in enumerate(clients):
        equal([client.reply() for _ in range(sent[number] + 1)], [DUNNO] * sent[number] + [None],
              'answers on connection %d' % number)
    equal(policyd.process.wait(10), 0, 'exit code')
    policyd.process = None
    say('%d requests on 200 connections answered, the end %.0f ms after SIGTERM', sum(sent),
        (time.monotonic() - began) * 1000)


def test_sigterm_keeps_what_it_let_through(case):
    """Answers given while it stops are counted, too."""
    policyd = case.policyd(limits='{ name = "hourly"; rate = "30/1h"; }')
    client = case.client(policyd)
    equal(client.ask(request(instance='first')), DUNNO)
    policyd.process.send_signal(signal.SIGSTOP)
    client.send(b''.join(request(instance='stop.%d' % n) for n in range(20)))
    policyd.process.send_signal(signal.SIGTERM)
    policyd.process.send_signal(signal.SIGCONT)
    equal([client.reply() for _ in range(21)], [DUNNO] * 20 + [None])
    equal(policyd.process.wait(10), 0, 'exit code')
    policyd.start()
    equal(used(policyd, 'alice@example.org', 'hourly'), 21)
