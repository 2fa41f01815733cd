# SPDX-License-Identifier: ISC
"""What every system test needs: a temp dir, a policyd in it, policyctl, and a raw policy client.

    with Case(build_dir) as case:
        policyd = case.policyd(limits='{ name = "hourly"; rate = "5/1h"; }')
        client = case.client(policyd)
        client.ask(request(recipient='a@example.net'))

Nothing sleeps for a fixed time: wait_until() polls a condition up to a deadline. Whatever a case started is
stopped, by its process id, when the case ends, also when it fails; the temp dir goes.
"""
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from pathlib import Path

DEADLINE_S = 20
SANITIZER = re.compile(r'AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|Assertion .* failed')
# What policyd says in every test: none of the configurations has it change its user.
USUAL_WARNING = re.compile(r'^WARNING no user setting')

# The attributes of a request in Postfix's order, with the values of an ordinary authenticated RCPT.
ATTRIBUTES = {
    'request': 'smtpd_access_policy', 'protocol_state': 'RCPT', 'protocol_name': 'ESMTP',
    'client_address': '192.0.2.7', 'client_name': 'unknown', 'client_port': '50001',
    'reverse_client_name': 'unknown', 'server_address': '192.0.2.1', 'server_port': '587',
    'helo_name': 'client.example.org', 'sender': 'alice@example.org', 'recipient': 'bob@example.net',
    'recipient_count': '0', 'queue_id': '', 'instance': '1f.1.1.0', 'size': '0', 'etrn_domain': '',
    'stress': '', 'sasl_method': 'PLAIN', 'sasl_username': 'alice@example.org', 'sasl_sender': '',
    'ccert_subject': '', 'ccert_issuer': '', 'ccert_fingerprint': '', 'ccert_pubkey_fingerprint': '',
    'encryption_protocol': '', 'encryption_cipher': '', 'encryption_keysize': '0', 'policy_context': '',
}


def request(**changed):
    """One policy request as Postfix 3.7 sends it, byte by byte."""
    return b''.join(b'%s=%s\n' % (name.encode(), value if isinstance(value, bytes) else str(value).encode())
                    for name, value in (ATTRIBUTES | changed).items()) + b'\n'


def wait_until(condition, what, seconds=DEADLINE_S):
    """Polls condition until it is true and returns what it gave; fails with `what` at the deadline."""
    end = time.monotonic() + seconds
    pause = 0.005
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError('not within %g s: %s' % (seconds, what))
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


def equal(got, wanted, what='value'):
    if got == wanted:
        return
    if isinstance(got, list) and isinstance(wanted, list) and len(got) + len(wanted) > 40:
        at = next((n for n, pair in enumerate(zip(got, wanted)) if pair[0] != pair[1]), min(len(got), len(wanted)))
        raise AssertionError('%s: %d entries, wanted %d; from number %d got %r, wanted %r' % (
            what, len(got), len(wanted), at, got[at:at + 5], wanted[at:at + 5]))
    raise AssertionError('%s: got %r, wanted %r' % (what, got, wanted))


def contains(text, part, what='text'):
    if part not in text:
        raise AssertionError('%s: %r is not in %r' % (what, part, text))


