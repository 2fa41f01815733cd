# SPDX-License-Identifier: ISC
"""What a live daemon was asked and answered replays through policyctl simulate to the same decisions."""
import gzip
import json
import random
import subprocess

from harness import Policyd, contains, equal, free_port, request
from mmdb import write
from postfix import mail_server

RECORD = 'record = { file = "@/record.jsonl"; };\nlost_connection_grace = "50ms";\n'
LIMITS = '''{ name = "hourly"; rate = "12/1h"; }, { name = "mails"; unit = "messages"; rate = "30/1d"; },
    { name = "trial"; rate = "4/1h"; mode = "observe"; }, { name = "holding"; rate = "9/1h"; action = "HOLD"; }'''


def lines_of(path):
    """Decision lines."""
    with open(path) as f:
        lines = [json.loads(line) for line in f]
    return [line for line in lines if 'event' not in line]


def decisions(path):
    """(instance, action, rule) of each decision line."""
    return [(line.get('instance', ''), line['action'], line['rule']) for line in lines_of(path)]


def ladder_lines(path):
    """Where the ladder stood at each decision line."""
    return [(line['step'], line['would'], line['score']) for line in lines_of(path)]


def replays(case, policyd, least, config=None):
    """Stops the daemon, replays its record, compares line by line."""
    equal(policyd.stop(), 0)
    record, out = policyd.folder / 'record.jsonl', policyd.folder / 'decisions.jsonl'
    done = subprocess.run(
        [case.build / 'policyd' / 'policyctl', 'simulate', '-c', config or policyd.config, '--decisions', out, record],
        capture_output=True, text=True, timeout=120, env=policyd.environment())
    equal(done.returncode, 0, done.stdout + done.stderr)
    live, replayed = decisions(record), decisions(out)
    assert len(live) >= least, 'only %d decisions were recorded' % len(live)
    equal(len(replayed), len(live), 'decisions')
    for number, (was, now) in enumerate(zip(live, replayed), 1):
        equal(now, was, 'decision %d' % number)
    for number, (was, now) in enumerate(zip(ladder_lines(record), ladder_lines(out)), 1):
        equal(now[:2], was[:2], 'steps of decision %d' % number)
        assert abs(now[2] - was[2]) <= 0.011, 'score %s instead of %s in decision %d' % (now[2], was[2], number)
    return {(action.split()[0], rule) for _, action, rule in live}


def test_postfix_sessions_replay(case):
    postfix, policyd = mail_server(case, LIMITS, RECORD)
    for listener in ('submission', 'fourfold', 'alternating'):
        with postfix.login(listener) as smtp:
            smtp.message('alice@example.org', ['%s%d@example.net' % (listener[0], n) for n in range(3)])
            smtp.begin('alice@example.org')
            smtp.recipient('given.up@example.net')
            smtp.rset()
    policyd.ctl('suspend', 'bob@example.org', '--reason', 'test')
    with postfix.login(user='bob') as smtp:
        smtp.message('bob@example.org', ['a@example.net'])
        policyd.ctl('release', 'bob@example.org', '--reason', 'test')
        smtp.message('bob@example.org', ['dup@example.net'] * 2 + ['postmaster'])
    for number in range(3):
        with postfix.login(user='carol') as smtp:
            smtp.message('carol@example.org', ['c%d%d@example.net' % (number, n) for n in range(5)])
    seen = replays(case, policyd, 40)
    for rule in ('hourly', 'holding'):
        contains({r for _, r in seen}, rule, 'rules that acted')


def test_raw_clients_replay(case):
    """A seeded mixture over several connections: retries, losses, suspensions, all stages, odd values."""
    policyd = case.policyd(RECORD + 'trusted_networks = [ "192.0.2.64/26" ];', LIMITS)
    seed = random.SystemRandom().randrange(1 << 32)
    print('# seed %d' % seed)
    chance = random.Random(seed)
    clients = [case.client(policyd, n % 2) for n in range(6)]
    for step in range(600):
        at = chance.randrange(len(clients))
        if chance.random() < 0.05:
            clients[at].close()
            clients[at] = case.client(policyd, at % 2)
        if step == 300:
            policyd.ctl('suspend', 'u0@example.org', '--reason', 'so that there is at least one')
        if chance.random() < 0.02:
            verb = chance.choice(['suspend', 'release'])
            policyd.run_ctl(verb, 'u%d@example.org' % chance.randrange(5), '--reason', 'step %d' % step)
        clients[at].ask(random_request(chance))
    seen = replays(case, policyd, 600)
    for action in ('DUNNO', 'DEFER_IF_PERMIT', 'HOLD', 'REJECT'):
        contains({a for a, _ in seen}, action, 'actions (seed %d)' % seed)


