"""A FUSE file system that answers nothing while a file is there. Below its root, which it lists as
empty, lie an empty directory `below` and a link `link` to it.

usage: hanging.py MOUNTPOINT SILENT
Says "m" when it is mounted.
"""
import ctypes
import os
import stat
import struct
import sys
import time

libc = ctypes.CDLL(None, use_errno=True)
GETATTR, OPEN, STATFS, INIT, OPENDIR, READDIR, RELEASEDIR, FORGET = 3, 14, 17, 26, 27, 28, 29, 2
LOOKUP, READLINK, ACCESS, INTERRUPT, BATCH_FORGET = 1, 5, 34, 36, 42
READDIRPLUS, DESTROY = 44, 38
ROOT, BELOW, LINK = 1, 2, 3


def attributes(node):
    now = int(time.time())
    kind = stat.S_IFLNK | 0o777 if node == LINK else stat.S_IFDIR | 0o755
    return struct.pack(
        '<QQQQQQIIIIIIIIII', node, 0, 0, now, now, now, 0, 0, 0,
        kind, 2, os.getuid(), os.getgid(), 0, 4096, 0)


def main():
    mountpoint, silent = sys.argv[1:]
    device = os.open('/dev/fuse', os.O_RDWR)
    options = f'fd={device},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()},allow_other'
    if libc.mount(b'hanging', mountpoint.encode(), b'fuse', 0, options.encode()) != 0:
        sys.exit(os.strerror(ctypes.get_errno()))
    sys.stdout.write('m')
    sys.stdout.flush()
    while True:
        try:
            request = os.read(device, 1 << 17)
        except OSError:
            return
        length, opcode, unique, node = struct.unpack_from('<IIQQ', request)
        while opcode != INIT and os.path.exists(silent):
            time.sleep(0.05)
        error, body = 0, b''
        if opcode == INIT:
            body = struct.pack('<IIIIHHIIHHI28x', 7, 31, 65536, 0, 16, 12, 65536, 1, 1, 0, 0)
        elif opcode == GETATTR:
            body = struct.pack('<QII', 0, 0, 0) + attributes(node)
        elif opcode == OPENDIR:
            body = struct.pack('<QII', 1, 0, 0)
        elif opcode == STATFS:
            body = struct.pack('<QQQQQIIII24x', 0, 0, 0, 0, 0, 512, 255, 512, 0)
        elif opcode == LOOKUP:
            name = request[40:length].rstrip(b'\0')
            found = {b'below': BELOW, b'link': LINK}.get(name) if node == ROOT else None
            if found is None:
                error = -2
            else:
                body = struct.pack('<QQQQII', found, 0, 0, 0, 0, 0) + attributes(found)
        elif opcode == READLINK:
            body = b'below'
        elif opcode in (READDIR, READDIRPLUS, RELEASEDIR, ACCESS, DESTROY):
            pass
        elif opcode in (FORGET, BATCH_FORGET, INTERRUPT):
            continue
        else:
            error = -38
        try:
            os.write(device, struct.pack('<IiQ', 16 + len(body), error, unique) + body)
        except OSError:
            pass


main()
