# SPDX-License-Identifier: ISC
"""Our own addresses, as a real Postfix is set and as DNS tells: what `auto` in egress.addresses comes to."""
import os
import re
import time

from dns_server import DnsServer, drop, found
from harness import equal, request, wait_until
from postfix import mail_server

LIST = '''\
limits = ( { name = "hourly"; rate = "1000/1h"; } );
blocklists = ( { name = "one"; zone = "one.example"; interval = "10s"; interval_min = "10s"; } );
'''
AUTO = 'egress = { addresses = ( { address = "auto"; } ); %s };\n'
SLOW = '''\
slow unix - - n - - smtp
  -o smtp_bind_address=192.0.2.11
  -o smtp_helo_name=slow.example.org
twin unix - - n - - smtp
  -o syslog_name=private/twin
'''


def server_of(case):
    """A list that lists nothing of ours, and whatever a test adds."""
    server = case.stack.enter_context(DnsServer())
    server.on('2.0.0.127.one.example', None, found('127.0.0.2'))
    return server


def settings(server, egress='', postfix=None):
    text = LIST + AUTO % egress + 'dns = { servers = [ "%s" ]; timeout = "300ms"; attempts = 1; };\n' % server.address
    return text + ('postfix = { config_directory = "%s"; };\n' % postfix.etc if postfix else '')


def bound(case, server, bind, egress='', master='', **parameters):
    """A Postfix that sends from there, and the policyd beside it, not started yet."""
    postfix, policyd = mail_server(case, start=False, listeners={'submission': {}}, logins=('alice',), parameters={
        'smtp_bind_address': bind, 'inet_protocols': 'ipv4'} | parameters)
    with (postfix.etc / 'master.cf').open('a') as file:
        file.write(master)
    policyd.write(settings(server, egress, postfix))
    return postfix, policyd


def addresses(policyd):
    return sorted((row['address'], row['helo'] or '', row['transport'] or '', row['origin'])
                  for row in policyd.ctl('egress')['addresses'])


def wait_addresses(policyd, wanted):
    wait_until(lambda: addresses(policyd) == wanted, 'addresses %r; at last %r' % (wanted, addresses(policyd)))


def asked_about(server, ip):
    name = '.'.join(reversed(ip.split('.'))) + '.one.example'
    return len(server.asked(name))


def test_main_cf_and_master_cf(case):
    """Each transport's address with its name; the lists are asked about all of them, and about nothing else."""
    server = server_of(case)
    postfix, policyd = bound(case, server, '192.0.2.10', master=SLOW)
    policyd.start()
    wait_addresses(policyd, [
        ('192.0.2.10', 'mx.example.org', 'smtp relay twin', 'smtp_bind_address'),
        ('192.0.2.11', 'slow.example.org', 'slow', 'smtp_bind_address')])
    for ip in ('192.0.2.10', '192.0.2.11'):
        wait_until(lambda ip=ip: asked_about(server, ip), 'a question about ' + ip)
    wait_until(lambda: [row for row in policyd.ctl('audit', '--account', 'egress:192.0.2.11')
                        if row['reason'] == 'unknown -> clean'], 'the verdict in the audit')
    equal(postfix.warnings('smtp_bind_address'), [])


def test_reload_finds_anew(case):
    server = server_of(case)
    postfix, policyd = bound(case, server, '192.0.2.10')
    policyd.start()
    wait_addresses(policyd, [('192.0.2.10', 'mx.example.org', 'smtp relay', 'smtp_bind_address')])
    main = postfix.etc / 'main.cf'
    main.write_text(main.read_text().replace('192.0.2.10', '192.0.2.20'))
    policyd.ctl('reload')
    wait_addresses(policyd, [('192.0.2.20', 'mx.example.org', 'smtp relay', 'smtp_bind_address')])
    wait_until(lambda: asked_about(server, '192.0.2.20'), 'a question about the new address')
    # An address that is written down takes the place of what was found.
    policyd.write(settings(server, postfix=postfix).replace('"auto"', '"192.0.2.30"'))
    policyd.ctl('reload')
    wait_addresses(policyd, [('192.0.2.30', '', '', 'egress.addresses')])


