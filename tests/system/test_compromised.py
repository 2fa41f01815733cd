# SPDX-License-Identifier: ISC
"""Somebody else sends in an account's name: through a real Postfix, from many networks (XCLIENT), with databases of
places of our own."""
import itertools
import os
import re
import signal

from harness import contains, equal, request, rows, wait_until
from mmdb import write
from postfix import mail_server

ALICE = 'alice@example.org'
HOME = '192.0.2.10'
COUNTRIES = (('BR', -15.8, -47.9), ('NG', 9.1, 7.5), ('VN', 21.0, 105.8), ('RU', 55.8, 37.6), ('ID', -6.2, 106.8))
ABROAD = ['198.18.%d.%d' % (n, n + 1) for n in range(40)]
# Its own thresholds: how the ladder is climbed is tried here, not how it is tuned.
ENFORCE = ('signals = { mode = "enforce"; };\n'
           'ladder = { note = 10; slow = 20; hold = 60; suspend = 90; slow_rate = "2/1h"; hold_messages = 2;\n'
           '  learning = "0s"; };\n')
FROM_DATABASES = 'geoip = { databases = [ "@/places.mmdb", "@/networks.mmdb" ]; };\n'

LIMITS = '{ name = "hourly"; rate = "1000/1h"; }'
LIMITED = 'limits = ( %s );\n' % LIMITS

numbers = itertools.count(1)


def places_make(folder):
    """Two databases in two vendors' layouts: home in Germany, the others all over the world."""
    records = {'192.0.2.0/24': {'country': {'iso_code': 'DE'}, 'location': {'latitude': 52.5, 'longitude': 13.4}}}
    networks = {'192.0.2.0/24': {'asn': 'AS64500', 'country_code': 'DE'}}
    for n in range(40):
        country, latitude, longitude = COUNTRIES[n % len(COUNTRIES)]
        records['198.18.%d.0/24' % n] = {'country': {'iso_code': country},
                                         'location': {'latitude': latitude, 'longitude': longitude}}
        networks['198.18.%d.0/24' % n] = {'asn': 'AS%d' % (64600 + n), 'country_code': country}
    write(folder / 'places.mmdb', 'GeoLite2-City', records)
    write(folder / 'networks.mmdb', 'ipinfo lite', networks)


def server(case, settings=ENFORCE + FROM_DATABASES, databases=True):
    """Postfix and a policyd that says what it does about accounts."""
    postfix, policyd = mail_server(case, settings=settings, limits=LIMITS, start=False)
    if databases:
        places_make(policyd.folder)
    policyd.allow(r'WARNING suspend ')
    policyd.start()
    return postfix, policyd


def session(postfix, address, user='alice', helo='client.example.org'):
    smtp = postfix.connect()
    code, text = smtp.docmd('XCLIENT', 'ADDR=%s NAME=[UNAVAILABLE]' % address)
    equal(code, 220, text)
    smtp.ehlo(helo)
    smtp.login_as(user)
    return smtp


def sends(postfix, address, recipients, user='alice', helo='client.example.org', sender=None):
    """One message; the codes of its RCPTs and of the end."""
    with session(postfix, address, user, helo) as smtp:
        replies, last = smtp.message(sender or '%s@example.org' % user, recipients)
    return [code for code, _ in replies] + [last[0] if last else None]


def strangers(count=1):
    return ['victim%d@domain%d.example' % (n, n) for n in itertools.islice(numbers, count)]


def lives(postfix, messages=6, user='alice'):
    """What is normal: from home, to the same few."""
    for n in range(messages):
        equal(sends(postfix, HOME, ['friend%d@example.com' % (n % 3)], user), [250, 250], 'at home')


def ladder_of(policyd, account=ALICE):
    return policyd.ctl('show', account)['ladder']


def steps(policyd, account=ALICE):
    """What the ladder did, oldest first."""
    found = [row['limit'] if row['event'] == 'ladder' else row['event']
             for row in rows(policyd.ctl('audit', '--account', account)) if row['author'] == 'policyd']
    return found


