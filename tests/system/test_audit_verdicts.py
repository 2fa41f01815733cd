# SPDX-License-Identifier: ISC
"""What becomes of what a look saw: a verdict, an event, a posture, an exit code; over restarts, and while nobody
answers."""
from audit_rig import APART_S, Site
from egress_rig import IPV4
from harness import contains, equal, wait_until
from name_servers import MAIL, REVERSE


def verdicts(site):
    """What stands, without a look: {check: result} of the address."""
    return {row['check']: row['result'] for row in site.rig.data('egress')['findings'] if row['subject'] == IPV4}


def posture(site, wanted):
    def stands():
        return next(row['posture'] for row in site.rig.data('egress')['postures'] if row['address'] == IPV4)

    def reached():
        site.rig.sleep(31)
        return stands() == wanted
    wait_until(reached, 'posture ' + wanted)


def results(site, after):
    """Of a look after so many minutes: what stands, and what was seen."""
    site.rig.sleep(after * 60)
    row = site.look()[IPV4, 'ptr']
    return [row['result'], row['seen']]


def test_a_failure_takes_half_an_hour(case):
    """Three looks over 30 minutes; what somebody who looks now is told before that; and two good looks after it."""
    site = Site(case)
    equal(site.look(), {})
    site.withdraw(REVERSE, 'PTR')
    # Many looks, and some of them apart.
    for after in (0, 0, 0, 6, 6, 6):
        equal(results(site, after), ['pass', 'fail'], 'within half an hour')
    equal([line for line in site.told() if 'fail' in line], [])
    equal(results(site, 16), ['fail', 'fail'], 'after 40 minutes')
    equal([line for line in site.told() if 'has no name in' in line], [
        'pass -> fail: 192.0.2.10 has no name in reverse DNS: no such name'] * 2)
    site.publish('%s PTR %s.' % (REVERSE, MAIL))
    equal(results(site, 0), ['fail', 'pass'], 'one good look')
    equal(site.look(), {}, 'two good looks')
    contains(str(site.told()), 'fail -> pass: ' + MAIL)
    # Long enough, and not often enough.
    site.withdraw(REVERSE, 'PTR')
    equal(results(site, 0), ['pass', 'fail'])
    equal(results(site, 40), ['pass', 'fail'], 'twice')
    equal(results(site, 6), ['fail', 'fail'], 'three times')


def test_posture(case):
    """A failure counts up to posture.audit_severity, what warns and what is wrong with a domain not at all; the exit
    code is that of the lists."""
    site = Site(case, text='posture = { calm = "2m"; };')
    site.publish(MAIL + '. TXT "v=spf1 -all"', 'example.org. TXT "v=spf1 -all"', 'example.org. MX 0 .')
    site.confirm()
    equal([verdicts(site), site.exit], [{'helo-spf': 'fail'}, 0])
    posture(site, 'ok')
    # Of severity 4, which would be throttle.
    site.withdraw(REVERSE, 'PTR')
    site.confirm()
    equal([verdicts(site)['ptr'], site.exit], ['fail', 0])
    posture(site, 'watch')
    contains(next(row['why'] for row in site.rig.data('egress')['postures']), '192.0.2.10 has no name in reverse DNS')
    site.publish('%s PTR %s.' % (REVERSE, MAIL))
    site.look()
    site.look()
    posture(site, 'ok')


def test_posture_of_the_audit_is_a_setting(case):
    """0: the audit tells, and changes nothing. 5: as bad as it is."""
    site = Site(case, text='posture = { audit_severity = 0; };')
    site.withdraw(REVERSE, 'PTR')
    site.confirm()
    equal(verdicts(site)['ptr'], 'fail')
    posture(site, 'ok')
    site.reload('audit_severity = 0', 'audit_severity = 5')
    posture(site, 'throttle')


