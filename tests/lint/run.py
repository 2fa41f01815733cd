#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Rules about the sources that no compiler states. One check a case, TAP on standard output.

usage: run.py [-k NAME] BUILD_DIR

BUILD_DIR is a meson build directory; clang-tidy takes compile_commands.json from it. -k NAME runs only the
checks whose name contains NAME. What a check has against the tree follows its line, one "# " line each.
"""
import argparse
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys

from pathlib import Path

import layers

TOP = Path(__file__).resolve().parent.parent.parent
FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 60
# Modules that get time, chance and settings as arguments.
CLOCKLESS = ['base', 'protocol', 'config', 'dns', 'subject', 'account', 'limits', 'signals', 'egress', 'audit',
             'posture', 'engine', 'store', 'replay']
ASKS_THE_WORLD = re.compile(
    r'\b(time|gettimeofday|clock_gettime|clock|getenv|secure_getenv|rand|srand|random|srandom|drand48|getrandom)\s*\(')
# A thread that waits with a deadline needs the clock that the deadline is on.
DEADLINES = {'src/store/writer.c'}
SPDX = 'SPDX-License-Identifier: ISC'


class Skip(Exception):
    """A tool that only helps is not there."""


def sources(*suffixes, under=('',)):
    """Files of the tree with one of the suffixes, below one of the folders; build directories left out."""
    for folder in under:
        for root, dirs, names in os.walk(TOP / folder):
            dirs[:] = sorted(d for d in dirs if d not in ('.git', '__pycache__') and not d.startswith('build'))
            for name in sorted(names):
                if name.endswith(suffixes):
                    yield Path(root) / name


def scripts(shell):
    """Executable scripts without suffix whose first line names that interpreter."""
    for path in sources(''):
        with path.open('rb') as f:
            first = f.readline(100)
        if first.startswith(b'#!') and shell.encode() in first:
            yield path


def short(path):
    return str(path.relative_to(TOP))


def code_only(text):
    """The text with comments and literals blanked, line numbers kept."""
    blank = lambda match: re.sub(r'[^\n]', ' ', match.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


def run(*command, stdin=None):
    """Output of a command that failed, or nothing."""
    done = subprocess.run(command, cwd=TOP, input=stdin, text=True, errors='replace',
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode == 0:
        return []
    return done.stdout.splitlines() or ['%s: exit %d' % (command[0], done.returncode)]


def in_parallel(jobs):
    """Runs functions without arguments, as many at once as there are processors; their findings in order."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        return [line for lines in pool.map(lambda job: job(), jobs) for line in lines]


def check_layers(build):
    """#include goes down the list of modules, never up, never sideways into a folder."""
    return layers.findings(TOP)


def check_headers(build):
    """Each header compiles alone, with gcc and with clang."""
    def alone(compiler, path):
        is_public = path.is_relative_to(TOP / 'include')
        folder, name = (TOP / 'include', 'policyd/' + path.name) if is_public else (path.parent, path.name)
        flags = ['-std=gnu11', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Wundef', '-Werror', '-fsyntax-only',
                 '-I%s' % (TOP / 'include'), '-I%s' % folder, '-x', 'c', '-']
        # Twice: the guard holds.
        return ['%s: %s' % (compiler, line)
                for line in run(compiler, *flags, stdin='#include "%s"\n' % name * 2 + 'typedef int none;\n')]
    headers = list(sources('.h', under=('include', 'src', 'policyd')))
    return in_parallel([lambda c=c, h=h: alone(c, h) for c in ('gcc', 'clang') for h in headers])


def check_format(build):
    """clang-format has nothing to change."""
    return run('clang-format', '--dry-run', '-Werror', *map(str, sources('.c', '.h')))


def check_sizes(build):
    """No long file, no long function."""
    found = []
    for path in sources('.c', '.h', '.def', under=('src', 'policyd', 'include')):
        lines = path.read_text().splitlines()
        if len(lines) > FILE_LINES_MAX:
            found.append('%s: %d lines' % (short(path), len(lines)))
        start = 0
        for number, line in enumerate(lines, 1):
            if line.startswith('{'):
                start = number
            elif line.startswith('}') and start:
                if number - start - 1 > FUNCTION_LINES_MAX:
                    found.append('%s:%d: a function of %d lines' % (short(path), start, number - start - 1))
                start = 0
    return found


