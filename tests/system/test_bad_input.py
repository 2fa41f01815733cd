# SPDX-License-Identifier: ISC
"""Whatever is sent: no reply, one warning and a close, or the answer that Postfix expects; others never notice.

Each row of BAD is a case over the unix socket and one over TCP.
"""
import functools
import signal
import socket

from harness import USUAL_WARNING, RawClient, equal, request, wait_until

LIMIT = '{ name = "hourly"; rate = "1000/1h"; }'
BYTES_MAX = 64 * 1024
ATTRIBUTES_MAX = 512
WARNING = r'^WARNING connection closed'

BAD = {
    'no_equals_sign': b'request=smtpd_access_policy\nnonsense\n\n',
    'no_name': b'request=smtpd_access_policy\n=value\n\n',
    'empty_request': b'\n',
    'missing_request': request().replace(b'request=smtpd_access_policy\n', b''),
    'foreign_request': request(request='scache_clean'),
    'empty_request_word': request(request=''),
    'binary': bytes(range(256)) * 8 + b'\n\n',
    'tls_hello': b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + b'\x7f' * 200 + b'\n\n',
    'http': b'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n',
    'nul_in_value': request(sender=b'al\0ice@example.org'),
    'nul_in_name': request().replace(b'sender=', b'sen\0der='),
    'cr_lf': request().replace(b'\n', b'\r\n'),
    'line_of_1_mb': b'request=smtpd_access_policy\nsender=' + b'a' * (1 << 20) + b'\n\n',
    'line_of_1_mb_without_end': b'a' * (1 << 20),
    'oversized': request(ccert_subject='x' * BYTES_MAX),
    'one_byte_too_long': request(ccert_subject='x' * (BYTES_MAX - len(request()) + 1)),
    'one_attribute_too_many': request().rstrip(b'\n') + b'\n' + b'extra=1\n' * (ATTRIBUTES_MAX - 28) + b'\n',
    '100000_attributes': b'request=smtpd_access_policy\n' + b'a=b\n' * 100000 + b'\n',
}


def bystander(case, policyd):
    """A connection with half a request under way, which must not notice anything."""
    client = case.client(policyd)
    equal(client.ask(request(instance='by.1')), 'action=DUNNO')
    client.send(request(instance='by.2')[:100])
    return client


def send_all(client, data):
    """The server may close before it has read everything."""
    try:
        client.send(data)
    except (BrokenPipeError, ConnectionResetError):
        pass


def bad_warnings(policyd):
    return [line for line in policyd.warnings() if not USUAL_WARNING.search(line)]


def refuses(case, index, data):
    """data is answered by a close and one warning; a request behind it is not answered either."""
    policyd = case.policyd(limits=LIMIT)
    policyd.allow(WARNING)
    other = bystander(case, policyd)
    client = case.client(policyd, index)
    equal(client.ask(request(instance='ok.1')), 'action=DUNNO', 'a good request before')
    send_all(client, data)
    send_all(client, request(instance='ok.2'))
    equal(client.reply(), None, 'reply')
    equal(other.ask(request(instance='by.2')[100:]), 'action=DUNNO', 'the other connection')
    equal(other.is_silent(), True, 'silence on the other connection')
    equal(len(bad_warnings(policyd)), 1, 'warnings: %r' % bad_warnings(policyd))
    equal(policyd.used('alice@example.org', 'hourly'), 3, 'charged: two of the other connection, one before')


for _name, _data in BAD.items():
    for _index, _kind in enumerate(('unix', 'tcp')):
        globals()['test_%s_over_%s' % (_name, _kind)] = functools.partial(refuses, index=_index, data=_data)


def test_largest_request_is_answered(case):
    policyd = case.policyd(limits=LIMIT)
    for index in range(2):
        client = case.client(policyd, index)
        full = request(ccert_subject='x' * (BYTES_MAX - len(request())))
        equal(len(full), BYTES_MAX)
        many = request().rstrip(b'\n') + b'\n' + b'extra=1\n' * (ATTRIBUTES_MAX - 29) + b'\n'
        equal(many.count(b'\n') - 1, ATTRIBUTES_MAX)
        equal([client.ask(data) for data in (full, many, full)], ['action=DUNNO'] * 3)