LADDER = '''signals = { mode = "enforce"; };
ladder = { note = 5; slow = 10; hold = 20; suspend = 32; slow_rate = "3/1h"; hold_messages = 2; max_auto = "1000/1h";
  learning = "0s"; };
local_domains = [ "example.org" ];
'''
PLACES = 'geoip = { databases = [ "@/places.mmdb" ]; };\n'


def ask_message(client, chance, user, address, recipients, helo='pc'):
    instance = '%x.%x' % (chance.randrange(1 << 40), chance.randrange(1 << 16))
    for recipient in recipients:
        client.ask(request(sasl_username='u%d@example.org' % user, client_address=address, helo_name=helo, size=4000,
                           instance=instance, sender='u%d@example.org' % user, recipient=recipient))
    client.ask(request(sasl_username='u%d@example.org' % user, client_address=address, helo_name=helo, size=4000,
                       instance=instance, sender='u%d@example.org' % user, recipient='', recipient_count=len(recipients),
                       protocol_state='END-OF-MESSAGE'))


def ladder_round(case, policyd, chance):
    """Many live as usual, two are attacked from all over the world."""
    client = case.client(policyd)
    for user in range(120):
        ask_message(client, chance, user, '192.0.2.%d' % (user + 1),
                    ['friend%d@example.com' % (user % 7), 'u%d@example.org' % (user + 1)])
    for n in range(25):
        for user in (3, 5):
            ask_message(client, chance, user, '198.18.%d.%d' % (n % 40, n + 1),
                        ['v%d.%d@d%d.example' % (n, r, r) for r in range(5)], 'win-%d' % n)


def test_ladder_replays_without_a_database(case):
    """Hundreds of logins, an attack, what the desk did, a restart: as it was, by the places that were recorded."""
    policyd = case.policyd(RECORD + LADDER + PLACES, '{ name = "hourly"; rate = "1000/1h"; }', start=False)
    write(policyd.folder / 'places.mmdb', 'GeoLite2-City', {
        **{'198.18.%d.0/24' % n: {'country': {'iso_code': 'BR' if n % 2 else 'VN'},
                                  'location': {'latitude': 21.0 - n, 'longitude': 105.8}} for n in range(40)},
        '192.0.2.0/24': {'country': {'iso_code': 'DE'}, 'location': {'latitude': 52.5, 'longitude': 13.4}}})
    policyd.allow(r'WARNING suspend ')
    policyd.start()
    seed = random.SystemRandom().randrange(1 << 32)
    print('# seed %d' % seed)
    chance = random.Random(seed)
    ladder_round(case, policyd, chance)
    policyd.ctl('release', 'u3@example.org', '--verdict', 'false-positive', '--reason', 'test')
    policyd.ctl('release', 'u5@example.org', '--verdict', 'confirmed', '--reason', 'test')
    policyd.ctl('signal', 'add', 'u9@example.org', 'reported', '5', '--reason', 'test')
    ladder_round(case, policyd, chance)
    policyd.restart()
    ladder_round(case, policyd, chance)
    config = policyd.folder / 'without.conf'
    config.write_text(policyd.config.read_text().replace('places.mmdb', 'absent.mmdb'))
    seen = replays(case, policyd, 700, config)
    for rule in ('hold', 'suspended'):
        contains({r for _, r in seen}, rule, 'rules that acted (seed %d)' % seed)


def test_restart_goes_on_in_the_same_file(case):
    """A start line a run, and each run's decisions; a second start that is refused leaves the file alone."""
    policyd = case.policyd(RECORD, LIMITS)
    record = policyd.folder / 'record.jsonl'
    policyd.ctl('suspend', 'bob@example.org', '--reason', 'test')
    for run in range(3):
        client = case.client(policyd)
        for number in range(8):
            client.ask(request(instance='%d.%d' % (run, number), sasl_username='alice@example.org'))
            client.ask(request(instance='%d.b%d' % (run, number), sasl_username='bob@example.org'))
        for name, value in (('state', policyd.state), ('control', policyd.control)):
            refused_start(case, record, **{name: value})
        policyd.stop()
        with record.open('a') as file:
            file.write('{"cut by a crash')
        policyd.start()
    equal(policyd.stop(), 0)
    text = record.read_text()
    equal(text.count('"event":"start"'), 4, 'start lines')
    equal(text.count('{"cut by a crash\n'), 3, 'cut lines')
    record.write_text(text.replace('{"cut by a crash\n', ''))
    policyd.start()
    replays(case, policyd, 48)