def attack(postfix, policyd, wanted, most=60, user='alice'):
    """Messages from ever other networks until the ladder has come to a step; all replies."""
    codes = []
    for n in range(most):
        codes.append(sends(postfix, ABROAD[n % len(ABROAD)], strangers(2), user, 'win-%04d' % n,
                           'info%d@shop.example' % n))
        if ladder_of(policyd, user + '@example.org')['step'] == wanted:
            return codes
    raise AssertionError('not at %s after %d messages: %s' % (wanted, most, ladder_of(policyd)))


def test_slowed_held_suspended(case):
    """From many networks to strangers: slowed, then held, then suspended, and its story can be read."""
    postfix, policyd = server(case)
    lives(postfix)
    equal(ladder_of(policyd)['step'], 'none', 'an honest account')
    codes = attack(postfix, policyd, 'suspend')
    equal(codes[0][0], 250, 'the first of all: nothing was known yet')
    contains([code for row in codes for code in row], 450, 'a recipient that was put off')
    wait_until(lambda: postfix.held(), 'a message in the hold queue')
    equal(sends(postfix, HOME, ['friend0@example.com']), [554, None], 'suspended')
    wait_until(lambda: len(steps(policyd)) >= 4, 'the audit')
    equal([step for step in steps(policyd)], ['note', 'slow', 'hold', 'suspend'], 'one step at a time')
    story = policyd.ctl('show', ALICE)
    equal(story['suspended']['by'], 'policyd', 'who suspended')
    told = {row['signal']: row for row in story['evidence']}
    equal(bool(told) and all(row['says'] and row['points'] > 0 for row in told.values()), True, 'evidence %s' % told)
    # Which of them speak is tuned elsewhere; here it is tried that places reach them.
    wait_until(lambda: metric(policyd, 'policyd_geoip_lookups_total') > len(codes), 'lookups in the metrics')
    equal(bool(story['normal']), True, 'what is normal')
    shown = policyd.run_ctl('show', ALICE).stdout
    for part in ('evidence:', 'normal:', 'thresholds:', *told):
        contains(shown, part, 'policyctl show')
    contains(policyd.log(), 'suspend account=%s' % ALICE, 'log')
    contains(policyd.run_ctl('explain', ALICE).stdout, 'refused', 'policyctl explain')


def test_others_are_left_alone(case):
    postfix, policyd = server(case)
    lives(postfix, user='bob')
    attack(postfix, policyd, 'suspend')
    lives(postfix, 3, user='bob')
    equal(ladder_of(policyd, 'bob@example.org')['step'], 'none', 'another account')


def test_reply_says_nothing_of_the_evidence(case):
    """Who attacks must not learn what gave him away."""
    postfix, policyd = server(case)
    attack(postfix, policyd, 'suspend')
    with session(postfix, ABROAD[0]) as smtp:
        (code, text), = smtp.message(ALICE, strangers())[0]
    equal(code, 554)
    for word in ('network', 'countr', 'new-', 'score', 'recipients'):
        equal(word in text, False, '%r in %r' % (word, text))


def test_traveller_is_left_alone(case):
    """One other country, the same device, the same friends."""
    postfix, policyd = server(case)
    lives(postfix)
    for n in range(6):
        equal(sends(postfix, ABROAD[1], ['friend%d@example.com' % (n % 3)]), [250, 250], 'abroad')
    equal(ladder_of(policyd)['step'] in ('none', 'note'), True, 'step of a traveller: %s' % ladder_of(policyd))


def test_release_of_a_false_positive(case):
    """All is taken back: the suspension, the score, the steps; the same mail then passes."""
    postfix, policyd = server(case)
    lives(postfix)
    attack(postfix, policyd, 'suspend')
    done = policyd.ctl('release', ALICE, '--verdict', 'false-positive', '--reason', 'a conference, she says')
    equal((done['step_was'], done['verdict']), ('suspend', 'false-positive'))
    after = ladder_of(policyd)
    equal((after['step'], after['score'], after['probation_until']), ('none', 0, None), 'after release')
    equal(bool(after['forgiven_until']), True, 'thresholds are raised for a while')
    equal(sends(postfix, HOME, ['friend0@example.com']), [250, 250], 'after release')
    row = rows(policyd.ctl('audit', '--account', ALICE))[-1]
    equal((row['event'], row['limit']), ('release', 'false-positive'), 'audit')


