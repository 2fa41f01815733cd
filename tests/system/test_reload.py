# SPDX-License-Identifier: ISC
"""Reloads under load: hundreds of connections and a real Postfix notice nothing, what was counted stays."""
import collections
import re
import signal
import time

from faults.load import DUNNO, Background, Crowd, Stall, say
from harness import contains, equal, request, rows, wait_until
from postfix import mail_server

CONNECTIONS = 500
RELOADS = 100
RELOADS_S = 20
RATE = 100
# Each account is asked for so often, and a little more, by one connection; then the next one is taken.
QUESTIONS = RATE + 5
HOURLY = '{ name = "hourly"; rate = "%d/1h"; }' % RATE
# The same rule each time, amid others that come, go and change places.
SETTINGS = (
    'limits = ( %s, { name = "daily"; rate = "100000/1d"; unit = "messages"; } );\n' % HOURLY,
    'limits = ( { name = "burst"; rate = "90000/1m"; }, { name = "trial"; rate = "1/1h"; mode = "observe"; },\n'
    '%s, { name = "daily"; rate = "100000/1d"; unit = "messages"; } );\n'
    'contact = "postmaster@example.org"; trusted_networks = [ "198.51.100.0/24" ];\n' % HOURLY,
)


class LogTail:
    """What has come to the log since the last look."""

    def __init__(self, policyd):
        self.path = policyd.log_file
        self.at = self.path.stat().st_size
        self.text = ''

    def more(self):
        with self.path.open('rb') as f:
            f.seek(self.at)
            data = f.read()
        self.at += len(data)
        self.text += data.decode(errors='replace')
        return self.text

    def wait(self, pattern):
        """Waits for a match; what stands before its end will not be seen again."""
        found = wait_until(lambda: re.search(pattern, self.more(), re.M), '%s in the log' % pattern)
        self.text = self.text[found.end():]
        return found