class RawClient:
    """A policy client that sends what it is told, byte for byte. address: ('unix', path) or ('inet', port)."""

    def __init__(self, address):
        kind, where = address
        self.socket = socket.socket(socket.AF_UNIX if kind == 'unix' else socket.AF_INET)
        self.socket.settimeout(DEADLINE_S)
        self.socket.connect(where if kind == 'unix' else ('127.0.0.1', where))
        self.rest = b''

    def send(self, data):
        self.socket.sendall(data)

    def reply(self):
        """The next reply without its empty line; None when the server has closed instead."""
        while b'\n\n' not in self.rest:
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                data = b''
            if not data:
                if self.rest:
                    raise AssertionError('closed within a reply: %r' % self.rest)
                return None
            self.rest += data
        reply, self.rest = self.rest.split(b'\n\n', 1)
        return reply.decode('ascii')

    def ask(self, data):
        self.send(data)
        return self.reply()

    def is_silent(self, seconds=0.05):
        """True when nothing more came: no unasked byte, no close."""
        if self.rest:
            return False
        self.socket.settimeout(seconds)
        try:
            self.rest = self.socket.recv(65536)
            return False
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(DEADLINE_S)

    def was_closed(self):
        """True when the server closes, within the deadline, without having sent a byte."""
        return self.reply() is None

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self):
        """Closes with a reset (TCP) instead of an orderly end."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
        self.socket.close()

    def close(self):
        self.socket.close()


class Policyd:
    """A policyd with its files in one directory. Started by start(), which returns when it says READY=1."""

    def __init__(self, build, folder, settings, listen):
        self.build = Path(build)
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.config = self.folder / 'policyd.conf'
        self.log_file = self.folder / 'policyd.log'
        self.control = self.folder / 'control.sock'
        self.state = self.folder / 'state'
        self.listen = listen
        self.process = None
        self.allowed = [USUAL_WARNING]
        self.seen = 0
        self.write(settings)

    def write(self, settings):
        """(Re)writes the configuration: the wiring of this directory, then the settings of the test ("@/ in
        them stands for the directory)."""
        listen = ', '.join('{ address = "%s"; mode = "0660"; group = "postfix"; }' % a if a.startswith('unix:')
                           else '{ address = "%s"; }' % a for a in self.listen)
        self.config.write_text('listen = ( %s );\nstate = { directory = "%s"; };\ncontrol = { socket = "%s"; };\n%s\n'
                               % (listen, self.state, self.control, settings.replace('"@/', '"%s/' % self.folder)))

    @property
    def addresses(self):
        """All addresses it listens on, as RawClient takes them."""
        return [('unix', a.removeprefix('unix:')) if a.startswith('unix:') else ('inet', int(a.rsplit(':', 1)[1]))
                for a in self.listen]

    def environment(self, notify=None, **more):
        quiet = 'exitcode=97:abort_on_error=0'
        env = os.environ | {'ASAN_OPTIONS': quiet, 'TSAN_OPTIONS': quiet,
                            'UBSAN_OPTIONS': 'print_stacktrace=1:halt_on_error=1:exitcode=97'}
        env.pop('NOTIFY_SOCKET', None)
        return env | more | ({'NOTIFY_SOCKET': str(notify)} if notify else {})

    def spawn(self, *prefix, notify=None, log=None, **environment):
        """The bare start: nothing is waited for. log: a descriptor in the place of the log file."""
        with self.log_file.open('ab') as file:
            return subprocess.Popen([*prefix, self.build / 'policyd' / 'policyd', '-c', self.config, '-f'],
                                    stdin=subprocess.DEVNULL, stdout=log or file, stderr=log or file, cwd=self.folder,
                                    env=self.environment(notify, **environment), start_new_session=True)

    def start(self, *prefix):
        """Starts it, under a command such as prlimit when one is given, and waits until it is ready."""
        where = self.folder / 'notify.sock'
        where.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(str(where))
            where.chmod(0o666)
            notify.settimeout(0.05)
            self.process = self.spawn(*prefix, notify=where)
            wait_until(lambda: self._is_ready(notify), 'READY=1 of policyd')
        return self

    def _is_ready(self, notify):
        if self.process.poll() is not None:
            raise AssertionError('policyd ended with %d: %s' % (self.process.returncode, self.log()[-2000:]))
        try:
            return b'READY=1' in notify.recv(4096).split(b'\n')
        except TimeoutError:
            return False

    def log(self):
        return self.log_file.read_text(errors='replace') if self.log_file.exists() else ''

    def wait_log(self, part, count=1):
        wait_until(lambda: self.log().count(part) >= count, '%r %d times in the log' % (part, count))

    def wait_log_after(self, length):
        wait_until(lambda: len(self.log()) > length, 'a new line in the log')

    def stop(self):
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(10)
        self.process = None
        return code

    def kill(self):
        self.process.kill()
        self.process.wait(10)
        self.process = None

    def restart(self):
        self.stop()
        return self.start()

    def run_ctl(self, *arguments):
        """policyctl as a person runs it; the finished process."""
        return subprocess.run([self.build / 'policyd' / 'policyctl', '-s', self.control, *arguments],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
                              env=self.environment())

    def ctl(self, *arguments):
        """The data of a command that must succeed."""
        done = self.run_ctl('--json', *arguments)
        if done.returncode != 0:
            raise AssertionError('policyctl %s: exit %d: %s%s' % (
                ' '.join(map(str, arguments)), done.returncode, done.stdout, done.stderr))
        answer = json.loads(done.stdout)
        equal(answer['ok'], True, 'ok of policyctl ' + arguments[0])
        return answer['data']

    def client_ask(self, data):
        """One question over a connection of its own."""
        client = RawClient(self.addresses[0])
        try:
            return client.ask(data)
        finally:
            client.close()

    def used(self, account, limit):
        """What a limit has counted for an account, reservations included."""
        for row in rows(self.ctl('explain', account)):
            if row['limit'] == limit:
                return row['used_n']
        raise AssertionError('explain has no limit %s' % limit)

    def wait_used(self, account, limit, wanted):
        """A lost connection or an RSET is seen a moment later."""
        wait_until(lambda: self.used(account, limit) == wanted, '%s of %s at %d' % (limit, account, wanted))

    def allow(self, pattern):
        """This case provokes a warning that matches."""
        self.allowed.append(re.compile(pattern))

    def warnings(self):
        return [line for line in self.log().splitlines() if is_warning(line)]

    def check_log(self):
        """No sanitizer report, and no warning that no case asked for."""
        text = self.log()
        found = SANITIZER.search(text)
        if found:
            raise AssertionError('sanitizer:\n' + text[max(0, found.start() - 200):][:6000])
        for line in self.warnings():
            if not any(pattern.search(line) for pattern in self.allowed):
                raise AssertionError('unexpected in the log of policyd: ' + line)

    def finish(self):
        """Stops it if it runs, and looks whether all was well."""
        if self.process and self.process.poll() is not None:
            code, self.process = self.process.returncode, None
            raise AssertionError('policyd had ended by itself, with %d: %s' % (code, self.log()[-2000:]))
        if self.process:
            try:
                equal(self.stop(), 0, 'exit code of policyd')
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError('policyd did not end within 10 s of SIGTERM') from None
        self.check_log()


def is_warning(line):
    return re.match(r'WARNING |ERROR ', line) is not None


def rows(data):
    """The rows of an answer: data is a list, or an object that has one under "limits" or "rows"."""
    if isinstance(data, list):
        return data
    return data.get('limits', data.get('rows'))


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Case:
    """One test's temp dir and whatever it started; all gone when it ends."""

    def __init__(self, build, prefix='policyd-test-'):
        self.build = Path(build).resolve()
        self.prefix = prefix
        self.stack = contextlib.ExitStack()
        self.daemons = []
        self.clients = []
        self.last_logs = []

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix=self.prefix))
        self.folder.chmod(0o755)
        self.stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        return self

    def __exit__(self, kind, error, trace):
        try:
            for client in self.clients:
                client.close()
            self._end_daemons(failed=kind is not None)
        finally:
            self.last_logs = list(self.logs())
            self.stack.close()

    def _end_daemons(self, failed):
        problem = None
        for daemon in self.daemons:
            try:
                daemon.finish()
            except AssertionError as error:
                problem = problem or error
        if problem and not failed:
            raise problem

    def policyd(self, settings='', limits='', listen=None, folder='policyd', start=True):
        """A policyd on a unix socket and on a TCP port of its own (or on what listen says)."""
        place = self.folder / folder
        if limits:
            settings = 'limits = ( %s );\n%s' % (limits, settings)
        daemon = Policyd(self.build, place, settings,
                         listen or ['unix:%s/policy.sock' % place, 'inet:127.0.0.1:%d' % free_port()])
        self.daemons.append(daemon)
        return daemon.start() if start else daemon

    def client(self, daemon, index=0):
        client = RawClient(daemon.addresses[index])
        self.clients.append(client)
        return client

    def logs(self):
        """What the parts said, for a failed case's report."""
        for path in sorted(self.folder.rglob('*.log')):
            lines = path.read_text(errors='replace').splitlines()
            yield from ['--- %s' % path.relative_to(self.folder), *lines[-60:]]
