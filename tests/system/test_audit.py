# SPDX-License-Identifier: ISC
"""Our own house, as real authoritative servers (nsd) and a real resolver (unbound) show it: what is wrong is found,
told with its evidence, and gone when the record that was asked for is published."""
from audit_rig import Site
from harness import contains, equal
from name_servers import IPV4, MAIL, REVERSE

REVERSE_ZONE, FORWARD_ZONE = '2.0.192.in-addr.arpa.', 'example.org.'


def test_in_order(case):
    """Nothing is told, by no channel, and the exit code is that of the lists."""
    site = Site(case, servers=3)
    equal([site.look(), site.exit], [{}, 0])
    text = site.text()
    assert 'our own house' not in text and 'findings' not in text, text
    equal(site.told(), [])


def expect(site, check, seen, evidence, fix=()):
    """What one look says of the address."""
    found = site.look()
    row = found.get((IPV4, check))
    if row is None:
        raise AssertionError('%s: nothing is told; there is %r' % (check, found))
    equal(row['seen'], seen, check)
    for part in evidence:
        contains(row['evidence'], part, check)
    for part in fix:
        contains(row['fix'] or '', part, 'fix of ' + check)
    return row


# ---- all authoritative servers ----

def test_servers_disagree(case):
    """Who says what, of the reverse zone and of the forward zone; and when it is over."""
    site = Site(case, servers=3)
    equal(site.look(), {})
    site.publish(REVERSE + ' PTR old.example.org.', at=[1])
    expect(site, 'authority', 'fail', [REVERSE.rstrip('.'), 'ns1.example.net says mail.example.org',
                                       'ns2.example.net says old.example.org'], ['2.0.192.in-addr.arpa load the same'])
    site.withdraw(REVERSE, 'PTR', at=[1])
    expect(site, 'authority', 'fail', ['ns2.example.net says that there is nothing'])
    site.publish('%s PTR %s.' % (REVERSE, MAIL), at=[1])
    equal(site.look(), {})
    site.publish(MAIL + '. A 192.0.2.99', at=[2])
    expect(site, 'authority', 'fail', ['of mail.example.org', 'ns1.example.net says 192.0.2.10',
                                       'ns3.example.net says 192.0.2.99'], ['of example.org load the same zone'])
    # The same set in another order is the same.
    site.publish(MAIL + '. A 192.0.2.10', MAIL + '. A 192.0.2.11', at=[0, 1])
    site.publish(MAIL + '. A 192.0.2.11', MAIL + '. A 192.0.2.10', at=[2])
    equal(site.look(), {})
    site.house.serial(FORWARD_ZONE, 2, at=[0])
    expect(site, 'authority', 'warn', ['example.org have different serials'], ['zone transfers of example.org'])


def test_servers_are_lame(case):
    """One, and two in a row, each named with its trouble: no such zone, a referral, silence, nobody there."""
    site = Site(case, servers=4)
    equal(site.look(), {})
    site.house.forget(1, REVERSE_ZONE)
    expect(site, 'authority', 'warn',
           ['of the 4 servers of 2.0.192.in-addr.arpa 1 are lame: ns2.example.net (REFUSED)'],
           ['mend these servers, or take them out of the NS records of 2.0.192.in-addr.arpa'])
    site.house.forget(2, REVERSE_ZONE)
    expect(site, 'authority', 'warn', ['2 are lame: ns2.example.net (REFUSED), ns3.example.net (REFUSED)'])
    # It knows who has the zone, and does not have it itself.
    site.house.adopt(2, '192.in-addr.arpa.')
    site.publish(REVERSE_ZONE + ' NS ns1.example.net.', at=[2])
    expect(site, 'authority', 'warn', ['ns2.example.net (REFUSED), ns3.example.net ('])
    site.house.server[3].freeze()
    expect(site, 'authority', 'warn', ['3 are lame', 'ns4.example.net (timeout)'])
    site.house.server[3].thaw()
    site.house.server[3].stop()
    expect(site, 'authority', 'warn', ['3 are lame', 'ns4.example.net (timeout)'])


def test_servers_by_name_alone(case):
    """A name without an address, and nobody whom it could be asked of."""
    site = Site(case)
    nobody = site.house.net + '.99'
    site.publish('ns1.example.net. A ' + nobody, 'ns2.example.net. A ' + nobody)
    expect(site, 'authority', 'unknown', ['no server of 2.0.192.in-addr.arpa answers us (is port 53 outward open?)',
                                          'ns1.example.net (timeout)'])
    site.publish(*('ns%d.example.net. A %s' % (i + 1, site.house.ip(i)) for i in range(2)))
    site.publish('ns3.example.net. TXT "was here"', *(
        '%s NS ns%d.example.net.' % (REVERSE_ZONE, n) for n in (1, 2, 3)))
    expect(site, 'authority', 'warn', ['of the 3 servers', 'ns3.example.net (has no address)'],
           ['take them out of the NS'])


def test_classless(case):
    """RFC 2317: the zone is another one than the address has it, and it is that one which is compared."""
    site = Site(case, zones=['8-15.2.0.192.in-addr.arpa.'])
    alias = '10.8-15.2.0.192.in-addr.arpa.'
    site.withdraw(REVERSE, 'PTR')
    site.publish('%s CNAME %s' % (REVERSE, alias), '%s PTR %s.' % (alias, MAIL))
    equal(site.look(), {})
    site.publish(alias + ' PTR old.example.org.', at=[1])
    expect(site, 'authority', 'fail', ['of 10.8-15.2.0.192.in-addr.arpa', 'ns2.example.net says old.example.org'],
           ['8-15.2.0.192.in-addr.arpa load the same'])


