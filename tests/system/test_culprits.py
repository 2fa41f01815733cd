# SPDX-License-Identifier: ISC
"""Whom "egress culprits" names: a day of real mail in which three accounts were stolen, and the listing comes hours later.

The real mail and the replay that puts the theft into it are shared tools beside the project (POLICYD_SHARED names their
folder, ../shared unless given). What is real is who wrote to whom and when; addresses, places and the theft are made. The
thieves are not the biggest senders of that day: a shop sends receipts all day as every day, somebody writes to 400
parents, an office merges 150 letters. culprits_at puts it through the real engine in virtual time.
"""
import csv
import ipaddress
import json
import os
import pathlib
import subprocess
import sys

from harness import equal

TOP = pathlib.Path(__file__).resolve().parents[2]
SHARED = pathlib.Path(os.environ.get('POLICYD_SHARED', TOP.parent / 'shared'))
DAY, HOUR = 86400, 3600
DAYS, THEFT_DAY = 34, 32
# Working days before it on which nobody has anything to answer for.
QUIET_DAYS = (24, 27, 30)

CAMPAIGNS = [
    {'id': 'shop', 'kind': 'benign', 'pattern': 'app_account', 'day': 2, 'days': 40, 'per_hour': 16, 'dead': .02, 'seed': 1},
    {'id': 'desk', 'kind': 'benign', 'pattern': 'shared_role', 'day': 2, 'days': 40, 'people': 8, 'per_day': 60, 'seed': 2},
    {'id': 'parents', 'kind': 'benign', 'pattern': 'newsletter', 'day': THEFT_DAY, 'at': '09:30', 'rcpts': 400,
     'per_msg': 80, 'known': .1, 'local': .2, 'dead': .02, 'gap_s': 4, 'seed': 3},
    {'id': 'letters', 'kind': 'benign', 'pattern': 'mail_merge', 'day': THEFT_DAY, 'at': '14:05', 'rcpts': 150,
     'known': .3, 'local': .3, 'dead': .02, 'gap_s': 6, 'seed': 4},
    {'id': 'theft', 'kind': 'attack', 'day': THEFT_DAY, 'at': '10:30', 'accounts': 3, 'stagger_min': 25, 'victim': 'active',
     'hours': 3, 'rate': {'msgs_per_hour': 25}, 'released': False, 'helo': 'ip', 'seed': 5,
     'ips': {'kind': 'residential', 'count': 40, 'countries': 12, 'mode': 'random'},
     'rcpts': {'per_msg': [1, 3], 'dead': .15}},
]
CONFIG = ('listen = ( { address = "inet:127.0.0.1:1"; } ); local_domains = [ "example.org" ]; signals = { mode = "%s"; };\n'
          'limits = ( { name = "hourly"; rate = "200/1h"; }, { name = "daily"; rate = "1000/1d"; } );\n')


class Places:
    """What a GeoIP database would say of a client."""

    def __init__(self, path):
        with open(path) as lines:
            self.nets = [(ipaddress.ip_network(row['prefix']), row) for row in csv.DictReader(lines)]
        self.known = {}

    def of(self, address):
        if address not in self.known:
            ip = ipaddress.ip_address(address)
            found = max(((net.prefixlen, net, row) for net, row in self.nets if ip.version == net.version and ip in net),
                        key=lambda of: of[0], default=None)
            self.known[address] = {} if found is None else {
                'geo_country': found[2]['country'], 'geo_asn': int(found[2]['asn']),
                'geo_lat': float(found[2]['latitude']), 'geo_lon': float(found[2]['longitude'])}
        return self.known[address]


def stream_of(case):
    """The mail of five weeks with places, the same of the last days alone, and the theft: who, and when it ended."""
    for path in (SHARED / 'tools' / 'replay.py', SHARED / 'data' / 'radoslaw.tsv.gz', SHARED / 'data' / 'geo.csv'):
        assert path.exists(), ('%s is missing: the real mail and its replay stand beside the project; '
                               'POLICYD_SHARED names their folder' % path)
    campaigns, plain = case.folder / 'campaigns.json', case.folder / 'plain.jsonl'
    campaigns.write_text(json.dumps({'campaigns': CAMPAIGNS}))
    subprocess.run([sys.executable, SHARED / 'tools' / 'replay.py', 'generate', SHARED / 'data' / 'radoslaw.tsv.gz',
                    '--campaigns', campaigns, '--days', str(DAYS), '--out', case.folder / 'labelled.jsonl',
                    '--strip', plain], check=True, capture_output=True, timeout=150)
    placed = json.loads((case.folder / 'labelled.jsonl.meta.json').read_text())['campaigns']
    theft = next(campaign for campaign in placed if campaign['id'].startswith('theft'))
    places, whole, alone = Places(SHARED / 'data' / 'geo.csv'), case.folder / 'whole.jsonl', case.folder / 'alone.jsonl'
    begin = theft['from'] // DAY * DAY
    with open(plain) as lines, open(whole, 'w') as to_whole, open(alone, 'w') as to_alone:
        for line in lines:
            request = json.loads(line)
            request.update(places.of(request['client_address']))
            line = json.dumps(request) + '\n'
            to_whole.write(line)
            if request['ts'] >= begin:
                to_alone.write(line)
    return whole, alone, theft


