#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Runs the system tests: a real policyd, a real private Postfix (needs root). TAP on standard output.

usage: run.py [-k PATTERN] [--list] BUILD_DIR

A case is a function test_* of a file test_*.py beside this one; PATTERN is a regular expression searched in
"file.function". A case that cannot run (no Postfix, no root, no binaries) fails: nothing is skipped. A failed
case is followed by what went wrong and by the ends of all logs.
"""
import argparse
import importlib
import re
import signal
import sys
import time
import traceback

from pathlib import Path

from harness import Case

CASE_SECONDS = 180
HERE = Path(__file__).resolve().parent


class Overdue(BaseException):
    """Not an Exception, so that no test swallows it."""


def overdue(number, frame):
    raise Overdue('the case took longer than %d s' % CASE_SECONDS)


def cases(pattern):
    """(name, function) of all cases, files by name, functions as they stand."""
    for path in sorted(HERE.glob('test_*.py')):
        module = importlib.import_module(path.stem)
        for name, function in vars(module).items():
            full = '%s.%s' % (path.stem.removeprefix('test_'), name.removeprefix('test_'))
            if name.startswith('test_') and callable(function) and re.search(pattern, full):
                yield full, function


def run_case(function, build):
    """None, or the lines that tell of the failure."""
    case = Case(build)
    signal.alarm(CASE_SECONDS)
    try:
        with case:
            function(case)
    except (Exception, Overdue):
        return [*traceback.format_exc().splitlines(), *case.last_logs]
    finally:
        signal.alarm(0)
    return None


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument('-k', dest='pattern', default='')
    parser.add_argument('--list', action='store_true')
    parser.add_argument('build', type=Path)
    arguments = parser.parse_args()
    chosen = list(cases(arguments.pattern))
    if arguments.list:
        print('\n'.join(name for name, _ in chosen))
        return
    if not chosen:
        sys.exit('no case is called like that: %s' % arguments.pattern)
    signal.signal(signal.SIGALRM, overdue)
    # So that what a case started is stopped when the run itself is.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print('1..%d' % len(chosen))
    failed = 0
    for number, (name, function) in enumerate(chosen, 1):
        began = time.monotonic()
        trouble = run_case(function, arguments.build)
        failed += trouble is not None
        print('%s %d - %s (%.1f s)' % ('not ok' if trouble else 'ok', number, name, time.monotonic() - began))
        for line in trouble or []:
            print('# ' + line)
        sys.stdout.flush()
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
