# SPDX-License-Identifier: ISC
"""Resolvers out of a resolv.conf, which has no ports: servers on port 53 of addresses of 127/8 that nobody else
has."""
import socket
import time

from dns_server import DnsServer, drop
from egress_rig import BEHAVES_BADLY, CLEAN, FINE, IPV4, OK, Rig, blocklist, serve
from harness import contains, equal, wait_until

FIRST, SECOND, DEAD = '127.53.47.1', '127.53.47.2', '127.53.47.3'
# The daemon looks at the file every 5 s.
NOTICED_S = 12


def server_at(case, address):
    server = DnsServer(port=53, has_ipv6=False)
    server.addresses[socket.AF_INET] = address
    server.on('*.search.example', None, drop())
    return case.stack.enter_context(server)


def resolv_conf(case, *lines):
    path = case.folder / 'resolv.conf'
    fresh = path.with_suffix('.new')
    fresh.write_text('\n'.join(lines) + '\n')
    fresh.rename(path)
    return path


def started(case, path):
    rig = Rig(case, blocklists=[blocklist('spam')], dns='resolv_conf = "%s";' % path)
    rig.policyd.allow(r'^WARNING (dns|resolv.conf cannot be read)')
    return rig


def test_servers_of_the_file(case):
    """Those are asked, with absolute names: search and domain are never applied."""
    server = server_at(case, FIRST)
    serve(server, 'spam', IPV4)
    path = resolv_conf(case, '# a comment', 'search search.example other.search.example', 'domain search.example',
                       'nameserver ' + FIRST, 'options ndots:15 timeout:1 attempts:2')
    rig = started(case, path)
    rig.settle()
    equal(rig.check().exit, BEHAVES_BADLY)
    names = {query.name for query in server.log}
    assert names and not any('search' in name for name in names), names
    equal([name for name in names if not name.endswith('.spam.example') and not name.endswith('.arpa')], [])
    equal(rig.data('egress')['resolvers'], [{'server': FIRST + ':53', 'up': True}])


def test_change_while_it_runs(case):
    """Another file is in force within seconds, also a rewritten one of the same size; no reload."""
    first, second = server_at(case, FIRST), server_at(case, SECOND)
    serve(first, 'spam')
    serve(second, 'spam', IPV4)
    path = resolv_conf(case, 'nameserver ' + FIRST)
    rig = started(case, path)
    rig.settle()
    equal(rig.check().exit, FINE)
    resolv_conf(case, 'nameserver ' + SECOND)
    wait_until(lambda: rig.data('egress')['resolvers'][0]['server'] == SECOND + ':53', 'the new server', NOTICED_S)
    first.forget()
    equal(rig.look(), BEHAVES_BADLY)
    equal(first.log, [], 'queries to the old one')
    contains(rig.policyd.log(), SECOND)
    # Gone for a moment, as when it is written anew: what was in force stays.
    path.unlink()
    time.sleep(6)
    resolv_conf(case, 'nameserver ' + FIRST)
    wait_until(lambda: rig.data('egress')['resolvers'][0]['server'] == FIRST + ':53', 'the first one again', NOTICED_S)
    equal(rig.look(), FINE)


def test_first_of_several_is_dead(case):
    """Right answers all the same, and soon not much slower."""
    server, silent = server_at(case, FIRST), server_at(case, SECOND)
    serve(server, 'spam', IPV4)
    silent.is_silent = True
    path = resolv_conf(case, 'nameserver ' + DEAD, 'nameserver ' + SECOND, 'nameserver ' + FIRST,
                       'options timeout:1 attempts:2')
    rig = started(case, path)
    rig.settle()
    equal(rig.look(2), BEHAVES_BADLY)
    equal(rig.state('spam'), OK)
    began = time.monotonic()
    equal(rig.look(), BEHAVES_BADLY)
    took = time.monotonic() - began
    assert took < 3, took
    ups = {row['server']: row['up'] for row in rig.data('egress')['resolvers']}
    equal(ups[FIRST + ':53'], True)
    # The one that works goes, another one comes.
    silent.is_silent = False
    serve(silent, 'spam')
    server.is_silent = True
    wait_until(lambda: rig.look() == FINE, 'answers of the other', 40)
    equal(rig.verdict('spam') in (CLEAN, 'unknown'), True)


def test_unreadable_or_empty(case):
    """No file and no server in it: 127.0.0.1, as resolv.conf(5) says; nothing breaks, and it is told."""
    rig = started(case, case.folder / 'nowhere')
    equal([row['server'] for row in rig.data('egress')['resolvers']], ['127.0.0.1:53'])
    resolv_conf(case, 'nameserver not-an-address', 'options timeout:99999999999 attempts:-1', 'nameserver', '\0garbage')
    rig.policyd.stop()
    rig.policyd.write(rig.policyd.config.read_text().split('\n', 3)[3].replace('nowhere', 'resolv.conf'))
    rig.start()
    equal([row['server'] for row in rig.data('egress')['resolvers']], ['127.0.0.1:53'])
