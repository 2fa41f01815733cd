# SPDX-License-Identifier: ISC
"""Real name servers of our own on loopback: rbldnsd for lists, unbound for a resolver. One that cannot start is a
failure, never skipped. Neither the system's configuration nor its services are used.

    lists = case.stack.enter_context(Rbldnsd(case.folder / 'lists', {'zen.example': {'ip4set': '127.0.0.2\\n'}}))
    resolver = case.stack.enter_context(Unbound(case.folder / 'resolver', stubs={'example': lists.port}))
    case.policyd('dns = { servers = [ "%s" ]; };' % resolver.address)
    lists.write('zen.example', 'ip4set', '127.0.0.2\\n192.0.2.10 :4:spam seen\\n')
    resolver.flush('zen.example')
"""
import os
import signal
import socket
import struct
import subprocess
import time

from pathlib import Path

from dns_wire import name_wire, type_number
from harness import wait_until


def udp_port():
    """A port of 127.0.0.1 that is free for UDP and for TCP."""
    for _ in range(50):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind(('127.0.0.1', 0))
            try:
                tcp.bind(udp.getsockname())
            except OSError:
                continue
            return udp.getsockname()[1]
    raise AssertionError('no port that is free for UDP and TCP')


def ask(port, name, kind='A', seconds=1.0, ip='127.0.0.1'):
    """(rcode, number of answers) of one plain question over UDP, or None when nothing comes."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(seconds)
        try:
            sock.connect((ip, port))
            sock.send(struct.pack('!6H', 4711, 0x0100, 1, 0, 0, 0) + name_wire(name)
                      + struct.pack('!HH', type_number(kind), 1))
            reply = sock.recv(65535)
        except OSError:
            return None
    _, flags, _, answers = struct.unpack_from('!4H', reply)
    return flags & 15, answers


class Daemon:
    """A program that runs in the foreground and logs to one file."""

    def __init__(self, folder, name):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        self.name = name
        self.port = udp_port()
        self.log_file = self.folder / (name + '.log')
        self.process = None

    @property
    def address(self):
        """As dns.servers takes it."""
        return '127.0.0.1:%d' % self.port

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *ignored):
        self.stop()

    def start(self):
        """Also again, on the same port, after stop()."""
        with self.log_file.open('ab') as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            cwd=self.folder, start_new_session=True)
        wait_until(self._is_ready, '%s answers' % self.name)
        return self

    def _is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError('%s ended with %d: %s' % (self.name, self.process.returncode, self.log()[-2000:]))
        return self.answers()

    def log(self):
        return self.log_file.read_text(errors='replace') if self.log_file.exists() else ''

    def stop(self):
        """Its port is closed: whoever asks is refused by the kernel."""
        if not self.process:
            return
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        self.process = None

    def freeze(self):
        """Questions go in, nothing comes out."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)


class Rbldnsd(Daemon):
    """zones: {zone: {dataset: text}}, dataset one of ip4set, ip6trie, dnset, generic ... (rbldnsd(8))."""

    def __init__(self, folder, zones, ttl='60'):
        super().__init__(folder, 'rbldnsd')
        self.zones = {zone: dict(sets) for zone, sets in zones.items()}
        self.ttl = ttl
        # rbldnsd reads a file again when its time, in seconds, is another one.
        self.time = int(time.time()) - 100000
        for zone, sets in self.zones.items():
            for dataset, text in sets.items():
                self._put(zone, dataset, text)

    def command(self):
        specs = ['%s:%s:%s' % (zone, dataset, self._path(zone, dataset).name)
                 for zone, sets in self.zones.items() for dataset in sets]
        # It refuses to run as root, and drops to its own user by itself.
        return ['rbldnsd', '-n', '-c', '0', '-t', self.ttl, '-b', '127.0.0.1/%d' % self.port, *specs]

    def _path(self, zone, dataset):
        return self.folder / ('%s.%s' % (zone, dataset))

    def _put(self, zone, dataset, text):
        path = self._path(zone, dataset)
        fresh = path.with_suffix('.new')
        fresh.write_text(text)
        fresh.chmod(0o644)
        self.time += 10
        os.utime(fresh, (self.time, self.time))
        fresh.rename(path)

    def _reloads(self):
        return self.log().count('zones reloaded')

    def answers(self):
        return ask(self.port, 'version.bind.' + next(iter(self.zones))) is not None

    def write(self, zone, dataset, text):
        """Another content for a dataset that was there from the beginning; returns when it is in force."""
        before = self._reloads()
        self._put(zone, dataset, text)
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self._reloads() > before, 'rbldnsd has read %s again' % zone)


UNBOUND_CONF = '''\
server:
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  logfile: ""
  verbosity: 1
  interface: 127.0.0.1@{port}
  num-threads: 1
  so-reuseport: no
  outgoing-range: 512
  num-queries-per-thread: 1024
  do-not-query-localhost: no
  do-ip6: no
  module-config: "iterator"
  access-control: 127.0.0.0/8 allow
  hide-version: yes
  local-zone: "test." nodefault
  local-zone: "example." nodefault
{server}
remote-control:
  control-enable: yes
  control-interface: "{control}"
  control-use-cert: no
{zones}
'''


class Unbound(Daemon):
    """A resolver. stubs: {zone: port of an authoritative server on 127.0.0.1}, or 'address@port'.
    server: further lines of the server: section (local-data, local-zone ...)."""

    def __init__(self, folder, stubs=None, server=()):
        super().__init__(folder, 'unbound')
        self.config = self.folder / 'unbound.conf'
        # The path of a socket is short.
        self.control = self.folder / 'c'
        zones = ''.join('stub-zone:\n  name: "%s"\n  stub-addr: %s\n' % (
            zone, where if '@' in str(where) else '127.0.0.1@%d' % where) for zone, where in (stubs or {}).items())
        self.config.write_text(UNBOUND_CONF.format(
            folder=self.folder, port=self.port, control=self.control, zones=zones,
            server='\n'.join('  ' + line for line in ['local-data: "ready.invalid. A 127.0.0.1"', *server])))

    def command(self):
        done = subprocess.run(['unbound-checkconf', self.config], capture_output=True, text=True)
        if done.returncode != 0:
            raise AssertionError('unbound.conf: ' + done.stdout + done.stderr)
        return ['unbound', '-d', '-p', '-c', self.config]

    def answers(self):
        return ask(self.port, 'ready.invalid') == (0, 1)

    def tell(self, *command):
        done = subprocess.run(['unbound-control', '-c', self.config, *command], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=20)
        if done.returncode != 0:
            raise AssertionError('unbound-control %s: %s%s' % (' '.join(command), done.stdout, done.stderr))
        return done.stdout

    def flush(self, zone='.'):
        """Forgets what it knows below zone, and which servers it believes to be down."""
        self.tell('flush_zone', zone)
        self.tell('flush_infra', 'all')