def test_release_is_probation(case):
    postfix, policyd = server(case)
    attack(postfix, policyd, 'suspend')
    before = ladder_of(policyd)
    policyd.ctl('release', ALICE, '--reason', 'has a new password')
    after = ladder_of(policyd)
    equal(after['step'], 'none')
    equal(bool(after['probation_until']), True, 'probation')
    equal(after['thresholds']['hold'] <= before['thresholds']['hold'] / 2 + 0.1, True, 'half thresholds')


def test_release_of_one_that_is_slowed(case):
    """Not suspended, and still there is something to take back; after that there is not."""
    postfix, policyd = server(case)
    attack(postfix, policyd, 'slow')
    policyd.ctl('release', ALICE, '--verdict', 'false-positive', '--reason', 'newsletter of the choir')
    equal(ladder_of(policyd)['step'], 'none')
    done = policyd.run_ctl('release', 'bob@example.org', '--reason', 'x')
    equal(done.returncode, 1, done.stderr)
    contains(done.stderr, 'at no step of the ladder')


def test_observe(case):
    """Told, and nothing is done."""
    settings = ENFORCE.replace('enforce', 'observe') + FROM_DATABASES
    postfix, policyd = server(case, settings)
    lives(postfix)
    for n in range(25):
        equal(sends(postfix, ABROAD[n], strangers(4)), [250] * 5, 'message %d' % n)
    ladder = ladder_of(policyd)
    equal(ladder['step'], 'none')
    equal(ladder['would_be'] in ('slow', 'hold', 'suspend'), True, 'would be: %s' % ladder)
    equal(policyd.ctl('show', ALICE)['suspended'], None)


def test_top_by_score(case):
    postfix, policyd = server(case)
    lives(postfix, user='bob')
    attack(postfix, policyd, 'hold')
    found = policyd.ctl('top', '--by', 'score')
    equal(found[0]['account'], ALICE, 'the worst')
    equal(found[0]['score'] > 0 and bool(found[0]['evidence']), True, found[0])
    shown = policyd.run_ctl('top', '--by', 'score').stdout
    for part in ('Account', 'Score', 'Step', 'Evidence', ALICE):
        contains(shown, part, 'policyctl top')


def test_suspension_survives_kill(case):
    """It was in force before it was in the store; a moment later it is in both."""
    postfix, policyd = server(case)
    attack(postfix, policyd, 'suspend')
    wait_until(lambda: 'suspend' in steps(policyd), 'the suspension in the audit')
    policyd.kill()
    policyd.start()
    equal(policyd.ctl('show', ALICE)['suspended']['by'], 'policyd', 'after kill -9')
    equal(sends(postfix, HOME, ['friend0@example.com']), [554, None], 'after kill -9')


def test_step_survives_restart(case):
    postfix, policyd = server(case)
    attack(postfix, policyd, 'hold')
    before = ladder_of(policyd)
    policyd.restart()
    after = ladder_of(policyd)
    equal((after['step'], round(after['score'])), (before['step'], round(before['score'])), 'after a restart')


# ---- databases ----

def metric(policyd, name):
    found = re.search(r'^%s (\d+)$' % re.escape(name), policyd.ctl('metrics')['text'], re.M)
    return int(found.group(1))


def loaded(policyd):
    return metric(policyd, 'policyd_geoip_databases{state="loaded"}')


def wait_loaded(policyd, count):
    wait_until(lambda: loaded(policyd) == count, '%d databases' % count)


def needs(policyd):
    return {row['signal']: row['needs'] for row in policyd.ctl('signals')}


