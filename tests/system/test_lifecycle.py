# SPDX-License-Identifier: ISC
"""Start, stop, second start, configuration check."""
import os
import pwd
import signal
import socket
import subprocess
import time

from pathlib import Path

from harness import Policyd, contains, equal, free_port, request, rows, wait_until
from postfix import has_ended

LIMIT = '{ name = "hourly"; rate = "1000/1h"; }'
SECOND_START_S = 4

# The configuration of the contract; /SPOOL, /STATE and /RUN are moved into the test's directory.
SAMPLE = '''\
listen = ( { address = "unix:/SPOOL/policyd.sock"; mode = "0660"; group = "postfix"; },
           { address = "inet:127.0.0.1:10040"; } );
trusted_networks = [ "127.0.0.0/8", "2001:db8:1::/48" ];
local_domains = [ "example.org" ];
limits = ( { name = "hourly"; key = "account"; unit = "recipients"; rate = "200/1h"; action = "DEFER_IF_PERMIT"; },
           { name = "daily";  key = "account"; unit = "messages";   rate = "1000/1d"; mode = "observe"; } );
suspension = { action = "REJECT"; };              # or HOLD, DEFER_IF_PERMIT
state = { directory = "/STATE"; };
control = { socket = "/RUN/control.sock"; };
dns = { servers = [ "127.0.0.1:53" ]; };           # default: /etc/resolv.conf
egress = { addresses = ( { address = "192.0.2.10"; helo = "mail.example.org"; } ); };
blocklists = ( { name = "zen"; },                    # of the catalogue, or one of your own:
               { name = "ours"; zone = "bl.example.org"; codes = ( { code = "127.0.0.2"; kind = "behaviour"; severity = 5; } ); } );
classes = ( { name = "newsletter"; match = ( { login = "news@example.org"; } ); } );
geoip = { databases = [ "/var/lib/GeoIP/GeoLite2-City.mmdb", "/var/lib/GeoIP/GeoLite2-ASN.mmdb" ]; };
feedback = { source = "file"; postfix_log = "/var/log/mail.log"; };    # or "journal" (own reader process)
cluster = { engine = "redis"; address = "inet:127.0.0.1:6379"; deadline = "50ms"; };
web = { listen = ( "inet:127.0.0.1:8025" ); };
'''

BROKEN = '''\
listen = ( { address = "inet:127.0.0.1:10040"; } );
limitz = ( );
limits = (
  { name = "a"; rate = "200"; },
  { name = "b"; rate = "200/1h"; unit = "recipient"; },
  { name = "c"; rate = "200/1h"; key = 7; } );
suspension = { action = "OK"; };
state = { directory = "/tmp"; directry = "x"; };
connections_max = 4294967297;
'''


def check(case, text):
    """policyd -t on that text; its process."""
    path = case.folder / 'check.conf'
    path.write_text(text)
    return subprocess.run([case.build / 'policyd' / 'policyd', '-t', '-c', path], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=20)


def sample(case):
    text = SAMPLE
    for place in ('SPOOL', 'STATE', 'RUN'):
        (case.folder / place).mkdir(exist_ok=True)
        text = text.replace('/' + place, str(case.folder / place))
    return text


def test_sample_of_the_contract_is_fine(case):
    done = check(case, sample(case))
    equal(done.returncode, 0, done.stdout + done.stderr)


def test_sample_of_the_contract_runs(case):
    policyd = case.policyd(start=False)
    policyd.allow('')
    policyd.config.write_text(sample(case).replace(':10040', ':%d' % free_port()).replace(':8025', ':%d' % free_port()))
    policyd.control = case.folder / 'RUN' / 'control.sock'
    policyd.listen = ['unix:%s/SPOOL/policyd.sock' % case.folder]
    policyd.start()
    equal(case.client(policyd).ask(request()), 'action=DUNNO')
    equal([row['limit'] for row in rows(policyd.ctl('explain', 'alice@example.org'))], ['hourly', 'daily'])


def test_broken_configuration_names_every_place(case):
    done = check(case, BROKEN)
    equal(done.returncode, 78, done.stdout + done.stderr)
    text = done.stdout + done.stderr
    for line in (2, 4, 5, 6, 7, 8, 9):
        contains(text, 'check.conf:%d: ' % line, 'errors')
    for hint in ('limits', 'recipients', 'directory'):
        contains(text, hint, 'did you mean')


