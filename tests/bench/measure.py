# SPDX-License-Identifier: ISC
"""What the benchmarks have in common: a release build, servers on one processor, load, CPU and instructions."""
import os
import re
import subprocess
import time

from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
BUILD = TOP / 'build-bench'
SENDERS = 1000
START_S = 30


def run(*command, **more):
    return subprocess.run([str(word) for word in command], check=True, text=True, **more)


def build():
    """A release policyd and the tools, or the compiler's words and the end."""
    if not (BUILD / 'build.ninja').exists():
        run('meson', 'setup', BUILD, TOP, '--buildtype=release', '-Dtests=false', stdout=subprocess.DEVNULL)
    run('meson', 'compile', '-C', BUILD, stdout=subprocess.DEVNULL)
    tools = TOP / 'tests' / 'bench' / 'tools'
    run('cc', '-O2', '-o', BUILD / 'policybench', tools / 'policybench.c', '-lm')
    run('cc', '-O2', '-DLIBEVENT', '-o', BUILD / 'nullpolicy', tools / 'nullpolicy.c', '-levent_core')
    modules = ['store', 'engine', 'posture', 'audit', 'egress', 'signals', 'limits', 'account', 'subject', 'dns', 'config',
               'protocol', 'base']
    for name in ('accounts', 'history'):
        run('cc', '-O2', '-std=gnu11', '-I', TOP / 'include', '-o', BUILD / name, TOP / 'tests/bench' / (name + '.c'),
            *[BUILD / 'src' / ('libpolicyd_%s.a' % module) for module in modules],
            '-lconfig', '-lidn2', '-lsqlite3', '-ljansson', '-lpthread', '-lm')


def cpu_seconds(pid):
    """Of all threads; the scheduler's own clock, where /proc/PID/stat has only hundredths of a second."""
    return sum(int(path.read_text().split()[0]) for path in Path('/proc/%d/task' % pid).glob('*/schedstat')) / 1e9


class Server:
    """A server process on one processor. Entered, it has made its sockets; it is asked at the first of them."""

    def __init__(self, folder, cpu, command, *sockets):
        self.folder, self.cpu, self.command = folder, cpu, command
        self.sockets = [folder / name for name in sockets]
        self.process = None

    def __enter__(self):
        log = (self.folder / 'log').open('ab')
        self.process = subprocess.Popen(list(map(str, self.command)), stdout=log, stderr=log,
                                        preexec_fn=lambda: os.sched_setaffinity(0, {self.cpu}))
        until = time.monotonic() + START_S
        while not all(path.exists() for path in self.sockets):
            if self.process.poll() is not None or time.monotonic() > until:
                self.process.kill()
                raise SystemExit('%s did not start: %s' % (self.command[0], (self.folder / 'log').read_text()))
            time.sleep(0.02)
        # Made is not yet listened at.
        time.sleep(0.3)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def rss_bytes(self):
        status = Path('/proc/%d/status' % self.process.pid).read_text()
        return int(re.search(r'^VmRSS:\s+(\d+)', status, re.M).group(1)) * 1024

    def load(self, *options, sock=None):
        """One run of the generator: its figures, and the CPU that the server spent meanwhile."""
        before = cpu_seconds(self.process.pid)
        command = [BUILD / 'policybench', '--unix', sock or self.sockets[0], '--cpu', self.cpu, '-q', '-w', 0, *options]
        done = subprocess.run([str(word) for word in command], text=True, stdout=subprocess.PIPE)
        spent = cpu_seconds(self.process.pid) - before
        row = {}
        for word in done.stdout.split():
            name, _, value = word.partition('=')
            row[name] = float(value) if re.fullmatch(r'[\d.]+', value) else value
        if done.returncode != 0 or not row.get('requests'):
            raise SystemExit('the load generator met errors: %s' % done.stdout)
        answers = {name[4:]: value for name, value in row.items() if name.startswith('act_')}
        return {
            'requests': row['requests'],
            'rate': row['rps'],
            'p50_us': row['p50_us'],
            'p90_us': row['p90_us'],
            'p99_us': row['p99_us'],
            'p999_us': row['p999_us'],
            'max_us': row['max_us'],
            'cpu_us': spent * 1e6 / row['requests'],
            'refused': 1 - answers.get('DUNNO', 0) / row['requests'],
            # Generator and server never sleep both: what they do not get, others got.
            'others': max(0, 1 - row['cli_cpu_share'] - spent / row['time_s']),
        }


def null(folder, cpu):
    folder.mkdir()
    return Server(folder, cpu, [BUILD / 'nullpolicy', '--unix', folder / 'null.sock'], 'null.sock')


def policyctl(server, *arguments):
    return run(BUILD / 'policyd' / 'policyctl', '-s', server.folder / 'control.sock', *arguments,
               stdout=subprocess.PIPE).stdout


def instrument(server, state):
    run('callgrind_control', '-i', state, server.process.pid, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def count_instructions(server, prepare=None, load=('-s', SENDERS)):
    """Instructions in user space a request, once warm."""
    requests = 20000
    out = server.folder / 'callgrind'
    server.command = ['valgrind', '--tool=callgrind', '--instr-atstart=no', '--callgrind-out-file=%s' % out,
                      *server.command]
    with server:
        if prepare:
            prepare(server)
        server.load('-c', 100, *load, '-n', 5000)
        instrument(server, 'on')
        server.load('-c', 100, *load, '-n', requests)
        instrument(server, 'off')
    told = run('callgrind_annotate', out, stdout=subprocess.PIPE).stdout
    return int(re.search(r'^\s*([\d,]+).*PROGRAM TOTALS', told, re.M).group(1).replace(',', '')) / requests
