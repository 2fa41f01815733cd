# SPDX-License-Identifier: ISC
"""What looking ourselves up costs: nothing on the way of a request, and how long a whole look takes."""
import json
import shutil
import socket
import statistics
import subprocess
import time

from measure import BUILD, SENDERS, Server, count_instructions, policyctl

LISTS = 50
ADDRESSES = 8
CONFIG = '''listen = ( { address = "unix:%(folder)s/policy.sock"; mode = "0600"; } );
trusted_networks = [ "127.0.0.0/8" ];
limits = ( { name = "hourly"; key = "account"; unit = "recipients"; rate = "10000000/1h"; },
           { name = "daily"; key = "account"; unit = "recipients"; rate = "1000000000/1d"; } );
state = { directory = "%(folder)s/state"; };
control = { socket = "%(folder)s/control.sock"; };
'''
EGRESS = '''dns = { servers = [ "127.0.0.1:%(port)d" ]; };
egress = { addresses = ( %(addresses)s ); };
blocklists = ( %(lists)s );
'''


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def policyd(folder, cpu, port):
    """port: of the resolver; None: there is nothing to look up."""
    (folder / 'state').mkdir(parents=True)
    text = CONFIG % {'folder': folder}
    if port:
        text += EGRESS % {
            'port': port,
            'addresses': ', '.join('{ address = "192.0.2.%d"; }' % (n + 10) for n in range(ADDRESSES)),
            'lists': ', '.join('{ name = "list%d"; zone = "bl%d.example.net"; subjects = [ "ipv4" ]; }' % (n, n)
                               for n in range(LISTS)),
        }
    config = folder / 'policyd.conf'
    config.write_text(text)
    return Server(folder, cpu, [BUILD / 'policyd' / 'policyd', '-f', '-c', config], 'policy.sock', 'control.sock')


class Rbldnsd:
    """A real one with all the lists; one of the addresses is on one of them."""

    def __init__(self, folder):
        self.folder, self.port, self.process = folder, free_port(), None

    def __enter__(self):
        self.folder.mkdir(parents=True)
        (self.folder / 'clean').write_text('127.0.0.2 :127.0.0.2:test\n')
        (self.folder / 'listed').write_text('127.0.0.2 :127.0.0.2:test\n192.0.2.10 :127.0.0.2:seen\n')
        zones = ['bl%d.example.net:ip4set:%s' % (n, 'clean' if n else 'listed') for n in range(LISTS)]
        self.process = subprocess.Popen(['rbldnsd', '-n', '-w', self.folder, '-b', '127.0.0.1/%d' % self.port, *zones],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(1)
        if self.process.poll() is not None:
            raise SystemExit('rbldnsd did not start (%d)' % self.process.returncode)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


class Silence:
    """A port that takes questions and never answers."""

    def __enter__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(('127.0.0.1', 0))
        self.port = self.socket.getsockname()[1]
        return self

    def __exit__(self, *_):
        self.socket.close()


def look(server):
    """One whole look: seconds, exit code, questions."""
    began = time.monotonic()
    done = subprocess.run([BUILD / 'policyd' / 'policyctl', '-s', server.folder / 'control.sock', '--json',
                           'egress', 'check', '--wait'], stdout=subprocess.PIPE, text=True)
    seconds = time.monotonic() - began
    rows = json.loads(done.stdout)['data']['listings']
    return {'seconds': seconds, 'exit': done.returncode, 'listings': len(rows),
            'unknown': sum(row['verdict'] == 'unknown' for row in rows)}


def whole_look(folder, options):
    with Rbldnsd(folder / 'rbldnsd') as lists, policyd(folder / 'policyd', options.cpu, lists.port) as ours:
        time.sleep(1)
        before = ours.rss_bytes()
        rows = [look(ours) for _ in range(3 if options.quick else 10)]
        figures = json.loads(policyctl(ours, '--json', 'status'))['data']
        return {
            'seconds': [min(r['seconds'] for r in rows), statistics.median(r['seconds'] for r in rows),
                        max(r['seconds'] for r in rows)],
            'last': rows[-1],
            'grown_bytes': ours.rss_bytes() - before,
            'status': figures.get('egress'),
        }


def paired_load(folder, options):
    """CPU and answer times of requests while all lists are being asked in vain, beside a policyd that asks none."""
    pairs, seconds = (3, 2) if options.quick else (6, 4)
    rows = {'asking': [], 'without': []}
    with Silence() as silence, policyd(folder / 'asking', options.cpu, silence.port) as asking, \
            policyd(folder / 'without', options.cpu, None) as without:
        for server in (asking, without):
            server.load('-c', 100, '-s', SENDERS, '-d', 1)
        for pair in range(pairs):
            for key, server in (('asking', asking), ('without', without)):
                if key == 'asking':
                    policyctl(server, 'egress', 'check')
                rows[key].append(server.load('-c', 100, '-s', SENDERS, '-d', seconds, '--seed', pair + 1))
    ratios = sorted(a['cpu_us'] / b['cpu_us'] for a, b in zip(rows['asking'], rows['without']))
    return {
        'ratio': [ratios[0], statistics.median(ratios), ratios[-1]],
        'max_us': {key: max(row['max_us'] for row in value) for key, value in rows.items()},
        'p999_us': {key: statistics.median(row['p999_us'] for row in value) for key, value in rows.items()},
    }


def instructions(folder, options):
    if not options.instructions or not shutil.which('valgrind'):
        return None
    with Silence() as silence:
        asking = count_instructions(policyd(folder / 'asking', options.cpu, silence.port),
                                    lambda server: policyctl(server, 'egress', 'check'))
    return {'asking': asking, 'without': count_instructions(policyd(folder / 'without', options.cpu, None))}


def egress(folder, options):
    folder.mkdir()
    return {
        'look': whole_look(folder / 'look', options),
        'load': paired_load(folder / 'load', options),
        'instructions': instructions(folder / 'instructions', options),
    }


def tell_egress(result):
    look_row, load = result['look'], result['load']
    print('\nlooking %d addresses up in %d lists' % (ADDRESSES, LISTS))
    print('  at a local rbldnsd             %.3f %.3f %.3f s (min median max), exit %d, %d listings, %d unknown' % (
        *look_row['seconds'], look_row['last']['exit'], look_row['last']['listings'], look_row['last']['unknown']))
    print('  a resolver that never answers  CPU of requests %.3f %.3f %.3f of those without; slowest answer %.0f us '
          '(without: %.0f)' % (*load['ratio'], load['max_us']['asking'], load['max_us']['without']))
    if result['instructions']:
        asking, without = result['instructions']['asking'], result['instructions']['without']
        print('  instructions a request         %.0f, without %.0f: %+.2f %%' % (
            asking, without, 100 * (asking / without - 1)))
