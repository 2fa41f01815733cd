# SPDX-License-Identifier: ISC
"""Lists and resolvers that do wrong, judged: what a wrong answer to the question about our address does to the
verdict, and what the same answer to a test point does to the list.

Each row of WRONG is a list of its own; one policyd asks all of them at once, so that each case shows as well
that none of them disturbs another. A lie is always 127.0.0.66, which no list has a row for.
"""
from concurrent.futures import ThreadPoolExecutor

from dns_server import (DnsServer, alias, altered, by_transport, bytewise, drop, echo, found, half_then_hang_up,
                        hang_up, huge, late, malformed, no_question, nodata, nxdomain, one_after_another, rcode,
                        referral, spoofed, truncated, two_questions, without_edns, wrong_class, wrong_id, wrong_name,
                        wrong_opcode, wrong_type)
from dns_wire import (AA, BADVERS, FORMERR, MALFORMED, NOTAUTH, NOTIMP, NXDOMAIN, QR, RA, REFUSED, SERVFAIL, a, aaaa,
                      message, name_wire, reverse, rr, soa, txt)
from egress_rig import (BEHAVES_BADLY, CLEAN, DEAD, FINE, IPV4, LISTED, NOT_KNOWN, OK, REFUSING, UNKNOWN,
                        UNREACHABLE, WORLD, Rig, blocklist, code)
from harness import equal

CODES = (code('127.0.0.2'), code('127.0.0.3-4'), code('127.0.0.10', 'policy', 4))
ERRORS = 'errors = ( { code = "127.0.0.5"; text = "pay first"; } );'
TC = truncated()
right = found('127.0.0.2')


def answer(*records, **more):
    """A reply with records (owner or None for the one asked, type, rdata), of other classes and TTLs."""
    def behave(talk):
        made = [rr(owner or talk.query.name, kind, rdata, **about) for owner, kind, rdata, about in records]
        talk.send(message(talk.query, answer=made, **more))
    return behave


def record(kind, rdata, owner=None, **about):
    return owner, kind, rdata, about


def lie(**about):
    return record('A', a('127.0.0.66'), **about)


def badvers(behaviour):
    """Of a server that knows another version of EDNS than there is."""
    return lambda talk: (behaviour if talk.query.edns is None else rcode(BADVERS))(talk)


# What one answer says, in the words of the table below.
NO, YES, NOTHING, ERROR, OWN_ERROR, OUTSIDE, UNHEARD = 'no', 'yes', 'nothing', 'error', 'own', 'outside', 'unheard'

