"""A FUSE file system with an empty root directory, which answers nothing while a file is there.

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
LOOKUP, ACCESS, INTERRUPT, BATCH_FORGET, READDIRPLUS, DESTROY = 1, 34, 36, 42, 44, 38


def attributes():
    now = int(time.time())
    return struct.pack(
        '<QQQQQQIIIIIIIIII', 1, 0, 0, now, now, now, 0, 0, 0,
        stat.S_IFDIR | 0o755, 2, os.getuid(), os.getgid(), 0, 4096, 0)


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
        length, opcode, unique = struct.unpack_from('<IIQ', request)
        while opcode != INIT and os.path.exists(silent):
            time.sleep(0.05)
        error, body = 0, b''
        if opcode == INIT:
            body = struct.pack('<IIIIHHIIHHI28x', 7, 31, 65536, 0, 16, 12, 65536, 1, 1, 0, 0)
        elif opcode == GETATTR:
            body = struct.pack('<QII', 0, 0, 0) + attributes()
        elif opcode == OPENDIR:
            body = struct.pack('<QII', 1, 0, 0)
        elif opcode == STATFS:
            body = struct.pack('<QQQQQIIII24x', 0, 0, 0, 0, 0, 512, 255, 512, 0)
        elif opcode == LOOKUP:
            error = -2
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
