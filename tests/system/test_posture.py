# SPDX-License-Identifier: ISC
"""What lists say of us changes what a real Postfix does: real lists (rbldnsd), a real resolver (unbound)."""
from dns_peers import Rbldnsd, Unbound
from egress_rig import BEHAVES_BADLY, IPV4, LISTED, UNKNOWN, Rig, blocklist, code
from faults.disk import ShimmedDisk
from harness import contains, equal, free_port, wait_until
from postfix import LISTENERS, Postfix

TTL_S = 60
OTHER = '192.0.2.11'
HEAD = '$SOA %d ns.example. hostmaster.example. 1 3600 600 86400 %d\n' % (TTL_S, TTL_S)
IP4 = HEAD + ':127.0.0.2:Listed, see https://spam.example/?$\n127.0.0.2\n'
IP6 = HEAD + ':127.0.0.2:Listed\n::ffff:7f00:2\n'
SPAM = blocklist('spam', code('127.0.0.2', severity=5, text='sent to traps'), code('127.0.0.4', severity=4),
                 code('127.0.0.10', 'policy', 4, 'a dial-up address'))
LOGINS = ('alice', 'news', 'mallory', 'billing')
# People, a newsletter, invoices that are to go out from wherever it is clean, and who is at a step of the ladder.
TEXT = '''
local_domains = [ "example.org" ];
classes = ( { name = "newsletter"; match = ( { login = "news@example.org"; } ); limits = [ "bulk" ]; },
            { name = "invoices"; match = ( { login = "billing@example.org"; } );
              posture = { hold = "shift"; throttle = "FILTER slow:"; }; } );
signals = { mode = "enforce"; };
ladder = { note = 24; slow = 900; hold = 1000; suspend = 2000; learning = "0s"; };
posture = { mode = "enforce"; calm = "1m"; ramp_step = "10m"; };
'''


LIMITS = '{ name = "bulk"; rate = "10/1h"; }, { name = "few"; rate = "8/1h"; }'


class Mail:
    """Postfix, a list, a resolver, and policyd between them."""

    def __init__(self, case, text=TEXT, parameters=None, addresses=(IPV4,)):
        self.lists = case.stack.enter_context(Rbldnsd(case.folder / 'lists', {
            'spam.example': {'ip4set': IP4, 'ip6trie': IP6}}, ttl=str(TTL_S)))
        self.resolver = case.stack.enter_context(Unbound(
            case.folder / 'resolver', stubs={'example': self.lists.port}))
        self.postfix = case.stack.enter_context(Postfix(
            case.folder / 'postfix', {'submission': LISTENERS['submission'], 'incoming': LISTENERS['incoming']},
            logins=LOGINS, parameters=parameters, services='slow unix - - n - - smtp\nout2 unix - - n - - smtp\n'))
        self.rig = Rig(case, self.resolver.address, blocklists=[SPAM], addresses=list(addresses),
                       limits=LIMITS,
                       text=text + 'postfix = { config_directory = "%s"; };\n' % self.postfix.etc,
                       listen=[self.postfix.policy_address(), 'inet:127.0.0.1:%d' % free_port()])
        self.rig.policyd.allow(r'^WARNING ')
        # A minute passes at once, a snapshot takes its time.
        self.rig.policyd.allow(r'^ERROR snapshot failing')
        self.rig.settle()
        self.count = 0

    def list(self, *lines):
        self.lists.write('spam.example', 'ip4set', IP4 + '\n'.join(lines) + '\n')

    def look(self, times=1):
        for _ in range(times):
            self.resolver.flush()
            self.rig.sleep(TTL_S + 1)
            seen = self.rig.check()
        return seen.exit

    def posture(self, address=IPV4):
        rows = self.rig.data('egress')['postures']
        return next(row for row in rows if row['address'] == address)['posture']

    def wait_posture(self, posture, address=IPV4):
        wait_until(lambda: self.posture(address) == posture, 'posture %s, not %s' % (posture, self.posture(address)))

    def sends(self, user, *recipients):
        """One message: the replies of RCPT, and the last one."""
        with self.postfix.login('submission', user) as smtp:
            replies, last = smtp.message('%s@example.org' % user, recipients or ['a%d@example.net' % self.next()])
        return [code for code, _ in replies] + [last[0] if last else None]

    def next(self):
        self.count += 1
        return self.count

    def passes(self, user, n):
        """So many of n recipients, one a message."""
        return sum(self.sends(user) == [250, 250] for _ in range(n))

    def flag(self, user):
        self.rig.data('signal add', account='%s@example.org' % user, signal='reported', n='30', reason='a report')


