# SPDX-License-Identifier: ISC
"""Limits as senders meet them: through a real Postfix, recipient by recipient."""
import json
import re

from harness import contains, equal, rows
from postfix import learn_stage, mail_server

HOURLY_25 = '{ name = "hourly"; key = "account"; unit = "recipients"; rate = "25/1h"; }'
HOURLY_10 = '{ name = "hourly"; rate = "10/1h"; }'
HOURLY_100 = '{ name = "hourly"; rate = "100/1h"; }'


def accepted(replies):
    return sum(code == 250 for code, _ in replies)


def addresses(count, prefix='r'):
    return ['%s%d@example.net' % (prefix, i) for i in range(count)]


def test_recipients_end_exactly_at_n(case):
    """Over many messages and connections: the 25th recipient passes, the 26th does not."""
    postfix, policyd = mail_server(case, HOURLY_25)
    replies = []
    for session in range(6):
        with postfix.login() as smtp:
            for message in range(2):
                replies += smtp.message('alice@example.org', addresses(3, 's%dm%d-' % (session, message)))[0]
    equal([code for code, _ in replies], [250] * 25 + [450] * 11, 'replies to RCPT')
    equal(policyd.used('alice@example.org', 'hourly'), 25)
    postfix.wait_delivered(25)


def test_messages_end_exactly_at_n(case):
    postfix, policyd = mail_server(case, '{ name = "mails"; unit = "messages"; rate = "5/1h"; }')
    codes = []
    for session in range(4):
        with postfix.login() as smtp:
            codes += [accepted(smtp.message('alice@example.org', addresses(3))[0]) for message in range(2)]
    equal(codes, [3] * 5 + [0] * 3, 'recipients accepted, by message')
    equal(policyd.used('alice@example.org', 'mails'), 5)
    postfix.wait_delivered(15)


def test_accounts_do_not_share(case):
    postfix, policyd = mail_server(case, '{ name = "hourly"; rate = "2/1h"; }')
    for user in ('alice', 'bob'):
        with postfix.login(user=user) as smtp:
            equal(accepted(smtp.message('alice@example.org', addresses(3))[0]), 2, user)
    equal(policyd.used('bob@example.org', 'hourly'), 2)


def test_strictest_limit_wins_and_all_are_charged(case):
    postfix, policyd = mail_server(
        case, '{ name = "burst"; rate = "4/1m"; }, { name = "daily"; rate = "100/1d"; },'
              '{ name = "trial"; rate = "1/1h"; mode = "observe"; }')
    with postfix.login() as smtp:
        replies, _ = smtp.message('alice@example.org', addresses(6))
    equal(accepted(replies), 4)
    contains(replies[-1][1], 'burst')
    equal([policyd.used('alice@example.org', name) for name in ('burst', 'daily', 'trial')], [4, 4, 1])


def test_reply_names_limit_and_reference(case):
    """The sender's program shows 4.7.1, the limit's name and a reference that policyctl why knows."""
    postfix, policyd = mail_server(case, '{ name = "hourly-cap"; rate = "1/1h"; }',
                                   'contact = "postmaster@example.org";')
    with postfix.login() as smtp:
        (_, (code, text)), _ = smtp.message('alice@example.org', addresses(2))
    equal(code, 450)
    for part in ('4.7.1', 'hourly-cap', 'postmaster@example.org', 'r1@example.net'):
        contains(text, part, 'reply')
    found = [row for word in re.findall(r'\b[A-Za-z0-9]{10}\b', text) for row in why(policyd, word)]
    equal([(row['account'], row['rule'], row['recipient'], row['sender']) for row in found],
          [('alice@example.org', 'hourly-cap', 'r1@example.net', 'alice@example.org')], 'policyctl why')


def why(policyd, reference):
    done = policyd.run_ctl('--json', 'why', reference)
    return rows(json.loads(done.stdout)['data']) if done.returncode == 0 else []


def test_refused_half_way_and_reset(case):
    """Of 200 recipients 99 are accepted; the client gives up (RSET) and gets back what the message took."""
    postfix, policyd = mail_server(case, HOURLY_100)
    with postfix.login() as smtp:
        smtp.message('alice@example.org', ['first@example.net'])
        smtp.begin('alice@example.org')
        codes = [smtp.recipient(r)[0] for r in addresses(200)]
        equal(codes, [250] * 99 + [450] * 101, 'replies to RCPT')
        equal(policyd.used('alice@example.org', 'hourly'), 100)
        smtp.rset()
        equal(smtp.message('alice@example.org', addresses(99))[1][0], 250, 'the next message')
        equal(policyd.used('alice@example.org', 'hourly'), 100)
        equal(smtp.message('alice@example.org', addresses(1))[0][0][0], 450, 'one more recipient')
    postfix.wait_delivered(100)


