# SPDX-License-Identifier: ISC
"""Suspend and release: at once, durably, with author and reason."""
import re
import time

from harness import contains, equal, request, rows, wait_until
from postfix import mail_server

ALICE = 'alice@example.org'


def suspend(policyd, account=ALICE, *options):
    return policyd.ctl('suspend', account, '--reason', 'sent spam', *options)


def is_suspended(policyd, account=ALICE):
    data = request(sasl_username=account, instance='a.b.%s.0' % time.monotonic_ns())
    return policyd.client_ask(data) != 'action=DUNNO'


def events(policyd, account=ALICE):
    return [(row['event'], row['account'], row['reason']) for row in rows(policyd.ctl('audit', '--account', account))]


def test_within_the_next_request(case):
    """In an open SMTP session: one recipient passes, the next after the command does not."""
    postfix, policyd = mail_server(case)
    with postfix.login() as smtp:
        smtp.begin(ALICE)
        equal(smtp.recipient('a@example.net')[0], 250)
        suspend(policyd)
        code, text = smtp.recipient('b@example.net')
        equal(code, 554, text)
        contains(text, '5.7.1', 'reply')
        code, text = smtp.body()
        equal(code, 554, 'DATA of the message that was begun before: %s' % text)
        smtp.rset()
        policyd.ctl('release', ALICE, '--reason', 'talked to her')
        replies, last = smtp.message(ALICE, ['c@example.net'])
        equal((replies[0][0], last[0]), (250, 250), 'after release')
    postfix.wait_delivered(1)


def test_others_go_on(case):
    postfix, policyd = mail_server(case)
    suspend(policyd)
    with postfix.login(user='bob') as smtp:
        equal(smtp.message('bob@example.org', ['a@example.net'])[1][0], 250)


def test_reply_has_a_reference(case):
    postfix, policyd = mail_server(case)
    suspend(policyd)
    with postfix.login() as smtp:
        text = smtp.message(ALICE, ['a@example.net'])[0][0][1]
    found = [policyd.run_ctl('--json', 'why', word) for word in re.findall(r'\b[A-Za-z0-9]{10}\b', text)]
    found = [done.stdout for done in found if done.returncode == 0]
    equal(len(found), 1, 'references in %r that policyctl why knows' % text)
    contains(found[0], ALICE)


def test_as_defer(case):
    postfix, policyd = mail_server(case, settings='suspension = { action = "DEFER_IF_PERMIT"; };')
    suspend(policyd)
    with postfix.login() as smtp:
        (code, text), = smtp.message(ALICE, ['a@example.net'])[0]
    equal(code, 450)
    contains(text, '4.7.1', 'reply')


def test_as_hold(case):
    """Suspension with HOLD: the client sees 250, the mail waits in the hold queue until somebody looks."""
    postfix, policyd = mail_server(case, settings='suspension = { action = "HOLD"; };')
    suspend(policyd)
    with postfix.login() as smtp:
        replies, last = smtp.message(ALICE, ['a@example.net', 'b@example.net'])
        equal([code for code, _ in replies] + [last[0]], [250] * 3)
        held = postfix.held()
        equal([(entry['sender'], len(entry['recipients'])) for entry in held], [(ALICE, 2)], 'postqueue -j')
        policyd.ctl('release', ALICE, '--reason', 'all well')
        equal(smtp.message(ALICE, ['c@example.net'])[1][0], 250)
        postfix.wait_delivered(1)
    equal(len(postfix.held()), 1, 'held before the release')


def test_survives_kill(case):
    """kill -9 right after the acknowledgement, again and again: what was acknowledged holds."""
    policyd = case.policyd()
    for round in range(8):
        account = 'user%d@example.org' % round
        suspend(policyd, account)
        policyd.kill()
        policyd.start()
        equal(is_suspended(policyd, account), True, '%s suspended after kill -9' % account)
        if round % 2:
            policyd.ctl('release', account, '--reason', 'round %d' % round)
            policyd.kill()
            policyd.start()
            equal(is_suspended(policyd, account), False, '%s released after kill -9' % account)
    equal(is_suspended(policyd, 'user0@example.org'), True, 'the first of all')


