#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""What the DNS client costs, on a release build: as many questions as 50 lists and 8 addresses make, to rbldnsd, to
unbound in front of it, and to a resolver that is silent.

usage: dns.py BUILD_DIR

"busy" is the most CPU that the loop used between two ticks of 10 ms: nothing else on it waits longer for us,
however loaded the machine is. Exit: 1 when a target is missed.
"""
import os
import sys
import time

from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'system'))

from dns_asker import Asker
from dns_peers import Rbldnsd, Unbound
from dns_server import DnsServer
from harness import Case, wait_until

QUESTIONS = 50 * 8
TARGET_S = 0.5
TARGET_BUSY_US = 5000


def is_idle(asker):
    figures = asker.figures()
    return figures['in_flight'] + figures['queued'] == 0


def measure(asker, name, rounds):
    """(seconds, busy us, CPU us a question) of the best round."""
    found = []
    for number in range(rounds):
        asker.figures()
        used = cpu_s(asker.process.pid)
        began, first = time.monotonic(), len(asker.order)
        asker.burst(QUESTIONS, 'r%d.%s' % (number, name))
        wait_until(lambda: len(asker.order) >= first + QUESTIONS + 1, 'all answers', 60)
        seconds = time.monotonic() - began
        found.append((seconds, asker.figures()['busy_us'], (cpu_s(asker.process.pid) - used) * 1e6 / QUESTIONS))
    return tuple(min(column) for column in zip(*found))


def cpu_s(pid):
    fields = Path('/proc/%d/stat' % pid).read_text().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    failed = False
    with Case(sys.argv[1]) as case:
        lists = case.stack.enter_context(Rbldnsd(case.folder / 'lists', {'zen.example': {'ip4set': '127.0.0.2\n'}}))
        resolver = case.stack.enter_context(Unbound(case.folder / 'resolver', {'zen.example': lists.port}))
        silent = case.stack.enter_context(DnsServer())
        silent.is_silent = True
        for name, address, rounds in (('rbldnsd', lists.address, 5), ('unbound', resolver.address, 5),
                                      ('silence', silent.address, 2)):
            asker = Asker(case, address, folder=name, settings='timeout = "1s"; attempts = 1;')
            seconds, busy, cost = measure(asker, 'zen.example', rounds)
            is_slow = seconds > TARGET_S and name != 'silence' or busy > TARGET_BUSY_US and name == 'silence'
            failed |= is_slow
            print('%-8s %d questions in %.3f s, %.0f us of CPU each, busy %.1f ms%s' % (
                name, QUESTIONS, seconds, cost, busy / 1e3, ': MISSED' if is_slow else ''), flush=True)
    sys.exit(failed)


if __name__ == '__main__':
    main()
