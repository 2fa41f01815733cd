# SPDX-License-Identifier: ISC
"""The DNS of a small site as it is out there: authoritative servers (nsd) at port 53, each with its own word, and a
resolver (unbound) that asks them. 192.0.2.10 is mail.example.org and sends for example.org; all is in order.

    house = case.stack.enter_context(House(case))
    house.publish('example.org. TXT "v=spf1 -all"')           # takes the place of what was there of name and type
    house.publish('mail.example.org. A 192.0.2.9', at=[1])    # at the second server only
    house.withdraw('mail.example.org.', 'A')
    house.server[1].freeze()

Each house has addresses of its own in 127/8, so that two runs on one machine do not meet at port 53.
"""
import contextlib
import os
import random
import re
import signal
import socket

from dns_peers import Daemon, Unbound, ask
from dns_wire import reverse
from harness import wait_until

IPV4, MAIL, REVERSE = '192.0.2.10', 'mail.example.org', '10.2.0.192.in-addr.arpa.'
DNS_PORT = 53
TTL_S = 1
# By what stands above them.
DELEGATED = {'example.org.': 'org.', '2.0.192.in-addr.arpa.': '192.in-addr.arpa.'}
SOA = 'ns1.example.net. hostmaster.example.net. %d 3600 600 86400 1'

NSD_CONF = '''\
server:
  ip-address: {ip}@53
  server-count: 1
  do-ip6: no
  username: ""
  chroot: ""
  database: ""
  zonesdir: "{folder}"
  xfrdir: "{folder}"
  xfrdfile: ""
  zonelistfile: "{folder}/zone.list"
  pidfile: ""
  logfile: "{log}"
  rrl-ratelimit: 0
remote-control:
  control-enable: no
{zones}
'''


def own_net():
    """The first three octets of 254 addresses whose port 53 nobody has."""
    for _ in range(50):
        net = '127.%d.%d' % (random.randint(64, 250), random.randint(1, 250))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, contextlib.suppress(OSError):
            sock.bind((net + '.1', DNS_PORT))
            return net
    raise AssertionError('port 53 of addresses in 127/8 cannot be had')


class Nsd(Daemon):
    """zones: {zone: text of its file}. It refuses all other names."""

    def __init__(self, folder, ip, zones):
        super().__init__(folder, 'nsd')
        self.ip, self.port = ip, DNS_PORT
        self.config = self.folder / 'nsd.conf'
        self.zones, self.version = dict(zones), 0
        for zone in zones:
            self._put(zone)

    @property
    def address(self):
        return '%s@%d' % (self.ip, self.port)

    def command(self):
        zones = ''.join('zone:\n  name: "%s"\n  zonefile: "%s"\n' % (zone, self._path(zone)) for zone in self.zones)
        self.config.write_text(NSD_CONF.format(ip=self.ip, folder=self.folder, log=self.log_file, zones=zones))
        return ['nsd', '-d', '-c', self.config]

    def _path(self, zone):
        return self.folder / ('%s.zone' % (zone.strip('.') or 'root'))

    def _mark(self, zone):
        return 'version-%d.%s' % (self.version, zone.lstrip('.'))

    def _put(self, zone):
        # By this name it is seen that the zone is in force.
        self._path(zone).write_text('%s\n%s. 0 A 127.0.0.1\n' % (self.zones[zone], self._mark(zone).rstrip('.')))

    def answers(self):
        return all(ask(self.port, self._mark(zone).rstrip('.'), ip=self.ip) == (0, 1) for zone in self.zones)

    def write(self, zones):
        """Other texts for these zones; returns when they are in force."""
        self.zones |= zones
        self.version += 1
        for zone in self.zones:
            self._put(zone)
        if self.process:
            before = self.log().count(': error: ')
            self.process.send_signal(signal.SIGHUP)
            wait_until(lambda: self._took(before), 'nsd at %s has read its zones again' % self.ip)

    def _took(self, errors):
        if self.log().count(': error: ') > errors:
            raise AssertionError('nsd: ' + self.log()[-1000:])
        return self.answers()

    def freeze(self):
        """All its processes: questions go in, nothing comes out."""
        os.killpg(self.process.pid, signal.SIGSTOP)

    def thaw(self):
        os.killpg(self.process.pid, signal.SIGCONT)

    def stop(self):
        with contextlib.suppress(ProcessLookupError):
            if self.process:
                self.thaw()
        super().stop()


