# SPDX-License-Identifier: ISC
"""What looking for compromised accounts costs: CPU of requests, and memory of accounts.

Logins have weeks of history and write to people they know, three recipients a message and one now and then whom
they do not; policyd knows places and networks, and the ladder is enforced. Beside it runs a policyd that does nothing
of that: the one of --spine DIR (a build of the version before), or the same program without databases, whose scores
are only told: that is less than the whole difference, for it learns too.
"""
import json
import os
import shutil
import statistics
import subprocess
import sys

from measure import BUILD, TOP, Server, count_instructions, run

sys.path.insert(0, str(TOP / 'tests' / 'system'))
from mmdb import write  # noqa: E402

# So many that none of them sends much while it is measured: else it is the ladder's steps that are measured.
LOGINS, DAYS, MESSAGES = 10000, 40, 60
RECIPIENTS = 3
LOAD = ('-s', LOGINS, '-r', RECIPIENTS, '--eom', '--contacts', 20, '--strangers', 0.05)
CONFIG = '''listen = ( { address = "unix:%(folder)s/policy.sock"; mode = "0600"; } );
trusted_networks = [ "127.0.0.0/8" ];
limits = ( { name = "hourly"; key = "account"; unit = "recipients"; rate = "10000000/1h"; },
           { name = "daily"; key = "account"; unit = "recipients"; rate = "1000000000/1d"; } );
state = { directory = "%(folder)s/state"; };
control = { socket = "%(folder)s/control.sock"; };
'''
SIGNALS = '''signals = { mode = "enforce"; };
ladder = { mode = "enforce"; };
geoip = { databases = [ "%(folder)s/city.mmdb", "%(folder)s/asn.mmdb" ]; };
'''
COUNTRIES = ('DE', 'FR', 'NL', 'AT', 'PL')


def databases(folder):
    """Of the networks that the load generator's clients are in; history.c knows them too."""
    city, asn = {}, {}
    for half in (18, 19):
        for third in range(256):
            network = '198.%d.%d.0/24' % (half, third)
            city[network] = {'country': {'iso_code': COUNTRIES[third % 5]},
                             'location': {'latitude': 45 + third / 100, 'longitude': 10.0}}
            asn[network] = {'autonomous_system_number': 64512 + (half - 18) * 256 + third}
    write(folder / 'city.mmdb', 'GeoLite2-City', city)
    write(folder / 'asn.mmdb', 'GeoLite2-ASN', asn)


def policyd(folder, cpu, program, has_signals):
    (folder / 'state').mkdir(parents=True)
    databases(folder)
    config = folder / 'policyd.conf'
    config.write_text((CONFIG + (SIGNALS if has_signals else '')) % {'folder': folder})
    return Server(folder, cpu, [program, '-f', '-c', config], 'policy.sock', 'control.sock')


def history(folder, options):
    """What the logins did before, into the counters that the server will start from."""
    requests = LOGINS * (MESSAGES // 3 if options.quick else MESSAGES) * (RECIPIENTS + 1)
    with subprocess.Popen([str(word) for word in (BUILD / 'policybench', '--unix', '-', *LOAD, '--dump', requests)],
                          stdout=subprocess.PIPE) as dump:
        run(BUILD / 'history', '-c', folder / 'policyd.conf', '-n', requests, '-d', DAYS, stdin=dump.stdout)


def pair(folder, options):
    """Both servers; only what looks for compromised accounts learns from the history."""
    own = BUILD / 'policyd' / 'policyd'
    other = options.spine / 'policyd' / 'policyd' if options.spine else own
    return (policyd(folder / 'signals', options.cpu, own, True), policyd(folder / 'without', options.cpu, other, False))


def paired_load(folder, options):
    pairs, seconds = (3, 1) if options.quick else (6, 2)
    rows = {'signals': [], 'without': []}
    ours, theirs = pair(folder, options)
    history(ours.folder, options)
    with ours, theirs:
        for server in (ours, theirs):
            server.load('-c', 100, *LOAD, '-d', 1)
        for number in range(pairs):
            for key, server in (('signals', ours), ('without', theirs)):
                rows[key].append(server.load('-c', 100, *LOAD, '-d', seconds, '--seed', number + 2))
        resident = {'signals': ours.rss_bytes(), 'without': theirs.rss_bytes()}
    ratios = sorted(a['cpu_us'] / b['cpu_us'] for a, b in zip(rows['signals'], rows['without']))
    return {
        'logins': LOGINS,
        'ratio': [ratios[0], statistics.median(ratios), ratios[-1]],
        'cpu_us': {key: statistics.median(row['cpu_us'] for row in value) for key, value in rows.items()},
        'p99_us': {key: statistics.median(row['p99_us'] for row in value) for key, value in rows.items()},
        'refused': statistics.median(row['refused'] for row in rows['signals']),
        'resident': resident,
    }


def instructions(folder, options):
    if not options.instructions or not shutil.which('valgrind'):
        return None
    ours, theirs = pair(folder, options)
    history(ours.folder, options)
    return {'signals': count_instructions(ours, load=LOAD), 'without': count_instructions(theirs, load=LOAD)}


def memory(folder, options):
    """Bytes that are kept of accounts of real people, at the end of half a year."""
    if not options.stream:
        return None
    folder.mkdir()
    before = os.times()
    done = run(BUILD / 'policyd' / 'policyctl', '--json', 'simulate', '-c', TOP / 'conf' / 'policyd.conf', options.stream,
               stdout=subprocess.PIPE)
    after = os.times()
    data = json.loads(done.stdout)
    data = data.get('data', data)
    return {'learnt': data['learnt'], 'requests': data['requests'],
            'cpu_s': after.children_user - before.children_user}


def signals(folder, options):
    folder.mkdir()
    return {
        'beside': 'spine' if options.spine else 'signals without databases',
        'load': paired_load(folder / 'load', options),
        'instructions': instructions(folder / 'instructions', options),
        'memory': memory(folder / 'memory', options),
    }


def tell_signals(result):
    load = result['load']
    print('\nlooking for compromised accounts, %d logins with %d days of history, beside %s' % (
        load['logins'], DAYS, result['beside']))
    print('  CPU of requests                %.3f %.3f %.3f of those without (min median max): %.2f us, without %.2f' % (
        *load['ratio'], load['cpu_us']['signals'], load['cpu_us']['without']))
    print('  answers in 99 of 100           %.0f us, without %.0f; not DUNNO %.2f %%' % (
        load['p99_us']['signals'], load['p99_us']['without'], 100 * load['refused']))
    print('  resident                       %.1f MB, without %.1f' % (
        load['resident']['signals'] / 1e6, load['resident']['without'] / 1e6))
    if result['instructions']:
        ours, theirs = result['instructions']['signals'], result['instructions']['without']
        print('  instructions a request         %.0f, without %.0f: %.3f' % (ours, theirs, ours / theirs))
    if result['memory']:
        row = result['memory']
        print('  memory of %5d accounts       p50 %d, mean %d, max %d bytes; simulate %.0f requests in a second of CPU' % (
            row['learnt']['accounts'], row['learnt']['p50'], row['learnt']['mean'], row['learnt']['max'],
            row['requests'] / row['cpu_s']))