def test_syntax_error_has_its_line(case):
    done = check(case, 'listen = (\n  { address = ;\n')
    equal(done.returncode, 78)
    contains(done.stdout + done.stderr, 'check.conf:2: ')


def test_sigterm_answers_what_has_come(case):
    """Every complete request that lies in a socket buffer is answered, then policyd ends with 0."""
    policyd = case.policyd(limits=LIMIT)
    clients = [case.client(policyd, n % 2) for n in range(30)]
    for client in clients:
        equal(client.ask(request()), 'action=DUNNO')
    policyd.process.send_signal(signal.SIGSTOP)
    for number, client in enumerate(clients):
        client.send(b''.join(request(instance='t%d.%d' % (number, n)) for n in range(1 + number % 5)))
    newcomer = case.client(policyd)
    newcomer.send(request(instance='new.1'))
    policyd.process.send_signal(signal.SIGTERM)
    policyd.process.send_signal(signal.SIGCONT)
    for number, client in enumerate(clients):
        equal([client.reply() for _ in range(2 + number % 5)], ['action=DUNNO'] * (1 + number % 5) + [None])
    equal(newcomer.reply(), 'action=DUNNO', 'a connection that waited to be accepted')
    equal(policyd.process.wait(10), 0, 'exit code')
    policyd.process = None


def test_sigterm_with_idle_and_stalled_connections(case):
    policyd = case.policyd(limits=LIMIT)
    clients = [case.client(policyd, n % 2) for n in range(10)]
    for client in clients[:5]:
        client.send(request()[:99])
    began = time.monotonic()
    equal(policyd.stop(), 0, 'exit code')
    assert time.monotonic() - began < 10
    equal([c.was_closed() for c in clients], [True] * 10)


def test_sigterm_tells_every_decision(case):
    """More refusals in the sockets' buffers than the engine keeps effects: each is in the log."""
    policyd = case.policyd(limits='{ name = "hourly"; rate = "1/1h"; }')
    ask = b'request=smtpd_access_policy\nprotocol_state=RCPT\nsasl_username=a@b.c\nrecipient=r@d.e\ninstance=%d\n\n'
    policyd.process.send_signal(signal.SIGSTOP)
    clients = [case.client(policyd) for _ in range(5)]
    for at, client in enumerate(clients):
        client.send(b''.join(ask % (at * 300 + n) for n in range(300)))
    policyd.process.send_signal(signal.SIGTERM)
    policyd.process.send_signal(signal.SIGCONT)
    equal(policyd.process.wait(10), 0, 'exit code')
    policyd.process = None
    answers = [client.reply() for client in clients for _ in range(300)]
    equal(sum(answer.startswith('action=DEFER_IF_PERMIT') for answer in answers), 1499, 'refused')
    equal(policyd.log().count('NOTICE decision '), 1499, 'decisions in the log')


def test_sigterm_keeps_what_was_acknowledged(case):
    policyd = case.policyd()
    for number in range(20):
        policyd.ctl('suspend', 'u%d@example.org' % number, '--reason', 'test')
    policyd.restart()
    for number in range(20):
        contains(policyd.client_ask(request(sasl_username='u%d@example.org' % number)), 'action=REJECT')


def second_start(case, first, **changed):
    """A second policyd that shares the given things with the first: it must give up, and say why."""
    second = Policyd(case.build, case.folder / 'second', '', ['inet:127.0.0.1:%d' % free_port()])
    for name, value in changed.items():
        setattr(second, name, value)
    second.write('')
    began = time.monotonic()
    process = second.spawn()
    try:
        code = process.wait(SECOND_START_S)
    finally:
        process.kill()
        process.wait()
    assert code != 0, 'the second start ended with 0'
    assert time.monotonic() - began < SECOND_START_S
    assert second.log(), 'it said nothing'
    equal(case.client(first).ask(request()), 'action=DUNNO', 'the first one')
    first.ctl('suspend', 'bob@example.org', '--reason', 'still at work')


