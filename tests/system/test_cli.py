# SPDX-License-Identifier: ISC
"""policyctl in people's hands: usage, exit codes of sysexits(3), JSON, and what stays untouched."""
import contextlib
import json
import os
import pty
import socket
import subprocess

from harness import contains, equal, request, rows

USAGE, NO_USER, UNAVAILABLE = 64, 67, 69
LIMITS = '{ name = "hourly"; rate = "5/1h"; }, { name = "daily"; unit = "messages"; rate = "9/1d"; mode = "observe"; }'


def wrong_use(policyd, *arguments):
    done = policyd.run_ctl(*arguments)
    equal(done.returncode, USAGE, 'policyctl %s: %s%s' % (' '.join(arguments), done.stdout, done.stderr))
    equal(done.stdout, '', 'standard output of wrong use')
    contains(done.stderr.lower(), 'usage', 'standard error of policyctl ' + ' '.join(arguments))


def test_wrong_use(case):
    policyd = case.policyd(limits=LIMITS)
    for arguments in ([], ['frobnicate'], ['show'], ['show', 'a', 'b'], ['suspend', 'alice@example.org'],
                      ['suspend', '--reason', 'x'], ['suspend', 'alice@example.org', '--reason'],
                      ['release', 'alice@example.org'], ['why'], ['top', '--bogus'], ['--bogus', 'status'],
                      ['top', '--count'], ['help', 'frobnicate'], ['simulate'],
                      ['suspend', 'alice@example.org', '--reason', 'x', '--reason', 'y', 'z']):
        wrong_use(policyd, *arguments)
    equal(rows(policyd.ctl('audit')), [], 'audit')


def test_bad_values_are_refused(case):
    policyd = case.policyd(limits=LIMITS)
    for arguments in (['suspend', 'alice@example.org', '--for', 'soon', '--reason', 'x'],
                      ['suspend', 'alice@example.org', '--for', '-1h', '--reason', 'x'],
                      ['suspend', 'alice@example.org', '--reason', ''],
                      ['suspend', '', '--reason', 'x'],
                      ['suspend', 'addr:nonsense', '--reason', 'x'],
                      ['top', '--count', 'many'], ['top', '--by', 'bytes-or-so']):
        done = policyd.run_ctl(*arguments)
        assert done.returncode in (64, 65), 'policyctl %s: exit %d %s' % (arguments, done.returncode, done.stdout)
        assert done.stderr, 'policyctl %s says nothing' % arguments
    equal(rows(policyd.ctl('audit')), [], 'audit')


def test_unknown_account(case):
    """show of an account that nobody knows says so and creates nothing."""
    policyd = case.policyd(limits=LIMITS)
    before = policyd.ctl('status')
    for account in ('nobody@example.org', 'addr:192.0.2.1', 'cert:AA:BB'):
        done = policyd.run_ctl('show', account)
        equal(done.returncode, NO_USER, done.stdout + done.stderr)
        contains(done.stderr, 'not known', 'text')
        done = policyd.run_ctl('--json', 'show', account)
        equal((done.returncode, json.loads(done.stdout)['ok']), (NO_USER, False))
    equal(policyd.run_ctl('show', 'nobody@example.org').returncode, NO_USER, 'asked again')
    equal(policyd.ctl('top'), [], 'top')
    equal(policyd.ctl('status').get('accounts'), before.get('accounts'), 'accounts')


def test_release_of_one_who_is_not_suspended(case):
    policyd = case.policyd(limits=LIMITS)
    done = policyd.run_ctl('release', 'alice@example.org', '--reason', 'x')
    assert done.returncode != 0 and done.stderr, (done.returncode, done.stdout, done.stderr)


def test_not_running(case):
    policyd = case.policyd(start=False)
    for arguments in (['status'], ['show', 'alice@example.org'], ['suspend', 'alice@example.org', '--reason', 'x']):
        done = policyd.run_ctl(*arguments)
        equal(done.returncode, UNAVAILABLE, done.stderr)
        contains(done.stderr, str(policyd.control), 'text')
    equal(policyd.run_ctl('version').returncode, 0, 'policyctl version without a daemon')
    equal(policyd.run_ctl('help').returncode, 0, 'policyctl help without a daemon')


def test_help_has_every_verb(case):
    policyd = case.policyd(start=False)
    text = policyd.run_ctl('help').stdout
    for verb in ('status', 'top', 'show', 'explain', 'suspend', 'release', 'audit', 'why', 'simulate', 'version'):
        contains(text, verb, 'help')
        contains(policyd.run_ctl('help', verb).stdout, verb, 'help ' + verb)


