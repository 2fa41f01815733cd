# SPDX-License-Identifier: ISC
"""The DNS client and servers that do wrong. Each row of WRONG is a case: what a server does, and what must come of
it. A lie is always 127.0.0.66, the truth 127.0.0.2. After each the client must still be able to ask."""
from dns_asker import Asker
from dns_server import (DnsServer, alias, altered, by_transport, bytewise, drop, echo, found, half_then_hang_up,
                        hang_up, huge, late, malformed, no_question, nodata, nxdomain, one_after_another, rcode,
                        referral, spoofed, truncated, two_questions, without_edns, wrong_class, wrong_id, wrong_name,
                        wrong_opcode, wrong_type)
from dns_wire import (BADVERS, FORMERR, MALFORMED, MALFORMED_OF, NOTAUTH, NOTIMP, NXDOMAIN, POINTER_TO_QUESTION, QR,
                      RA, REFUSED, SERVFAIL, a, message, name_wire, records, rr, soa, txt)
from harness import equal

TRUTH = '127.0.0.2'
NAME = 'wrong.example'
TIMEOUT, BAD, NO_RECORD, NO_NAME = 'timeout', 'malformed answer', 'no such record', 'no such name'
right = found(TRUTH)


def row(result, *behaviours, kind='A', asked=None, tcp=None, rr=None, **more):
    """What must come of it; asked: queries over UDP, tcp: over TCP; more: other fields of the answer."""
    return result, behaviours, kind, asked, tcp, [TRUTH] if rr is None and result == 'found' else rr or [], more


def then(wrong):
    """The wrong packet, and at once the right one behind it."""
    return one_after_another(wrong, right)


def other_owner(talk):
    talk.send(message(talk.query, answer=[rr('other.example', 'A', a('127.0.0.66'))]))


def other_class(talk):
    talk.send(message(talk.query, answer=[rr(talk.query.name, 'A', a('127.0.0.66'), klass=3)]))


def among_others(talk):
    """The truth between records of other owners, types and classes."""
    name = talk.query.name
    talk.send(message(talk.query, answer=[
        rr('other.example', 'A', a('127.0.0.66')), rr(name, 'TXT', txt('text')),
        rr(name, 'A', a('127.0.0.66'), klass=3), rr(name, 'A', a(TRUTH)), rr('mx.' + name, 'A', a('127.0.0.66'))]))


def nxdomain_with_address(talk):
    talk.send(message(talk.query, NXDOMAIN, answer=[rr(talk.query.name, 'A', a('127.0.0.66'))]))


def additional_only(talk):
    talk.send(message(talk.query, additional=[rr(talk.query.name, 'A', a('127.0.0.66'))]))


def foreign_soa(talk):
    talk.send(message(talk.query, authority=[rr('elsewhere.test', 'SOA', soa())], flags=QR))


def trailing(talk):
    talk.send(message(talk.query, answer=records(talk.query, [TRUTH]), edns=False) + b'trailing garbage')


def mixed_case(talk):
    """As a server that answers from a table writes it."""
    talk.send(message(talk.query, question=talk.query.question.replace(b'wrong', b'WrOnG'),
                      answer=[rr('WRONG.Example', 'A', a(TRUTH))]))