def culprits(case, mode, stream, moments):
    """Of each moment the culprits in their order, and how many recipients there were in all."""
    config = case.folder / (mode + '.conf')
    config.write_text(CONFIG % mode)
    done = subprocess.run([case.build / 'tests' / 'system' / 'culprits_at', config, stream, *map(str, moments)],
                          capture_output=True, text=True, timeout=150)
    equal(done.returncode, 0, done.stderr)
    falls = [json.loads(line) for line in done.stdout.splitlines()]
    equal(len(falls), len(moments), 'falls')
    return falls


def told(fall):
    return '\n'.join('%s used %d, usual %d, %.1f %%, score %.1f, %s/%s%s' % (
        row['account'], row['used'], row['usual'], row['share'], row['score'], row['step'], row['would'],
        ', stands out' if row['stands_out'] else '') for row in fall['culprits'])


def stolen_rows(fall, theft):
    """(rank from 1 on, row) of each stolen account."""
    names = ['login:' + account for account in theft['accounts']]
    rows = [(rank, row) for rank, row in enumerate(fall['culprits'], 1) if row['account'] in names]
    equal(len(rows), 3, 'stolen accounts among those named:\n' + told(fall))
    for _, row in rows:
        assert row['stands_out'], '%s does not stand out:\n%s' % (row['account'], told(fall))
    return rows


def is_shop(row):
    return 'app-account' in row['account']


def test_three_thieves_in_a_day_of_real_mail(case):
    whole, alone, theft = stream_of(case)
    equal(len(theft['accounts']), 3, 'stolen')
    moments = [int(theft['to']) + hours * HOUR for hours in (2, 8)]
    begin = theft['from'] // DAY - THEFT_DAY
    quiet = [(begin + day) * DAY + 20 * HOUR for day in QUIET_DAYS]
    # Nobody stands out on a day on which nothing happened, though a shop sends a sixth of all, or all of it.
    falls = culprits(case, 'observe', whole, [*map(int, quiet), *moments])
    for fall in falls[:len(quiet)]:
        assert fall['recipients'] > 500, 'that is no working day'
        assert not any(row['stands_out'] for row in fall['culprits']), told(fall)
        assert any(is_shop(row) and row['share'] > 5 for row in fall['culprits'][:3]), told(fall)
    # Only observed, so that all of it went out: others sent more than they.
    for fall in falls[len(quiet):]:
        rows = stolen_rows(fall, theft)
        equal([rank for rank, _ in rows], [1, 2, 3], told(fall))
        least = min(row['used'] for _, row in rows)
        more = [row for row in fall['culprits'] if row['used'] > least and row not in [row for _, row in rows]]
        assert len(more) >= 3, 'they are the only big ones:\n' + told(fall)
        assert not any(row['stands_out'] for row in fall['culprits'] if is_shop(row)), told(fall)
        print('# observed: %s of %d recipients' % (', '.join('%d' % row['used'] for _, row in rows), fall['recipients']))
    # The ladder stopped them: they have sent least of all who stand out, and come first all the same.
    for fall in culprits(case, 'enforce', whole, moments):
        equal([rank for rank, _ in stolen_rows(fall, theft)], [1, 2, 3], told(fall))
    # Nothing is known of anybody before that day: they are among those that stand out, in front of the shop.
    for fall in culprits(case, 'observe', alone, moments):
        ranks = [rank for rank, _ in stolen_rows(fall, theft)]
        assert max(ranks) <= 5, told(fall)
        assert all(rank > max(ranks) for rank, row in enumerate(fall['culprits'], 1) if is_shop(row)), told(fall)