def test_listed_and_over(case):
    """Clean, listed, delisted: who gets what, as Postfix says it."""
    mail = Mail(case)
    equal(mail.posture(), 'ok')
    equal([mail.sends(user) for user in ('alice', 'news', 'mallory')], [[250, 250]] * 3, 'while all is well')
    mail.list(IPV4)
    equal(mail.look(), BEHAVES_BADLY)
    equal(mail.posture(), 'ok', 'after one answer')
    mail.look()
    mail.wait_posture('hold')
    mail.flag('mallory')
    equal(mail.sends('news'), [450, None], 'a newsletter')
    equal(mail.sends('mallory'), [250, 250], 'who is flagged')
    equal([entry['sender'] for entry in mail.postfix.held()], ['mallory@example.org'], 'held')
    equal(mail.passes('alice', 6), 4, 'people: half of eight')
    equal(mail.sends('news', 'postmaster@example.org'), [250, 250], 'to our postmaster')
    with mail.postfix.connect('incoming') as smtp:
        equal(smtp.message('', ['bob@example.org'])[1][0], 250, 'a bounce')
    contains(mail.rig.policyd.run_ctl('egress').stdout, 'hold', 'policyctl egress')
    mail.list()
    mail.look(3)
    mail.rig.sleep(61)
    mail.wait_posture('recover')
    equal(mail.passes('alice', 2), 1, 'people: a tenth')
    for _ in range(4):
        mail.rig.sleep(601)
        mail.posture()
    mail.wait_posture('ok')
    mail.rig.sleep(3900)
    equal(mail.passes('news', 5), 5, 'a newsletter after that')
    # The log is written behind.
    wait_until(lambda: '-> ok' in mail.rig.told('posture', 'egress:' + IPV4)[-1], 'what was told last')
    told = mail.rig.changes('posture', 'egress:' + IPV4)
    contains(told[0], 'ok -> hold', 'what was told')
    contains(told[-1], 'ok', 'what was told last')


def test_lists_in_trouble_touch_no_mail(case):
    """A list that errs, dies or lists the world raises nothing; while it is silent a hold stays, and a restart keeps it."""
    mail = Mail(case)
    for content in (HEAD + ':127.255.255.254:refused\n0.0.0.0/0\n', HEAD, HEAD + ':127.0.0.2:all\n0.0.0.0/0\n'):
        mail.lists.write('spam.example', 'ip4set', content)
        mail.look(3)
        equal([mail.posture(), mail.sends('news')], ['ok', [250, 250]], 'with %r' % content[-30:])
    mail.list(IPV4)
    mail.look(3)
    mail.wait_posture('hold')
    mail.lists.__exit__()
    for _ in range(10):
        mail.rig.sleep(65)
        mail.resolver.flush()
        mail.rig.check()
    equal(mail.posture(), 'hold', 'after ten minutes of silence')
    mail.rig.policyd.stop()
    mail.rig.start()
    equal(mail.posture(), 'hold', 'after a restart')
    equal(mail.sends('news'), [450, None])


def test_policy_listing_pages_only(case):
    """An address that should not send at all, says its owner: somebody has to act, mail does not wait."""
    mail = Mail(case)
    mail.list(IPV4 + ' :127.0.0.10:dial-up')
    mail.look(3)
    equal(mail.rig.verdict('spam'), LISTED)
    equal([mail.posture(), mail.sends('news')], ['ok', [250, 250]])
    contains(mail.rig.policyd.log(), 'WARNING listing', 'the page')