def test_refused_half_way_and_sent(case):
    """Those accepted before the refusal get their mail and stay charged; those refused are not."""
    postfix, policyd = mail_server(case, HOURLY_100)
    learn_stage(postfix)
    with postfix.login() as smtp:
        replies, last = smtp.message('alice@example.org', addresses(200))
    equal((accepted(replies), last[0]), (100, 250))
    equal(policyd.used('alice@example.org', 'hourly'), 100)
    postfix.wait_delivered(101)


def test_dropped_before_data(case):
    """A connection that breaks after RCPT: the reservation ends with that smtpd's next message."""
    postfix, policyd = mail_server(case, HOURLY_100)
    learn_stage(postfix, 'single')
    smtp = postfix.login('single')
    smtp.begin('alice@example.org')
    equal({smtp.recipient(r)[0] for r in addresses(40)}, {250})
    equal(policyd.used('alice@example.org', 'hourly'), 40)
    smtp.drop()
    with postfix.login('single', 'bob') as smtp:
        smtp.message('bob@example.org', addresses(1))
    policyd.wait_used('alice@example.org', 'hourly', 0)
    equal(policyd.used('bob@example.org', 'hourly'), 1)


def test_dropped_policy_connection(case):
    """The smtpd itself ends: the reservation comes back after lost_connection_grace."""
    postfix, policyd = mail_server(case, HOURLY_10, 'lost_connection_grace = "100ms";',
                                   parameters={'smtpd_policy_service_max_idle': '1s', 'max_idle': '1s'})
    learn_stage(postfix)
    smtp = postfix.login()
    smtp.begin('alice@example.org')
    equal({smtp.recipient(r)[0] for r in addresses(4)}, {250})
    equal(policyd.used('alice@example.org', 'hourly'), 4)
    smtp.drop()
    policyd.wait_used('alice@example.org', 'hourly', 0)


def asked(policyd, state):
    """Requests in the record file, in order."""
    lines = [json.loads(line) for line in (policyd.folder / 'record.jsonl').read_text().splitlines()]
    return [line for line in lines if line.get('protocol_state') == state]


def test_four_identical_queries(case):
    """The check stands in four lists: four questions a recipient, one charge."""
    postfix, policyd = mail_server(case, HOURLY_10, 'record = { file = "@/record.jsonl"; };')
    with postfix.login('fourfold') as smtp:
        replies, last = smtp.message('alice@example.org', addresses(3))
        equal((accepted(replies), last[0]), (3, 250))
        equal(policyd.used('alice@example.org', 'hourly'), 3)
        replies, last = smtp.message('alice@example.org', addresses(9))
        equal((accepted(replies), last[0]), (7, 250))
    equal(policyd.used('alice@example.org', 'hourly'), 10)
    equal(policyd.stop(), 0)
    questions = [line['recipient'] for line in asked(policyd, 'RCPT')]
    equal(questions[:12], [r for r in addresses(3) for _ in range(4)], 'questions of Postfix')
    verdicts = [(line['recipient'], line['action'].split()[0], line['rule']) for line in asked(policyd, 'RCPT')[12:]]
    equal(set(verdicts), {(r, 'DUNNO', '') for r in addresses(7)}
          | {(r, 'DEFER_IF_PERMIT', 'hourly') for r in addresses(9)[7:]}, 'answers')


def test_alternating_service_strings(case):
    """A,B,A,B: the same question over two policy connections in turn, one charge."""
    postfix, policyd = mail_server(case, HOURLY_10, 'record = { file = "@/record.jsonl"; };')
    with postfix.login('alternating') as smtp:
        for message in range(2):
            replies, last = smtp.message('alice@example.org', addresses(3))
            equal((accepted(replies), last[0]), (3, 250))
    equal(policyd.used('alice@example.org', 'hourly'), 6)
    equal(policyd.stop(), 0)
    questions = [(line['recipient'], line['conn']) for line in asked(policyd, 'RCPT')]
    first, second = questions[0][1], questions[1][1]
    assert first != second, 'both service strings share a connection: %r' % questions
    equal(questions, [(r, c) for r in addresses(3) * 2 for c in (first, second) * 2], 'questions of Postfix')


def test_duplicate_recipient_is_charged_at_data(case):
    """The same RCPT twice is one question, and two recipients at DATA; RCPT TO:<postmaster> is never asked."""
    postfix, policyd = mail_server(case, HOURLY_10)
    learn_stage(postfix)
    with postfix.login() as smtp:
        replies, last = smtp.message('alice@example.org', ['x@example.net', 'x@example.net', 'postmaster'])
    equal((accepted(replies), last[0]), (3, 250))
    equal(policyd.used('alice@example.org', 'hourly'), 3)


def test_excess_at_data_is_refused_when_it_does_not_fit(case):
    postfix, policyd = mail_server(case, '{ name = "hourly"; rate = "2/1h"; }')
    learn_stage(postfix)
    with postfix.login() as smtp:
        replies, last = smtp.message('alice@example.org', ['x@example.net'] * 3)
        equal((accepted(replies), last[0]), (3, 450))
        contains(last[1], 'hourly', 'reply to DATA')
        smtp.rset()
        replies, last = smtp.message('alice@example.org', addresses(2))
        equal((accepted(replies), last[0]), (2, 250), 'the next message')
    equal(policyd.used('alice@example.org', 'hourly'), 2)


