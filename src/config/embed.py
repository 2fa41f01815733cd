# SPDX-License-Identifier: ISC
"""embed.py NAME TEXT SOURCE: writes the bytes of TEXT into SOURCE as the C constants NAME and NAME_n, for blocklist.h."""
import os
import sys

PER_LINE = 20


def main(name, text, source):
    with open(text, 'rb') as file:
        data = file.read()
    lines = [''.join('%d,' % byte for byte in data[at:at + PER_LINE]) for at in range(0, len(data), PER_LINE)]
    with open(source, 'w') as file:
        file.write('/* Made from %s by embed.py. */\n#include "policyd/blocklist.h"\n\n'
                   'const char %s[] = {\n%s\n0};\n'
                   'const size_t %s_n = sizeof(%s) - 1;\n' % (os.path.basename(text), name, '\n'.join(lines), name, name))


main(*sys.argv[1:])