def test_every_verb_has_text_and_json(case):
    """For people: no colours in a pipe, a table with titles. For programs: one object."""
    policyd = case.policyd(limits=LIMITS)
    client = case.client(policyd)
    for number in range(7):
        client.ask(request(instance='v.%d' % number))
    policyd.ctl('suspend', 'bob@example.org', '--reason', 'test')
    for arguments in (['status'], ['top'], ['show', 'alice@example.org'], ['explain', 'alice@example.org'],
                      ['audit'], ['version'], ['show', 'bob@example.org']):
        plain = policyd.run_ctl(*arguments)
        equal((plain.returncode, plain.stderr), (0, ''), ' '.join(arguments))
        assert plain.stdout.strip() and '\x1b' not in plain.stdout, plain.stdout
        answer = json.loads(policyd.run_ctl('--json', *arguments).stdout)
        equal((answer['ok'], answer.get('error')), (True, None), ' '.join(arguments))


def test_explain_tells_the_rule_its_place_and_the_next_answer(case):
    policyd = case.policyd(limits=LIMITS)
    client = case.client(policyd)
    for number in range(6):
        client.ask(request(instance='e.%d' % number))
    hourly, daily = rows(policyd.ctl('explain', 'alice@example.org'))
    equal((hourly['limit'], hourly['rate'], hourly['mode'], hourly['used_n']), ('hourly', '5/1h', 'enforce', 5))
    equal((daily['limit'], daily['rate'], daily['mode'], daily['used_n']), ('daily', '9/1d', 'observe', 5))
    for row in (hourly, daily):
        contains(row['where'], 'policyd.conf:', 'where')
    assert hourly['room'] and hourly['next'] != daily['next'], (hourly, daily)
    text = policyd.run_ctl('explain', 'alice@example.org').stdout
    for part in ('hourly', '5/1h', 'policyd.conf:', 'observe', 'DEFER_IF_PERMIT'):
        contains(text, part, 'explain')


def test_explain_of_an_unknown_account_creates_nothing(case):
    policyd = case.policyd(limits=LIMITS)
    rows_of = rows(policyd.ctl('explain', 'nobody@example.org'))
    equal([row['used_n'] for row in rows_of], [0, 0])
    equal(policyd.run_ctl('show', 'nobody@example.org').returncode, NO_USER)


def test_top_ranks(case):
    policyd = case.policyd(limits='{ name = "hourly"; rate = "50/1h"; }')
    client = case.client(policyd)
    for number, (user, count) in enumerate({'a': 3, 'b': 9, 'c': 6}.items()):
        for recipient in range(count):
            client.ask(request(sasl_username=user + '@example.org', instance='top.%d' % number,
                               recipient='r%d@example.net' % recipient))
    equal([(row['account'], row['used']) for row in policyd.ctl('top')],
          [('b@example.org', 9), ('c@example.org', 6), ('a@example.org', 3)])
    equal([row['account'] for row in policyd.ctl('top', '--count', '1')], ['b@example.org'])


def test_why_of_an_unknown_reference(case):
    policyd = case.policyd()
    done = policyd.run_ctl('why', 'ZZZZZZZZZZ')
    assert done.returncode != 0 and done.stderr, (done.returncode, done.stdout)


def test_strangers_may_not_act(case):
    """Another user may not suspend: refused by the socket's permissions or by the daemon, audit stays empty."""
    policyd = case.policyd(settings='', limits=LIMITS)
    policyd.allow('^WARNING control-denied')
    os.chmod(policyd.control, 0o666)
    for folder in (case.folder, policyd.folder):
        os.chmod(folder, 0o755)
    done = subprocess.run(['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups',
                           policyd.build / 'policyd' / 'policyctl', '-s', policyd.control, 'suspend',
                           'alice@example.org', '--reason', 'mischief'], capture_output=True, text=True, timeout=20)
    equal(done.returncode, 77, done.stdout + done.stderr)
    equal(rows(policyd.ctl('audit')), [], 'audit')


