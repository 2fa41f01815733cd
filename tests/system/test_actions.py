# SPDX-License-Identifier: ISC
"""What rules and actions come to in a real Postfix: replies, headers, queues and deliveries."""
import os
import pwd
import re
import subprocess

from harness import contains, equal, free_port, wait_until
from postfix import accepts, learn_stage, mail_server

ALICE = 'alice@example.org'
LOCAL = 'local_domains = [ "example.org" ];'


def addresses(count, domain='example.net', prefix='r'):
    return ['%s%d@%s' % (prefix, i, domain) for i in range(count)]


def codes(replies):
    return [code for code, _ in replies]


def send(postfix, recipients, wanted, user='alice', listener='submission', sender=None):
    """A message in a session of its own; its RCPTs and its end must be answered with the codes wanted. The texts."""
    with postfix.login(listener, user) as smtp:
        replies, last = smtp.message(sender or '%s@example.org' % user, recipients)
    answers = replies + ([last] if last else [])
    equal(codes(answers), wanted, 'replies to %s: %r' % (recipients, answers))
    return [text for _, text in answers]


def mails(folder):
    """What a sink got: (recipients, text) of each message, in the order of their files' names."""
    found = []
    for path in sorted(folder.iterdir()):
        text = path.read_text(errors='replace')
        found.append((sorted(re.findall(r'^X-Rcpt-Args: <([^>]*)>', text, re.M)), text))
    return found


def mail_to(postfix, recipient):
    """The one delivered message that this recipient got."""
    wait_until(lambda: recipient in postfix.delivered(), 'mail for ' + recipient)
    found = [text for recipients, text in mails(postfix.top / 'sink') if recipient in recipients]
    equal(len(found), 1, 'messages for ' + recipient)
    return found[0]


def headers(text, name):
    return re.findall(r'^%s: *(.*?)\r?$' % re.escape(name), text, re.M | re.I)


def deliver_to(postfix, recipients):
    """All that was ever delivered is this."""
    wait_until(lambda: len(postfix.delivered()) >= len(recipients), '%d recipients delivered' % len(recipients))
    wait_until(lambda: not [entry for entry in postfix.queue() if entry['queue_name'] != 'hold'], 'an empty queue')
    equal(sorted(postfix.delivered()), sorted(recipients), 'delivered')


# ---- caps per message ----

def test_cap_refuses_the_recipient_too_many(case):
    """The third RCPT is refused for good, by name; those before it get the mail."""
    postfix, policyd = mail_server(case, '{ name = "few"; rate = "2/message"; }')
    texts = send(postfix, addresses(3), [250, 250, 550, 250])
    for part in ('5.5.3', 'few', 'r2@example.net'):
        contains(texts[2], part, 'reply to the third RCPT')
    send(postfix, addresses(2, prefix='x'), [250, 250, 250])
    deliver_to(postfix, [*addresses(2), *addresses(2, prefix='x')])


def test_cap_of_an_application_is_temporary(case):
    """Programs send the rest in another message: 452 4.5.3. People's mail keeps 550."""
    postfix, policyd = mail_server(
        case, '{ name = "few"; rate = "2/message"; }',
        'classes = ( { name = "application"; match = ( { login = "bob@example.org"; } ); } );')
    contains(send(postfix, addresses(3), [250, 250, 452, 250], 'bob')[2], '4.5.3', 'reply to an application')
    contains(send(postfix, addresses(3), [250, 250, 550, 250])[2], '5.5.3', 'reply to a person')
    deliver_to(postfix, addresses(2) * 2)


def test_cap_with_words_of_its_own(case):
    postfix, policyd = mail_server(case, '{ name = "few"; rate = "2/message"; action = "450 4.7.1 own words"; }')
    text = send(postfix, addresses(3), [250, 250, 450, 250])[2]
    for part in ('4.7.1', 'own words'):
        contains(text, part, 'reply')
    deliver_to(postfix, addresses(2))


