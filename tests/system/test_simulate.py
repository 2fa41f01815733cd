# SPDX-License-Identifier: ISC
"""policyctl simulate: reports for people and machines, two configurations side by side, a Postfix log."""
import html.parser
import json
import re
import subprocess

from harness import contains, equal
from postfix import mail_server

LIMITS = 'limits = ( { name = "hourly"; rate = "%s/1h"; } );\nlisten = ( { address = "inet:127.0.0.1:1"; } );\n'
# The ladder alone, on what bounces.
LADDER = LIMITS % 1000 + 'signals = { mode = "enforce"; };\n'


def line(ts, **attributes):
    given = {'ts': ts, 'request': 'smtpd_access_policy', 'protocol_state': 'RCPT', 'sasl_username': 'alice@example.org',
             'recipient': 'r@example.net', 'instance': 'i%s' % ts, **attributes}
    return json.dumps({name: value for name, value in given.items() if value is not None})


def stream(case, lines, name='in.jsonl'):
    path = case.folder / name
    path.write_text('\n'.join(lines) + '\n')
    return path


def simulate(case, config, *arguments, code=0, json_too=False):
    path = case.folder / 'simulate.conf'
    path.write_text(config)
    done = subprocess.run([case.build / 'policyd' / 'policyctl', *(['--json'] if json_too else []), 'simulate',
                           '-c', path, *arguments], capture_output=True, text=True, timeout=60)
    equal(done.returncode, code, done.stderr + done.stdout)
    return json.loads(done.stdout)['data'] if json_too and code == 0 else done.stdout + done.stderr


def busy(login, count, start=1.7e9):
    return [line(start + 10 * n, sasl_username=login, recipient='r%d@example.net' % n) for n in range(count)]


def test_summary_names_who_was_hit_and_why(case):
    path = stream(case, sorted(busy('alice@example.org', 30) + busy('bob@example.org', 5), key=lambda l: json.loads(l)['ts']))
    text = simulate(case, LIMITS % 10, path)
    contains(text, 'hourly')
    contains(text, 'alice@example.org')
    contains(text, '10 of 10 were used')
    assert 'bob@example.org' not in text, 'bob was not hit'
    data = simulate(case, LIMITS % 10, path, json_too=True)
    equal([a['account'] for a in data['accounts']], ['alice@example.org'])
    equal(data['accounts'][0]['refused'], 20)
    equal(data['rules'], [{'rule': 'hourly', 'observed': False, 'requests': 20, 'accounts': 1}])
    equal(data['accounts_seen'], 2)


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text = [], ''

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            assert name not in ('src', 'href') and not name.startswith('on'), '%s=%s' % (name, value)

    def handle_data(self, data):
        self.text += data


def test_report_is_one_page(case):
    evil = '<script>alert(1)</script>@example.org'
    lines = [l for day in range(5) for l in busy(evil, 20, 1.7e9 + day * 86400)]
    path = stream(case, lines)
    report, text = case.folder / 'report.html', case.folder / 'report.txt'
    simulate(case, LIMITS % 10, '--report', report, path)
    page = Page()
    page.feed(report.read_text())
    assert 'script' not in page.tags, 'a login became a tag'
    contains(page.text, evil)
    for tag in ('svg', 'table', 'style'):
        contains(page.tags, tag)
    simulate(case, LIMITS % 10, '--report', text, path)
    contains(text.read_text(), 'rules that would have acted')
    contains(simulate(case, LIMITS % 10, '--report', case.folder / 'report.pdf', path, code=64), '.html or .txt')
    contains(simulate(case, LIMITS % 10, '--report', '/nonexistent/x.html', path, code=73), '/nonexistent/x.html')


