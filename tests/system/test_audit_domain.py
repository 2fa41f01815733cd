# SPDX-License-Identifier: ISC
"""A domain that we send for, in real DNS: SPF, DKIM, DMARC and MX, right and wrong; the record that is told to be
published is published as it was told, and is right."""
import base64
import subprocess

from audit_rig import Site
from harness import contains, equal

DOMAIN, KEY = 'example.org', 's1._domainkey.example.org'
SPF = DOMAIN + '. TXT "v=spf1 %s"'


def expect(site, check, seen, *evidence, subject=DOMAIN):
    """What one look says. seen 'pass': nothing is told, whatever else is."""
    row = site.look().get((subject, check))
    if seen == 'pass':
        equal(row, None, check)
        return None
    if row is None:
        raise AssertionError('%s: nothing is told' % check)
    equal(row['seen'], seen, '%s (%s)' % (check, row['evidence']))
    for part in evidence:
        contains(row['evidence'], part, check)
    return row


def mended(site, row):
    """What is told to be published, published to the letter, is right at the next look."""
    site.publish(row['fix'])
    expect(site, row['check'], 'pass', subject=row['subject'])


def strings(text, size=250):
    """As the strings of a TXT record, none longer than 255."""
    return ' '.join('"%s"' % text[at:at + size] for at in range(0, len(text), size))


# ---- SPF ----

def test_spf_lets_us(case):
    """By each mechanism, and through an include chain with a redirect at its end."""
    site = Site(case)
    site.publish('_a.example.net. TXT "v=spf1 include:_b.example.net ?all"',
                 '_b.example.net. TXT "v=spf1 ip4:198.51.100.0/24 redirect=_c.example.net"',
                 '_c.example.net. TXT "v=spf1 ip4:192.0.2.0/24 -all"',
                 '10.2.0.192._spf.example.net. A 127.0.0.2',
                 '192.0.2.10.mail.example.org.here.example.net. A 127.0.0.2')
    for terms in ('ip4:192.0.2.10 -all', 'include:_a.example.net -all', 'a:mail.example.org -all', 'mx -all',
                  'a:nobody.example.net mx/28 -all', 'ptr:example.org -all', 'exists:%{ir}._spf.example.net -all',
                  'exists:%{i}.%{h}.here.%{d2r}.example.net exists:%{i}.%{h}.here.example.net -all',
                  'redirect=_a.example.net', '+all'):
        site.publish(SPF % terms)
        expect(site, 'spf', 'pass')
    # A record in several strings is one, with nothing between them.
    site.publish(DOMAIN + '. TXT "v=spf1 ip4:192." "0.2.10 -all"', DOMAIN + '. TXT "other=text"')
    expect(site, 'spf', 'pass')


def test_spf_does_not(case):
    """Each with what decided; and the record that is asked for."""
    site = Site(case)
    site.publish('_other.example.net. TXT "v=spf1 ip4:198.51.100.0/24 -all"')
    for terms, seen, evidence in (
            ('-all', 'fail', 'fail for 192.0.2.10 by -all'),
            ('ip4:192.0.2.11 ~all', 'warn', 'softfail for 192.0.2.10 by ~all'),
            ('mx:example.net ?all', 'warn', 'neutral for 192.0.2.10 by ?all'),
            ('include:_other.example.net -ip4:192.0.2.0/24 +all', 'fail', 'by -ip4:192.0.2.0/24'),
            ('ip4:192.0.2.11', 'warn', 'neutral for 192.0.2.10')):
        site.publish(SPF % terms)
        row = expect(site, 'spf', seen, evidence)
        equal(row['fix'], SPF % ('ip4:192.0.2.10 ' + terms))
        mended(site, row)
    site.withdraw(DOMAIN + '.', 'TXT')
    row = expect(site, 'spf', 'warn', 'example.org has no SPF record: nothing says that 192.0.2.10 may send')
    mended(site, row)


