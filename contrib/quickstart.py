# SPDX-License-Identifier: ISC
"""The talking part of contrib/quickstart: a mail server on the loopback interface, and what happens to its mail.

usage: quickstart.py [--keep] BUILD_DIR

Takes the private Postfix and the policyd starter of the system tests. It prints what the programs say, in their
own words, and looks for what must be in them (a 4xx reply, an entry in the hold queue, ...): what was not seen
is named at the end.
"""
import argparse
import json
import re
import signal
import sys

from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'tests' / 'system'))

from harness import Case, wait_until  # noqa: E402
from postfix import SMTP, mail_server  # noqa: E402

LIMIT = 5
GREEDY, SUSPECT = 'alice', 'bob'
STRANGER = 'stranger@example.net'
SETTINGS = '''local_domains = [ "example.org" ];
limits = ( { name = "hourly"; key = "account"; unit = "recipients"; rate = "%d/1h"; } );
suspension = { action = "HOLD"; };
contact = "postmaster@example.org";
''' % LIMIT


def heading(text):
    print('\n%s' % ('\033[1m%s\033[0m' % text if sys.stdout.isatty() else text), flush=True)


class Story:
    """Prints, and remembers what was expected and not seen."""

    def __init__(self):
        self.missing = []

    def expect(self, seen, what):
        if not seen:
            self.missing.append(what)
        return seen

    def command(self, shown, output):
        print('$ ' + shown)
        print(output.rstrip(), flush=True)
        return output


class Talk(SMTP):
    """An SMTP session that is printed as it goes: C: client, S: server."""

    def putcmd(self, cmd, args=''):
        line = ('%s %s' % (cmd, args)).strip()
        print('C: ' + ('AUTH PLAIN ...' if line.upper().startswith('AUTH') else line))
        super().putcmd(cmd, args)

    def getreply(self):
        code, text = super().getreply()
        for line in text.decode(errors='replace').splitlines():
            print('S: %d %s' % (code, line), flush=True)
        return code, text


def session(postfix, user):
    """A logged-in session; printed from here on."""
    smtp = postfix.login(user=user)
    smtp.__class__ = Talk
    return smtp


def ctl(story, policyd, *arguments):
    done = policyd.run_ctl(*arguments)
    words = ' '.join("'%s'" % a if ' ' in a else a for a in arguments)
    story.command('policyctl ' + words, done.stdout + done.stderr)
    story.expect(done.returncode == 0, 'policyctl %s ended with %d' % (words, done.returncode))
    return done.stdout


def too_much(story, postfix, policyd):
    heading('%s may write to %d recipients an hour and tries %d' % (GREEDY, LIMIT, LIMIT + 2))
    sender = GREEDY + '@example.org'
    with session(postfix, GREEDY) as smtp:
        replies = [reply for n in range(LIMIT + 2) for reply in smtp.message(sender, ['friend%d@example.net' % n])[0]]
    story.expect([code for code, _ in replies[:LIMIT]] == [250] * LIMIT, '%d accepted recipients' % LIMIT)
    refused = story.expect([text for code, text in replies[LIMIT:] if 400 <= code < 500],
                           'a 4xx reply to recipient %d' % (LIMIT + 1))

    heading('Why? What the operator sees')
    ctl(story, policyd, 'explain', sender)
    ctl(story, policyd, 'top')
    known = [word for word in re.findall(r'\b[A-Za-z0-9]{10}\b', ' '.join(refused or []))
             if policyd.run_ctl('why', word).returncode == 0]
    if story.expect(known, 'a reference in the reply that policyctl why knows'):
        ctl(story, policyd, 'why', known[0])


def hold(story, postfix, policyd):
    sender = SUSPECT + '@example.org'
    heading('%s looks hacked: suspend. Mail is taken and held from the next request on' % SUSPECT)
    ctl(story, policyd, 'suspend', sender, '--for', '4h', '--reason', 'password found in a leak')
    with session(postfix, SUSPECT) as smtp:
        smtp.message(sender, [STRANGER], 'Subject: a very good offer\r\n\r\nBuy now.\r\n')
    text = story.command('postqueue -j', postfix.run('postqueue', '-j'))
    held = [entry for entry in map(json.loads, text.splitlines())
            if entry['queue_name'] == 'hold' and entry['sender'] == sender]
    story.expect(held, 'mail of %s in the hold queue' % sender)
    return [entry['queue_id'] for entry in held]


def log_of_delivery(postfix):
    return '\n'.join(line for line in postfix.log().splitlines()
                     if 'to=<%s>' % STRANGER in line and 'status=' in line)


def release(story, postfix, policyd, held):
    sender = SUSPECT + '@example.org'
    heading('It was a false alarm: release the account, then its mail')
    ctl(story, policyd, 'release', sender, '--reason', 'talked to the owner, all well')
    for queue_id in held:
        story.command('postsuper -H ' + queue_id, postfix.run('postsuper', '-H', queue_id))
    postfix.run('postqueue', '-f')
    try:
        wait_until(lambda: STRANGER in postfix.delivered() and log_of_delivery(postfix), 'delivery of the released mail')
    except AssertionError as error:
        story.expect(False, str(error))
    story.command('grep to=.%s maillog' % STRANGER, log_of_delivery(postfix))
    with session(postfix, SUSPECT) as smtp:
        replies, last = smtp.message(sender, ['friend@example.net'])
    story.expect(last and last[0] == 250, 'mail of %s accepted again' % sender)

    heading('Who did what, when and why')
    audit = ctl(story, policyd, 'audit')
    story.expect('suspend' in audit and 'release' in audit, 'both acts in the audit trail')


def keep(case, postfix, policyd):
    """Leaves everything running; says how to go on."""
    case.stack.pop_all()
    case.daemons.clear()
    tools = policyd.build / 'policyd'
    heading('Left running (--keep)')
    print('submission     127.0.0.1 port %d, login alice@example.org, bob@example.org or carol@example.org,\n'
          '               password "correct horse"' % postfix.listeners['submission'][0])
    print('look around    %s/policyctl -s %s status' % (tools, policyd.control))
    print('               postqueue -c %s -p' % postfix.etc)
    print('configuration  %s' % policyd.config)
    print('logs           %s %s' % (policyd.log_file, postfix.top / 'maillog.log'))
    print('stop           postfix -c %s stop; kill %d %d; rm -r %s' % (
        postfix.etc, policyd.process.pid, postfix.sink.pid, case.folder))


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument('--keep', action='store_true')
    parser.add_argument('build', type=Path)
    arguments = parser.parse_args()
    # So that nothing stays behind when it is stopped half-way.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    story = Story()
    with Case(arguments.build, prefix='policyd-quickstart-') as case:
        heading('A Postfix of our own, and policyd beside it')
        postfix, policyd = mail_server(case, settings=SETTINGS)
        story.command('cat policyd.conf', policyd.config.read_text())
        print('in main.cf:')
        story.command('postconf smtpd_recipient_restrictions smtpd_data_restrictions hook', postfix.run(
            'postconf', 'smtpd_recipient_restrictions', 'smtpd_data_restrictions', 'hook'))
        ctl(story, policyd, 'status')
        too_much(story, postfix, policyd)
        release(story, postfix, policyd, hold(story, postfix, policyd))
        if arguments.keep:
            keep(case, postfix, policyd)
    if story.missing:
        print('\nnot seen:', file=sys.stderr)
        for what in story.missing:
            print('  ' + what, file=sys.stderr)
        sys.exit(1)


if __name__ == '__main__':
    main()