def test_restart(case):
    """Findings, with their words and times, are there before the first question is asked; so is a half-told failure."""
    site = Site(case, selectors=['s1._domainkey.example.org'])
    site.publish('example.org. TXT "v=spf1 -all"', REVERSE + ' PTR old.example.org.')
    site.confirm()
    site.publish('_dmarc.example.org. TXT "v=DMARC1"')
    site.look()
    before = site.rig.data('egress')['findings']
    equal({row['check']: row['result'] for row in before}, {
        'spf': 'fail', 'dkim': 'fail', 'dmarc': 'pass', 'fcrdns': 'fail', 'helo': 'warn'})
    for server in site.house.server:
        server.freeze()
    site.policyd.stop()
    site.rig.start()

    def known(rows):
        keys = ('subject', 'check', 'result', 'seen', 'evidence', 'fix', 'since', 'looked_at')
        return [{key: row[key] for key in keys} for row in rows]
    equal(known(site.rig.data('egress')['findings']), known(before))
    for server in site.house.server:
        server.thaw()
    site.forget()
    site.rig.sleep(30 * 60)
    site.look()
    site.rig.sleep(10 * 60)
    equal({check: row['result'] for (_, check), row in site.look().items()}, {
        'spf': 'fail', 'dkim': 'fail', 'dmarc': 'fail', 'fcrdns': 'fail', 'helo': 'warn'})


def test_nobody_answers_for_a_while(case):
    """What fails does not become pass, what passes does not become a failure, and the look itself is unknown."""
    site = Site(case)
    site.publish(MAIL + '. A 192.0.2.9')
    site.confirm()
    stood = verdicts(site)
    equal([stood['fcrdns'], stood['helo'], stood.get('ptr')], ['fail', 'fail', None])
    site.house.server[0].freeze()
    for _ in range(2):
        site.rig.sleep(16 * 60)
        seen = site.rig.check().data['findings']
        equal({row['seen'] for row in seen if row['check'] in ('fcrdns', 'helo')}, {'unknown'})
        equal(verdicts(site), stood)
    site.house.server[0].thaw()
    site.forget()
    site.rig.sleep(APART_S)
    equal({check: row['result'] for (_, check), row in site.look().items()}, stood)


def test_as_a_person_reads_it(case):
    """One block each, the worst first: what is wrong, how it is known, what to do."""
    site = Site(case, servers=3)
    site.publish('example.org. TXT "v=spf1 ip4:198.51.100.0/24 -all"',
                 REVERSE + ' PTR ip-192-0-2-10.dynamic.example.org.',
                 'ip-192-0-2-10.dynamic.example.org. A 192.0.2.10')
    site.confirm()
    site.house.forget(1, 'example.org.')
    site.withdraw(MAIL + '.', 'A')
    site.look()
    text = site.text()
    for sentence in ('our own house (reverse DNS, SPF, DKIM, DMARC, MX): 1 fail, 2 warn, 0 unknown',
                     'our own house: 3 fail at this look, which counts when it was seen three times over 30 minutes'):
        contains(text, sentence)
    blocks = text.split('\nfindings:\n')[1].strip().split('\n\n')
    told = [[line.split(maxsplit=1)[1] for line in block.splitlines() if not line.startswith('Since ')]
            for block in blocks]
    equal(told, [
        ['example.org', 'spf', 'fail', 'fail for 192.0.2.10 by -all of example.org',
         'example.org. TXT "v=spf1 ip4:192.0.2.10 ip4:198.51.100.0/24 -all"'],
        [IPV4, 'helo', 'warn', 'fail', 'HELO mail.example.org has no address', 'mail.example.org. A 192.0.2.10'],
        [IPV4, 'helo-spf', 'pass', 'fail', 'fail for 192.0.2.10 by -all of mail.example.org',
         'mail.example.org. TXT "v=spf1 ip4:192.0.2.10 a -all"'],
        ['example.org', 'mx', 'pass', 'fail', 'none of its MX has an address', 'mail.example.org. A 192.0.2.10'],
        [IPV4, 'generic', 'warn', 'ip-192-0-2-10.dynamic.example.org looks like the name of a customer\'s line '
         '(12 points, 4 are enough): the address is in it', 'a name of your own in reverse DNS, as mail.example.org'],
        [IPV4, 'authority', 'warn', 'of the 3 servers of example.org 1 are lame: ns2.example.net (REFUSED)',
         'mend these servers, or take them out of the NS records of example.org']])