def test_behind_nat(case):
    """A private address is asked about, at the server that is named, with recursion desired; a restart while that
    server is silent forgets nothing."""
    server = server_of(case)
    server.on('me.example', 'A', found('192.0.2.44'))
    _, policyd = bound(case, server, '10.0.0.5', 'who_am_i = "me.example@%s";' % server.address)
    policyd.start()
    wanted = [('192.0.2.44', 'mx.example.org', 'smtp relay', 'who_am_i')]
    wait_addresses(policyd, wanted)
    wait_until(lambda: asked_about(server, '192.0.2.44'), 'a question about what it told')
    equal(asked_about(server, '10.0.0.5'), 0, 'questions about the private address')
    query = server.asked('me.example')[0]
    assert query.flags & 0x0100, 'RD is not set'
    equal(policyd.stop(), 0)
    server.on('me.example', 'A', drop())
    policyd.allow('who_am_i me.example: timeout')
    policyd.start()
    equal(addresses(policyd), wanted, 'addresses after a restart')
    policyd.wait_log('who_am_i me.example: timeout')
    equal(addresses(policyd), wanted, 'addresses when it is silent')


def test_txt_tells(case):
    server = server_of(case)
    server.on('me.example', 'TXT', found(b'"192.0.2.45"'))
    _, policyd = bound(case, server, '10.0.0.5', 'who_am_i = "me.example";')
    policyd.start()
    wait_addresses(policyd, [('192.0.2.45', 'mx.example.org', 'smtp relay', 'who_am_i')])


def test_private_only(case):
    """Told once, shown always; nobody is asked."""
    server = server_of(case)
    _, policyd = bound(case, server, '10.0.0.5')
    policyd.allow('behind NAT')
    policyd.start()
    policyd.wait_log('behind NAT? set egress.addresses or egress.who_am_i')
    policyd.ctl('reload')
    wait_until(lambda: 'behind NAT' in policyd.ctl('egress')['note'], 'the note')
    equal(addresses(policyd), [])
    equal(policyd.log().count('behind NAT'), 1, 'warnings')
    equal(server.asked(), [])


def test_postconf_hangs(case):
    """It is asked aside: policyd starts, answers and stops meanwhile."""
    server = server_of(case)
    tools = case.folder / 'tools'
    tools.mkdir()
    (tools / 'postconf').write_text('#!/bin/sh\nexec sleep 60\n')
    (tools / 'postconf').chmod(0o755)
    policyd = case.policyd(settings(server), start=False)
    policyd.allow('postconf gave no answer within 5 s: the interfaces')
    policyd.allow('private')
    began = time.monotonic()
    policyd.start('env', 'PATH=%s:%s' % (tools, os.environ['PATH']))
    equal(policyd.client_ask(request()), 'action=DUNNO')
    assert time.monotonic() - began < 4, 'the start has waited for postconf'
    policyd.wait_log('postconf gave no answer within 5 s: the interfaces')
    equal(policyd.stop(), 0)


def test_nothing_is_set(case):
    """Without addresses and domains nobody is asked, and nothing is said."""
    server = server_of(case)
    policyd = case.policyd('dns = { servers = [ "%s" ]; };\n%s' % (server.address, LIST))
    client = case.client(policyd)
    for number in range(200):
        client.ask(request(instance='n.%d' % number, client_address='192.0.2.%d' % number))
    time.sleep(3)
    equal(server.asked(), [])
    equal([line for line in policyd.log().splitlines() if re.search('egress|list|dns', line)], [])
    values = dict(line.rsplit(' ', 1) for line in policyd.run_ctl('metrics').stdout.splitlines() if line[0] != '#')
    equal(values['policyd_egress_questions_total'], '0')
    equal(values['policyd_dns_questions_total'], '0')