def test_second_start_on_the_same_state(case):
    first = case.policyd(limits=LIMIT)
    second_start(case, first, state=first.state)


def test_second_start_on_the_same_policy_socket(case):
    first = case.policyd(limits=LIMIT)
    second_start(case, first, listen=first.listen[:1])


def test_second_start_on_the_same_port(case):
    first = case.policyd(limits=LIMIT)
    second_start(case, first, listen=first.listen[1:])


def test_second_start_on_the_same_control_socket(case):
    first = case.policyd(limits=LIMIT)
    second_start(case, first, control=first.control)


def test_second_start_with_the_same_file(case):
    first = case.policyd(limits=LIMIT)
    second_start(case, first, config=first.config, write=lambda settings: None)


def test_reload_keeps_counters(case):
    """SIGHUP: a new limit counts at once, what was used stays; a bad file changes nothing."""
    policyd = case.policyd(limits='{ name = "hourly"; rate = "5/1h"; }')
    policyd.allow('reload|config|rate')
    client = case.client(policyd)
    ask = lambda n: client.ask(request(instance='r.%d' % n)).split()[0]
    equal([ask(n) for n in range(3)], ['action=DUNNO'] * 3)
    policyd.write('limits = ( { name = "hourly"; rate = "4/1h"; } );')
    before = len(policyd.log())
    policyd.process.send_signal(signal.SIGHUP)
    policyd.wait_log_after(before)
    equal([ask(n) for n in (3, 4)], ['action=DUNNO', 'action=DEFER_IF_PERMIT'])
    policyd.config.write_text('limits = ( { name = "hourly"; rate = "bad"; } );')
    before = len(policyd.log())
    policyd.process.send_signal(signal.SIGHUP)
    policyd.wait_log_after(before)
    equal(ask(5), 'action=DEFER_IF_PERMIT')
    equal(policyd.used('alice@example.org', 'hourly'), 4)
    policyd.wait_log('reload result=done restart=""')


def test_configuration_behind_a_link(case):
    """The path is taken as given: conf.d is beside the link, and a reload follows the link anew."""
    policyd = case.policyd(limits='{ name = "first"; rate = "5/1h"; }', start=False)
    real = case.folder / 'real.conf'
    policyd.config.rename(real)
    policyd.config.symlink_to(real)
    (policyd.folder / 'conf.d').mkdir()
    (policyd.folder / 'conf.d' / 'more.conf').write_text('limits = ( { name = "beside"; rate = "9/1h"; } );\n')
    policyd.start()
    limits = lambda: [row['limit'] for row in rows(policyd.ctl('explain', 'alice@example.org'))]
    equal(limits(), ['first', 'beside'])
    other = case.folder / 'other.conf'
    other.write_text(real.read_text().replace('"first"', '"second"'))
    policyd.config.unlink()
    policyd.config.symlink_to(other)
    policyd.process.send_signal(signal.SIGHUP)
    policyd.wait_log('reload result=done')
    equal(limits(), ['second', 'beside'])


