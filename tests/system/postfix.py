# SPDX-License-Identifier: ISC
"""A real Postfix of our own: configuration, queue, data and log in one directory, on free ports of 127.0.0.1.

The system's own instance is neither used nor touched. Logins are checked by Cyrus SASL against a sasldb of
this directory; accepted mail goes to smtp-sink(1), which leaves one file a message. Needs root, because
Postfix does.

    with Postfix(folder, LISTENERS) as postfix:
        with postfix.login('submission') as smtp: smtp.sendmail(...)

A listener is a name and the restrictions it differs in; $hook is the documented check_policy_service.
"""
import base64
import json
import os
import pwd
import re
import signal
import smtplib
import socket
import subprocess
import time

from pathlib import Path

from harness import DEADLINE_S, equal, free_port, wait_until

REALM = 'example.org'
PASSWORD = 'correct horse'
LOGINS = ('alice', 'bob', 'carol')

MAIN_CF = '''\
compatibility_level = 3.6
queue_directory = {top}/queue
data_directory = {top}/data
command_directory = {command_directory}
daemon_directory = {daemon_directory}
mail_owner = {mail_owner}
setgid_group = {setgid_group}
syslog_name = private
maillog_file = {top}/maillog.log
maillog_file_prefixes = {top}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.example.org
mydestination =
relay_domains = example.org
local_recipient_maps =
relay_recipient_maps =
alias_maps =
alias_database =
mynetworks =
default_transport = smtp
relay_transport = smtp
relayhost = [127.0.0.1]:{sink_port}
disable_dns_lookups = yes
smtp_host_lookup = native
smtpd_peername_lookup = no
smtpd_client_connection_rate_limit = 0
smtpd_client_connection_count_limit = 0
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 1001
smtpd_hard_error_limit = 1000
in_flow_delay = 0
notify_classes =
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = cyrus
smtpd_sasl_path = smtpd
cyrus_sasl_config_path = {top}/etc/sasl
smtpd_sasl_local_domain = {realm}
smtpd_sasl_security_options = noanonymous
smtpd_tls_cert_file = {top}/server.pem
smtpd_tls_key_file = {top}/server.pem
smtpd_tls_fingerprint_digest = sha256
smtpd_tls_session_cache_database =
smtpd_tls_loglevel = 0
smtpd_authorized_xclient_hosts = 127.0.0.1
smtpd_relay_restrictions =
smtpd_restriction_classes = policy
hook = check_policy_service {{ unix:policyd/policyd.sock, timeout=5s, default_action=DUNNO }}
other_hook = check_policy_service {{ unix:policyd/policyd.sock, timeout=6s, default_action=DUNNO }}
policy = $hook
smtpd_recipient_restrictions = $hook, permit_sasl_authenticated, reject
smtpd_data_restrictions = $hook
'''

MASTER_CF = '''\
cleanup unix n - n - 0 cleanup
pickup unix n - n 60 1 pickup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
'''

PROCESSES_MAX = {'single': '1'}

# Ways to ask that users have; each is one smtpd listener.
LISTENERS = {
    # The documented hook: recipient and data restrictions, the same string.
    'submission': {},
    # The same, but one process only: the next session is the same smtpd's.
    'single': {},
    # The same check in four lists: asked up to four times for a recipient (smtpd_delay_reject is yes).
    'fourfold': {
        'smtpd_client_restrictions': '$hook', 'smtpd_helo_restrictions': '$hook',
        'smtpd_sender_restrictions': '$hook'},
    # Two service strings in turn: A,B,A,B for each recipient, over two policy connections.
    'alternating': {
        'smtpd_client_restrictions': '$hook', 'smtpd_helo_restrictions': '$other_hook',
        'smtpd_sender_restrictions': '$hook',
        'smtpd_recipient_restrictions': '$other_hook,permit_sasl_authenticated,reject'},
    # Asked once more, at END-OF-MESSAGE.
    'thorough': {'smtpd_end_of_data_restrictions': '$hook'},
    # Restrictions act at once, not only at RCPT.
    'hasty': {'smtpd_delay_reject': 'no', 'smtpd_sender_restrictions': '$hook'},
    # Port 25: no login, TLS with a client certificate, mail for our own domain.
    'incoming': {
        'smtpd_sasl_auth_enable': 'no', 'smtpd_tls_security_level': 'may', 'smtpd_tls_ask_ccert': 'yes',
        'smtpd_recipient_restrictions': '$hook,reject_unauth_destination'},
}


