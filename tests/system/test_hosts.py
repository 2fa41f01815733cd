# SPDX-License-Identifier: ISC
"""Who is an account and who is not; and what happens to mail when policyd is away."""
import shutil
import ssl

from harness import equal, request
from postfix import certificate, mail_server

OURS = ['r%d@example.org' % i for i in range(4)]


def incoming_with_certificate(postfix, pem):
    """A session of another mail server: STARTTLS with a client certificate of its own making, no login."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(pem)
    smtp = postfix.connect('incoming')
    smtp.starttls(context=context)
    smtp.ehlo()
    return smtp


def test_foreign_certificate_is_no_account(case):
    """smtpd_tls_ask_ccert shows every MTA's self-signed certificate: it means nothing while it is not listed."""
    fingerprint = certificate(case.folder / 'foreign.pem', 'mx.example.com')
    postfix, policyd = mail_server(case, '{ name = "hourly"; rate = "1/1h"; }',
                                   'record = { file = "@/record.jsonl"; };')
    with incoming_with_certificate(postfix, case.folder / 'foreign.pem') as smtp:
        replies, last = smtp.message('someone@example.com', OURS)
    equal([code for code, _ in replies] + [last[0]], [250] * 5)
    for account in ('cert:' + fingerprint, 'addr:127.0.0.1'):
        equal(policyd.run_ctl('show', account).returncode, 67, 'policyctl show ' + account)
    equal(policyd.ctl('top'), [], 'top')
    equal(policyd.stop(), 0)
    assert fingerprint in (policyd.folder / 'record.jsonl').read_text(), 'Postfix did not send the fingerprint'


def test_listed_certificate_is_an_account(case):
    fingerprint = certificate(case.folder / 'listed.pem', 'app.example.org')
    postfix, policyd = mail_server(case, '{ name = "hourly"; rate = "2/1h"; }',
                                   'client_certificates = [ "%s" ];' % fingerprint)
    with incoming_with_certificate(postfix, case.folder / 'listed.pem') as smtp:
        replies, last = smtp.message('app@example.org', OURS)
    equal([code for code, _ in replies], [250, 250, 450, 450])
    equal(policyd.used('cert:' + fingerprint, 'hourly'), 2)
    equal(policyd.run_ctl('show', 'addr:127.0.0.1').returncode, 67, 'the address is no account')


def test_stranger_is_not_judged(case):
    policyd = case.policyd(limits='{ name = "hourly"; rate = "1/1h"; }')
    client = case.client(policyd)
    for number in range(5):
        equal(client.ask(request(sasl_username='', sasl_method='', instance='9.%d' % number)), 'action=DUNNO')
    equal(policyd.ctl('top'), [])


def test_mail_passes_while_policyd_is_away(case):
    """default_action=DUNNO: stopped or killed, mail goes on; started again, it is asked again."""
    postfix, policyd = mail_server(case)
    policyd.ctl('suspend', 'alice@example.org', '--reason', 'test')
    with postfix.login(user='bob') as smtp:
        equal(smtp.message('bob@example.org', ['a@example.net'])[1][0], 250, 'running')
        policyd.stop()
        equal(smtp.message('bob@example.org', ['b@example.net'])[1][0], 250, 'stopped')
    with postfix.login() as smtp:
        equal(smtp.message('alice@example.org', ['c@example.net'])[1][0], 250, 'stopped, a suspended account')
        policyd.start()
        equal(smtp.message('alice@example.org', ['d@example.net'])[0][0][0], 554, 'started again')
        policyd.kill()
        equal(smtp.message('alice@example.org', ['e@example.net'])[1][0], 250, 'killed')
        policyd.start()
        equal(smtp.message('alice@example.org', ['f@example.net'])[0][0][0], 554, 'started after a kill')
    postfix.wait_delivered(4)


def test_runs_as_another_user(case):
    """With user set it gives up root after binding, and still remembers."""
    postfix, policyd = mail_server(case, settings='user = "postfix";', start=False)
    shutil.chown(policyd.folder, 'postfix')
    policyd.start()
    policyd.ctl('suspend', 'alice@example.org', '--reason', 'test')
    with open('/proc/%d/status' % policyd.process.pid) as f:
        uids = next(line.split()[1:] for line in f if line.startswith('Uid:'))
    assert '0' not in uids, uids
    policyd.restart()
    with postfix.login() as smtp:
        equal(smtp.message('alice@example.org', ['a@example.net'])[0][0][0], 554)
