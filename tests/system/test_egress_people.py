# SPDX-License-Identifier: ISC
"""policyctl egress as people and monitoring use it, on a terminal and in a pipe; and what policyd -t says of a
configuration that cannot be."""
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import termios

from dns_server import DnsServer, late, zone
from egress_rig import (BEHAVES_BADLY, HELO, IPV4, IPV6, NOT_KNOWN, TEST_POINTS, Rig, blocklist, code, serve)
from harness import contains, equal, wait_until

EVIL = b'see https://spam.example/?a=1 \x1b[2J\x1b]0;owned\x07 \xff\xfe\x00\r\nOK: all is well'
ESCAPES = re.compile('\x1b\\[[01]m')


def started(case):
    """Listed with a text that means harm, a dead list, a domain list, and one that takes its time."""
    server = case.stack.enter_context(DnsServer())
    server.on('*.spam.example', None, zone(
        TEST_POINTS | {'10.2.0.192': ['127.0.0.2', '127.0.0.10']}, text=EVIL))
    serve(server, 'slow')
    serve(server, 'names')
    rig = Rig(case, server.address, addresses=[IPV4, IPV6], blocklists=[
        blocklist('spam', code('127.0.0.2', text='spam was seen'), code('127.0.0.10', 'policy', 4, 'a dial-up line'),
                  more='delist = "https://spam.example/remove";'),
        blocklist('dead'), blocklist('slow'), blocklist('names', subjects=['domain'])])
    wait_until(lambda: all(row['state'] != 'untested' for row in rig.data('egress lists') if row['enabled']), 'states')
    rig.look(2, after=301)
    # On a loaded machine an answer may be late: then it comes with one of the next looks.
    for _ in range(3):
        try:
            wait_until(lambda: rig.row('spam')['txt'], 'the text', 5)
            break
        except AssertionError:
            rig.look(1, after=301)
    equal(bool(rig.row('spam')['txt']), True, 'the text')
    return server, rig


def on_terminal(rig, *arguments, columns=80, json_out=False):
    """(exit code, standard output, standard error), both on terminals of their own; output in a pipe if json."""
    ends = [pty.openpty() for _ in range(2)]
    for _, slave in ends:
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('4H', 50, columns, 0, 0))
    environment = {k: v for k, v in rig.policyd.environment().items() if k != 'COLUMNS'}
    process = subprocess.Popen(
        [rig.policyd.build / 'policyd' / 'policyctl', '-s', rig.policyd.control, *(['--json'] if json_out else []),
         *arguments], stdin=subprocess.DEVNULL, stdout=ends[0][1], stderr=ends[1][1], env=environment)
    for _, slave in ends:
        os.close(slave)
    texts = [read_all(master) for master, _ in ends]
    return process.wait(10), *texts


def read_all(master):
    text = b''
    while True:
        try:
            data = os.read(master, 65536)
        except OSError:
            data = b''
        if not data:
            os.close(master)
            return text.decode()
        text += data


def ctl(rig, *arguments):
    return rig.policyd.run_ctl(*arguments)


def test_fits_a_terminal(case):
    """Rows of a table are no wider than the terminal, whatever lists say."""
    _, rig = started(case)
    for columns in (80, 132):
        for verb, code_wanted, titles in (
                (['egress'], 0, r'Address +List +Verdict +Code '),
                (['egress', IPV4], 0, r'Address +List +Verdict +Code '),
                (['egress', 'check', '--wait'], BEHAVES_BADLY, r'Address +List +Seen +Code '),
                (['egress', 'lists'], 0, ''), (['egress', 'lists', 'test', 'spam'], 0, r'Asked +Expected ')):
            exit_code, out, _ = on_terminal(rig, *verb, columns=columns)
            equal(exit_code, code_wanted, ' '.join(verb))
            assert re.search(titles, ESCAPES.sub('', out)), 'no table but blocks: ' + out
            plain = ESCAPES.sub('', out)
            assert '\x1b' not in plain and '\x07' not in plain, plain
            tables = plain[plain.find('\r\n\r\n'):]
            wide = [line for line in tables.split('\r\n') if len(line) > columns]
            equal(wide, [], '%s at %d columns' % (' '.join(verb), columns))