def test_wrong_use_of_policyd(case):
    policyd = case.policyd(start=False)
    for arguments in (['--bogus'], ['-c'], ['-f', 'surplus']):
        done = subprocess.run([case.build / 'policyd' / 'policyd', *arguments], capture_output=True, text=True,
                              timeout=20)
        equal(done.returncode, USAGE, done.stderr)
        contains(done.stderr.lower(), 'usage')
    done = subprocess.run([case.build / 'policyd' / 'policyd', '-t', '-c', policyd.folder / 'none.conf'],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode != 0 and 'none.conf' in done.stderr + done.stdout, done


# Nobody is asked: the resolver's port is closed.
NOBODY = 'dns = { servers = [ "127.0.0.1:9" ]; timeout = "200ms"; attempts = 1; };\n'
OURS = ('egress = { addresses = ( { address = "192.0.2.10"; helo = "mail.example.org"; } ); };\n'
        'blocklists = ( { name = "ours"; zone = "ours.example"; subjects = [ "ipv4" ]; } );\n')


def test_verbs_of_egress(case):
    """Verbs of one, two and three words; what is a subject, and what a mistyped verb."""
    policyd = case.policyd(settings=NOBODY + OURS, limits=LIMITS)
    policyd.allow('^WARNING (list state|dns server|egress)')
    for arguments, text in ((['egress'], '192.0.2.10'), (['egress', '192.0.2.10'], '192.0.2.10'),
                            (['egress', 'lists'], 'ours.example'), (['egress', 'clients'], 'nothing to show')):
        plain = policyd.run_ctl(*arguments)
        equal((plain.returncode, plain.stderr), (0, ''), ' '.join(arguments))
        contains(plain.stdout, text, ' '.join(arguments))
        equal(json.loads(policyd.run_ctl('--json', *arguments).stdout)['ok'], True, ' '.join(arguments))
    for arguments, text in ((['egress', 'chekc'], 'did you mean "egress check"'),
                            (['egress', '192.0.2.11'], 'did you mean 192.0.2.10'),
                            (['egress', 'lists', 'tset', 'ours'], 'did you mean "egress lists test"'),
                            (['egress', 'lists', 'test'], 'ZONE is missing'),
                            (['egress', 'lists', 'test', 'our'], 'did you mean "ours"'),
                            (['egress', 'check', '--list', 'zen'], 'not enabled')):
        done = policyd.run_ctl(*arguments)
        equal((done.returncode, done.stdout), (USAGE, ''), ' '.join(arguments))
        contains(done.stderr, text, ' '.join(arguments))
    for verb in ('egress', 'egress check', 'egress lists', 'egress lists test', 'egress clients'):
        contains(policyd.run_ctl('help', *verb.split()).stdout, 'policyctl [-s SOCKET] [--json] %s' % verb, 'help')
    contains(policyd.run_ctl('help', 'egress').stdout, 'egress lists test ZONE', 'help egress')


def test_check_of_egress(case):
    """Exit codes of monitoring plug-ins: what nobody answers is unknown."""
    policyd = case.policyd(settings=NOBODY + OURS, limits=LIMITS)
    policyd.allow('^WARNING (list state|dns server|egress)')
    done = policyd.run_ctl('egress', 'check')
    equal((done.returncode, done.stderr), (0, ''))
    contains(done.stdout, 'begun', 'egress check')
    done = policyd.run_ctl('egress', 'check', '--wait')
    equal((done.returncode, done.stderr), (3, ''), 'silence is unknown')
    contains(done.stdout, 'UNKNOWN: 192.0.2.10 on 1 of 1 lists', 'egress check --wait')
    answer = policyd.run_ctl('--json', 'egress', 'check', '--wait')
    equal((answer.returncode, json.loads(answer.stdout)['data']['status']), (3, 'UNKNOWN'))
    equal(policyd.run_ctl('egress', 'lists', 'test', 'ours').returncode, 1, 'lists test of what does not answer')


def test_progress_on_a_terminal(case):
    """A terminal sees how far it is, in one line that is gone in the end; a pipe sees nothing of it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(('127.0.0.1', 0))
        policyd = case.policyd(settings='dns = { servers = [ "127.0.0.1:%d" ]; timeout = "1s"; attempts = 1; };\n'
                               % silent.getsockname()[1] + OURS, limits=LIMITS)
        policyd.allow('^WARNING (list state|dns server|egress)')
        terminal, its_end = pty.openpty()
        process = subprocess.Popen([policyd.build / 'policyd' / 'policyctl', '-s', policyd.control, 'egress', 'check',
                                    '--wait'], stdout=subprocess.PIPE, stderr=its_end, text=True)
        os.close(its_end)
        shown = ''
        # Linux tells the end of a terminal by an error.
        with contextlib.suppress(OSError):
            while more := os.read(terminal, 4096):
                shown += more.decode()
        os.close(terminal)
        text = process.communicate(timeout=20)[0]
    equal(process.returncode, 3, text)
    contains(shown, '\r0 of 3 questions answered', 'progress')
    assert shown.endswith(' \r') and '\n' not in shown, repr(shown)
    contains(text, 'UNKNOWN', 'the answer')


def test_check_without_addresses(case):
    policyd = case.policyd(limits=LIMITS)
    done = policyd.run_ctl('egress', 'check', '--wait')
    equal((done.returncode, done.stdout), (3, ''))
    contains(done.stderr, 'egress.addresses', 'the remedy')