def test_spf_is_broken(case):
    """permerror, as receivers see it: eleven terms that ask, three void look-ups, two records, no such mechanism."""
    site = Site(case)
    site.publish(*('_%d.example.net. TXT "v=spf1 ip4:198.51.100.%d ?all"' % (n, n) for n in range(11)))
    many = ' '.join('include:_%d.example.net' % n for n in range(10))
    site.publish('%s. TXT %s' % (DOMAIN, strings('v=spf1 %s ip4:192.0.2.10 -all' % many)))
    expect(site, 'spf', 'pass')
    site.publish('%s. TXT %s' % (DOMAIN, strings('v=spf1 %s include:_10.example.net ip4:192.0.2.10 -all' % many)))
    row = expect(site, 'spf', 'fail', 'permerror', 'more than 10 terms ask', 'include:_10.example.net')
    contains(row['fix'], 'mend the SPF record of example.org: more than 10 terms')
    site.publish(SPF % 'a:v1.example.net a:v2.example.net ip4:192.0.2.10 -all')
    expect(site, 'spf', 'pass')
    site.publish(SPF % 'a:v1.example.net a:v2.example.net a:v3.example.net ip4:192.0.2.10 -all')
    expect(site, 'spf', 'fail', 'permerror', 'v3.example.net')
    site.publish(SPF % 'ip4:192.0.2.10 -all', SPF % 'mx -all')
    expect(site, 'spf', 'fail', 'permerror', 'record')
    site.publish(SPF % 'ipv4:192.0.2.10 -all')
    expect(site, 'spf', 'fail', 'permerror', 'ipv4:192.0.2.10')
    site.publish(SPF % 'include:nothing.example.net ip4:192.0.2.10 -all')
    expect(site, 'spf', 'fail', 'permerror', 'nothing.example.net')


def test_spf_that_cannot_be_looked_up(case):
    """An include whose servers are lame: unknown, and no failure; what failed before goes on to fail."""
    site = Site(case)
    site.publish('lame.example.net. NS ns9.example.net.', 'ns9.example.net. A %s.99' % site.house.net)
    site.publish(SPF % 'ip4:192.0.2.10 include:a.lame.example.net -all')
    expect(site, 'spf', 'pass')
    site.publish(SPF % 'include:a.lame.example.net ip4:192.0.2.10 -all')
    site.rig.sleep(4 * 3600)
    row = expect(site, 'spf', 'unknown', 'temperror for 192.0.2.10', 'a.lame.example.net')
    equal([row['result'], row['fix']], ['unknown', None])
    site.publish(SPF % '-all')
    site.confirm()
    site.publish(SPF % 'include:a.lame.example.net -all')
    row = expect(site, 'spf', 'unknown', 'fail for 192.0.2.10 by -all')
    equal(row['result'], 'fail')


def test_spf_of_several_addresses(case):
    """Each address has its finding; one record mends them all."""
    site = Site(case, addresses=['192.0.2.10', '192.0.2.11', '2001:db8::25'])
    site.publish(SPF % 'ip4:192.0.2.10 -all')
    told = [(row['evidence'], row['fix']) for row in site.rows() if row['check'] == 'spf']
    fix = SPF % 'ip4:192.0.2.11 ip6:2001:db8::25 ip4:192.0.2.10 -all'
    equal(sorted(told), [('fail for %s by -all of example.org' % ip, fix) for ip in ('192.0.2.11', '2001:db8::25')])
    site.publish(fix)
    expect(site, 'spf', 'pass')


# ---- DKIM ----

def rsa_key(bits):
    """Its public half, as it stands in p=."""
    made = subprocess.run(['openssl', 'genrsa', str(bits)], capture_output=True, check=True).stdout
    der = subprocess.run(['openssl', 'rsa', '-pubout', '-outform', 'DER'], input=made, capture_output=True, check=True)
    return base64.b64encode(der.stdout).decode()