def test_what_it_shows(case):
    """The worst first, in words; foreign text is harmless."""
    _, rig = started(case)
    text = ctl(rig, 'egress').stdout
    lines = [line.strip() for line in text.splitlines()]
    equal(lines[0], 'summary:')
    contains(lines[1], IPV4 + ' is LISTED on spam')
    contains(lines[1], 'spam was seen (behaviour, severity 5)')
    for part in ('127.0.0.2, 127.0.0.10', HELO, 'dead is not believed: DEAD', 'egress.addresses', IPV6):
        contains(text, part)
    assert '\x1b' not in text and '\x07' not in text and '\r' not in text, text
    assert not any(line.startswith('OK: all is well') for line in lines), text
    contains(ctl(rig, 'egress', 'lists').stdout, 'zen.spamhaus.org')
    done = ctl(rig, 'egress', 'lists', 'test', 'dead')
    equal(done.returncode, 1)
    contains(done.stdout, 'DEAD')
    equal(ctl(rig, 'egress', 'lists', 'test', 'spam').returncode, 0)
    contains(ctl(rig, 'status').stdout, 'behaviour: 1')
    wait_until(lambda: 'policyd_egress_listings{kind="behaviour"} 1\n' in ctl(rig, 'metrics').stdout, 'the metric')


def test_night(case):
    """What is listed as a block, with the way out; what is clean counted; all of it where one address is asked for."""
    _, rig = started(case)
    _, out, _ = on_terminal(rig, 'egress')
    plain = ESCAPES.sub('', out).replace('\r\n', '\n')
    block = plain.split('\nlisted:\n')[1].split('\n\n')[0]
    for line in (r'LISTED +%s on spam \(behaviour, severity 5\)' % IPV4, r'Says +127.0.0.2, 127.0.0.10 spam was seen',
                 r'Since +2\d+-', r'TXT +see https://spam.example/\?a=1 ', r'Delist +https://spam.example/remove$'):
        assert re.search('^' + line, block, re.M), block
    assert '\nleft out' not in plain and '\nnote' not in plain, plain
    assert re.search(r'rows not shown: \d+ clean, 2 on lists that are not believed; ', plain), plain
    rows = plain.split('\nlistings:\n')[1].split('\n\n')[0]
    equal(' clean ' in rows, False, rows)
    equal(re.search(r'slow +clean ', ctl(rig, 'egress', IPV4).stdout) is not None, True, 'all rows of one address')
    equal(len([row for row in json.loads(ctl(rig, '--json', 'egress').stdout)['data']['listings']]) >= 7, True, 'all in JSON')


def test_nobody_looks(case):
    """An address that no list takes may be listed: unknown, in the first line."""
    server = case.stack.enter_context(DnsServer())
    serve(server, 'spam')
    rig = Rig(case, server.address, addresses=[IPV4, IPV6], blocklists=[blocklist('spam', subjects=['ipv4'])])
    rig.settle()
    rig.sleep(6)
    done = ctl(rig, 'egress', 'check', '--wait')
    equal(done.returncode, NOT_KNOWN)
    contains(done.stdout.splitlines()[0], 'UNKNOWN: clean: 1 of 2 addresses; no list that is asked takes ' + IPV6)
    equal(ctl(rig, 'egress', 'check', '--wait', IPV4).returncode, 0)
    rows = json.loads(ctl(rig, '--json', 'audit', '--account', 'blocklist:spam').stdout)['data']
    equal([(row['event'], row['account']) for row in rows], [('list state', 'blocklist:spam')])
    rows = json.loads(ctl(rig, '--json', 'audit', '--account', 'blocklist:spam.example').stdout)['data']
    equal(len(rows), 1)