def certificate(path, name):
    """A self-signed certificate and its key in one file; returns its SHA-256 fingerprint as Postfix writes it."""
    key = path.with_suffix('.key')
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1',
                    '-nodes', '-days', '2', '-subj', '/CN=' + name, '-keyout', key, '-out', path],
                   check=True, capture_output=True)
    shown = subprocess.run(['openssl', 'x509', '-in', path, '-noout', '-fingerprint', '-sha256'], check=True,
                           capture_output=True, text=True).stdout
    with path.open('a') as f:
        f.write(key.read_text())
    return shown.strip().split('=')[1]


class SMTP(smtplib.SMTP):
    """An SMTP session whose single steps tests can take and look at; addresses go out as they are."""

    def login_as(self, user):
        token = base64.b64encode(('\0%s@%s\0%s' % (user, REALM, PASSWORD)).encode()).decode()
        code, text = self.docmd('AUTH', 'PLAIN ' + token)
        equal(code, 235, 'reply to AUTH: %r' % text)

    def begin(self, sender):
        code, text = self.docmd('MAIL', 'FROM:<%s>' % sender)
        equal(code, 250, 'reply to MAIL: %r' % text)

    def recipient(self, address):
        """(code, text) of RCPT."""
        code, text = self.docmd('RCPT', 'TO:<%s>' % address)
        return code, text.decode(errors='replace')

    def body(self, text='Subject: test\r\n\r\nhello\r\n'):
        """DATA and the text; (code, text) of the last reply."""
        code, reply = self.docmd('DATA')
        if code == 354:
            self.send(text + '.\r\n')
            code, reply = self.getreply()
        return code, reply.decode(errors='replace')

    def message(self, sender, recipients, text='Subject: test\r\n\r\nhello\r\n'):
        """A whole message. Returns the replies of its RCPTs and the last one (None when all were refused)."""
        self.begin(sender)
        replies = [self.recipient(r) for r in recipients]
        if not any(code == 250 for code, _ in replies):
            self.rset()
            return replies, None
        return replies, self.body(text)

    def drop(self):
        """The connection breaks."""
        self.sock.close()
        self.close()