def test_delegation_is_lame(case):
    """A resolver that walks down from the root finds nobody: the zone is named, and it is no failure of the address."""
    site = Site(case, servers=3, delegated=True)
    equal(site.look(), {})
    for zone in (FORWARD_ZONE, REVERSE_ZONE):
        for i in (1, 2):
            site.house.forget(i, zone)
        site.forget()
        row = expect(site, 'authority', 'warn', [zone.rstrip('.') + ' cannot be looked up (SERVFAIL)'],
                     ['ask who runs'])
    equal(row['result'], 'warn')
    # What was right stays so for three intervals, and is unknown then.
    equal({check for _, check in site.look()}, {'authority'})
    site.rig.sleep(3 * 3600 + 1)
    equal({check: row['result'] for (_, check), row in site.look().items()},
          dict.fromkeys(('ptr', 'fcrdns', 'helo', 'helo-spf', 'name', 'generic', 'spf', 'dmarc', 'mx'), 'unknown')
          | {'authority': 'warn'})


# ---- the names of an address ----

def test_ptr(case):
    """None, two, and one that leads elsewhere or nowhere: each with the record to publish, which mends it."""
    site = Site(case)
    equal(site.look(), {})
    site.withdraw(REVERSE, 'PTR')
    row = expect(site, 'ptr', 'fail', ['192.0.2.10 has no name in reverse DNS'],
                 ['who gave you the address has it set'])
    expect(site, 'fcrdns', 'fail', ['192.0.2.10 has no name in reverse DNS'])
    site.publish(row['fix'].split(' (')[0])
    equal(site.look(), {})
    site.publish('%s PTR %s.' % (REVERSE, MAIL), REVERSE + ' PTR www.example.org.')
    expect(site, 'ptr', 'warn', ['192.0.2.10 has 2 names, mail.example.org and www.example.org'])
    row = expect(site, 'fcrdns', 'warn', ['www.example.org does not exist'])
    site.publish(row['fix'].split(' (')[0])
    equal(site.look(), {})
    site.publish(MAIL + '. A 192.0.2.9')
    row = expect(site, 'fcrdns', 'fail',
                 ['mail.example.org, the name of 192.0.2.10, leads to 192.0.2.9, not to 192.0.2.10'])
    expect(site, 'helo', 'fail', ['HELO mail.example.org leads to 192.0.2.9, not to 192.0.2.10'])
    site.publish(row['fix'])
    equal(site.look(), {})
    site.withdraw(MAIL + '.', 'A')
    row = expect(site, 'fcrdns', 'fail',
                 ['mail.example.org, the name of 192.0.2.10, has no address'])
    site.publish(row['fix'])
    equal(site.look(), {})


def test_names(case):
    """What is no host name, what looks like a customer's line, and a HELO that is another one."""
    site = Site(case)
    for name, check, seen, evidence in (
            ('mail_1.example.org', 'name', 'fail', "mail_1.example.org has '_', which no host name may have"),
            ('mail.example.org.local', 'name', 'fail', 'is not in the public DNS'),
            ('ip-192-0-2-10.dynamic.example.org', 'generic', 'warn', "looks like the name of a customer's line"),
            ('out.example.org', 'helo', 'warn', 'leads to 192.0.2.10, whose name is another one: out.example.org')):
        site.publish('%s PTR %s.' % (REVERSE, name), name + '. A ' + IPV4)
        expect(site, check, seen, [name if check != 'helo' else MAIL, evidence],
               [MAIL if check != 'generic' else 'of your own'])
    site.publish('%s PTR %s.' % (REVERSE, MAIL))
    equal(site.look(), {})


def test_helo(case):
    """A name that does not exist, in main.cf: the fix is the name that reverse DNS has."""
    site = Site(case, addresses=['{ address = "192.0.2.10"; helo = "smtp.example.org"; }'])
    expect(site, 'helo', 'fail', ['HELO smtp.example.org does not exist'], ['smtp_helo_name = ' + MAIL])
    # Bounces that it sends are judged by that name too.
    row = expect(site, 'helo-spf', 'warn',
                 ['smtp.example.org has no SPF record: nothing says that 192.0.2.10 may send'])
    site.publish(row['fix'])
    site.publish('smtp.example.org. A ' + IPV4)
    equal(set(site.look()), {(IPV4, 'helo')})
    expect(site, 'helo', 'warn', ['whose name is another one: ' + MAIL])
    site.reload('smtp.example.org', MAIL)
    equal(site.look(), {})


def test_helo_spf(case):
    """The record that is asked for, where there is none, and where there is one that refuses its own host."""
    site = Site(case)
    site.withdraw(MAIL + '.', 'TXT')
    row = expect(site, 'helo-spf', 'warn', ['mail.example.org has no SPF record'])
    equal(row['fix'], 'mail.example.org. TXT "v=spf1 a -all"')
    site.publish(row['fix'])
    equal(site.look(), {})
    site.publish(MAIL + '. TXT "v=spf1 a:www.example.org -all"')
    row = expect(site, 'helo-spf', 'fail', ['fail for 192.0.2.10 by -all'])
    site.publish(row['fix'])
    equal(site.look(), {})