def test_json(case):
    """One object; the keys that scripts rely on."""
    _, rig = started(case)
    for verb, keys in ((['egress'], {'summary', 'addresses', 'listings', 'lists_not_ok', 'resolvers', 'note'}),
                       (['egress', 'check', '--wait'], {'result', 'status', 'summary', 'listings', 'lists_not_ok'})):
        answer = json.loads(ctl(rig, '--json', *verb).stdout)
        equal([answer['ok'], answer['error']], [True, None])
        equal(keys - set(answer['data']), set(), 'keys that are missing')
        row = answer['data']['listings'][0]
        equal({'subject', 'why', 'list', 'verdict', 'seen', 'codes', 'meaning', 'kind', 'severity', 'score', 'age',
               'since', 'looked_at', 'next_at', 'list_state', 'unknown_because', 'txt', 'delist', 'removal'} - set(row),
              set(), 'keys of a row')
        equal([row['subject'], row['list'], row['codes'], row['kind'], row['severity'], row['delist']],
              [IPV4, 'spam', ['127.0.0.2', '127.0.0.10'], 'behaviour', 5, 'https://spam.example/remove'])
        contains(row['txt'], 'see https://spam.example/?a=1')
        assert all(' ' <= char <= '~' for char in row['txt']), row['txt']
    lists = json.loads(ctl(rig, '--json', 'egress', 'lists').stdout)['data']
    equal([row['list'] for row in lists[:4]], ['spam', 'dead', 'slow', 'names'])
    assert len(lists) > 35, len(lists)
    equal(json.loads(ctl(rig, '--json', 'egress', 'check', 'nobody.example').stdout)['ok'], False)


def test_exit_code_and_first_line(case):
    """As monitoring plug-ins: one line that says it, and the code."""
    _, rig = started(case)
    rig.sleep(6)
    done = ctl(rig, 'egress', 'check', '--wait')
    equal(done.returncode, BEHAVES_BADLY)
    contains(done.stdout.splitlines()[0], 'CRITICAL: %s is LISTED on spam' % IPV4)
    equal(done.stderr, '', 'progress in a pipe')
    done = ctl(rig, 'egress', 'check', '--wait', '--list', 'dead')
    equal(done.returncode, NOT_KNOWN)
    contains(done.stdout.splitlines()[0], 'UNKNOWN')
    equal(ctl(rig, 'egress', 'check', '--wait', IPV6, '--list', 'slow').returncode, 0)
    equal(ctl(rig, 'egress', 'check').returncode, 0, 'without --wait it only begins')


def test_progress_on_a_terminal(case):
    """One line that is written over and is gone at the end, on standard error; with --json as well."""
    server, rig = started(case)
    server.on('*.slow.example', None, late(0.3, zone(TEST_POINTS)))
    for json_out in (False, True):
        rig.sleep(6)
        exit_code, out, err = on_terminal(rig, 'egress', 'check', '--wait', json_out=json_out)
        equal(exit_code, BEHAVES_BADLY)
        assert re.search(r'\r\d+ of \d+ questions answered', err), err
        assert '\n' not in err, err
        equal(err.rstrip(' ').endswith('\r'), True, 'the line is gone')
        assert 'questions answered' not in out, out
        if json_out:
            equal(json.loads(out)['ok'], True)


def test_words_that_are_none(case):
    """What was mistyped is named, with what may have been meant."""
    _, rig = started(case)
    for arguments, parts in (
            (['egress', '192.0.2.11'], ['192.0.2.11 is no address or name of ours', '192.0.2.10']),
            (['egress', 'chekc'], ['did you mean "egress check"']),
            (['egress', 'check', '--list', 'spma'], ['did you mean "spam"', 'egress lists']),
            (['egress', 'check', '--list', 'psbl'], ['not enabled', '{ name = "psbl"; }']),
            (['egress', 'check', '--list', 'nixspam'], ['no more', 'empty since']),
            (['egress', 'lists', 'test', 'barracuta'], ['did you mean "barracuda"']),
            (['egress', 'lists', 'test', 'dnsbl.sorbs.net'], ['no more', 'SORBS']),
            (['egress', 'lists', 'test', 'authbl'], ['key_file'])):
        done = ctl(rig, *arguments)
        equal(done.returncode, 64, ' '.join(arguments))
        for part in parts:
            contains(done.stderr, part, ' '.join(arguments))