def test_cap_on_duplicates_shows_at_data(case):
    """The same RCPT again is not asked about; all of them are counted before the text is taken."""
    postfix, policyd = mail_server(case, '{ name = "few"; rate = "2/message"; }')
    text = send(postfix, ['x@example.net'] * 3, [250, 250, 250, 550])[-1]
    contains(text, '5.5.3 <DATA>: Data command rejected: Message limit few', 'reply to DATA')
    deliver_to(postfix, [])


# ---- the token ----

def token_settings(case):
    path = case.folder / 'token.key'
    path.write_text('0123456789abcdef0123456789abcdef\n')
    path.chmod(0o600)
    return 'token = { key_file = "%s"; };' % path


def token_of(text):
    """The parts of the one token of a message: version, account, message, signature."""
    found = headers(text, 'X-Policyd-Token')
    equal(len(found), 1, 'tokens in %s' % text)
    assert re.fullmatch(r'1(\.[0-9a-f]{16}){3}', found[0]), found
    return found[0].split('.')


def test_token_is_in_every_mail_once(case):
    """However many recipients, also within a session, and where Postfix asks at the end as well."""
    postfix, policyd = mail_server(case, settings=token_settings(case))
    with postfix.login() as smtp:
        for recipients in (addresses(3, prefix='one'), ['two@example.net']):
            equal(smtp.message(ALICE, recipients)[1][0], 250)
    send(postfix, addresses(2, prefix='late'), [250] * 3, listener='thorough')
    send(postfix, ['bob@example.net'], [250] * 2, 'bob')
    *of_alice, of_bob = (token_of(mail_to(postfix, name + '@example.net')) for name in ('one0', 'two', 'late0', 'bob'))
    equal(len({token[1] for token in of_alice}), 1, 'account parts of one login')
    assert of_alice[0][1] != of_bob[1], 'two logins have the same account part: %r' % of_bob[1]
    for part in (2, 3):
        equal(len({token[part] for token in (*of_alice, of_bob)}), 4, 'different parts number %d' % part)


def test_token_is_in_held_mail(case):
    """HOLD is said at RCPT, the token at DATA."""
    postfix, policyd = mail_server(case, '{ name = "hourly"; rate = "1/1h"; action = "HOLD"; }', token_settings(case))
    send(postfix, addresses(3), [250] * 4)
    entry, = postfix.held()
    held = token_of(postfix.run('postcat', '-q', entry['queue_id']))
    send(postfix, ['bob@example.net'], [250] * 2, 'bob')
    assert held[1] != token_of(mail_to(postfix, 'bob@example.net'))[1], 'account part of two logins'


def test_no_token_unless_configured(case):
    postfix, policyd = mail_server(case, '{ name = "hourly"; rate = "9/1h"; }')
    send(postfix, addresses(2), [250] * 3)
    equal(headers(mail_to(postfix, 'r0@example.net'), 'X-Policyd-Token'), [])


# ---- actions of limits ----

def over(action, rate='1/1h'):
    return '{ name = "hourly"; rate = "%s"; action = "%s"; }' % (rate, action)


def test_prepend_is_there_once(case):
    postfix, policyd = mail_server(case, over('PREPEND X-Limited: yes'))
    for listener in ('submission', 'thorough'):
        send(postfix, addresses(3, prefix=listener), [250] * 4, listener=listener)
        equal(headers(mail_to(postfix, listener + '0@example.net'), 'X-Limited'), ['yes'], listener)
    send(postfix, ['bob@example.net'], [250] * 2, 'bob')
    equal(headers(mail_to(postfix, 'bob@example.net'), 'X-Limited'), [], 'below the limit')


def test_bcc_is_one_copy(case):
    postfix, policyd = mail_server(case, over('BCC watch@example.org', '2/1h'))
    send(postfix, addresses(2), [250] * 3)
    send(postfix, addresses(3, prefix='x'), [250] * 4)
    deliver_to(postfix, [*addresses(2), *addresses(3, prefix='x'), 'watch@example.org'])