class Data:
    """What one server has: {zone: {(owner, type): [data]}}."""

    def __init__(self, zones):
        self.zones = {zone: {} for zone in zones}

    def zone_of(self, owner):
        fitting = [zone for zone in self.zones if zone == '.' or owner == zone or owner.endswith('.' + zone)]
        return max(fitting, key=len, default=None)

    def set(self, owner, kind, values):
        zone = self.zones.get(self.zone_of(owner))
        if zone is None:
            return
        zone.pop((owner, kind), None)
        if values:
            zone[owner, kind] = list(values)

    def text(self, zone):
        lines = ['%s %d %s %s' % (owner, TTL_S, kind, value) for (owner, kind), values in self.zones[zone].items()
                 for value in values]
        # Its SOA comes first.
        return '\n'.join(sorted(lines, key=lambda line: ' SOA ' not in line))


class House:
    """The resolver asks the first server alone, which has the root too: what others say does not make it waver. policyd
    asks all that are named."""

    ZONES = ('.', 'example.org.', 'example.net.', '2.0.192.in-addr.arpa.', 'spam.example.')

    def __init__(self, case, servers=2, zones=(), delegated=False):
        """zones: more of them. delegated: example.org and 2.0.192.in-addr.arpa are at the other servers, and the
        resolver finds them by the zones above."""
        zones = [*self.ZONES, *zones]
        self.net = own_net()
        names = ['ns%d.example.net.' % (i + 1) for i in range(servers)]
        below = DELEGATED if delegated else {}
        others = [zone for zone in zones[1:] if zone not in below]
        self.data = [Data([*others, *(['.'] if i == 0 else []), *(below.values() if i == 0 else below)])
                     for i in range(servers)]
        for data in self.data:
            for zone in data.zones:
                data.set(zone, 'SOA', [SOA % 1])
                data.set(zone, 'NS', names)
            for zone in below:
                data.set(zone, 'NS', names[1:])
            for j, name in enumerate(names):
                data.set(name, 'A', [self.ip(j)])
        self.server = [Nsd(case.folder / ('nsd%d' % (i + 1)), self.ip(i), {}) for i in range(servers)]
        known = list(self.data[0].zones)
        self.set_up()
        self.resolver = Unbound(case.folder / 'resolver',
                                stubs=dict.fromkeys(known, self.server[0].address),
                                server=['local-zone: "2.0.192.in-addr.arpa." nodefault', 'cache-max-ttl: 0',
                                        'cache-max-negative-ttl: 0'])

    def ip(self, i):
        return '%s.%d' % (self.net, i + 1)

    def set_up(self):
        """All in order, and a list that lists nobody."""
        self.publish('%s PTR %s.' % (REVERSE, MAIL), MAIL + '. A ' + IPV4,
                     'example.org. TXT "v=spf1 ip4:192.0.2.0/28 -all"', MAIL + '. TXT "v=spf1 a -all"',
                     'example.org. MX 10 %s.' % MAIL,
                     '_dmarc.example.org. TXT "v=DMARC1; p=reject; rua=mailto:d@example.org"',
                     'test.spam.example. A 127.0.0.2', '%s.spam.example. A 127.0.0.2' % reverse('127.0.0.2'))

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            for daemon in [*self.server, self.resolver]:
                stack.enter_context(daemon)
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *ignored):
        self.stack.close()

    def publish(self, *records, at=None):
        """Lines of a zone file, each with its full name: "mail.example.org. A 192.0.2.10"."""
        sets = {}
        for record in records:
            owner, kind, value = re.fullmatch(r'(\S+) ([A-Z]+) (.*)', record).groups()
            sets.setdefault((owner, kind), []).append(value)
        self._set(sets, at)

    def withdraw(self, owner, kind, at=None):
        self._set({(owner, kind): []}, at)

    def serial(self, zone, number, at=None):
        self.publish('%s SOA %s' % (zone, SOA % number), at=at)

    def _set(self, sets, at):
        for i in range(len(self.server)) if at is None else at:
            for (owner, kind), values in sets.items():
                self.data[i].set(owner, kind, values)
            self.server[i].write({zone: self.data[i].text(zone) for zone in self.data[i].zones})

    def forget(self, i, zone):
        """This server does not have the zone any more."""
        del self.data[i].zones[zone]
        del self.server[i].zones[zone]
        self._restart(i)

    def adopt(self, i, zone):
        """It has this one as well."""
        self.data[i].zones[zone] = {}
        self.data[i].set(zone, 'SOA', [SOA % 1])
        self.data[i].set(zone, 'NS', ['ns%d.example.net.' % (i + 1)])
        self._restart(i)

    def _restart(self, i):
        self.server[i].stop()
        self.server[i].write({zone: self.data[i].text(zone) for zone in self.data[i].zones})
        self.server[i].start()