# ---- a configuration that cannot be ----

OWN = 'blocklists = ( { name = "mine"; zone = "a.example"; codes = ( { code = "%s"; } ); } );'
# A line of the configuration, and what must stand in the error: what is wrong, and what to do.
REFUSED = (
    ('blocklists = ( { name = "zenn"; } );', 'did you mean "zen"'),
    ('blocklists = ( { name = "mine"; } );', 'add zone = '),
    ('blocklists = ( { name = "nixspam"; } );', 'dead list: NiX Spam is empty since 16 January 2025; remove it'),
    ('blocklists = ( { name = "mine"; zone = "x.dnsbl.sorbs.net"; } );', 'dead list: SORBS closed'),
    ('blocklists = ( { name = "cbl"; } );', 'use "zen"'),
    (OWN % '127.0.0.256', 'an octet is at most 255'),
    (OWN % '127.0.0.7-4', 'write 4-7'),
    (OWN % '128.0.0.2', '127.0.0.0/8'),
    (OWN % '127.255.255.254', 'never listings'),
    (OWN % '127.0.0', '127.0.0.2'),
    ('blocklists = ( { name = "zen"; interval = "1m"; } );', 'write "5m" or more'),
    ('blocklists = ( { name = "zen"; }, { name = "zen"; } );', 'taken already'),
    ('blocklists = ( { name = "mine"; zone = "a..example"; } );', 'this is no zone'),
    ('blocklists = ( { name = "authbl"; } );', 'chmod 600'),
    ('blocklists = ( { name = "authbl"; key_file = "@/open.key"; } );', 'chmod 600'),
    ('blocklists = ( { name = "authbl"; key_file = "@/none.key"; } );', 'No such file'),
    ('blocklists = ( { name = "authbl"; key_file = "@/bad.key"; } );', 'letters, digits'),
    ('egress = { addresses = ( { address = "mail.example.org"; } ); };', 'write "192.0.2.10"'),
    ('egress = { addresses = ( { address = "192.0.2.300"; } ); };', 'this is no address'),
    ('egress = { addresses = ( { address = "192.0.2.1"; }, { address = "192.0.2.1"; } ); };', 'remove one of them'),
    ('egress = { who_am_i = "a b@"; };', 'NAME@SERVER'),
    ('egress = { domains = [ "not a domain" ]; };', 'this is no domain'),
    ('egress = { listed_looks = 4; listed_of = 3; };', 'write 3 or less'),
    ('egress = { catalogue = "@/none"; };', 'No such file'),
    ('dns = { servers = [ "resolver.example" ]; };', 'write "127.0.0.1"'),
    ('dns = { servers = [ "127.0.0.1:99999" ]; };', 'a resolver is an address'),
    ('dns = { timeout = "1h"; };', 'from 0s to 30s'),
)


def test_configuration_that_cannot_be(case):
    """Each error with its file and line and what to do; nothing of a key in it."""
    policyd = case.policyd(limits='{ name = "hourly"; rate = "50/1h"; }', start=False)
    for name, text, mode in (('open.key', 'sesame4711sesame', 0o644), ('bad.key', 'two words of key', 0o600)):
        (policyd.folder / name).write_text(text)
        (policyd.folder / name).chmod(mode)
    for line, wanted in REFUSED:
        policyd.write('limits = ( { name = "hourly"; rate = "50/1h"; } );\n\n' + line)
        done = subprocess.run([policyd.build / 'policyd' / 'policyd', '-t', '-c', policyd.config], capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, env=policyd.environment())
        equal(done.returncode, 78, line)
        equal(done.stdout + done.stderr == done.stderr, True, 'all on standard error')
        equal(re.match(r'%s:6: ' % re.escape(str(policyd.config)), done.stderr) is not None, True,
              'file and line in %r' % done.stderr)
        contains(done.stderr, wanted, line)
        assert 'sesame' not in done.stderr and 'two words' not in done.stderr, done.stderr