def check_clock(build):
    """The core reads no clock, no environment, no chance."""
    found = []
    for path in sources('.c', '.h', under=['src/' + m for m in CLOCKLESS] + ['include']):
        for number, line in enumerate(code_only(path.read_text()).splitlines(), 1):
            match = ASKS_THE_WORLD.search(line)
            if match and short(path) not in DEADLINES:
                found.append('%s:%d: %s()' % (short(path), number, match.group(1)))
    return found


def check_spdx(build):
    """Each source says its licence in one of its first two lines."""
    files = [*sources('.c', '.h', '.def', '.py'), *scripts('bash'), *scripts('python')]
    return [short(path) for path in sorted(set(files))
            if SPDX not in ''.join(path.read_text(errors='replace').splitlines(True)[:2])]


def check_shell(build):
    """Scripts parse."""
    files = [str(path) for path in scripts('bash')]
    found = [line for path in files for line in run('bash', '-n', path)]
    if files and shutil.which('shellcheck'):
        found += run('shellcheck', '--severity=warning', *files)
    return found


def check_python(build):
    """Python files compile."""
    found = []
    for path in sorted({*sources('.py'), *scripts('python')}):
        try:
            compile(path.read_text(), short(path), 'exec')
        except SyntaxError as error:
            found.append(str(error))
    return found


def check_paths(build):
    """No file names a path of the machine it was written on."""
    places = {str(TOP) + '/', str(TOP.parent) + '/', os.environ.get('HOME', '/nonexistent').rstrip('/') + '/'}
    places -= {'/', '/tmp/', '/var/tmp/', '/home/', '/opt/', '/srv/', '/usr/src/'}
    found = []
    for path in sources(''):
        text = path.read_bytes()
        found += ['%s: %s' % (short(path), place) for place in places if place.encode() in text]
    return found


def check_tidy(build):
    """clang-tidy has nothing to say."""
    def tidy(path):
        return run('clang-tidy', '-p', str(build), '--quiet', '--extra-arg=-Wno-unknown-warning-option',
                   '--header-filter=(include/policyd|src)/.*', str(path))
    if not (build / 'compile_commands.json').exists():
        return ['%s/compile_commands.json is missing' % build]
    said = in_parallel([lambda p=p: tidy(p) for p in sources('.c', under=('src', 'policyd'))])
    # A finding in a header comes once for each source that includes it, by differing paths.
    findings = [re.sub(r'^\S*?((src|include|policyd)/)', r'\1', line.replace(str(TOP) + '/', ''))
                for line in said if re.search(r': (error|warning): ', line)]
    return sorted(set(findings)) or said


def check_cppcheck(build):
    """cppcheck has nothing to say (only where it is installed)."""
    if not shutil.which('cppcheck'):
        raise Skip('cppcheck is not installed')
    if not list(sources('.c', under=('src', 'policyd'))):
        return []
    return run('cppcheck', '--quiet', '--error-exitcode=1', '--inline-suppr', '--std=c11', '-j2',
               '--enable=warning,performance,portability', '--suppress=missingIncludeSystem',
               '-D_GNU_SOURCE', '-DPOLICYD_VERSION="0"', '-Iinclude', 'src', 'policyd')


CHECKS = [check_layers, check_headers, check_format, check_sizes, check_clock, check_spdx, check_shell,
          check_python, check_paths, check_tidy, check_cppcheck]


def report(number, check, build):
    """Runs one check and prints its TAP line; true when it found nothing."""
    name = check.__name__.removeprefix('check_')
    try:
        found = check(build)
    except Skip as why:
        print('ok %d - %s # SKIP %s' % (number, name, why), flush=True)
        return True
    except OSError as error:
        found = [str(error)]
    print('%s %d - %s' % ('not ok' if found else 'ok', number, name))
    for line in found:
        print('# ' + line.replace(str(TOP) + '/', ''))
    sys.stdout.flush()
    return not found


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument('-k', dest='pattern', default='')
    parser.add_argument('build', type=Path)
    arguments = parser.parse_args()
    checks = [c for c in CHECKS if arguments.pattern in c.__name__.removeprefix('check_')]
    if not checks:
        sys.exit('no check is called like that: %s' % arguments.pattern)
    print('1..%d' % len(checks))
    good = [report(number, check, arguments.build.resolve()) for number, check in enumerate(checks, 1)]
    sys.exit(0 if all(good) else 1)


if __name__ == '__main__':
    main()
