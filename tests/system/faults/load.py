# SPDX-License-Identifier: ISC
"""Who asks while a fault lasts: one connection whose every answer is measured, or hundreds at once."""
import json
import selectors
import socket
import subprocess
import sys
import threading
import time

from harness import DEADLINE_S, RawClient, equal, request

ANSWER_S = 1.0
PROBE_PAUSE_S = 0.002
# Questions in a row for one account: below the limit of whoever probes, so that all of them pass.
PROBES_EACH = 40
DUNNO = 'action=DUNNO'


def say(text, *values):
    """A figure for the reader, as a comment of the TAP stream."""
    print('# ' + text % values)


def control(policyd, verb, **arguments):
    """The answer of the control socket, without the start of a policyctl: {'ok', 'data', 'error', 'exit'}."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(40)
        s.connect(str(policyd.control))
        s.sendall(json.dumps({'verb': verb, 'args': arguments}).encode() + b'\n')
        line = b''
        while not line.endswith(b'\n'):
            data = s.recv(65536)
            if not data:
                raise AssertionError('%s: the control socket was closed without an answer' % verb)
            line += data
    return json.loads(line)


def suspend(policyd, account, **more):
    return control(policyd, 'suspend', account=account, reason='fault', **more)


def release(policyd, account):
    return control(policyd, 'release', account=account, reason='fault')


def is_suspended(policyd, account):
    """As the next request of that account meets it."""
    answer = policyd.client_ask(request(sasl_username=account, instance='s.%d' % time.monotonic_ns()))
    return answer.startswith('action=REJECT')


def used(policyd, account, limit):
    """As Policyd.used(), without the start of a policyctl."""
    for row in control(policyd, 'explain', account=account)['data']['limits']:
        if row['limit'] == limit:
            return row['used_n']
    raise AssertionError('explain has no limit %s' % limit)


class Background:
    """A thread that does step() until the block ends; what it failed with fails the block."""

    def __enter__(self):
        self.is_ending = False
        self.trouble = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, kind, error, trace):
        self.is_ending = True
        self.thread.join(2 * DEADLINE_S)
        if kind is None and self.trouble:
            raise self.trouble
        if kind is None and self.thread.is_alive():
            raise AssertionError('%s hangs' % type(self).__name__)

    def _run(self):
        try:
            while not self.is_ending:
                self.step()
        except Exception as error:
            self.trouble = error
        finally:
            self.end()

    def step(self):
        raise NotImplementedError

    def end(self):
        pass


class Prober(Background):
    """Asks all the time over one connection and keeps the longest wait. Each tenth question is one that is over
    the limit (of 50 recipients or fewer), so that there is always something to be logged and to be stored."""

    def __init__(self, policyd, index=0):
        self.client = RawClient(policyd.addresses[index])
        self.name = 'p%d' % time.monotonic_ns()
        self.count = self.refused = 0
        self.longest_s = 0.0

    def step(self):
        is_flood = self.count % 10 == 9
        login = '%s.%s@example.org' % (self.name, 'flood' if is_flood else self.count // PROBES_EACH)
        data = request(sasl_username=login, instance='%s.%d' % (self.name, self.count))
        began = time.monotonic()
        answer = self.client.ask(data)
        self.longest_s = max(self.longest_s, time.monotonic() - began)
        if answer is None or (answer != DUNNO and not is_flood):
            raise AssertionError('number %d of the prober: %r' % (self.count, answer))
        self.refused += answer != DUNNO
        self.count += 1
        time.sleep(PROBE_PAUSE_S)

    def end(self):
        self.client.close()

    def check(self, what, least=100):
        """Each answer came within a second."""
        say('%s: %d answers, %d of them refusals, the longest took %.1f ms', what, self.count, self.refused,
            self.longest_s * 1000)
        assert self.count >= least, '%s: only %d answers' % (what, self.count)
        assert self.longest_s < ANSWER_S, '%s: an answer took %.2f s' % (what, self.longest_s)


class Asker:
    """One connection of a Crowd: one question under way, or none."""

    def __init__(self, address, number):
        self.address = address
        self.number = number
        self.socket = None
        self.rest = b''
        self.asked_at = 0.0
        self.answers = 0


class Crowd(Background):
    """Many connections in one thread, each asking anew as soon as it was answered.

    question(asker) gives the bytes, answered(asker, answer) takes each answer. With may_return, connections
    that break are made again, as Postfix does; else a connection that breaks is a failure.
    """

    def __init__(self, policyd, count, question, answered, may_return=False):
        self.question, self.answered, self.may_return = question, answered, may_return
        self.selector = selectors.DefaultSelector()
        addresses = policyd.addresses
        self.askers = [Asker(addresses[n % len(addresses)], n) for n in range(count)]
        self.lost = list(self.askers)
        self.count = self.returned = 0
        self.longest_s = 0.0
        self._connect()
        equal(len(self.lost), 0, 'connections that could not be made at the beginning')

    def _connect(self):
        lost, self.lost = self.lost, []
        for asker in lost:
            kind, where = asker.address
            asker.socket = socket.socket(socket.AF_UNIX if kind == 'unix' else socket.AF_INET)
            asker.rest = b''
            try:
                asker.socket.connect(where if kind == 'unix' else ('127.0.0.1', where))
                asker.socket.setblocking(False)
                self._ask(asker)
                self.selector.register(asker.socket, selectors.EVENT_READ, asker)
            except OSError:
                asker.socket.close()
                self.lost.append(asker)

    def _ask(self, asker):
        asker.socket.sendall(self.question(asker))
        asker.asked_at = time.monotonic()

    def _is_lost(self, asker, why):
        if not self.may_return:
            raise AssertionError('connection %d was dropped after %d answers: %s' % (asker.number, asker.answers, why))
        self.selector.unregister(asker.socket)
        asker.socket.close()
        self.lost.append(asker)
        self.returned += 1

    def step(self):
        if self.lost:
            time.sleep(0.005)
            self._connect()
        for key, _ in self.selector.select(0.05):
            try:
                self._read(key.data)
            except OSError as error:
                self._is_lost(key.data, error)
        oldest = min((asker.asked_at for asker in self.askers), default=0)
        if not self.may_return and time.monotonic() - oldest > DEADLINE_S:
            raise AssertionError('a question was not answered within %d s' % DEADLINE_S)

    def _read(self, asker):
        data = asker.socket.recv(65536)
        if not data:
            self._is_lost(asker, 'end')
            return
        asker.rest += data
        if not asker.rest.endswith(b'\n\n'):
            return
        self.longest_s = max(self.longest_s, time.monotonic() - asker.asked_at)
        answer, asker.rest = asker.rest[:-2].decode('ascii'), b''
        asker.answers += 1
        self.count += 1
        self.answered(asker, answer)
        self._ask(asker)

    def end(self):
        for asker in self.askers:
            asker.socket.close()
        self.selector.close()


class Stall:
    """How long the machine itself stood still: a process that only wants to wake up again, beside all others."""
    SCRIPT = ('import sys, time\nlongest = 0\nwhile True:\n    began = time.monotonic()\n    time.sleep(.01)\n'
              '    over = time.monotonic() - began - .01\n    if over > longest:\n        longest = over\n'
              '        print(over, flush=True)\n')

    def __enter__(self):
        self.longest_s = 0.0
        self.process = subprocess.Popen([sys.executable, '-c', self.SCRIPT], stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_):
        self.process.kill()
        told = self.process.communicate()[0].split()
        self.longest_s = float(told[-1]) if told else 0.0