WRONG = {
    # ---- who says it, and to what: waited out ----
    'wrong-id': (NOTHING, wrong_id()),
    'wrong-name': (NOTHING, wrong_name()),
    'wrong-type': (NOTHING, wrong_type()),
    'wrong-class': (NOTHING, wrong_class()),
    'no-question': (NOTHING, no_question()),
    'two-questions': (NOTHING, two_questions()),
    'echo': (NOTHING, echo()),
    'wrong-opcode': (NOTHING, wrong_opcode()),
    'spoofed': (NOTHING, spoofed()),
    'spoofed-then-right': (YES, one_after_another(spoofed(), spoofed(), right)),
    'spoofed-then-clean': (NO, one_after_another(spoofed(), nxdomain())),
    'lies-then-right': (YES, one_after_another(*[wrong_id(), wrong_name()] * 50, right)),
    'lies-then-clean': (NO, one_after_another(*[wrong_id(), wrong_type()] * 50, nxdomain())),
    # ---- when ----
    'dropped': (NOTHING, drop()),
    'too-late': (NOTHING, late(2, right)),
    'late': (YES, late(0.1, right)),
    'twice': (YES, one_after_another(right, right)),
    'twice-and-different': (YES, one_after_another(right, nxdomain())),
    'clean-then-listed': (NO, one_after_another(nxdomain(), right)),
    # ---- codes of errors ----
    'servfail': (NOTHING, rcode(SERVFAIL)),
    'refused': (NOTHING, rcode(REFUSED)),
    'formerr': (NOTHING, rcode(FORMERR)),
    'notimp': (NOTHING, rcode(NOTIMP)),
    'notauth': (NOTHING, rcode(NOTAUTH)),
    'code-15': (NOTHING, rcode(15)),
    'servfail-with-address': (NOTHING, altered(rcode=SERVFAIL)),
    'refused-with-address': (NOTHING, altered(rcode=REFUSED)),
    'formerr-to-edns': (YES, without_edns(right)),
    'badvers-to-edns': (YES, badvers(right)),
    'notimp-to-edns': (YES, without_edns(right, NOTIMP)),
    'formerr-to-edns-clean': (NO, without_edns(nxdomain())),
    'lame': (NOTHING, referral()),
    'lame-with-ra': (NOTHING, referral(QR | RA)),
    # ---- TCP ----
    'tc': (YES, by_transport(TC, right)),
    'tc-with-lie': (NO, by_transport(truncated(['127.0.0.66']), nxdomain())),
    'tc-on-tcp': (NOTHING, TC),
    'tc-then-closed': (NOTHING, by_transport(TC, hang_up())),
    'tc-then-half': (NOTHING, by_transport(TC, half_then_hang_up(right))),
    'tc-then-garbage': (NOTHING, by_transport(TC, malformed('garbage'))),
    'tc-then-bytes': (YES, by_transport(TC, bytewise(right, 0.001))),
    'tc-cut': (YES, by_transport(truncated(['127.0.0.66'], cut=-20), right)),
    # ---- what it says ----
    'nodata': (NO, nodata()),
    'no-soa': (NO, nxdomain(has_soa=False)),
    'nodata-without-soa': (NO, nodata(has_soa=False)),
    'huge-minimum': (NO, nxdomain(minimum=2 ** 32 - 1, ttl=2 ** 31 - 1)),
    'nxdomain-with-address': (NOTHING, answer(lie(), rcode=NXDOMAIN)),
    'soa-as-answer': (NOTHING, answer(record('SOA', soa()))),
    'txt-as-answer': (NOTHING, answer(record('TXT', txt('listed')))),
    'aaaa-as-answer': (NOTHING, answer(record('AAAA', aaaa('::2')))),
    'address-of-another': (NOTHING, answer(lie(owner='other.example'))),
    'address-of-class-3': (NOTHING, answer(lie(klass=3))),
    'listed-among-others': (YES, answer(lie(owner='other.example'), record('TXT', txt('x')), lie(klass=3),
                                        record('A', a('127.0.0.2')))),
    'huge': (YES, huge()),
    'authoritative': (YES, found('127.0.0.2', flags=QR | AA)),
    'ttl-0': (YES, found('127.0.0.2', ttl=0)),
    'ttl-max': (YES, found('127.0.0.2', ttl=2 ** 31 - 1)),
    'ttl-negative': (YES, found('127.0.0.2', ttl=2 ** 32 - 1)),
    # ---- CNAME ----
    'cname-to-itself': (NOTHING, lambda talk: alias([talk.query.name])(talk)),
    'cname-circle': (NOTHING, lambda talk: alias(['a.example', 'b.example', talk.query.name])(talk)),
    'cname-of-12': (NOTHING, alias(['link%d.example' % n for n in range(12)], '127.0.0.2')),
    'cname-to-listed': (YES, alias(['a.example', 'b.example'], '127.0.0.2')),
    'cname-to-nowhere': (NO, lambda talk: talk.send(message(talk.query, NXDOMAIN, answer=[
        rr(talk.query.name, 'CNAME', name_wire('nowhere.example'))], authority=[rr('example', 'SOA', soa())]))),
    'cname-to-parked': (OUTSIDE, alias(['parked.example'], '203.0.113.80')),
    # ---- what it means ----
    'parked': (OUTSIDE, found('203.0.113.80')),
    'zero': (OUTSIDE, found('0.0.0.0')),
    'private': (OUTSIDE, found('10.0.0.1')),
    'almost-loopback': (OUTSIDE, found('128.0.0.2')),
    'parked-and-listed': (OUTSIDE, found('127.0.0.2', '203.0.113.80')),
    'localhost': (ERROR, found('127.0.0.1')),
    'wrong-zone': (ERROR, found('127.255.255.252')),
    'open-resolver': (ERROR, found('127.255.255.254')),
    'too-many': (ERROR, found('127.255.255.255')),
    'error-of-all': (ERROR, found('127.255.255.0')),
    'own-error': (OWN_ERROR, found('127.0.0.5')),
    'error-and-listed': (ERROR, found('127.0.0.2', '127.255.255.254')),
    'own-error-and-listed': (OWN_ERROR, found('127.0.0.2', '127.0.0.5')),
    'error-and-parked': (ERROR, found('203.0.113.80', '127.255.255.255')),
    'localhost-and-listed': (YES, found('127.0.0.1', '127.0.0.2')),
    'code-of-nobody': (UNHEARD, found('127.0.0.66')),
    'code-and-unheard': (YES, found('127.0.0.66', '127.0.0.3')),
    'sixty-four-codes': (YES, found(*['127.0.0.%d' % n for n in [2, 3, 4, *range(20, 81)]])),
    # What is beyond that is not read, and may be an error.
    'hundred-codes': (NOTHING, found(*['127.0.0.%d' % n for n in [2, 3, 4, *range(20, 117)]])),
    'same-code-64-times': (YES, found(*['127.0.0.2'] * 64)),
} | {'bad-' + what.replace(' ', '-'): (NOTHING, malformed(what)) for what in MALFORMED}

