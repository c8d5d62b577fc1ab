"""Runs a program on a terminal of its own, and answers its questions.

Reads one JSON object: argv, env, cwd, and steps, each a text to wait for and the keys to press then.
Prints one: the transcript, how the program ended, and whether the terminal showed what was typed,
at each step and at the end.
"""

import json
import os
import pty
import signal
import sys
import termios


def shows(terminal):
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)


def read(terminal):
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""  # Linux's way of saying that the other side is closed.


def main():
    job = json.load(sys.stdin)
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(job["cwd"])
        # Who runs the tests in the background may have them ignore it.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.execve(job["argv"][0], job["argv"], job["env"])
    seen, at, echo = b"", 0, []
    for wanted, keys in job["steps"]:
        wanted = wanted.encode()
        while wanted not in seen[at:]:
            more = read(terminal)
            if not more:
                break
            seen += more
        else:
            at = seen.index(wanted, at) + len(wanted)
            echo.append(shows(terminal))
            os.write(terminal, keys.encode())
            continue
        seen += b"\n(ended before: " + wanted + b")\n"
        break
    while more := read(terminal):
        seen += more
    at_end = shows(terminal)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    text = seen.decode(errors="replace").replace("\r\n", "\n")
    print(json.dumps({"text": text, "code": status, "echo": echo, "at_end": at_end}))


main()
