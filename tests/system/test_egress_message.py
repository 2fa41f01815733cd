# SPDX-License-Identifier: ISC
"""A mail as it was received elsewhere: who signed it, whom that speaks for, what the receiver found, and what
stands in DNS of the keys (egress check --message)."""
import base64
import json
import subprocess

from dns_server import DnsServer, found
from egress_rig import IPV4, Rig, blocklist, serve
from harness import contains, equal

EX_DATAERR, EX_NOINPUT = 65, 66
HEADER = '''Return-Path: <bounce@news.example.org>
Authentication-Results: mx.example.net; spf=pass (sender is authorized) smtp.mailfrom=bounce@news.example.org;
\tdkim=pass header.d=example.org header.s=s1; dkim=fail (no key \x1b[2J) header.d=news.example.org;
\tdmarc=pass (p=REJECT) header.from=news.example.org
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org;
\ts=s1; h=from:to; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA
DKIM-Signature: v=1; a=rsa-sha256; d=news.example.org; s=old; h=from; bh=AA==; b=AA==
DKIM-Signature: v=1; a=rsa-sha256; d=lists.example.com; s=l; h=from; bh=AA==; b=AA==
Subject: %s
From: "News, of the day" <news@news.example.org>
To: you@example.net

DKIM-Signature: v=1; a=rsa-sha256; d=body.example.org; s=no; b=
'''


def public_key(folder):
    """What a signer publishes of a key of 2048 bits."""
    path = folder / 'dkim.pem'
    subprocess.run(['openssl', 'genrsa', '-out', path, '2048'], check=True, capture_output=True)
    der = subprocess.run(['openssl', 'rsa', '-in', path, '-pubout', '-outform', 'DER'], check=True,
                         capture_output=True).stdout
    return base64.b64encode(der)


def started(case):
    server = case.stack.enter_context(DnsServer())
    serve(server, 'spam')
    server.on('s1._domainkey.example.org', 'TXT', found(b'v=DKIM1; k=rsa; p=' + public_key(case.folder)))
    server.on('l._domainkey.lists.example.com', 'TXT', found(b'v=DKIM1; p='))
    server.on('_dmarc.example.org', 'TXT', found(b'v=DMARC1; p=reject; rua=mailto:d@example.org'))
    return server, Rig(case, server.address, blocklists=[blocklist('spam')], audit=True,
                       text='local_domains = [ "news.example.org" ];\n')


def test_message(case):
    server, rig = started(case)
    path = case.folder / 'received.eml'
    # A subject of other bytes, and more header than a line of the socket holds.
    path.write_bytes((HEADER % ('gr\xfc\xdfe' + '\n more' * 20000)).encode('latin-1'))
    data = rig.policyd.ctl('egress', 'check', '--wait', '--message', path)
    equal([(row['name'], row['aligned'], row['key']) for row in data['signatures']], [
        ('s1._domainkey.example.org', 'relaxed', 'pass'),
        ('old._domainkey.news.example.org', 'strict', 'fail'),
        ('l._domainkey.lists.example.com', 'no', 'fail')])
    contains(data['signatures'][0]['evidence'], 'rsa of 2048 bits')
    contains(data['signatures'][1]['fix'], 'old._domainkey.news.example.org. TXT "v=DKIM1;')
    contains(data['signatures'][2]['evidence'], 'revoked')
    equal([(row['server'], row['method'], row['result']) for row in data['results']], [
        ('mx.example.net', method, result) for method, result in
        (('spf', 'pass'), ('dkim', 'pass'), ('dkim', 'fail'), ('dmarc', 'pass'))])
    equal(data['results'][2]['detail'], '(no key ?[2J) header.d=news.example.org')
    equal(data['message'], {'from': 'news.example.org', 'organisation': 'example.org',
                            'return_path': 'news.example.org'})
    contains('\n'.join(data['summary']), 'the message is from news.example.org, with 3 signatures, one at least')
    equal(len(server.asked('no._domainkey.body.example.org')), 0)
    text = rig.policyd.run_ctl('egress', 'check', '--wait', '--message', path).stdout
    for part in ('s1._domainkey.example.org', 'relaxed', 'header.from=news.example.org', 'mx.example.net'):
        contains(text, part)
    assert '\x1b' not in text, text
    # They are keys of ours from now on, and our own house is looked at as a whole.
    subjects = {row['subject'] for row in rig.data('egress')['findings']}
    assert {'old._domainkey.news.example.org', IPV4} <= subjects, subjects


def test_standard_input(case):
    _, rig = started(case)
    done = subprocess.run([rig.policyd.build / 'policyd' / 'policyctl', '-s', rig.policyd.control, '--json', 'egress',
                           'check', '--message', '-'], input=(HEADER % 'x').replace('\n', '\r\n').encode(),
                          capture_output=True, timeout=30, env=rig.policyd.environment())
    equal(done.returncode, 0, 'exit code, ' + done.stderr.decode())
    data = json.loads(done.stdout)['data']
    equal(data['result'], 'begun')
    equal([row['selector'] for row in data['signatures']], ['s1', 'old', 'l'])


def test_wrong_message(case):
    """What is wrong with it is told with its name, and nothing is asked."""
    server, rig = started(case)
    rig.settle()
    for name, content, code, words in (
            ('absent', None, EX_NOINPUT, 'No such file'),
            ('empty', '', EX_DATAERR, 'no DKIM-Signature'),
            ('unsigned', 'From: a@example.org\n\nDKIM-Signature: d=example.org; s=s1\n', EX_DATAERR,
             'no DKIM-Signature'),
            ('nobody', 'DKIM-Signature: d=example.org; s=s1\nFrom: nobody\n\n', EX_DATAERR, 'no From'),
            ('long', 'From: a@example.org\nDKIM-Signature: s=s1; d=example.org; b=' + 'x' * 40000 + '\n\n', EX_DATAERR,
             'longer than'),
            ('late', 'X: ' + 'x' * 300000 + '\nFrom: a@example.org\nDKIM-Signature: d=example.org; s=s1\n\n',
             EX_DATAERR, 'no DKIM-Signature')):
        path = case.folder / name
        if content is not None:
            path.write_text(content)
        done = rig.policyd.run_ctl('egress', 'check', '--wait', '--message', path)
        equal(done.returncode, code, name)
        contains(done.stderr, str(path))
        contains(done.stderr, words)
    equal(rig.policyd.run_ctl('egress', 'check', '--message', case.folder).returncode, EX_NOINPUT)
    equal(len(server.asked('s1._domainkey.example.org')), 0)