def test_dkim(case):
    """Keys that receivers take, that they should not be asked to take, and that are none."""
    site, sound = Site(case, selectors=[KEY]), rsa_key(2048)
    row = expect(site, 'dkim', 'fail', 'there is no key: no such name', subject=KEY)
    contains(row['fix'], KEY + '. TXT "v=DKIM1; k=rsa; p=')
    for record, seen, evidence in (
            (strings('v=DKIM1; k=rsa; p=' + sound), 'pass', ''),
            ('"v=DKIM1; h=sha256; " ' + strings('p=' + sound, 100), 'pass', ''),
            (strings('v=DKIM1; k=rsa; p=' + rsa_key(1024)), 'warn',
             'a key for rsa of 1024 bits: an RSA key should have 2048 bits'),
            (strings('v=DKIM1; k=rsa; p=' + rsa_key(512)), 'fail',
             'a key for rsa of 512 bits: receivers take no RSA key of less than 1024 bits'),
            ('"v=DKIM1; p="', 'fail', 'the key is revoked: p= is empty'),
            ('"v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3"', 'fail', 'p= is no RSA key'),
            (strings('v=DKIM1; h=sha1; p=' + sound), 'fail', 'h= does not allow sha256'),
            (strings('v=DKIM1; t=y; p=' + sound), 'warn', 't=y: the domain is testing'),
            ('"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="', 'pass', '')):
        site.publish('%s. TXT %s' % (KEY, record))
        expect(site, 'dkim', seen, evidence, subject=KEY)
    key = '%s. TXT "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="' % KEY
    site.publish(key, '%s. TXT "v=DKIM1; p="' % KEY)
    expect(site, 'dkim', 'fail', 'there are 2 records', subject=KEY)
    # Where a provider signs, the name leads to its key.
    site.withdraw(KEY + '.', 'TXT')
    site.publish(KEY + '. CNAME s1.dkim.example.net.', key.replace(KEY, 's1.dkim.example.net'))
    expect(site, 'dkim', 'pass', subject=KEY)


# ---- DMARC ----

def test_dmarc(case):
    """At the domain itself: none, one, two, and one that is not sound."""
    site = Site(case)
    site.withdraw('_dmarc.example.org.', 'TXT')
    row = expect(site, 'dmarc', 'warn', 'there is no DMARC policy')
    mended(site, row)
    site.publish('_dmarc.example.org. TXT "v=DMARC1; p=none"', '_dmarc.example.org. TXT "v=DMARC1; p=reject"')
    row = expect(site, 'dmarc', 'fail', '_dmarc.example.org has 2 records, which is as none (RFC 9989 4.10)')
    mended(site, row)
    site.publish('_dmarc.example.org. TXT "v=DMARC1; p=rejekt"')
    row = expect(site, 'dmarc', 'fail', 'the DMARC record of example.org is not sound: p= is no policy')
    mended(site, row)
    # Other TXT there is none of its business.
    site.publish('_dmarc.example.org. TXT "v=DMARC1; p=quarantine; rua=mailto:d@example.org"',
                 '_dmarc.example.org. TXT "google-site-verification=x"')
    expect(site, 'dmarc', 'pass')


def test_dmarc_of_a_subdomain(case):
    """By the tree walk: the organisational domain's holds, and where that is wrong it is the one to mend."""
    below = 'news.shop.example.org'
    site = Site(case, domains=[below])
    site.publish(below + '. TXT "v=spf1 ip4:192.0.2.10 -all"', below + '. MX 10 mail.example.org.')
    equal(site.look(), {})
    site.publish('_dmarc.example.org. TXT "v=DMARC1; p=none"', '_dmarc.example.org. TXT "v=DMARC1; p=reject"')
    row = expect(site, 'dmarc', 'fail', '_dmarc.example.org has 2 records', subject=below)
    mended(site, row)
    site.withdraw('_dmarc.example.org.', 'TXT')
    row = expect(site, 'dmarc', 'warn', 'there is no DMARC policy', subject=below)
    mended(site, row)


# ---- MX ----

def test_mx(case):
    """There, said to be none, none at all, and one that leads nowhere."""
    site = Site(case)
    site.publish('example.org. MX 0 .')
    row = expect(site, 'mx', 'fail', 'it says that it takes no mail (RFC 7505)')
    equal(row['fix'], 'example.org. MX 10 mail.example.org.')
    mended(site, row)
    site.withdraw('example.org.', 'MX')
    row = expect(site, 'mx', 'fail', 'there is neither MX nor address')
    site.publish('example.org. A 192.0.2.10')
    expect(site, 'mx', 'pass')
    site.publish('example.org. MX 10 gone.example.org.')
    row = expect(site, 'mx', 'fail', 'none of its MX has an address')
    mended(site, row)
    site.publish('example.org. MX 10 gone.example.org.', 'example.org. MX 20 mail.example.org.')
    expect(site, 'mx', 'pass')