def test_configuration_from_a_descriptor(case):
    reader, writer = os.pipe()
    os.write(writer, b'listen = ( { address = "inet:127.0.0.1:10040"; } );\n')
    os.close(writer)
    try:
        done = subprocess.run([case.build / 'policyd' / 'policyd', '-t', '-c', '/dev/fd/%d' % reader], timeout=20,
                              pass_fds=[reader], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    finally:
        os.close(reader)
    equal(done.returncode, 0, done.stdout + done.stderr)


def test_leaves_its_files_private(case):
    policyd = case.policyd()
    policyd.ctl('suspend', 'alice@example.org', '--reason', 'test')
    equal(os.stat(policyd.state).st_mode & 0o77, 0, 'state directory for others')
    equal(os.stat(policyd.control).st_mode & 0o007, 0, 'control socket for others')


def makes_directories(case, user, folder, owner):
    """Missing ones, with their modes whatever the umask is; the sockets have theirs."""
    policyd = case.policyd(start=False, folder=folder)
    policyd.control = policyd.folder / 'run' / 'control.sock'
    policyd.write(user)
    policyd.start('sh', '-c', 'umask 077; exec "$@"', 'sh')
    for path, mode in ((policyd.control.parent, 0o755), (policyd.state, 0o700)):
        found = os.stat(path)
        equal((found.st_mode & 0o777, found.st_uid), (mode, owner), str(path))
    for path in (policyd.control, policyd.addresses[0][1]):
        equal(os.stat(path).st_mode & 0o777, 0o660, str(path))
    equal(policyd.ctl('status')['pid'], policyd.process.pid)


def test_makes_its_directories(case):
    makes_directories(case, '', 'alone', os.geteuid())
    makes_directories(case, 'user = "nobody";', 'nobody', pwd.getpwnam('nobody').pw_uid)


def test_started_without_descriptors(case):
    """0 to 2 are there before anything else is opened, so that no socket takes the place of standard error."""
    policyd = case.policyd(limits=LIMIT, start=False)
    policyd.start('sh', '-c', 'exec "$@" <&- >&- 2>&-', 'sh')
    equal([os.readlink('/proc/%d/fd/%d' % (policyd.process.pid, fd)) for fd in range(3)], ['/dev/null'] * 3)
    equal(case.client(policyd).ask(request()), 'action=DUNNO')


def test_background(case):
    """Without -f the command returns when Postfix can ask; a start that fails says so with its exit code."""
    policyd = case.policyd(limits=LIMIT, start=False)
    command = [policyd.build / 'policyd' / 'policyd', '-c', policyd.config.name]
    run = lambda: subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                 text=True, timeout=20, env=policyd.environment(), cwd=policyd.folder)
    equal(run().returncode, 0)
    pid = policyd.ctl('status')['pid']
    try:
        equal(policyd.client_ask(request()), 'action=DUNNO')
        opened = [os.readlink(link) for link in Path('/proc/%d/fd' % pid).iterdir()]
        equal(opened.count('/dev/null'), 3, 'descriptors on /dev/null')
        policyd.write('limits = ( { name = "after"; rate = "5/1h"; } );')
        os.kill(pid, signal.SIGHUP)
        wait_until(lambda: rows(policyd.ctl('explain', 'alice@example.org'))[0]['limit'] == 'after', 'a reload')
        second = run()
        assert second.returncode != 0 and second.stderr, second
        equal(policyd.client_ask(request()), 'action=DUNNO', 'after a second start')
    finally:
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: has_ended(pid), 'the end of policyd')
    equal(policyd.run_ctl('status').returncode, 69, 'policyctl after the end')


def test_tells_the_service_manager(case):
    """READY, RELOADING and READY again, STOPPING."""
    policyd = case.policyd(limits=LIMIT, start=False)
    where = case.folder / 'manager.sock'
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(where))
        manager.settimeout(10)
        states = lambda: [line for line in manager.recv(4096).decode().split('\n')
                          if line.partition('=')[0] in ('READY', 'RELOADING', 'STOPPING')]
        policyd.process = policyd.spawn(notify=where)
        equal(states(), ['READY=1'])
        policyd.process.send_signal(signal.SIGHUP)
        equal([states(), states()], [['RELOADING=1'], ['READY=1']])
        equal(policyd.stop(), 0)
        equal(states(), ['STOPPING=1'])


def test_feeds_the_watchdog(case):
    """WATCHDOG=1 at least once in the time that the service manager gives."""
    policyd = case.policyd(start=False)
    where = case.folder / 'manager.sock'
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(where))
        manager.settimeout(1)
        policyd.process = policyd.spawn(notify=where, WATCHDOG_USEC='1000000')
        fed = 0
        while fed < 3:
            fed += 'WATCHDOG=1' in manager.recv(4096).decode().split('\n')


def test_log_that_nobody_reads(case):
    """Standard error is a pipe and its reader is stuck: log lines are lost, requests are answered."""
    policyd = case.policyd(limits='{ name = "hourly"; rate = "1/1h"; }', start=False)
    reader, writer = os.pipe()
    try:
        policyd.process = policyd.spawn(log=writer)
        os.close(writer)
        wait_until(lambda: policyd.run_ctl('status').returncode == 0, 'policyd')
        client = case.client(policyd)
        client.socket.settimeout(5)
        for number in range(3000):
            assert client.ask(request(instance='log.%d' % number)).startswith('action=D')
    finally:
        os.close(reader)