class Postfix:
    def __init__(self, top, listeners=LISTENERS, logins=LOGINS, parameters=None, services=''):
        """services: more lines of master.cf."""
        self.top = Path(top)
        self.etc = self.top / 'etc'
        self.listeners = {name: (free_port(), options) for name, options in listeners.items()}
        self.logins = logins
        self.parameters = parameters or {}
        self.services = services
        self.sink_port = free_port()
        self.sink = None
        self.master = None

    # ---- life ----

    def __enter__(self):
        if os.geteuid() != 0:
            raise AssertionError('a private Postfix needs root')
        try:
            self._make()
            self._start_sink()
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *ignored):
        self.stop()

    def policy_address(self):
        """Where policyd listens for this instance: below the queue directory, as documented."""
        return 'unix:%s/queue/policyd/policyd.sock' % self.top

    def _defaults(self):
        names = ['command_directory', 'daemon_directory', 'mail_owner', 'setgid_group']
        shown = subprocess.run(['postconf', '-d', '-x', *names], check=True, capture_output=True, text=True).stdout
        return dict(line.split(' = ', 1) for line in shown.splitlines())

    def _make(self):
        for folder in ('etc/sasl', 'queue/policyd', 'data', 'sink'):
            (self.top / folder).mkdir(parents=True)
        owner = pwd.getpwnam('postfix')
        os.chown(self.top / 'data', owner.pw_uid, -1)
        os.chown(self.top / 'queue' / 'policyd', 0, owner.pw_gid)
        (self.top / 'queue' / 'policyd').chmod(0o750)
        certificate(self.top / 'server.pem', 'mx.example.org')
        (self.etc / 'main.cf').write_text(MAIN_CF.format(
            top=self.top, realm=REALM, sink_port=self.sink_port, **self._defaults())
            + ''.join('%s = %s\n' % row for row in self.parameters.items()))
        # Postfix waits for a main.cf that was changed in the last seconds.
        os.utime(self.etc / 'main.cf', times=(time.time() - 60,) * 2)
        (self.etc / 'master.cf').write_text(''.join(self._listener_lines()) + MASTER_CF + self.services)
        self._make_logins(owner)

    def _listener_lines(self):
        for name, (port, options) in self.listeners.items():
            yield '127.0.0.1:%d inet n - n - %s smtpd\n' % (port, PROCESSES_MAX.get(name, '-'))
            yield '  -o syslog_name=private/%s\n' % name
            for option, value in options.items():
                yield '  -o { %s = %s }\n' % (option, value)

    def _make_logins(self, owner):
        database = self.top / 'sasldb2'
        (self.etc / 'sasl' / 'smtpd.conf').write_text(
            'pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: %s\nmech_list: PLAIN\n' % database)
        for login in self.logins:
            subprocess.run(['saslpasswd2', '-f', database, '-u', REALM, '-c', '-p', login], input=PASSWORD, text=True,
                           check=True, capture_output=True)
        os.chown(database, owner.pw_uid, -1)

    def _start_sink(self):
        self.sink = subprocess.Popen(
            ['smtp-sink', '-u', 'postfix', '-d', '%s/sink/%%M.' % self.top, '127.0.0.1:%d' % self.sink_port, '100'],
            stdin=subprocess.DEVNULL, stderr=(self.top / 'sink.log').open('ab'))
        os.chown(self.top / 'sink', pwd.getpwnam('postfix').pw_uid, -1)

    def _start(self):
        done = subprocess.run(['postfix', '-c', self.etc, 'start'], stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        if done.returncode != 0:
            raise AssertionError('Postfix did not start: %s\n%s' % (done.stdout, self.log()))
        self.master = int(wait_until(self._master_pid, 'the pid of Postfix'))
        wait_until(lambda: accepts(self.sink_port), 'the sink')

    def _master_pid(self):
        path = self.top / 'queue' / 'pid' / 'master.pid'
        return path.read_text().strip() if path.exists() else None

    def stop(self):
        """By process id: master ends its children."""
        if self.master:
            os.kill(self.master, signal.SIGTERM)
            wait_until(lambda: has_ended(self.master), 'the end of Postfix')
            self.master = None
        else:
            subprocess.run(['postfix', '-c', self.etc, 'stop'], capture_output=True, timeout=60)
        if self.sink:
            self.sink.kill()
            self.sink.wait()
            self.sink = None

    # ---- use ----

    def connect(self, listener='submission'):
        smtp = SMTP('127.0.0.1', self.listeners[listener][0], local_hostname='client.example.org', timeout=DEADLINE_S)
        smtp.ehlo()
        return smtp

    def login(self, listener='submission', user='alice'):
        smtp = self.connect(listener)
        smtp.login_as(user)
        return smtp

    def run(self, program, *arguments):
        """postqueue, postsuper ... of this instance; what it printed."""
        done = subprocess.run([program, '-c', self.etc, *arguments], stdin=subprocess.DEVNULL, text=True, check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        return done.stdout

    def queue(self):
        """The messages in the queue, as postqueue -j tells."""
        return [json.loads(line) for line in self.run('postqueue', '-j').splitlines() if line.startswith('{')]

    def held(self):
        return [entry for entry in self.queue() if entry['queue_name'] == 'hold']

    def delivered(self):
        """The recipients that the sink has got, one entry a recipient."""
        found = []
        for path in sorted((self.top / 'sink').iterdir()):
            found += re.findall(r'^X-Rcpt-Args: <([^>]*)>', path.read_text(errors='replace'), re.M)
        return found

    def wait_delivered(self, count):
        wait_until(lambda: len(self.delivered()) >= count, '%d recipients delivered' % count)
        equal(len(self.delivered()), count, 'recipients delivered')

    def warnings(self, about):
        return [line for line in self.log().splitlines() if 'warning: ' in line and about in line]

    def log(self):
        path = self.top / 'maillog.log'
        return path.read_text(errors='replace') if path.exists() else ''


def has_ended(pid):
    try:
        return Path('/proc/%d/stat' % pid).read_text().rsplit(')', 1)[1].split()[0] == 'Z'
    except OSError:
        return True


def accepts(port):
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex(('127.0.0.1', port)) == 0


def mail_server(case, limits='', settings='', start=True, **options):
    """A private Postfix and the policyd that its listeners ask."""
    postfix = case.stack.enter_context(Postfix(case.folder / 'postfix', **options))
    daemon = case.policyd(settings, limits, start=start,
                          listen=[postfix.policy_address(), 'inet:127.0.0.1:%d' % free_port()])
    return postfix, daemon


def learn_stage(postfix, listener='submission', user='carol'):
    """One whole message, so that policyd knows that this listener asks at DATA, too."""
    with postfix.login(listener, user) as smtp:
        replies, last = smtp.message('%s@example.org' % user, ['first@example.net'])
        equal([code for code, _ in replies] + [last[0]], [250, 250], 'the first message')