def refused_start(case, record, **shared):
    second = Policyd(case.build, case.folder / 'second', '', ['inet:127.0.0.1:%d' % free_port()])
    for name, value in shared.items():
        setattr(second, name, value)
    second.write('record = { file = "%s"; };' % record)
    process = second.spawn()
    try:
        assert process.wait(10) != 0, 'the second start ended with 0'
    finally:
        process.kill()
        process.wait()


def test_record_ends_when_it_is_full(case):
    """At the first line that does not fit, and not a hole: shorter lines after it are not written either."""
    policyd = case.policyd('record = { file = "@/record.jsonl"; max_bytes = "1M"; };', LIMITS)
    policyd.allow('record incomplete')
    client = case.client(policyd)
    for number in range(1500):
        client.ask(request(instance='%d' % number, recipient='%s@example.net' % ('long' * (250 * (number % 2)) or 'x')))
    policyd.wait_log('WARNING record incomplete')
    equal(policyd.stop(), 0)
    record = policyd.folder / 'record.jsonl'
    assert record.stat().st_size <= 1 << 20, 'too large'
    written = [int(instance) for instance, _, _ in decisions(record)]
    equal(written, list(range(len(written))), 'a beginning without holes')
    assert 500 < len(written) < 1400, len(written)
    equal(policyd.log().count('record incomplete'), 1, 'warnings')


def simulate(case, config, out, source, stdin=b''):
    done = subprocess.run([case.build / 'policyd' / 'policyctl', 'simulate', '-c', config, '--decisions', out, source],
                          input=stdin, capture_output=True, timeout=60)
    equal(done.returncode, 0, done.stderr)
    return done.stdout


def test_stream_of_a_program_is_judged_in_its_own_time(case):
    """JSON lines without connections, with times of a year ago: from a file, .gz and standard input."""
    config, out = case.folder / 'simulate.conf', case.folder / 'out.jsonl'
    config.write_text('limits = ( { name = "hourly"; rate = "5/1h"; } );\n'
                      'listen = ( { address = "inet:127.0.0.1:1"; } );\n')
    lines = [json.dumps({'ts': 1.7e9 + 60 * n, 'request': 'smtpd_access_policy', 'protocol_state': 'RCPT',
                         'sasl_username': 'alice@example.org', 'recipient': 'r@example.net', 'instance': 'i%d' % n})
             for n in range(200)]
    text = ('\n'.join(lines) + '\n').encode()
    (case.folder / 'in.jsonl').write_bytes(text)
    (case.folder / 'in.jsonl.gz').write_bytes(gzip.compress(text))
    results = []
    for source, stdin in ((case.folder / 'in.jsonl', b''), (case.folder / 'in.jsonl.gz', b''), ('-', text)):
        assert simulate(case, config, out, source, stdin).strip(), 'no summary'
        results.append(decisions(out))
    assert results[0] == results[1] == results[2], 'file, .gz and standard input differ'
    passed = [n for n, (_, action, _) in enumerate(results[0]) if action.split()[0] == 'DUNNO']
    equal(passed[:5], [0, 1, 2, 3, 4], 'what passes in the first hour')
    assert 60 <= passed[5] <= 66, 'room returned in minute %d' % passed[5]
    for start in range(140):
        assert sum(start <= n < start + 60 for n in passed) <= 5, 'more than 5 in the hour from minute %d' % start
    equal(sorted(path.name for path in case.folder.iterdir()),
          ['in.jsonl', 'in.jsonl.gz', 'out.jsonl', 'simulate.conf'], 'simulate leaves nothing')


# Some differ only in bytes that no JSON text can hold as they are.
RECIPIENTS = ['r%d@example.net' % n for n in range(6)] + [b'\xff@example.net', b'\xfe@example.net', b'\x01@x', b'\x02@x',
                                                          'ü@example.net', b'\xc3@example.net']


def random_request(chance):
    user = chance.randrange(6)
    state = chance.choices(['RCPT', 'DATA', 'END-OF-MESSAGE', 'MAIL', 'CONNECT', 'VRFY'], [70, 15, 8, 4, 2, 1])[0]
    return request(
        sasl_username='u%d@example.org' % user if user < 5 else '',
        client_address='192.0.2.%d' % chance.choice([7, 70, 80]),
        instance='i%d.%d' % (user, chance.randrange(12)) if state not in ('MAIL', 'CONNECT', 'VRFY') else '',
        protocol_state=state, recipient=chance.choice(RECIPIENTS) if state == 'RCPT' else '',
        recipient_count=chance.randrange(1, 5) if state in ('DATA', 'END-OF-MESSAGE') else 0,
        server_port=chance.choice([25, 587]), sender=chance.choice(['a@example.org', '', 'ü@exämple.org', b'\xff@x']))