def test_a_thousand_bad_ones_make_few_warnings(case):
    policyd = case.policyd(limits=LIMIT)
    policyd.allow(WARNING)
    for number in range(200):
        client = case.client(policyd, number % 2)
        send_all(client, b'bad\n\n')
        equal(client.reply(), None)
        client.close()
    equal(case.client(policyd).ask(request()), 'action=DUNNO')
    wait_until(lambda: bad_warnings(policyd), 'a warning')
    assert len(bad_warnings(policyd)) <= 3, '%d warnings' % len(bad_warnings(policyd))


STRANGE = {
    'invalid_utf8': b'al\xff\xfeice@example.org', 'utf8': 'müller@exämple.org', 'no_domain': 'alice',
    'only_at': '@', 'many_at': 'a@b@@c@', 'quoted': 'a b=c@x@example.org', 'percent': '%user$USER${HOME}@example.org',
    'trailing_dot': 'bob@example.net.', 'literal': 'bob@[192.0.2.1]', 'literal6': 'bob@[IPv6:2001:db8::1]',
    'long_local': 'a' * 900 + '@example.org', 'long_domain': 'a@' + 'b.' * 2000 + 'org', 'long_label': 'a@' + 'x' * 300,
    'equals': 'a=b=c@example.org', 'blanks': '  @  ', 'newline_escape': 'a\\n@example.org', 'dots': '..@..',
    'xn': 'a@xn--', 'xn_bad': 'a@xn--\u00fc.org', 'bidi': '\u202e@\u200b.org', 'empty': '',
}


def test_absurd_addresses_are_answered(case):
    """In each attribute that becomes part of a key, over both sockets: one reply, and the next one comes, too."""
    policyd = case.policyd(limits=LIMIT, settings='login_domain = "example.org"; local_domains = [ "example.org" ];')
    for index in range(2):
        client = case.client(policyd, index)
        number = 0
        for value in STRANGE.values():
            for name in ('sender', 'recipient', 'sasl_username', 'client_address', 'helo_name', 'queue_id',
                         'instance', 'ccert_fingerprint', 'size', 'recipient_count', 'protocol_state'):
                number += 1
                changed = {'instance': 'n%d' % number} | {name: value}
                equal(client.ask(request(**changed)), 'action=DUNNO', '%s=%r' % (name, value))
        equal(client.is_silent(), True, 'silence')
    policyd.ctl('top')
    assert policyd.log().replace('\n', '').isprintable(), 'foreign bytes reached the log'


def test_absurd_numbers_are_answered(case):
    policyd = case.policyd(limits=LIMIT)
    client = case.client(policyd)
    for number, value in enumerate(('-1', '99999999999999999999999', '1e9', '0x10', '', ' 7', '4294967296')):
        for name in ('recipient_count', 'size', 'client_port', 'server_port', 'encryption_keysize'):
            for state in ('RCPT', 'DATA', 'END-OF-MESSAGE'):
                answer = client.ask(request(instance='i%d' % number, protocol_state=state, **{name: value}))
                assert answer.startswith('action=D'), answer


def test_refusal_text_cannot_break_the_reply(case):
    """Foreign text in a refusal stays one printable ASCII line."""
    policyd = case.policyd(limits='{ name = "hourly"; rate = "1/1h"; }')
    client = case.client(policyd)
    for number, value in enumerate(STRANGE.values()):
        login = b'u' if value == '' else value
        for copy in range(2):
            answer = client.ask(request(sasl_username=login, sender=value, recipient=value,
                                        instance='%d.%d' % (number, copy)))
            assert '\n' not in answer and answer.isprintable() and len(answer) <= 7 + 16 + 1 + 400, answer
        assert answer.startswith('action=DEFER_IF_PERMIT 4.7.1 '), answer


def test_byte_by_byte(case):
    """One byte a write, over both sockets; exactly one reply each."""
    policyd = case.policyd(limits=LIMIT)
    for index in range(2):
        client = case.client(policyd, index)
        if index:
            client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number in range(3):
            for byte in request(instance='slow.%d' % number):
                client.send(bytes([byte]))
            equal(client.reply(), 'action=DUNNO')
        equal(client.is_silent(), True, 'silence')