def test_without_databases(case):
    """An attack is seen by the rest, too."""
    postfix, policyd = server(case, ENFORCE, databases=False)
    lives(postfix)
    attack(postfix, policyd, 'suspend')
    contains(needs(policyd)['countries'], 'none is loaded', 'policyctl signals')


def test_absent_and_broken(case):
    """One warning each, the signals are silent; once they are there they are read, without a reload."""
    policyd = case.policyd(ENFORCE + FROM_DATABASES, LIMITS, start=False)
    (policyd.folder / 'networks.mmdb').write_bytes(b'no database' * 100)
    policyd.allow(r'WARNING (geoip|configuration) ')
    policyd.start()
    equal(policyd.client_ask(request(sasl_username=ALICE, client_address=ABROAD[0])), 'action=DUNNO')
    equal(len(re.findall(r'^WARNING geoip ', policyd.log(), re.M)), 2, 'warnings in %s' % policyd.log())
    equal(loaded(policyd), 0)
    places_make(policyd.folder)
    wait_loaded(policyd, 2)
    equal(needs(policyd)['countries'], 'geoip')
    equal(policyd.client_ask(request(sasl_username=ALICE, client_address=ABROAD[0])), 'action=DUNNO')
    wait_until(lambda: metric(policyd, 'policyd_geoip_lookups_total') > 0, 'a lookup in the metrics')


def test_written_over(case):
    """In place, with rubbish, then cut short, while it is in use: the old one stays, with one warning."""
    policyd = case.policyd(ENFORCE + FROM_DATABASES, LIMITS, start=False)
    places_make(policyd.folder)
    policyd.allow(r'WARNING geoip ')
    policyd.start()
    place = policyd.folder / 'places.mmdb'
    for content in (b'rubbish' * 999, b'', b'\xab\xcd\xefMaxMind.com'):
        place.write_bytes(content)
        errors = metric(policyd, 'policyd_geoip_errors_total')
        wait_until(lambda: metric(policyd, 'policyd_geoip_errors_total') > errors, 'the file is tried')
        for address in ABROAD:
            policyd.client_ask(request(sasl_username=ALICE, client_address=address))
    equal(loaded(policyd), 2, 'databases')
    equal(policyd.log().count('what was read before stays'), 1, 'warnings')
    place.unlink()
    places_make(policyd.folder)
    policyd.wait_log('"read again"')


def test_reload_takes_others(case):
    """SIGHUP: one more, one less; what is named still is not read again."""
    policyd = case.policyd(ENFORCE + FROM_DATABASES, LIMITS, start=False)
    places_make(policyd.folder)
    policyd.start()
    equal(loaded(policyd), 2)
    policyd.write(LIMITED + ENFORCE + FROM_DATABASES.replace(', "@/networks.mmdb"', ''))
    os.kill(policyd.process.pid, signal.SIGHUP)
    wait_loaded(policyd, 1)
    policyd.write(LIMITED + ENFORCE + FROM_DATABASES)
    os.kill(policyd.process.pid, signal.SIGHUP)
    wait_loaded(policyd, 2)
    equal(len(re.findall(r'geoip database=\S*places\.mmdb', policyd.log())), 1, 'how often places.mmdb was read')


def test_signal_add(case):
    """How other tools tell what they saw: on record, in the score, and in force."""
    policyd = case.policyd(ENFORCE, LIMITS)
    policyd.allow(r'WARNING suspend ')
    done = policyd.ctl('signal', 'add', ALICE, 'reported', '30', '--reason', 'password in a leak')
    equal(done['signal'], 'reported 30')
    equal(ladder_of(policyd)['score'] > 0, True, 'score')
    row = rows(policyd.ctl('audit', '--account', ALICE))[0]
    equal((row['event'], row['limit'], row['reason']), ('signal', 'reported 30', 'password in a leak'))
    done = policyd.run_ctl('signal', 'add', ALICE, 'complants', '--reason', 'x')
    equal(done.returncode, 64, done.stderr)
    contains(done.stderr, 'complaints')
