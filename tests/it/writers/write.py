#!/usr/bin/env python3
"""One program that writes a file into a watched folder, in one of the ways that programs do.

    write.py WAY TARGET CONTENT

CONTENT is a file with the bytes that TARGET is to hold in the end. Where the writer pauses it says
so, a line on stdout, and goes on when it gets a line on stdin; no line, and it ends as if killed:

    settling   TARGET is there, and is not what it will be
    unseen     what is written is not under the name TARGET, or nothing in its looks tells of it
"""
import mmap
import os
import shutil
import subprocess
import sys

way, target, source = sys.argv[1:]
folder, name = os.path.split(target)
with open(source, "rb") as content_file:
    content = content_file.read()
size = len(content)
LONG_AGO = 1_000_000_000


def pause(word="settling"):
    print(word, flush=True)
    if not sys.stdin.readline():
        os._exit(1)


def cuts():
    """Three places inside the content at which a cut leaves the most innocent-looking file."""
    wanted = [size // 4, size // 2, size * 9 // 10]
    kind = target.rsplit(".", 1)[1]
    if kind == "ts":
        return [at - at % 188 for at in wanted]
    marks = {"mp3": content[:2], "mjpeg": b"\xff\xd8\xff", "ogg": b"OggS"}
    if kind in marks:
        places = [content.rfind(marks[kind], 1, at + 1) for at in wanted]
        return [place for place in dict.fromkeys(places) if place > 0]
    return wanted


def pieces():
    ends = cuts() + [size]
    return list(zip([0] + ends, ends))


def append_held_open():
    with open(target, "wb", buffering=0) as file:
        for at, end in pieces():
            file.write(content[at:end])
            pause()


def append_and_close():
    for at, end in pieces():
        with open(target, "ab") as file:
            file.write(content[at:end])
        if end < size:
            pause()


def preallocate_and_fill():
    with open(target, "wb", buffering=0) as file:
        os.posix_fallocate(file.fileno(), 0, size)
        for at, end in pieces():
            pause()
            file.write(content[at:end])
        pause()


def fill_backwards():
    """The head, which says what the file is, comes last."""
    with open(target, "wb", buffering=0) as file:
        file.truncate(size)
        for at, end in reversed(pieces()):
            pause()
            os.pwrite(file.fileno(), content[at:end], at)
        pause()


def sparse():
    """Head and tail are there, the middle is a hole that is filled later."""
    (_, first), *middle, (last, _) = pieces()
    with open(target, "wb", buffering=0) as file:
        file.write(content[:first])
        file.seek(last)
        file.write(content[last:])
        pause()
        for at, end in middle:
            os.pwrite(file.fileno(), content[at:end], at)
            pause()


def map_and_write():
    """The file is closed, and written to all the same: after the first byte its times stand still."""
    handle = os.open(target, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    os.ftruncate(handle, size)
    mapped = mmap.mmap(handle, size)
    # Python keeps a duplicate as long as the mapping.
    for number in os.listdir("/proc/self/fd"):
        link = f"/proc/self/fd/{number}"
        if os.path.exists(link) and os.path.samefile(link, target):
            os.close(int(number))
    (_, first), *middle, (last, _) = pieces()
    mapped[:first] = content[:first]
    mapped[last:] = content[last:]
    pause()
    for at, end in middle:
        mapped[at:end] = content[at:end]
        pause()
    os._exit(0)  # unmaps; close() would complain of the descriptor


def truncate_and_rewrite():
    """First something else, whole, but not closed; then the content."""
    with open(target, "wb", buffering=0) as file:
        file.write(content[: cuts()[1]])
        pause()
        file.truncate(0)
        file.seek(0)
        file.write(content[: cuts()[0]])
        pause()
        file.write(content[cuts()[0] :])
        pause()


def write_in_place():
    """As dd conv=notrunc: the size stays what it was."""
    with open(target, "r+b", buffering=0) as file:
        for at, end in pieces():
            file.write(content[at:end])
            pause()


def two_writers():
    """Both hold it open; the one that wrote most closes early."""
    with open(target, "wb", buffering=0) as first, open(target, "r+b", buffering=0) as second:
        half = cuts()[1]
        first.write(content[:half])
        pause()
        first.close()
        pause()
        second.seek(half)
        second.write(content[half:])
        pause()


def inherited():
    """The one that opened it is gone; a child has the file, and goes on."""
    with open(target, "wb", buffering=0) as file:
        file.write(content[: cuts()[1]])
        child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=file)
    pause()
    child.stdin.write(content[cuts()[1] :])
    child.stdin.flush()
    pause()
    child.stdin.close()
    child.wait()


def temporary_then_renamed(temporary, held_back=0, old=False):
    """Grows under another name. `held_back` bytes are written after the rename."""
    with open(temporary, "wb", buffering=0) as file:
        for at, end in pieces():
            file.write(content[at : min(end, size - held_back)])
            pause("unseen")
        if held_back:
            os.rename(temporary, target)
            pause()
            file.write(content[size - held_back :])
            pause()
            return
    if old:
        os.utime(temporary, (LONG_AGO, LONG_AGO))
    pause("unseen")
    os.rename(temporary, target)


def rename():
    temporary_then_renamed(os.path.join(folder, f"{name}.tmp"))


def rename_then_write():
    temporary_then_renamed(os.path.join(folder, f"{name}.tmp"), held_back=size // 3)


def rename_from_outside():
    temporary_then_renamed(source + ".copy")


def rsync():
    temporary_then_renamed(os.path.join(folder, f".{name}.k3Xp9Q"), old=True)


def chromium():
    temporary_then_renamed(f"{target}.crdownload")


def firefox():
    """An empty file keeps the name until the download is whole."""
    open(target, "wb").close()
    pause()
    temporary_then_renamed(f"{target}.part")


def copy():
    with open(target, "wb", buffering=0) as file:
        for at, end in pieces():
            file.write(content[at:end])
            pause()
        os.utime(file.fileno(), (LONG_AGO, LONG_AGO))
        pause()


def copy_by_tools():
    """Whole files, as the system's tools make them, with times of long ago."""
    aside = source + ".aside"
    shutil.copyfile(source, aside)
    os.utime(aside, (LONG_AGO, LONG_AGO))
    subprocess.run(["cp", "-p", aside, target], check=True)


def killed():
    with open(target, "wb", buffering=0) as file:
        file.write(content[: cuts()[1]])
        pause()
        os._exit(1)


def resume():
    """Goes on with what an earlier download left."""
    with open(target, "ab", buffering=0) as file:
        at = file.seek(0, os.SEEK_END)
        middle = (at + size) // 2
        file.write(content[at:middle])
        pause()
        file.write(content[middle:])
        pause()


globals()[way]()
