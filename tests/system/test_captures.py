# SPDX-License-Identifier: ISC
"""Requests as a real Postfix sent them, byte for byte, are answered with one reply each.

The files of data/ were written by capture.py; those of a shared folder beside the tree are used as well.
A line "# connection N" stands before each request; other lines that begin with "# " are remarks.
"""
import re

from pathlib import Path

from harness import equal

HERE = Path(__file__).resolve().parent
FOLDERS = [HERE / 'data', HERE.parents[2] / 'shared' / 'data' / 'postfix-requests']


def requests(path):
    """(connection, bytes of the request) in order."""
    parts = re.split(rb'^# connection (\d+)[^\n]*\n', path.read_bytes(), flags=re.M)
    for number, text in zip(parts[1::2], parts[2::2]):
        lines = [line for line in text.split(b'\n') if line and not line.startswith(b'# ')]
        if lines:
            yield int(number), b'\n'.join(lines) + b'\n\n'


def test_captured_requests(case):
    files = sorted(path for folder in FOLDERS if folder.is_dir() for path in folder.glob('*.txt'))
    assert len(files) >= 10, 'only %d captures' % len(files)
    policyd = case.policyd(limits='{ name = "hourly"; rate = "1000/1h"; }')
    total = 0
    for path in files:
        clients = {}
        for connection, data in requests(path):
            client = clients.setdefault(connection, None) or case.client(policyd, connection % 2)
            clients[connection] = client
            equal(client.ask(data), 'action=DUNNO', path.name)
            total += 1
        for client in clients.values():
            equal(client.is_silent(0.001), True, 'silence after ' + path.name)
            client.close()
    assert total >= 20, 'only %d requests' % total
    print('# %d requests of %d files' % (total, len(files)))
