# SPDX-License-Identifier: ISC
"""State directories on disks that fail: real small and frozen file systems in a mount namespace of their own,
which goes with the case, and a preloaded shim for what no file system does on demand."""
import contextlib
import os
import subprocess

from pathlib import Path

HERE = Path(__file__).resolve().parent
IMAGE_BYTES = 16 << 20


def preloaded(case, name, **environment):
    """The command that starts a program under the shim NAME.c, which is compiled first."""
    library = case.folder / (name + '.so')
    subprocess.run(['cc', '-std=gnu11', '-D_GNU_SOURCE', '-O1', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC',
                    '-o', library, HERE / (name + '.c')], check=True)
    # A sanitizer wants to be the first library, but lives with being the second.
    script = 'export ASAN_OPTIONS="$ASAN_OPTIONS:verify_asan_link_order=0"; exec env "$@"'
    return ['sh', '-c', script, 'sh', 'LD_PRELOAD=%s' % library, *('%s=%s' % pair for pair in environment.items())]


class ShimmedDisk:
    """The state directory as it is; the shim fails what is written there."""

    def __init__(self, case, policyd):
        self.trigger = policyd.folder / 'fault'
        self.prefix = preloaded(case, 'disk', POLICYD_FAULT=self.trigger, POLICYD_FAULT_DIRECTORY=policyd.state)

    @contextlib.contextmanager
    def fault(self, words):
        """While the block lasts. words: as disk.c takes them."""
        new = self.trigger.with_suffix('.new')
        new.write_text(words)
        new.rename(self.trigger)
        try:
            yield
        finally:
            self.trigger.unlink()


class MountedDisk:
    """The state directory is a file system of its own. Only programs started with prefix see it; it outlives
    each of them, and goes with the case."""

    def __init__(self, case, policyd, mount):
        """mount: the words of mount(8) without the directory."""
        policyd.state.mkdir(mode=0o700, exist_ok=True)
        self.state, self.mount = policyd.state, mount
        script = '"$@" && chmod 700 "$0" && echo mounted && exec sleep 1000'
        self.holder = subprocess.Popen(
            ['unshare', '-m', '--propagation', 'private', 'sh', '-c', script, self.state, *mount, self.state],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        case.stack.callback(self._end)
        said = self.holder.stdout.readline()
        if said != 'mounted\n':
            raise OSError('%s: %s' % (' '.join(map(str, mount)), said))
        self.prefix = ['nsenter', '--mount=/proc/%d/ns/mnt' % self.holder.pid]
        self.seen = Path('/proc/%d/root%s' % (self.holder.pid, self.state))

    def _end(self):
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()

    def in_it(self, *command):
        """Runs a command that sees the file system; what it printed."""
        return subprocess.run([*self.prefix, *command], stdin=subprocess.DEVNULL, check=True, text=True,
                              stdout=subprocess.PIPE).stdout.strip()

    def mount_again(self):
        self.in_it('umount', self.state)
        self.in_it(*self.mount, self.state)

    @contextlib.contextmanager
    def full(self):
        """No byte is free while the block lasts."""
        filler = self.seen / 'filler'
        try:
            with filler.open('wb', buffering=0) as f:
                for size in (65536, 4096, 1):
                    with contextlib.suppress(OSError):
                        while True:
                            f.write(b'x' * size)
            yield
        finally:
            filler.unlink()

    @contextlib.contextmanager
    def frozen(self):
        """Whoever writes waits while the block lasts."""
        self.in_it('fsfreeze', '-f', self.state)
        try:
            yield
        finally:
            self.in_it('fsfreeze', '-u', self.state)

    def find_error(self):
        """The kernel believes that it has found an ext4 damaged, and lets nobody write any more."""
        device = os.path.basename(self.in_it('findmnt', '-no', 'SOURCE', self.state))
        Path('/sys/fs/ext4/%s/trigger_fs_error' % device).write_text('a test')


def tmpfs(case, policyd, size):
    return MountedDisk(case, policyd, ['mount', '-t', 'tmpfs', '-o', 'size=%s,mode=0700' % size, 'none'])


def ext4(case, policyd):
    """A small ext4 on a loop device. OSError where there are no loop devices."""
    image = case.folder / 'state.img'
    with image.open('wb') as f:
        os.truncate(f.fileno(), IMAGE_BYTES)
    made = subprocess.run(['mkfs.ext4', '-q', '-F', image], capture_output=True, text=True)
    if made.returncode != 0:
        raise OSError(made.stderr)
    return MountedDisk(case, policyd, ['mount', '-t', 'ext4', '-o', 'loop,errors=remount-ro', image])


def freezable(case, policyd):
    """A disk, what freezes it, and how: ext4 where that can be mounted, else the shim."""
    try:
        disk = ext4(case, policyd)
        return disk, disk.frozen, 'fsfreeze of ext4'
    except OSError:
        disk = ShimmedDisk(case, policyd)
        return disk, lambda: disk.fault('freeze'), 'shim'
