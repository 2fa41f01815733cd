# SPDX-License-Identifier: ISC
"""tests/system/dns_ask as an object: questions in, answers out, over the daemon's own DNS client.

    asker = Asker(case, server.address)
    answer = asker.ask('2.0.0.127.zen.example', 'A')
    equal(answer['rr'], ['127.0.0.2'])

An answer is what dns_ask prints, TXT as bytes. What it logs is in asker.log(); a warning there that no case asked
for, a sanitizer's report, or an exit code other than 0 fails the case.
"""
import json
import re
import subprocess
import threading

from harness import DEADLINE_S, SANITIZER, equal, is_warning, wait_until

CONFIGURATION = '''\
listen = ( { address = "unix:/nonexistent/policy.sock"; } );
limits = ( { name = "hourly"; rate = "200/1h"; } );
dns = { %s };
'''
QUICK = 'timeout = "500ms"; attempts = 2;'
DOWN = re.compile(r'^WARNING dns server does not answer')


class Asker:
    def __init__(self, case, *servers, settings=QUICK, prefix=(), folder='asker'):
        self.build = case.build
        self.folder = case.folder / folder
        self.folder.mkdir()
        self.config = self.folder / 'dns.conf'
        self.log_file = self.folder / 'asker.log'
        self.allowed = [DOWN]
        self.answers = {}
        self.order = []
        self.number = 0
        self.write(*servers, settings=settings)
        with self.log_file.open('ab') as log:
            self.process = subprocess.Popen([*prefix, case.build / 'tests' / 'system' / 'dns_ask', self.config],
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        case.daemons.append(self)

    def write(self, *servers, settings=QUICK):
        """The configuration; in force after reload()."""
        listed = 'servers = [ %s ]; ' % ', '.join('"%s"' % s for s in servers) if servers else ''
        self.config.write_text(CONFIGURATION % (listed + settings))

    def _read(self):
        for line in self.process.stdout:
            told = json.loads(line)
            self.order.append(told['id'])
            self.answers.setdefault(told['id'], []).append(told)

    # ---- use ----

    def send(self, line):
        self.process.stdin.write(line + '\n')
        self.process.stdin.flush()

    def begin(self, name, kind='A', *options):
        """Asks, and returns the id of the question at once."""
        self.number += 1
        self.send('ask %d %s %s %s' % (self.number, name, kind, ' '.join(options)))
        return str(self.number), kind

    def wait(self, begun, seconds=DEADLINE_S):
        number, kind = begun
        answer = self.take(number, seconds)
        if kind == 'TXT' and 'rr' in answer:
            answer['rr'] = [bytes.fromhex(text) for text in answer['rr']]
        return answer

    def take(self, number, seconds=DEADLINE_S):
        """What was told under that id, once."""
        wait_until(lambda: self.answers.get(number) or self.process.poll() is not None,
                   'an answer to question %s' % number, seconds)
        if not self.answers.get(number):
            raise AssertionError('dns_ask has ended: ' + self.log()[-3000:])
        return self.answers[number].pop(0)

    def ask(self, name, kind='A', *options, seconds=DEADLINE_S):
        return self.wait(self.begin(name, kind, *options), seconds)

    def burst(self, count, name, kind='A'):
        """COUNT questions at once, 0.NAME and so on; how many were refused."""
        self.send('burst %d %s %s' % (count, name, kind))
        return self.take('burst')['refused']

    def cancel(self, begun):
        self.send('cancel ' + begun[0])

    def figures(self):
        self.send('figures')
        return self.take('figures')

    def reload(self):
        self.send('reload')
        self.take('reload')

    def leave(self):
        """Ends at once, whatever is open."""
        self.send('leave')

    def log(self):
        return self.log_file.read_text(errors='replace')

    def told(self, part):
        return self.log().count(part)

    def allow(self, pattern):
        self.allowed.append(re.compile(pattern))

    # ---- the end ----

    def finish(self):
        """Ends it when all is answered; each question was answered once."""
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        try:
            code = self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError('dns_ask does not end: questions are open') from None
        self.reader.join(DEADLINE_S)
        self.process.stdout.close()
        found = SANITIZER.search(self.log())
        if found:
            raise AssertionError('sanitizer:\n' + self.log()[max(0, found.start() - 200):][:6000])
        equal(code, 0, 'exit code of dns_ask; its log: ' + self.log()[-2000:])
        for line in self.log().splitlines():
            if is_warning(line) and not any(pattern.search(line) for pattern in self.allowed):
                raise AssertionError('unexpected in the log: ' + line)
        numbered = [n for n in self.order if n.isdigit()]
        equal(len(numbered), len(set(numbered)), 'answers, each question once')
