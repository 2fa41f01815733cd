# SPDX-License-Identifier: ISC
"""The rule of layers: what a source may include.

A module sees the headers of the modules above it in the list of src/meson.build (which begins with the
lowest), its own, and the private headers of its own folder. A public header belongs to a module and is
held to the same rule. Nobody includes from policyd/, nobody climbs with "..", and libraries with an
outside (loop, database, JSON) are known only where they belong.
"""
import re

# Which module a public header or row list belongs to. A new header needs a line here.
OWNER = {
    'base': 'err.h mem.h span.h clock.h units.h addr.h address.h bytes.h siphash.h slab.h table.h log.h metric.h metric.def reference.h '
            'suggest.h utf8.h window.h geo.h',
    'protocol': 'request.h verdict.h attribute.def stage.def action.def',
    'config': 'config.h blocklist.h setting.def choice.def kind.def signal.def',
    'dns': 'dns.h',
    'subject': 'subject.h',
    'account': 'account.h event.h event.def',
    'limits': 'limits.h',
    'signals': 'signals.h',
    'egress': 'egress.h',
    'audit': 'audit.h audit.def spf.h mailauth.h probe.h',
    'posture': 'posture.h speaks.h ledger.h',
    'engine': 'engine.h charge.h decision.h culprit.h',
    'store': 'store.h snapshot.h writer.h lines.h',
    'replay': 'replay.h',
    'io': 'place.h policy_server.h dns_client.h',
    'control': 'control.h command.h command.def render.h',
}
# Who may know a library; what is not named here is free (the C library, POSIX).
LIBRARY = {
    'libconfig.h': {'config'},
    'idn2.h': {'base'},
    'ldns/': {'dns'},
    'sqlite3.h': {'store'},
    'jansson.h': {'store', 'replay', 'control'},
    'zlib.h': {'replay'},
    'event2/': {'io', 'control'},
    'event.h': set(),
    'sys/socket.h': {'base', 'io', 'control'},
    'sys/epoll.h': {'io'},
    'pthread.h': {'store'},
}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def modules(top):
    """Names of the modules, lowest first, as src/meson.build lists them."""
    text = (top / 'src' / 'meson.build').read_text()
    listed = re.search(r'^modules = \[(.*?)^\]', text, re.S | re.M).group(1)
    return re.findall(r"^\s*\['(\w+)'", listed, re.M)


def owners():
    return {name: module for module, names in OWNER.items() for name in names.split()}


def quoted_include(name, folder, module, order, owner):
    """What is wrong with #include "name" in a file of module, or None."""
    if '..' in name.split('/'):
        return 'climbs with ".."'
    if not name.startswith('policyd/'):
        return None if (folder / name).is_file() else 'is neither public nor in this folder'
    header = name.removeprefix('policyd/')
    if header not in owner:
        return 'has no owner in tests/lint/layers.py'
    if module in order and order.index(owner[header]) > order.index(module):
        return 'belongs to %s, which is below %s' % (owner[header], module)
    return None


def library_include(name, module, order):
    for library, allowed in LIBRARY.items():
        known = name.startswith(library) if library.endswith('/') else name == library
        if known and module in order and module not in allowed:
            return '%s does not know that library' % module
    return None


def file_findings(path, module, top, order, owner):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        kind, name = match.groups()
        wrong = (quoted_include(name, path.parent, module, order, owner) if kind == '"'
                 else library_include(name, module, order))
        if wrong:
            yield '%s:%d: %s %s' % (path.relative_to(top), number, name, wrong)


def findings(top):
    order, owner, found = modules(top), owners(), []
    for module in order:
        if module not in OWNER:
            found.append('src/meson.build: module %s is not in tests/lint/layers.py' % module)
    for path in sorted((top / 'include' / 'policyd').iterdir()):
        if path.name not in owner:
            found.append('include/policyd/%s has no owner in tests/lint/layers.py' % path.name)
        else:
            found += file_findings(path, owner[path.name], top, order, owner)
    for module in order:
        for path in sorted((top / 'src' / module).glob('*.[ch]')):
            found += file_findings(path, module, top, order, owner)
    for path in sorted((top / 'policyd').glob('*.[ch]')):
        found += file_findings(path, 'policyd', top, order, owner)
    return found
