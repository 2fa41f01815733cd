# SPDX-License-Identifier: ISC
"""embed.py TEXT SOURCE: writes the bytes of TEXT into SOURCE as C, for blocklist.h."""
import sys

PER_LINE = 20


def main(text, source):
    with open(text, 'rb') as file:
        data = file.read()
    lines = [''.join('%d,' % byte for byte in data[at:at + PER_LINE]) for at in range(0, len(data), PER_LINE)]
    with open(source, 'w') as file:
        file.write('/* Made from blocklists.conf by embed.py. */\n#include "policyd/blocklist.h"\n\n'
                   'const char blocklist_catalogue[] = {\n%s\n0};\n'
                   'const size_t blocklist_catalogue_n = sizeof(blocklist_catalogue) - 1;\n' % '\n'.join(lines))


main(*sys.argv[1:])