def test_slow_lane_and_another_egress(case):
    """FILTER: to a slow lane, and to the address that stands well; shown in the queue; never for a message to us."""
    mail = Mail(case, parameters={'defer_transports': 'slow out2'}, addresses=(
        '{ address = "%s"; transport = "smtp"; }' % IPV4, '{ address = "%s"; transport = "out2"; }' % OTHER))
    mail.list(IPV4 + ' :127.0.0.4:spam')
    mail.look(2)
    mail.wait_posture('throttle')
    equal(mail.sends('billing'), [250, 250])
    mail.list(IPV4)
    mail.look(2)
    mail.wait_posture('hold')
    equal(mail.sends('billing'), [250, 250])
    wait_until(lambda: len(mail.postfix.queue()) >= 2, 'two messages in the queue')
    log = mail.postfix.log()
    contains(log, 'FILTER slow:', 'the log of Postfix')
    contains(log, 'FILTER out2:', 'the log of Postfix')
    equal(mail.sends('billing', 'a@example.net', 'bob@example.org'), [250, 250, 250])
    equal(mail.postfix.log().count('FILTER '), log.count('FILTER '), 'of a message that is for us too')


def test_content_filter_is_never_passed_by(case):
    """What Postfix could not do is told when it is written, with file and line."""
    mail = Mail(case)
    config = mail.rig.policyd.folder / 'policyd.conf'

    def check():
        done = mail.rig.policyd.run_ctl('config', 'check', '-c', config)
        return done.stdout + done.stderr

    mail.postfix.run('postconf', '-e', 'content_filter=scan:[127.0.0.1]:1')
    contains(check(), 'policyd.conf:', 'config check')
    contains(check(), 'content_filter is set in Postfix', 'config check')
    mail.postfix.run('postconf', '-X', 'content_filter')
    config.write_text(config.read_text().replace('FILTER slow:', 'FILTER nowhere:'))
    contains(check(), 'no transport "nowhere"', 'config check')


def test_observe_tells(case):
    mail = Mail(case, text=TEXT.replace('mode = "enforce"; calm', 'mode = "observe"; calm'))
    mail.list(IPV4)
    mail.look(2)
    mail.wait_posture('hold')
    equal(mail.sends('news'), [250, 250])
    wait_until(lambda: 'observed action=DEFER_IF_PERMIT rule=posture' in mail.rig.policyd.log(),
               'the decision that was not made')


def test_a_person_sets_it(case):
    mail = Mail(case)
    mail.rig.data('egress posture', address=IPV4, posture='hold', reason='a receiver called')
    mail.wait_posture('hold')
    equal(mail.sends('news'), [450, None])
    mail.rig.policyd.stop()
    mail.rig.start()
    equal(mail.posture(), 'hold', 'after a restart')
    mail.rig.data('egress posture', address=IPV4, posture='auto', reason='it was a mistake')
    mail.rig.sleep(61)
    wait_until(lambda: mail.posture() in ('ok', 'recover'), 'the end of it')


def test_told_is_kept(case):
    """What was acknowledged holds after kill -9 at that moment; what cannot be kept is not acknowledged."""
    rig = Rig(case, '127.0.0.1:%d' % free_port(), blocklists=[SPAM], text='posture = { mode = "enforce"; };\n', start=False)
    disk = ShimmedDisk(case, rig.policyd)
    rig.policyd.allow(r'^(WARNING|ERROR) ')
    rig.policyd.start(*disk.prefix)
    for posture, kind in (('hold', 'requested'), ('throttle', 'refused')) * 3:
        rig.data('egress posture', address=IPV4, posture=posture, reason='a receiver called')
        rig.data('egress delist', list='spam', address=IPV4, note='wrote to them', **{kind: True})
        rig.policyd.kill()
        rig.policyd.start(*disk.prefix)
        equal(rig.data('egress')['postures'][0]['posture'], posture, 'after kill -9')
        rows = rig.data('egress delists')
        equal([(row['list'], row['told']) for row in rows], [('spam', kind)], 'the ledger after kill -9')
    with disk.fault('error 28'):
        answer = rig.ask('egress posture', address=IPV4, posture='watch', reason='all is well')
    equal(answer['ok'], False, 'nothing can be written: ' + str(answer))
    equal(rig.data('egress')['postures'][0]['posture'], 'throttle', 'what was refused is not in force')


def test_unknown_at_first(case):
    """Nothing has ever answered: nobody is held for that."""
    mail = Mail(case)
    mail.resolver.tell('stub_add', 'spam.example', '127.0.0.1@1')
    mail.look(3)
    equal([mail.posture(), mail.sends('news')], ['ok', [250, 250]])
    equal(mail.rig.row('spam')['verdict'] in (UNKNOWN, 'clean'), True)