def test_two_configurations_side_by_side(case):
    path = stream(case, sorted(busy('alice@example.org', 30) + busy('bob@example.org', 15), key=lambda l: json.loads(l)['ts']))
    other = case.folder / 'other.conf'
    other.write_text(LIMITS % 10)
    text = simulate(case, LIMITS % 20, '--compare', other, path)
    contains(text, '1 accounts are acted on by both, 0 by A alone, 1 by B alone')
    contains(text.split('by B alone (1)')[1], 'bob@example.org')
    data = simulate(case, LIMITS % 20, '--compare', other, path, json_too=True)
    equal((data['both'], data['only_a'], data['only_b']), (1, [], ['bob@example.org']))
    equal([(r['requests_a'], r['requests_b']) for r in data['rules']], [(10, 25)])
    contains(simulate(case, LIMITS % 20, '--compare', other, '-', code=64), 'twice')


def test_bounces_count_where_mail_was_accepted(case):
    """Of an account that writes calmly: nine of ten addresses do not exist. Of refused mail nothing comes back."""
    lines, events = [], []
    for n in range(60):
        ts, instance, to = 1.7e9 + 600 * n, 'm%d' % n, 'r%d@example.net' % n
        lines.append(line(ts, instance=instance, recipient=to))
        events.append(json.dumps({'ts': ts + 5, 'event': 'bounce', 'sasl_username': 'alice@example.org', 'dsn': '5.1.1',
                                  'recipient': to, 'instance': instance}))
        events.append(json.dumps({'ts': ts + 5, 'event': 'bounce', 'sasl_username': 'bob@example.org', 'dsn': '5.1.1',
                                  'recipient': to, 'instance': 'never'}))
    path, beside = stream(case, lines), stream(case, events, 'events.jsonl')
    without = simulate(case, LADDER, path, json_too=True)
    data = simulate(case, LADDER, '--events', beside, path, json_too=True)
    equal(without['events_counted'], 0)
    assert 0 < data['events_counted'] <= 60, data['events_counted']
    scores = {a['account']: a['score'] for a in data['accounts']}
    assert scores.get('alice@example.org', 0) > 0, 'bounces weigh nothing: %s' % data['accounts']
    assert 'bob@example.org' not in scores, 'bob never sent'


def test_lines_that_make_no_sense_are_named(case):
    path = stream(case, ['{"ts":1.7e9', *busy('alice@example.org', 3), 'x' * 70000, '[]'])
    text = simulate(case, LIMITS % 10, path)
    contains(text, '3 lines are no requests')
    contains(text, 'in.jsonl:1: ')
    contains(simulate(case, LIMITS % 10, stream(case, ['nonsense'], 'bad.jsonl'), code=65), 'bad.jsonl:1: ')


def test_log_of_a_real_postfix(case):
    """What a Postfix wrote while it delivered: the same recipients, by the same logins, to the same verdicts."""
    postfix, policyd = mail_server(case, '{ name = "hourly"; rate = "1000/1h"; }')
    with postfix.login('submission') as smtp:
        for n in range(4):
            smtp.message('alice@example.org', ['a%d%d@example.net' % (n, r) for r in range(5)])
    with postfix.login('submission', 'bob') as smtp:
        smtp.message('bob@example.org', ['b@example.net'])
    postfix.wait_delivered(21)
    equal(policyd.stop(), 0)
    log = case.folder / 'mail.log'
    log.write_text(postfix.log())
    assert 'sasl_username=alice' in postfix.log(), 'nothing in the log'
    data = simulate(case, LIMITS % 12 + 'login_domain = "example.org";\n', '--format', 'postfix-log', log, json_too=True)
    equal(data['bad_lines'], 0, data.get('first_bad'))
    equal((data['log']['messages'], data['outbound']), (5, 21 + 5))
    equal([(a['account'], a['recipients']) for a in data['accounts']], [('alice@example.org', 20)])
    text = simulate(case, LIMITS % 12, '--format', 'postfix-log', log)
    contains(text, 'not in it: HELO names')
    shown = re.search(r'(\d+) messages by smtpd', text)
    equal(shown and shown.group(1), '5')
    contains(simulate(case, LIMITS % 12, '--format', 'mbox', log, code=64), 'jsonl or postfix-log')
