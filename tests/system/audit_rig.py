# SPDX-License-Identifier: ISC
"""A policyd that audits one small site: a house (name_servers.py), what policyctl says of it, and time that passes.

    site = Site(case, servers=3)
    site.look()                     # {(subject, check): row} of what is not in order, looked up now
    site.publish('example.org. TXT "v=spf1 -all"')
    site.confirm()                  # three looks over 32 minutes
"""
from egress_rig import Rig, blocklist
from name_servers import House

APART_S = 16 * 60
# So long policyd remembers what it was answered, however short the TTL.
REMEMBERED_S = 61


class Site:
    def __init__(self, case, servers=2, zones=(), delegated=False, selectors=(), domains=('example.org',), text='',
                 **more):
        self.house = case.stack.enter_context(House(case, servers, zones, delegated))
        lists = {'domains': domains, 'dkim_selectors': selectors}
        egress = ' '.join('%s = [ %s ];' % (name, ', '.join('"%s"' % v for v in values))
                          for name, values in lists.items())
        self.rig = Rig(case, self.house.resolver.address, blocklists=[blocklist('spam', subjects=['ipv4', 'domain'])],
                       audit=True, egress=egress, text=text, **more)
        self.publish, self.withdraw = self.house.publish, self.house.withdraw
        self.policyd, self.exit = self.rig.policyd, None

    def rows(self):
        """Everything that is not in order, from answers of now."""
        self.rig.sleep(REMEMBERED_S)
        seen = self.rig.check()
        self.exit = seen.exit
        assert not any('had no answer in time' in line for line in seen.data['summary']), seen.data['summary']
        return seen.data['findings']

    def look(self):
        return {(row['subject'], row['check']): row for row in self.rows()}

    def confirm(self):
        """So often and so long that what fails is a failure, and what is mended is mended."""
        for _ in range(2):
            self.look()
            self.rig.sleep(APART_S)
        return self.look()

    def text(self, *arguments):
        """What a person reads."""
        self.rig.sleep(6)
        return self.policyd.run_ctl('egress', 'check', '--wait', *arguments).stdout

    def reload(self, old, new):
        """With another setting; the wiring in the first lines is written anew."""
        settings = self.policyd.config.read_text().split('\n', 3)[3]
        assert old in settings, settings
        self.policyd.write(settings.replace(old, new))
        self.policyd.ctl('reload')

    def told(self, subject='egress:192.0.2.10'):
        return self.rig.changes('audit', subject)

    def forget(self):
        """Of the resolver: who is down, and where zones are."""
        self.house.resolver.flush()
