#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Counts the single cases of a suite.

usage: tap.py meson TESTLOG.json     of `meson test`: its programs speak TAP, each of their cases counts
       tap.py stream FILE            of a program that speaks TAP, its exit code in the environment as CODE

Prints "PASSED FAILED" as the last line of standard output, after the whole output of each program that failed.
A program that failed without a failed case (a crash, a timeout, a sanitizer's report at its end) counts as one
failed case; a suite without cases, too. Skipped cases count for nothing.
"""
import json
import os
import re
import sys

LINE = re.compile(r'^(not )?ok\b([^\n#]*)(#\s*(skip|todo))?', re.I | re.M)


def count(text, good):
    """(passed, failed) of one program's TAP output."""
    cases = [match for match in LINE.finditer(text) if not match.group(3)]
    failed = sum(match.group(1) is not None for match in cases)
    passed = len(cases) - failed
    planned = re.search(r'^1\.\.(\d+)', text, re.M)
    if planned and int(planned.group(1)) > len(list(LINE.finditer(text))) and not failed:
        failed = 1
    if not good and not failed:
        failed = 1
    return passed, failed


def meson(path):
    passed = failed = 0
    with open(path) as f:
        tests = [json.loads(line) for line in f if line.strip()]
    for test in tests:
        output = test.get('stdout', '')
        good = test['result'] in ('OK', 'EXPECTEDFAIL')
        p, f = count(output, good) if LINE.search(output) else (int(good), int(not good))
        passed, failed = passed + p, failed + f
        if f:
            print('---- %s: %s (exit %s)' % (test['name'], test['result'], test.get('returncode')))
            print(output)
            print(test.get('stderr', ''))
    return passed, failed


def stream(path):
    with open(path, errors='replace') as f:
        return count(f.read(), os.environ.get('CODE', '0') == '0')


def main():
    passed, failed = {'meson': meson, 'stream': stream}[sys.argv[1]](sys.argv[2])
    if passed + failed == 0:
        print('---- no case at all in %s' % sys.argv[2])
        failed = 1
    print('%d %d' % (passed, failed))


if __name__ == '__main__':
    main()