def test_survives_kill_within_50_ms(case):
    """policyd is killed at 0 to 50 ms after the acknowledgement, with requests coming in meanwhile."""
    policyd = case.policyd(limits='{ name = "hourly"; rate = "5/1h"; }')
    for round in range(6):
        account = 'late%d@example.org' % round
        suspend(policyd, account, '--for', '1h')
        end = time.monotonic() + round / 100
        client = case.client(policyd)
        while True:
            client.ask(request(sasl_username=account, instance='%d.%d' % (round, time.monotonic_ns())))
            if time.monotonic() >= end:
                break
        policyd.kill()
        client.close()
        policyd.start()
        equal(is_suspended(policyd, account), True, '%s suspended after kill -9' % account)


def test_survives_kill_behind_postfix(case):
    """The same as senders see it, in one SMTP session: Postfix comes back to the new process by itself."""
    postfix, policyd = mail_server(case)
    with postfix.login() as smtp:
        equal(smtp.message(ALICE, ['a@example.net'])[1][0], 250)
        suspend(policyd)
        policyd.kill()
        policyd.start()
        equal(smtp.message(ALICE, ['b@example.net'])[0][0][0], 554, 'after kill -9')
        policyd.ctl('release', ALICE, '--reason', 'all well')
        equal(smtp.message(ALICE, ['c@example.net'])[1][0], 250, 'after release')


def test_audit_tells_who_and_why(case):
    policyd = case.policyd()
    suspend(policyd, ALICE, '--for', '4h')
    policyd.ctl('release', ALICE, '--reason', 'password changed; "quoted" \\ and ünï')
    policyd.restart()
    equal(events(policyd), [('suspend', ALICE, 'sent spam'),
                            ('release', ALICE, 'password changed; "quoted" \\ and ünï')], 'audit')
    for row in rows(policyd.ctl('audit')):
        contains(row['author'], 'uid 0', 'author')
        assert re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ', row['at']), row['at']


def test_ends_by_itself(case):
    policyd = case.policyd()
    suspend(policyd, ALICE, '--for', '1s')
    wait_until(lambda: not is_suspended(policyd), 'the end of a suspension for 1 s')


def test_permanent_and_never_seen(case):
    """permanent has no end; an account that never sent can be suspended before it does."""
    policyd = case.policyd()
    suspend(policyd, 'never.seen@example.org', '--for', 'permanent')
    policyd.restart()
    equal(is_suspended(policyd, 'never.seen@example.org'), True)
    equal(is_suspended(policyd, 'NEVER.seen@EXAMPLE.org.'), True, 'the same name, written otherwise')
    equal(rows(policyd.ctl('audit'))[0]['until'], 'permanent')


def test_is_asked_at_mail_already(case):
    """MAIL of a suspended login is answered like its RCPT; everybody else's is a pass."""
    policyd = case.policyd()
    suspend(policyd)
    client = case.client(policyd)
    stages = {state: client.ask(request(protocol_state=state, recipient='', instance='')).split()[0]
              for state in ('CONNECT', 'EHLO', 'MAIL', 'VRFY', 'ETRN')}
    equal(stages, {'CONNECT': 'action=DUNNO', 'EHLO': 'action=DUNNO', 'MAIL': 'action=REJECT',
                   'VRFY': 'action=DUNNO', 'ETRN': 'action=DUNNO'}, 'answers')
    equal(client.ask(request(protocol_state='MAIL', sasl_username='bob@example.org')), 'action=DUNNO')


def test_reaches_who_is_asked_again(case):
    """A question asked before gets its old answer again, unless a suspension came meanwhile."""
    policyd = case.policyd()
    client = case.client(policyd)
    same = request(instance='77.1.1.0')
    equal([client.ask(same) for _ in range(3)], ['action=DUNNO'] * 3)
    suspend(policyd)
    contains(client.ask(same), 'action=REJECT 5.7.1', 'after the suspension')


def test_is_refused_at_mail_where_postfix_asks_there(case):
    """smtpd_delay_reject = no: a suspended login does not get beyond MAIL; others do."""
    postfix, policyd = mail_server(case)
    suspend(policyd)
    with postfix.login('hasty') as smtp:
        code, text = smtp.mail(ALICE)
        equal(code, 554, text)
    with postfix.login('hasty', 'bob') as smtp:
        equal(smtp.message('bob@example.org', ['a@example.net'])[1][0], 250)
