#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Writes data/*.txt: what a real Postfix asks a policy server, byte for byte, in a dozen situations.

usage: capture.py [FOLDER]

Starts the private Postfix of the tests with a policy server that answers DUNNO and keeps what it reads. Run it
again when the tests move to another version of Postfix. Needs root.
"""
import os
import socketserver
import ssl
import sys
import threading

from pathlib import Path

from harness import Case
from postfix import Postfix, certificate

ALICE = 'alice@example.org'
FOLDER = Path(__file__).resolve().parent / 'data'


class Recorder(socketserver.ThreadingUnixStreamServer):
    """Answers DUNNO; requests is what came, as (number of the connection, bytes)."""
    daemon_threads = True

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            self.server.connections += 1
            number, data = self.server.connections, b''
            for line in self.rfile:
                data += line
                if line == b'\n':
                    self.server.requests.append((number, data))
                    self.wfile.write(b'action=DUNNO\n\n')
                    data = b''

    def __init__(self, path):
        super().__init__(path, self.Handler)
        self.connections, self.requests = 0, []
        os.chmod(path, 0o666)
        threading.Thread(target=self.serve_forever, daemon=True).start()


def one_recipient(postfix, smtp):
    smtp.message(ALICE, ['bob@example.net'])


def three_recipients(postfix, smtp):
    smtp.message(ALICE, ['bob@example.net', 'Carol@Example.NET', 'dave@example.com'])


def two_messages(postfix, smtp):
    one_recipient(postfix, smtp)
    three_recipients(postfix, smtp)


def reset_and_abort(postfix, smtp):
    smtp.begin(ALICE)
    smtp.recipient('bob@example.net')
    smtp.rset()
    smtp.begin(ALICE)
    smtp.recipient('carol@example.net')


def odd_addresses(postfix, smtp):
    for address in ('<"a b=c@x"@example.net>', '<%user$USER${HOME}@example.net>', '<bob@example.net.>',
                    '<bob@[192.0.2.1]>', '<@relay.example.net:bob@example.net>', '<%s@example.net>' % ('l' * 60),
                    '<müller@example.net>'):
        smtp.docmd('MAIL', 'FROM:<"odd name"@example.org>')
        smtp.send(('RCPT TO:%s\r\n' % address).encode())
        smtp.getreply()
        smtp.rset()


def null_sender(postfix, smtp):
    smtp.message('', ['bob@example.net'])


def duplicates(postfix, smtp):
    smtp.message(ALICE, ['bob@example.net', 'bob@example.net', 'postmaster'])


def with_size(postfix, smtp):
    smtp.docmd('MAIL', 'FROM:<%s> SIZE=5' % ALICE)
    smtp.recipient('bob@example.net')
    smtp.body('Subject: long\r\n\r\n' + 'x' * 70 + '\r\n')


def chunked(postfix, smtp):
    smtp.begin(ALICE)
    smtp.recipient('bob@example.net')
    text = b'Subject: chunked\r\n\r\nhello\r\n'
    smtp.send(b'BDAT %d LAST\r\n' % len(text) + text)
    smtp.getreply()


def verify(postfix, smtp):
    smtp.docmd('VRFY', 'bob@example.net')


def other_host(postfix, smtp):
    smtp.docmd('XCLIENT', 'ADDR=IPV6:2001:db8::25 NAME=[UNAVAILABLE] HELO=host.example.com')
    smtp.ehlo()
    smtp.message('x@example.com', ['bob@example.org'])


def client_certificate(postfix, smtp):
    pem = postfix.top / 'client.pem'
    certificate(pem, 'mx.example.com')
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(pem)
    smtp.starttls(context=context)
    smtp.ehlo()
    smtp.message('x@example.com', ['bob@example.org'])


# name of the file, listener, what is done, whether Postfix asks at END-OF-MESSAGE, too
SITUATIONS = [
    ('one-recipient', 'submission', one_recipient), ('three-recipients', 'submission', three_recipients),
    ('fourfold', 'fourfold', three_recipients), ('alternating', 'alternating', three_recipients),
    ('two-messages', 'submission', two_messages), ('reset-and-abort', 'submission', reset_and_abort),
    ('odd-addresses', 'submission', odd_addresses), ('null-sender', 'submission', null_sender),
    ('duplicates', 'submission', duplicates), ('size', 'submission', with_size), ('bdat', 'submission', chunked),
    ('vrfy', 'submission', verify), ('no-login', 'incoming', other_host),
    ('client-certificate', 'incoming', client_certificate),
]


def write(path, situation, requests):
    with path.open('wb') as f:
        f.write(b'# %s, listener %s\n' % (situation[0].encode(), situation[1].encode()))
        for number, data in requests:
            f.write(b'# connection %d\n' % number + data)


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(exist_ok=True)
    with Case('.') as case, Postfix(case.folder / 'postfix', parameters={
            'smtpd_end_of_data_restrictions': '$hook', 'smtputf8_enable': 'yes'}) as postfix:
        recorder = Recorder(str(postfix.top / 'queue' / 'policyd' / 'policyd.sock'))
        for situation in SITUATIONS:
            name, listener, act = situation
            began = len(recorder.requests)
            with (postfix.connect if listener == 'incoming' else postfix.login)(listener) as smtp:
                act(postfix, smtp)
            write(folder / (name + '.txt'), situation, recorder.requests[began:])
            print('%s: %d requests' % (name, len(recorder.requests) - began))


if __name__ == '__main__':
    main()