# (state of the list, verdict, exit code) that an answer leads to, by the question it was given to.
SUBJECT = {NO: (OK, CLEAN, FINE), YES: (OK, LISTED, BEHAVES_BADLY), NOTHING: (OK, UNKNOWN, NOT_KNOWN),
           ERROR: (REFUSING, UNKNOWN, NOT_KNOWN), OUTSIDE: (WORLD, UNKNOWN, NOT_KNOWN),
           UNHEARD: (OK, UNKNOWN, NOT_KNOWN),
           # Which may be about the one who was asked about.
           OWN_ERROR: (OK, UNKNOWN, NOT_KNOWN)}
MUST_BE_LISTED = {NO: (DEAD, UNKNOWN, NOT_KNOWN), YES: (OK, LISTED, BEHAVES_BADLY),
                  NOTHING: (UNREACHABLE, UNKNOWN, NOT_KNOWN), ERROR: (REFUSING, UNKNOWN, NOT_KNOWN),
                  OUTSIDE: (WORLD, UNKNOWN, NOT_KNOWN), UNHEARD: (OK, LISTED, BEHAVES_BADLY),
                  OWN_ERROR: (REFUSING, UNKNOWN, NOT_KNOWN)}
MUST_BE_CLEAN = MUST_BE_LISTED | {NO: (OK, LISTED, BEHAVES_BADLY), YES: (WORLD, UNKNOWN, NOT_KNOWN),
                                  UNHEARD: (WORLD, UNKNOWN, NOT_KNOWN)}

POINTS = {'subject': reverse(IPV4), 'listed point': '2.0.0.127', 'clean point': '1.0.0.127'}
ASKED_AT_ONCE = 12
LISTS_MAX = 100


def serve_wrong(server, name, behaviour, place):
    """A list that is in order and lists our address, but for the answer to one question."""
    zone = name + '.example'
    server.on('*.' + zone, None, nxdomain())
    for what in ('subject', 'listed point'):
        server.on('%s.%s' % (POINTS[what], zone), None, right)
    server.on('%s.%s' % (POINTS[place], zone), None, behaviour)


def judge(case, place, expected, names):
    server = case.stack.enter_context(DnsServer())
    for name in names:
        serve_wrong(server, name, WRONG[name][1], place)
    rig = Rig(case, server.address, blocklists=[blocklist(name, *CODES, subjects=['ipv4'], more=ERRORS)
                                                for name in names])
    # All at once.
    seen = rig.check()
    wanted = {name: expected[WRONG[name][0]] for name in names}
    got = {name: (seen.row(name)['list_state'], seen.row(name)['verdict']) for name in names}
    equal(different(got, {name: row[:2] for name, row in wanted.items()}), {}, 'all at once: %s' % place)
    # Each alone, for its exit code; what the list is, is remembered.
    with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
        answers = pool.map(lambda name: rig.ask('egress check', list=name, wait=True), names)
        exits = dict(zip(names, [answer['exit'] for answer in answers]))
    equal(different(exits, {name: row[2] for name, row in wanted.items()}), {}, 'exit codes: %s' % place)
    states = {row['list']: row['state'] for row in rig.data('egress lists') if row['enabled']}
    equal(different(states, {name: row[0] for name, row in wanted.items()}), {}, 'states: %s' % place)
    # Nothing but a listing was called one.
    for name in names:
        told = [change for change in rig.told('listing', 'egress:' + IPV4) if '-> listed' in change]
        assert not any('127.0.0.66' in change for change in told), told
    equal([query for query in server.log if query.name is None], [], 'queries that are none')


def different(got, wanted):
    return {name: (got[name], row) for name, row in wanted.items() if got[name] != row}


def halves():
    names = sorted(WRONG)
    assert 60 <= len(names) <= 2 * LISTS_MAX, len(names)
    return names[::2], names[1::2]


def test_answers_about_our_address(case):
    judge(case, 'subject', SUBJECT, halves()[0])


def test_answers_about_our_address_2(case):
    judge(case, 'subject', SUBJECT, halves()[1])


def test_answers_to_what_must_be_listed(case):
    judge(case, 'listed point', MUST_BE_LISTED, halves()[0])


def test_answers_to_what_must_be_listed_2(case):
    judge(case, 'listed point', MUST_BE_LISTED, halves()[1])


def test_answers_to_what_must_not_be_listed(case):
    judge(case, 'clean point', MUST_BE_CLEAN, halves()[0])


def test_answers_to_what_must_not_be_listed_2(case):
    judge(case, 'clean point', MUST_BE_CLEAN, halves()[1])