def test_bcc_of_what_shows_at_data(case):
    """Duplicates are not asked about: that there are too many is seen at DATA, and answered there."""
    postfix, policyd = mail_server(case, over('BCC watch@example.org', '2/1h'))
    send(postfix, ['x@example.net'] * 3, [250] * 4)
    wait_until(lambda: 'watch@example.org' in postfix.delivered(), 'the copy')
    equal(postfix.delivered().count('watch@example.org'), 1, 'copies')


def test_redirect_takes_the_whole_message(case):
    postfix, policyd = mail_server(case, over('REDIRECT abuse@example.org', '2/1h'))
    send(postfix, addresses(3), [250] * 4)
    send(postfix, ['bob@example.net'], [250] * 2, 'bob')
    deliver_to(postfix, ['abuse@example.org', 'bob@example.net'])


def test_discard_looks_like_delivery(case):
    postfix, policyd = mail_server(case, over('DISCARD', '2/1h'))
    send(postfix, addresses(3), [250] * 4)
    send(postfix, ['bob@example.net'], [250] * 2, 'bob')
    deliver_to(postfix, ['bob@example.net'])
    contains(postfix.log(), 'discard: RCPT', 'log of Postfix')


def sink(case, name, port):
    """One more place that takes mail."""
    folder = case.folder / name
    folder.mkdir()
    os.chown(folder, pwd.getpwnam('postfix').pw_uid, -1)
    process = case.stack.enter_context(subprocess.Popen(
        ['smtp-sink', '-u', 'postfix', '-d', '%s/%%M.' % folder, '127.0.0.1:%d' % port, '100'],
        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    case.stack.callback(process.kill)
    wait_until(lambda: accepts(port), 'the sink ' + name)
    return lambda: sorted(recipient for recipients, _ in mails(folder) for recipient in recipients)


def test_filter_is_for_external_mail(case):
    """Over the limit mail takes the slow way, past the scanner as configured; not if somebody here gets it, too."""
    slow_port, scanner_port = free_port(), free_port()
    slow, scanner = sink(case, 'slow', slow_port), sink(case, 'scanner', scanner_port)
    postfix, policyd = mail_server(
        case, over('FILTER relay:[127.0.0.1]:%d' % slow_port),
        LOCAL + 'filter_bypasses_content_filter = true; postfix = { config_directory = "%s"; };'
        % (case.folder / 'postfix' / 'etc'),
        parameters={'content_filter': 'smtp:[127.0.0.1]:%d' % scanner_port})
    send(postfix, ['first@example.net'], [250] * 2)
    wait_until(lambda: scanner() == ['first@example.net'], 'mail below the limit at the scanner')
    send(postfix, addresses(2), [250] * 3)
    wait_until(lambda: slow() == addresses(2), 'mail over the limit on the slow way')
    mixed = ['known@example.org', 'x@example.net']
    send(postfix, mixed, [250] * 3)
    wait_until(lambda: scanner() == sorted(['first@example.net', *mixed]), 'the mixed message at the scanner')
    equal(slow(), addresses(2), 'the slow way')


def test_what_only_warns_is_no_action(case):
    """WARN and INFO would let everything pass: the configuration is refused, with the remedy."""
    for word in ('WARN', 'INFO'):
        policyd = case.policyd(limits=over(word), start=False, folder=word)
        done = policyd.run_ctl('config', 'check', '-c', policyd.config)
        assert done.returncode != 0, word
        contains(done.stdout + done.stderr, 'mode = "observe"', 'config check of ' + word)


# ---- suspended ----

def suspend(policyd, account=ALICE):
    return policyd.ctl('suspend', account, '--reason', 'sent spam')


def test_suspended_may_write_to_us(case):
    """abuse and postmaster of our domains are let through and delivered, whoever else is written to is not."""
    postfix, policyd = mail_server(case, '{ name = "hourly"; rate = "1/1h"; }', LOCAL)
    suspend(policyd)
    send(postfix, ['abuse@example.org'], [250] * 2)
    send(postfix, ['Postmaster@EXAMPLE.org', 'abuse@example.org'], [250] * 3)
    for other in ('abuse@example.net', 'known@example.org', 'x@example.net'):
        contains(send(postfix, [other], [554])[0], '5.7.1', 'reply for ' + other)
    send(postfix, ['x@example.net', 'abuse@example.org', 'known@example.org'], [554, 250, 554, 250])
    deliver_to(postfix, ['abuse@example.org'] * 3 + ['Postmaster@EXAMPLE.org'])


def test_suspended_may_write_to_us_however_often_asked(case):
    postfix, policyd = mail_server(case, settings=LOCAL)
    suspend(policyd)
    for listener in ('fourfold', 'thorough'):
        send(postfix, ['abuse@example.org', 'x@example.net'], [250, 554, 250], listener=listener)
    deliver_to(postfix, ['abuse@example.org'] * 2)


def test_over_limit_may_write_to_us(case):
    """The same for one who is over a limit; at other domains these names are recipients like any."""
    postfix, policyd = mail_server(case, over('REJECT'), LOCAL + 'exempt_foreign_rate = "1/1h";')
    send(postfix, addresses(2), [250, 554, 250])
    send(postfix, ['abuse@example.org', 'known@example.org'], [250, 554, 250])
    send(postfix, ['abuse@example.net', 'abuse@example.com'], [250, 554, 250])
    deliver_to(postfix, ['r0@example.net', 'abuse@example.org', 'abuse@example.net'])


def test_bare_postmaster(case):
    """RCPT TO:<postmaster> is passed by Postfix without asking us: DATA must not stop it, either."""
    postfix, policyd = mail_server(case, over('REJECT'), LOCAL)
    send(postfix, addresses(2), [250, 554, 250])
    for listener in ('submission', 'thorough'):
        send(postfix, ['postmaster'], [250] * 2, listener=listener)
    suspend(policyd)
    for listener in ('submission', 'thorough'):
        send(postfix, ['x@example.net', 'postmaster'], [554, 250, 250], listener=listener)
    equal(policyd.used(ALICE, 'hourly'), 1)


def test_suspended_with_hold_may_write_to_us(case):
    """Mail to abuse alone is not held; with somebody else in it the whole message is."""
    postfix, policyd = mail_server(case, settings=LOCAL + 'suspension = { action = "HOLD"; };')
    suspend(policyd)
    send(postfix, ['abuse@example.org'], [250] * 2)
    deliver_to(postfix, ['abuse@example.org'])
    equal(postfix.held(), [], 'hold queue')
    send(postfix, ['abuse@example.org', 'x@example.net'], [250] * 3)
    equal([sorted(r['address'] for r in entry['recipients']) for entry in postfix.held()],
          [['abuse@example.org', 'x@example.net']], 'hold queue')
    deliver_to(postfix, ['abuse@example.org'])


# ---- keys and units ----

def test_by_sender_domain(case):
    """Two logins share what the domain they write as may send; another domain has its own."""
    postfix, policyd = mail_server(case, '{ name = "domain"; key = "sender_domain"; rate = "2/1h"; }')
    send(postfix, addresses(2), [250] * 3, sender='x@one.example')
    text, = send(postfix, ['r@example.net'], [450], 'bob', sender='y@ONE.example')
    for part in ('domain', 'one.example'):
        contains(text, part, 'reply')
    send(postfix, addresses(2), [250] * 3, 'bob', sender='y@two.example')


def test_by_client_address(case):
    """XCLIENT stands for other hosts: each has its own, whoever logs in there."""
    postfix, policyd = mail_server(case, '{ name = "host"; key = "client_address"; rate = "2/1h"; }')
    got = []
    for user, address in (('alice', '192.0.2.7'), ('bob', '192.0.2.7'), ('bob', '192.0.2.8')):
        with postfix.connect() as smtp:
            equal(smtp.docmd('XCLIENT', 'ADDR=%s NAME=[UNAVAILABLE]' % address)[0], 220)
            smtp.ehlo()
            smtp.login_as(user)
            got.append(codes(smtp.message('%s@example.org' % user, addresses(2))[0]))
    equal(got, [[250, 250], [450, 450], [250, 250]], 'replies to RCPT')


def test_by_recipient_domain(case):
    """In one message: a domain that has enough is refused, others are not."""
    postfix, policyd = mail_server(case, '{ name = "target"; key = "recipient_domain"; rate = "2/1h"; }')
    recipients = ['a@example.net', 'b@EXAMPLE.net', 'c@example.net', 'd@example.com']
    contains(send(postfix, recipients, [250, 250, 450, 250, 250])[2], 'target', 'reply')
    contains(send(postfix, ['e@example.net'], [450], 'bob')[0], 'example.net', 'reply to another login')
    deliver_to(postfix, [r for r in recipients if r != 'c@example.net'])


def test_by_server(case):
    postfix, policyd = mail_server(case, '{ name = "all"; key = "server"; rate = "3/1h"; }')
    send(postfix, addresses(2), [250] * 3)
    contains(send(postfix, addresses(2), [250, 450, 250], 'bob')[1], 'all', 'reply')


def test_external_recipients(case):
    """Mail among ourselves does not count, and is not refused when the others are."""
    postfix, policyd = mail_server(case, '{ name = "out"; unit = "external-recipients"; rate = "2/1h"; }', LOCAL)
    inside = addresses(3, 'example.org')
    send(postfix, inside, [250] * 4)
    contains(send(postfix, [*addresses(3), *inside], [250, 250, 450, 250, 250, 250, 250])[2], 'out', 'reply')
    equal(policyd.used(ALICE, 'out'), 2)
    deliver_to(postfix, [*inside * 2, *addresses(2)])


def text_of(size):
    """A message text of about so many bytes."""
    return 'Subject: size\r\n\r\n' + ('x' * 68 + '\r\n') * (size // 70)


def send_sized(smtp, recipient, size, said=''):
    """The reply to the end of a message; a refused one is ended with RSET, which Postfix wants then."""
    equal(smtp.docmd('MAIL', 'FROM:<%s>%s' % (ALICE, said))[0], 250)
    equal(smtp.recipient(recipient)[0], 250)
    code, text = smtp.body(text_of(size))
    if code != 250:
        smtp.rset()
    return code, text


def test_bytes_by_what_the_client_says(case):
    """SIZE that does not fit is refused before anything is sent; one that is true is charged once."""
    postfix, policyd = mail_server(case, '{ name = "volume"; unit = "bytes"; rate = "10k/1h"; }')
    with postfix.login('thorough') as smtp:
        equal(smtp.docmd('MAIL', 'FROM:<%s> SIZE=20000' % ALICE)[0], 250)
        code, text = smtp.recipient('r0@example.net')
        equal(code, 450, text)
        contains(text, 'volume', 'reply')
        smtp.rset()
        equal(policyd.used(ALICE, 'volume'), 0)
        equal(send_sized(smtp, 'r1@example.net', 4000, ' SIZE=4000')[0], 250)
    used = policyd.used(ALICE, 'volume')
    assert 3900 <= used <= 5200, 'charged for 4000 bytes: %d' % used
    deliver_to(postfix, ['r1@example.net'])


def test_bytes_by_what_is_sent(case):
    """Who says no SIZE, or a false one, is refused at the end; nothing is delivered, and nothing charged."""
    postfix, policyd = mail_server(case, '{ name = "volume"; unit = "bytes"; rate = "10k/1h"; }')
    with postfix.login('thorough') as smtp:
        answers = [send_sized(smtp, 'r%d@example.net' % n, size, said)
                   for n, (size, said) in enumerate(((6000, ''), (6000, ' SIZE=100'), (6000, ''), (2000, '')))]
    equal(codes(answers), [250, 450, 450, 250])
    contains(answers[1][1], 'volume', 'reply')
    deliver_to(postfix, ['r0@example.net', 'r3@example.net'])


def test_hold_by_bytes_at_the_end(case):
    """Without SIZE the first to know is END-OF-MESSAGE, where the mail can still be held."""
    postfix, policyd = mail_server(case, '{ name = "volume"; unit = "bytes"; rate = "10k/1h"; action = "HOLD"; }')
    with postfix.login('thorough') as smtp:
        equal(codes(send_sized(smtp, recipient, 6000) for recipient in addresses(2)), [250] * 2)
    deliver_to(postfix, addresses(1))
    equal([entry['recipients'][0]['address'] for entry in postfix.held()], ['r1@example.net'], 'hold queue')


def test_bcc_by_bytes_at_the_end(case):
    """The same with a copy, of which there is one, too, when SIZE told at DATA already."""
    postfix, policyd = mail_server(
        case, '{ name = "volume"; unit = "bytes"; rate = "10k/1h"; action = "BCC watch@example.org"; }')
    with postfix.login('thorough') as smtp:
        equal(codes(send_sized(smtp, recipient, 6000, said)
                    for recipient, said in zip(addresses(3), ('', '', ' SIZE=6000'))), [250] * 3)
    deliver_to(postfix, [*addresses(3), *['watch@example.org'] * 2])


def test_bytes_of_one_message(case):
    postfix, policyd = mail_server(case, '{ name = "size"; unit = "bytes"; rate = "3k/message"; }')
    with postfix.login('thorough') as smtp:
        answers = [send_sized(smtp, 'r%d@example.net' % n, size) for n, size in enumerate((2000, 6000, 2000))]
    equal(codes(answers), [250, 550, 250])
    contains(answers[1][1], 'size', 'reply')
    deliver_to(postfix, ['r0@example.net', 'r2@example.net'])


def test_rejected_recipients(case):
    """Postfix refuses whom it does not know after policyd let them pass; who has had enough of that is stopped."""
    postfix, policyd = mail_server(
        case, '{ name = "unknown"; unit = "rejected-recipients"; rate = "2/1h"; }', LOCAL,
        parameters={'relay_recipient_maps': 'inline:{ { known@example.org = yes } }'})
    learn_stage(postfix)
    send(postfix, ['known@example.org', *addresses(2, 'example.org')], [250, 550, 550, 250])
    policyd.wait_used(ALICE, 'unknown', 2)
    contains(send(postfix, ['known@example.org'], [450])[0], 'unknown', 'reply')
    send(postfix, ['known@example.org'], [250] * 2, 'bob')
    equal(policyd.used('bob@example.org', 'unknown'), 0)


# ---- people at work ----

def test_override_and_reset_at_once(case):
    """In one session: the next message has what the desk gave, and loses what it took."""
    postfix, policyd = mail_server(case, '{ name = "hourly"; rate = "2/1h"; }')
    with postfix.login() as smtp:
        equal(codes(smtp.message(ALICE, addresses(3))[0]), [250, 250, 450])
        policyd.ctl('override', 'set', ALICE, 'hourly', '4/1h', '--for', '1h', '--reason', 'a wedding')
        equal(codes(smtp.message(ALICE, addresses(3, prefix='x'))[0]), [250, 250, 450], 'with 4/1h')
        policyd.ctl('reset', ALICE, '--reason', 'asked us')
        equal(policyd.used(ALICE, 'hourly'), 0)
        equal(codes(smtp.message(ALICE, addresses(5, prefix='y'))[0]), [250] * 4 + [450], 'after the reset')
        policyd.ctl('override', 'unset', ALICE, 'hourly', '--reason', 'is over')
        text = smtp.message(ALICE, ['z@example.net'])[0][0][1]
        contains(text, 'of 2 recipients', 'reply without the override')


def test_config_check_asks_postfix(case):
    """Actions that this Postfix could not carry out are told with the line they stand in."""
    postfix, policyd = mail_server(
        case, start=False, parameters={'content_filter': 'smtp:[127.0.0.1]:%d' % free_port()},
        listeners={'submission': {}, 'proxied': {'smtpd_proxy_filter': '127.0.0.1:%d' % free_port()}})
    policyd.write('limits = (\n%s,\n%s\n);' % (
        over('HOLD'), over('FILTER relay:[127.0.0.1]:25').replace('hourly', 'slow')))
    alone = policyd.run_ctl('config', 'check', '-c', policyd.config)
    done = policyd.run_ctl('config', 'check', '-c', policyd.config, '--postfix', postfix.etc)
    assert done.returncode != 0, done.stdout + done.stderr
    told = (done.stdout + done.stderr).splitlines()
    for line, parts in ((5, ('HOLD', 'hourly', 'smtpd_proxy_filter')), (6, ('FILTER', 'slow', 'content_filter'))):
        found = [text for text in told if 'policyd.conf:%d' % line in text and all(part in text for part in parts)]
        equal(len(found), 1, 'complaint about line %d in %r' % (line, told))
    for part in ('smtpd_proxy_filter', 'content_filter'):
        assert part not in alone.stdout + alone.stderr, 'without that Postfix: ' + alone.stdout + alone.stderr


def test_reload_refuses_what_postfix_cannot(case):
    """The running configuration stays when the new one needs what this Postfix does not do."""
    postfix, policyd = mail_server(
        case, over('REJECT'), parameters={'smtpd_proxy_filter': ''},
        listeners={'submission': {}, 'proxied': {'smtpd_proxy_filter': '127.0.0.1:%d' % free_port()}})
    policyd.allow('^(WARNING|ERROR) ')
    send(postfix, addresses(2), [250, 554, 250])
    policyd.write('limits = ( %s );\npostfix = { config_directory = "%s"; };' % (over('HOLD'), postfix.etc))
    done = policyd.run_ctl('reload')
    assert done.returncode != 0, done.stdout + done.stderr
    contains(done.stdout + done.stderr, 'smtpd_proxy_filter', 'policyctl reload')
    send(postfix, ['x@example.net'], [554])


# ---- words ----

def test_reply_says_whom_to_ask(case):
    """Contact and address of the policy stand in what a client sees, whatever refused it."""
    postfix, policyd = mail_server(
        case, '{ name = "few"; rate = "2/message"; }, { name = "hourly"; rate = "3/1h"; }',
        'contact = "help@example.com"; aup = "https://www.example.org/aup";')
    cap = send(postfix, addresses(3), [250, 250, 550, 250])[2]
    limit = send(postfix, addresses(2), [250, 450, 250])[1]
    suspend(policyd, 'bob@example.org')
    suspended = send(postfix, addresses(1), [554], 'bob')[0]
    for text, reason in ((cap, 'few'), (limit, 'hourly'), (suspended, 'suspended')):
        for part in (reason, 'help@example.com', 'https://www.example.org/aup', 'reference '):
            contains(text, part, 'reply')


def test_long_words_leave_a_reply_that_fits(case):
    """400 bytes at most, in one line; words without an enhanced code get one of the reply's class."""
    postfix, policyd = mail_server(case, over('554 ' + 'so many words ' * 9), 'contact = "%s@example.com"; '
                                   'aup = "https://www.example.org/%s";' % ('h' * 60, 'a' * 170))
    text = send(postfix, addresses(2), [250, 554, 250])[1]
    equal(len(text.splitlines()), 1, 'lines of %r' % text)
    text = '5.7.1 ' + text.split('rejected: ', 1)[1]
    assert 350 < len(text) <= 400, '%d bytes: %s' % (len(text), text)
    for part in ('5.7.1 so many words', 'reference ', 'https://www.example.org/aaa'):
        contains(text, part, 'reply')