class Sender(Background):
    """One message after the other through Postfix, as different users."""

    def __init__(self, postfix):
        self.postfix = postfix
        self.sent = 0
        self.longest_s = 0.0

    def step(self):
        began = time.monotonic()
        with self.postfix.login(user=('alice', 'bob', 'carol')[self.sent // 30 % 3]) as smtp:
            replies, last = smtp.message('alice@example.org', ['m%d@example.net' % self.sent])
        equal([replies[0][0], last and last[0]], [250, 250], 'message %d: %r' % (self.sent, (replies, last)))
        self.longest_s = max(self.longest_s, time.monotonic() - began)
        self.sent += 1
        time.sleep(0.4)


class Counting:
    """The questions of a crowd and what became of them: each connection takes one account after the other."""

    def __init__(self):
        self.passed = collections.Counter()
        self.asked = collections.Counter()

    @staticmethod
    def account(asker):
        return 'u%d.%d@example.org' % (asker.number, asker.answers // QUESTIONS)

    def question(self, asker):
        return request(sasl_username=self.account(asker), instance='%d.%d' % (asker.number, asker.answers))

    def answered(self, asker, answer):
        # Called when the answer has been counted already.
        account = 'u%d.%d@example.org' % (asker.number, (asker.answers - 1) // QUESTIONS)
        if answer != DUNNO and not answer.startswith('action=DEFER_IF_PERMIT 4.7.1 '):
            raise AssertionError('%s got %r' % (account, answer))
        self.asked[account] += 1
        self.passed[account] += answer == DUNNO

    def check(self):
        """Returns how many accounts came to their end."""
        wrong = {account: self.passed[account] for account, asked in self.asked.items()
                 if self.passed[account] != min(asked, RATE)}
        equal(wrong, {}, 'accounts for which not exactly %d passed' % RATE)
        return sum(asked == QUESTIONS for asked in self.asked.values())


def reload_often(policyd, tail):
    """Each reload is told as done before the next one begins. The times they took."""
    took = []
    began = time.monotonic()
    for number in range(RELOADS):
        policyd.write(SETTINGS[(number + 1) % 2])
        asked_at = time.monotonic()
        policyd.process.send_signal(signal.SIGHUP)
        equal('done' in tail.wait(r'^\w+ reload .*$').group(), True, 'reload %d is told as done' % number)
        took.append(time.monotonic() - asked_at)
        time.sleep(max(0, began + (number + 1) * RELOADS_S / RELOADS - time.monotonic()))
    return took


def test_hundred_under_load(case):
    postfix, policyd = mail_server(case, settings=SETTINGS[0], listeners={'submission': {}})
    tail = LogTail(policyd)
    counting = Counting()
    with Stall() as stall, Crowd(policyd, CONNECTIONS, counting.question, counting.answered) as crowd, \
            Sender(postfix) as sender:
        took = reload_often(policyd, tail)
        wait_until(lambda: min(asker.answers for asker in crowd.askers) > 2 * QUESTIONS, 'two accounts each', 60)
    ended = counting.check()
    say('%d reloads in %d s: %d answers to %d connections, none failed, %d accounts met their limit exactly;',
        RELOADS, RELOADS_S, crowd.count, CONNECTIONS, ended)
    say('the longest wait of a connection (all ask at once) %.0f ms, of a message by SMTP %.0f ms; a reload was told'
        ' after %.0f ms (median), %.0f ms (longest)', crowd.longest_s * 1000, sender.longest_s * 1000,
        sorted(took)[RELOADS // 2] * 1000, max(took) * 1000)
    assert crowd.longest_s < 1 + stall.longest_s, 'an answer took %.2f s, the machine stood still for %.2f s' % (
        crowd.longest_s, stall.longest_s)
    postfix.wait_delivered(sender.sent)
    equal(postfix.warnings('policy'), [], 'what Postfix says about its policy service')
    equal(policyd.ctl('status')['since_start']['requests'] >= crowd.count + 2 * sender.sent, True, 'requests')
    for user in ('alice', 'bob', 'carol'):
        equal(policyd.used('%s@example.org' % user, 'hourly'), sum(n // 30 % 3 == ('alice', 'bob', 'carol').index(user)
                                                                   for n in range(sender.sent)), user)


def reload(policyd, tail):
    """The log's line about it."""
    policyd.process.send_signal(signal.SIGHUP)
    return tail.wait(r'^\w+ reload .*$').group()


def limits_of(policyd, account='alice@example.org'):
    return [(row['limit'], row['used_n']) for row in rows(policyd.ctl('explain', account))]


def test_broken_configuration_changes_nothing(case):
    """Every mistake is told with its line, none of the good settings beside them is taken."""
    policyd = case.policyd(limits=HOURLY)
    policyd.allow('^ERROR (configuration|reload) ')
    client = case.client(policyd)
    ask = lambda n: client.ask(request(instance='b.%d' % n))
    equal([ask(n) for n in range(60)], [DUNNO] * 60)
    tail = LogTail(policyd)
    for broken, lines in (('contact = "x@example.org";\nlimits = ( { name = "hourly"; rate = "1/1h"; },\n'
                           '{ name = "b"; rate = "bad"; } );\nlimitz = ( );\n', (6, 7)),
                          ('limits = ( { name = "hourly"; rate = "1/1h"; }\n;\n', (5,)),
                          ('@include "nothing-of-this-name.conf"\n', (4,))):
        policyd.write(broken)
        before = len(policyd.log())
        contains(reload(policyd, tail), 'refused', 'the line about the reload')
        for line in lines:
            contains(policyd.log()[before:], '%s:%d: ' % (policyd.config, line), 'the log')
        equal(limits_of(policyd), [('hourly', 60)], 'limits after a broken reload')
    policyd.config.unlink()
    contains(reload(policyd, tail), 'refused', 'the line about a file that is gone')
    equal([ask(n) for n in range(60, 100)], [DUNNO] * 40, 'room as before')
    contains(ask(100), 'action=DEFER_IF_PERMIT 4.7.1 ', 'the one too many')
    policyd.write('limits = ( %s );' % HOURLY)
    contains(reload(policyd, tail), 'done', 'the line about a good file')


def restart_named(line):
    found = re.search(r' restart="?([^"]*)', line)
    return set(found.group(1).split()) if found else set()


def test_names_what_needs_a_restart(case):
    """One by one, and only those that differ from what is running."""
    policyd = case.policyd(limits=HOURLY)
    running = policyd.config.read_text()
    tail = LogTail(policyd)
    equal(restart_named(reload(policyd, tail)), set(), 'when nothing differs')
    listen, state = policyd.listen, policyd.state
    policyd.listen, policyd.state = listen[:1], policyd.folder / 'elsewhere'
    policyd.write('limits = ( %s );\ncontact = "x@example.org";' % HOURLY)
    for again in range(2):
        line = reload(policyd, tail)
        contains(line, 'done', 'the line about the reload')
        equal(restart_named(line), {'listen', 'state.directory'}, 'settings named')
    equal(policyd.state.exists(), False, 'the new state directory')
    policyd.listen, policyd.state = listen, state
    equal(case.client(policyd, 1).ask(request()), DUNNO, 'the listener that is gone from the file')
    policyd.config.write_text(running)
    equal(restart_named(reload(policyd, tail)), set(), 'when all is as it was')


CLASSES = ('limits = ( %s, { name = "bulk"; rate = "7/1h"; } );\nclasses = ( { name = "bulk"; match = ('
           ' { file = "@/bulk.list"; } ); limits = [ "bulk" ]; } );\n' % HOURLY)


def wait_class(policyd, account, wanted):
    wait_until(lambda: ('bulk' in dict(limits_of(policyd, account))) == wanted,
               '%s %s the class of the list' % (account, 'in' if wanted else 'not in'))


def replace(path, text):
    new = path.with_suffix('.new')
    new.write_text(text)
    new.rename(path)


def test_list_file_is_read_when_it_changes(case):
    """Without a signal; what was edited in the configuration meanwhile waits for one."""
    policyd = case.policyd(CLASSES, start=False)
    policyd.allow('bulk.list')
    names = policyd.folder / 'bulk.list'
    names.write_text('# who may not send much\nbob@example.org\n')
    policyd.start()
    client = case.client(policyd)
    equal([client.ask(request(instance='l.%d' % n)) for n in range(5)], [DUNNO] * 5)
    wait_class(policyd, 'bob@example.org', True)
    wait_class(policyd, 'alice@example.org', False)
    policyd.write(CLASSES.replace('7/1h', '3/1h'))
    began = time.monotonic()
    replace(names, 'alice@example.org\nBOB@example.org\n')
    wait_class(policyd, 'alice@example.org', True)
    say('a list file that was replaced counts after %.1f s', time.monotonic() - began)
    equal(dict(limits_of(policyd))['hourly'], 5, 'used, as before')
    answers = [client.ask(request(instance='m.%d' % n)) for n in range(8)]
    # The five count for this limit too: the same is counted in the same window.
    equal(answers.count(DUNNO), 2, 'of a class whose rate is still 7/1h')
    with names.open('a') as f:
        f.write('carol@example.org\n')
    wait_class(policyd, 'carol@example.org', True)
    names.write_text('')
    wait_class(policyd, 'bob@example.org', False)


def test_bad_list_file_changes_nothing(case):
    """It is told with its line, the names that were read stay; so when it is gone, and until it is back."""
    policyd = case.policyd(CLASSES, start=False)
    policyd.allow('bulk.list|configuration|reload|list')
    names = policyd.folder / 'bulk.list'
    names.write_text('bob@example.org\n')
    policyd.start()
    replace(names, 'alice@example.org\ntwo words and more\n')
    policyd.wait_log('%s:2: ' % names)
    wait_class(policyd, 'bob@example.org', True)
    wait_class(policyd, 'alice@example.org', False)
    before = policyd.log().count(str(names))
    names.unlink()
    wait_until(lambda: policyd.log().count(str(names)) > before, 'a line about the missing list')
    wait_class(policyd, 'bob@example.org', True)
    names.write_text('alice@example.org\n')
    wait_class(policyd, 'alice@example.org', True)
    wait_class(policyd, 'bob@example.org', False)
    assert len(policyd.warnings()) < 10, policyd.warnings()