def many(count):
    def behave(talk):
        talk.send(message(talk.query, answer=[
            rr(POINTER_TO_QUESTION, 'A', bytes([127, 0, n // 250, n % 250 + 1])) for n in range(count)]))
    return behave


def chain(length):
    return alias(['link%d.example' % n for n in range(length)], TRUTH)


TC = truncated()

WRONG = {
    # ---- who says it, and to what ----
    'wrong id': row(TIMEOUT, wrong_id(), asked=2),
    'wrong id then right': row('found', then(wrong_id()), asked=1),
    'wrong name': row(TIMEOUT, wrong_name(), asked=2),
    'wrong name then right': row('found', then(wrong_name()), asked=1),
    'longer name': row(TIMEOUT, wrong_name('x.' + NAME)),
    'wrong type': row(TIMEOUT, wrong_type()),
    'wrong type then right': row('found', then(wrong_type()), asked=1),
    'wrong class': row(TIMEOUT, wrong_class()),
    'wrong class then right': row('found', then(wrong_class()), asked=1),
    'no question': row(TIMEOUT, no_question()),
    'no question then right': row('found', then(no_question()), asked=1),
    'two questions': row(TIMEOUT, two_questions()),
    'the query comes back': row(TIMEOUT, echo()),
    'the query comes back then right': row('found', then(echo()), asked=1),
    'wrong opcode': row(TIMEOUT, wrong_opcode()),
    'from another port': row(TIMEOUT, spoofed(), asked=2),
    'from another port then right': row('found', then(spoofed()), asked=1),
    'a hundred lies then right': row('found', one_after_another(*[wrong_id(), wrong_name()] * 50, right), asked=1),
    'mixed case': row('found', mixed_case, canonical=NAME),
    # ---- when ----
    'dropped': row(TIMEOUT, drop(), asked=2),
    'dropped once': row('found', drop(), right, asked=2),
    'late': row('found', late(0.15, right), asked=1),
    'too late': row(TIMEOUT, late(0.7, right), drop(), asked=2),
    'answered twice': row('found', then(right), asked=1),
    'answered again later': row('found', one_after_another(right, late(0.05, altered())), asked=1),
    # ---- error codes ----
    'SERVFAIL': row('SERVFAIL', rcode(SERVFAIL), asked=2),
    'SERVFAIL once': row('found', rcode(SERVFAIL), right, asked=2),
    'REFUSED': row('REFUSED', rcode(REFUSED)),
    'REFUSED once': row('found', rcode(REFUSED), right, asked=2),
    'NOTAUTH': row('REFUSED', rcode(NOTAUTH)),
    'unknown code': row('SERVFAIL', rcode(15)),
    'SERVFAIL with an address': row('SERVFAIL', altered(rcode=SERVFAIL)),
    'SERVFAIL then silence': row('SERVFAIL', rcode(SERVFAIL), drop()),
    'FORMERR to EDNS': row('found', without_edns(right), asked=2),
    'FORMERR without question to EDNS': row('found', without_edns(right, has_question=False), asked=2),
    'NOTIMP to EDNS': row('found', without_edns(right, NOTIMP), asked=2),
    'BADVERS': row('found', rcode(BADVERS), right, asked=2),
    'FORMERR to all': row('SERVFAIL', rcode(FORMERR)),
    'NOTIMP to all': row('REFUSED', rcode(NOTIMP)),
    # ---- TCP ----
    'TC': row('found', by_transport(TC, right), asked=1, tcp=1),
    'TC with a lie in it': row('found', by_transport(truncated(['127.0.0.66']), right), tcp=1),
    'TC cut in a record': row('found', by_transport(truncated(['127.0.0.66'], cut=-20), right), tcp=1),
    'TC with nothing but the question': row('found', by_transport(
        altered(answer=(), flags=QR | RA | 0x200, counts=(1, 9, 9, 9)), right), tcp=1),
    'TC on TCP too': row(BAD, TC),
    'TC then silence on TCP': row(TIMEOUT, by_transport(TC, drop())),
    'TC then TCP is closed': row(TIMEOUT, by_transport(TC, hang_up())),
    'TC then TCP is reset': row(TIMEOUT, by_transport(TC, hang_up(reset=True))),
    'TC then half an answer': row(TIMEOUT, by_transport(TC, half_then_hang_up(right))),
    'TC then one octet': row(TIMEOUT, by_transport(TC, hang_up(b'\0'))),
    'TC then a length without message': row(TIMEOUT, by_transport(TC, hang_up(b'\xff\xff'))),
    'TC then messages of no octets': row(TIMEOUT, by_transport(TC, lambda talk: talk.send_raw(b'\0\0' * 50))),
    'TC then garbage': row(TIMEOUT, by_transport(TC, malformed('garbage'))),
    'TC then octet by octet': row('found', by_transport(TC, bytewise(right, 0.001)), tcp=1),
    'TC then wrong id and right': row('found', by_transport(TC, then(wrong_id())), tcp=1),
    'TC then late': row('found', by_transport(TC, late(0.15, right)), tcp=1),
    'TC then SERVFAIL': row('SERVFAIL', by_transport(TC, rcode(SERVFAIL))),
    'TC then TXT of 60000 octets': row('found', by_transport(TC, found(b'x' * 60000)), kind='TXT', tcp=1,
                                        rr=[b'x' * 60000]),
    'TC then 64k of A records': row('found', by_transport(TC, many(4000)), tcp=1, cut=True,
                                     rr=['127.0.0.%d' % (n + 1) for n in range(64)]),
    'TC then 65535 octets': row('found', by_transport(TC, huge()), tcp=1),
    # ---- what it says ----
    'lame referral': row('REFUSED', referral()),
    'referral with RA': row('REFUSED', referral(QR | RA)),
    'nothing at all': row(NO_RECORD, nodata(has_soa=False), ttl=60),
    'NXDOMAIN without SOA': row(NO_NAME, nxdomain(has_soa=False), ttl=60),
    'NXDOMAIN with a short minimum': row(NO_NAME, nxdomain(minimum=30, ttl=900), ttl=30),
    'NXDOMAIN of a short SOA': row(NO_NAME, nxdomain(minimum=900, ttl=30), ttl=30),
    'address in additional only': row(NO_RECORD, additional_only),
    'address of another name': row(BAD, other_owner),
    'address of another class': row(BAD, other_class),
    'address among others': row('found', among_others),
    'SOA of another zone': row('REFUSED', foreign_soa),
    'NXDOMAIN with an address': row(BAD, nxdomain_with_address),
    'trailing garbage': row('found', trailing),
    'largest datagram': row('found', huge()),
    'a hundred records': row('found', many(100), cut=True, rr=['127.0.0.%d' % (n + 1) for n in range(64)]),
    'a TTL of 68 years': row('found', found(TRUTH, ttl=2 ** 31 - 1), ttl=7 * 86400),
    'a negative TTL': row('found', found(TRUTH, ttl=2 ** 32 - 1), ttl=0),
    # ---- CNAME ----
    'CNAME to itself': row(BAD, alias([NAME]), asked=1),
    'CNAME in a circle': row(BAD, alias(['a.example', 'b.example', NAME]), asked=1),
    'chain of 11': row('found', chain(11), canonical='link10.example'),
    'chain of 12': row(BAD, chain(12), asked=1),
    'chain of 40': row(BAD, chain(40)),
    'chain with the shortest TTL': row('found', alias(['a.example'], TRUTH, ttl=600, alias_ttl=120), ttl=120),
    'CNAME with records of its owner': row('found', lambda talk: talk.send(message(talk.query, answer=[
        rr(NAME, 'CNAME', name_wire('a.example')), rr('a.example', 'A', a(TRUTH)),
        rr(NAME, 'A', a('127.0.0.66'))])), canonical='a.example'),
}
# What does not match in id, question or length is waited out, the rest is no answer that could be read.
IGNORED = {'empty', 'one octet', 'short header', 'header alone', 'cut in the question', 'garbage'}
for kind, table in [('A', MALFORMED), *MALFORMED_OF.items()]:
    for what in table:
        WRONG[what] = row(TIMEOUT if what in IGNORED else BAD, malformed(what), kind=kind)
        WRONG[what + ' once'] = row('found', malformed(what), found({
            'A': TRUTH, 'AAAA': '::2', 'TXT': b'text', 'MX': (10, 'mx.example'), 'SOA': soa(serial=7),
            'PTR': 'host.example', 'CNAME': 'host.example'}[kind]), kind=kind, asked=2, rr={
                'A': [TRUTH], 'AAAA': ['::2'], 'TXT': [b'text'], 'MX': [[10, 'mx.example']], 'SOA': [[7, 'ns.example']],
                'PTR': ['host.example'], 'CNAME': ['host.example']}[kind])


def check_wrong(case, result, behaviours, kind, asked, tcp, records_wanted, more):
    server = case.stack.enter_context(DnsServer())
    server.on(NAME, kind, *behaviours)
    server.on('good.example', 'A', found('127.0.0.9'))
    asker = Asker(case, server.address)
    answer = asker.ask(NAME, kind)
    equal((answer['result'], answer['rr']), (result, records_wanted), 'result and records')
    for field, wanted in more.items():
        equal(answer[field], wanted, field)
    if asked is not None:
        equal(len(server.asked(NAME, kind, 'udp')), asked, 'queries over UDP')
    if tcp is not None:
        equal(len(server.asked(NAME, kind, 'tcp')), tcp, 'queries over TCP')
    assert answer['seconds'] < 5, answer
    equal(asker.ask('good.example')['rr'], ['127.0.0.9'], 'the next question')
    figures = asker.figures()
    equal((figures['in_flight'], figures['queued']), (0, 0), 'left open')
    equal([q for q in server.log if q.name is None], [], 'queries that are none')


def _case_of(what, arguments):
    def case_of_row(case):
        check_wrong(case, *arguments)
    case_of_row.__doc__ = what
    return case_of_row


globals().update({'test_' + what.replace(' ', '_'): _case_of(what, arguments)
                  for what, arguments in WRONG.items()})