def test_control_characters_are_no_way_around(case):
    """Postfix passes ESC and the like on in addresses: they are answered and counted like any other."""
    postfix, policyd = mail_server(case, '{ name = "hourly"; rate = "2/1h"; }')
    with postfix.login() as smtp:
        smtp.begin('al\x1bice@example.org')
        codes = [smtp.recipient('x%s%d@example.net' % (byte, n))[0] for n, byte in enumerate('\x1b\x01\x7f')]
    equal(codes, [250, 250, 450])
    assert not postfix.warnings('policyd.sock'), postfix.warnings('policyd.sock')


def test_open_messages_count_in_full(case):
    """What one session has reserved is not there for another, until it is given back."""
    postfix, policyd = mail_server(case, HOURLY_10)
    learn_stage(postfix)
    with postfix.login() as first, postfix.login() as second:
        first.begin('alice@example.org')
        equal({first.recipient(r)[0] for r in addresses(6)}, {250})
        equal(accepted(second.message('alice@example.org', addresses(9, 'x'))[0]), 4, 'beside six open ones')
        first.rset()
        equal(accepted(first.message('alice@example.org', addresses(9, 'y'))[0]), 6, 'after they were given back')
    equal(policyd.used('alice@example.org', 'hourly'), 10)


def test_asked_at_end_of_message_too(case):
    """Three stages, one charge; a message that Postfix refuses after DATA (too long) gives back."""
    postfix, policyd = mail_server(case, HOURLY_10, parameters={'message_size_limit': '3000'})
    learn_stage(postfix, 'thorough')
    with postfix.login('thorough') as smtp:
        replies, last = smtp.message('alice@example.org', addresses(3))
        equal((accepted(replies), last[0]), (3, 250))
        equal(policyd.used('alice@example.org', 'hourly'), 3)
        replies, last = smtp.message('alice@example.org', addresses(4), 'x' * 70 + '\r\n' + ('y' * 70 + '\r\n') * 60)
        equal((accepted(replies), last[0]), (4, 552))
        replies, last = smtp.message('alice@example.org', addresses(7))
        equal((accepted(replies), last[0]), (7, 250), 'after the one that was too long')
    equal(policyd.used('alice@example.org', 'hourly'), 10)


def test_bdat_is_charged_once(case):
    postfix, policyd = mail_server(case, HOURLY_10)
    learn_stage(postfix)
    text = b'Subject: chunked\r\n\r\nhello\r\n'
    with postfix.login() as smtp:
        smtp.begin('alice@example.org')
        equal({smtp.recipient(r)[0] for r in addresses(2)}, {250})
        smtp.send(b'BDAT %d\r\n' % len(text) + text)
        equal(smtp.getreply()[0], 250)
        smtp.send(b'BDAT 0 LAST\r\n')
        equal(smtp.getreply()[0], 250)
    equal(policyd.used('alice@example.org', 'hourly'), 2)


def test_null_sender_is_charged_to_the_login(case):
    postfix, policyd = mail_server(case, '{ name = "hourly"; rate = "2/1h"; }')
    with postfix.login() as smtp:
        equal(accepted(smtp.message('', addresses(3))[0]), 2)
    equal(policyd.used('alice@example.org', 'hourly'), 2)


def test_trusted_client_is_an_account(case):
    """A client without a login in trusted_networks counts by its address (XCLIENT stands for another host)."""
    postfix, policyd = mail_server(case, '{ name = "hourly"; rate = "2/1h"; }',
                                   'trusted_networks = [ "192.0.2.0/24" ];')
    smtp = postfix.connect('incoming')
    equal(smtp.docmd('XCLIENT', 'ADDR=192.0.2.9 NAME=[UNAVAILABLE]')[0], 220)
    smtp.ehlo()
    equal(accepted(smtp.message('x@example.org', ['r%d@example.org' % i for i in range(3)])[0]), 2)
    smtp.quit()
    equal(policyd.used('addr:192.0.2.9', 'hourly'), 2)


def test_hold_of_a_limit_shows_in_the_queue(case):
    """Beyond the limit mail is accepted and held; it is charged, too."""
    postfix, policyd = mail_server(case, '{ name = "hourly"; rate = "2/1h"; action = "HOLD"; }')
    with postfix.login() as smtp:
        for count in (2, 3):
            replies, last = smtp.message('alice@example.org', addresses(count))
            equal((accepted(replies), last[0]), (count, 250))
    postfix.wait_delivered(2)
    held = postfix.held()
    equal([sorted(r['address'] for r in entry['recipients']) for entry in held], [addresses(3)], 'hold queue')
    equal(held[0]['sender'], 'alice@example.org')
    postfix.run('postsuper', '-H', held[0]['queue_id'])
    postfix.run('postqueue', '-f')
    postfix.wait_delivered(5)
    equal(postfix.queue(), [], 'queue')