def test_every_split(case):
    """A request in two writes, split at every byte."""
    policyd = case.policyd(limits=LIMIT)
    client = case.client(policyd)
    data = request()
    for at in range(1, len(data)):
        client.send(data[:at])
        client.send(data[at:])
        equal(client.reply(), 'action=DUNNO', 'split at %d' % at)
    equal(client.is_silent(), True, 'silence')


def test_half_close(case):
    """A client that has said all: it gets its replies, then the end. In the middle of a request: just the end."""
    policyd = case.policyd(limits=LIMIT)
    policyd.allow(WARNING)
    for index in range(2):
        client = case.client(policyd, index)
        client.send(request(instance='h.1') + request(instance='h.2'))
        client.half_close()
        equal([client.reply() for _ in range(3)], ['action=DUNNO', 'action=DUNNO', None])
        client = case.client(policyd, index)
        client.send(request()[:200])
        client.half_close()
        equal(client.reply(), None)
    equal(case.client(policyd).ask(request()), 'action=DUNNO')


def test_reset(case):
    """Connections that break in every state of a request leave nothing behind."""
    policyd = case.policyd(limits=LIMIT)
    policyd.allow(WARNING)
    other = bystander(case, policyd)
    for data in (b'', b'req', request()[:300], request(), request() * 50):
        for index in range(2):
            client = case.client(policyd, index)
            client.send(data)
            client.reset()
    equal(other.ask(request(instance='by.2')[100:]), 'action=DUNNO')


def test_never_an_unasked_byte(case):
    """Nothing after connect, nothing after a reply, nothing on a reload or when an account is suspended."""
    policyd = case.policyd(limits=LIMIT)
    clients = [case.client(policyd, index) for index in range(2)]
    equal([c.is_silent() for c in clients], [True, True], 'after connect')
    equal([c.ask(request()) for c in clients], ['action=DUNNO'] * 2)
    policyd.ctl('suspend', 'alice@example.org', '--reason', 'test')
    before = len(policyd.log())
    policyd.process.send_signal(signal.SIGHUP)
    policyd.wait_log_after(before)
    equal([c.is_silent() for c in clients], [True, True], 'after a reply, a command and a reload')


def test_unknown_attributes_and_last_of_equal_ones(case):
    policyd = case.policyd(limits='{ name = "hourly"; rate = "1/1h"; }')
    client = case.client(policyd)
    data = b'brand_new=1\n' + request(instance='u.1').replace(
        b'\nsender=', b'\nlater=x\nsasl_username=zed@example.org\nsender=')
    equal(client.ask(data), 'action=DUNNO')
    equal(policyd.used('alice@example.org', 'hourly'), 1, 'the last sasl_username counts')
    shuffled = b'\n'.join(reversed(request(instance='u.2').rstrip(b'\n').split(b'\n'))) + b'\n\n'
    assert client.ask(shuffled).startswith('action=DEFER_IF_PERMIT'), 'attributes in another order'


def test_control_socket_survives_garbage(case):
    """Whatever is written to the control socket, it closes that connection or says no; policyctl goes on."""
    policyd = case.policyd(limits=LIMIT)
    policyd.allow('^WARNING control')
    silent = [RawClient(('unix', str(policyd.control))) for _ in range(5)]
    for data in (b'\n', b'{}\n', b'[]\n', b'{"verb":"suspend"}\n', b'null\n', b'\0' * 1000 + b'\n', b'\xff\xfe\n',
                 b'{"verb":' + b'[' * 100000 + b'\n', b'a' * (1 << 20), b'{"verb":"show","args":{"account":7}}\n',
                 request()):
        client = RawClient(('unix', str(policyd.control)))
        send_all(client, data)
        try:
            client.half_close()
            client.socket.recv(65536)
        except OSError:
            pass
        client.close()
        equal(policyd.ctl('audit'), [], 'audit after %r' % data[:40])
    for client in silent:
        client.close()
    equal(case.client(policyd).ask(request()), 'action=DUNNO')
