"""Puts a past of many uploads into a ledger that taxiway made: files of a folder that is not there now.

    python3 benches/rows.py LEDGER ROOT ROWS

Every hundred-thousandth upload failed and as many are held; the rest is stored, one attempt and one
decision each, as a ledger looks after years. Nothing may have the ledger open meanwhile.
"""

import hashlib
import sqlite3
import sys

IN_DIRECTORY = 1_000
AT_ONCE = 500_000
EMAIL = "bench@example.com"
BEGAN = 1_700_000_000_000

# `i` counts from :first to :last.
NUMBERS = "WITH RECURSIVE n (i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i < :last)"
NAME = "printf('DSC%07d.jpg', i)"
FAILED, HELD = "i % 100000 = 7", "i % 100000 = 8"
STORED = f"NOT ({FAILED}) AND NOT ({HELD})"
ASSET = f"'user:1-runwayml:{EMAIL}-asset:' || printf('00000000-0000-4000-9000-%012x', i)"

STEPS = [
    f"""INSERT INTO directory (id, parent_id, path)
        SELECT :directory + i, :root, CAST(:path || printf('/%06d', i) AS BLOB)
        FROM n WHERE i < :directories""",
    f"""INSERT INTO content (id, hash, size, media_type, width, height)
        SELECT i, hash(i), 4000000 + i % 1000, 'image/jpeg', 6000, 4000 FROM n""",
    f"""INSERT INTO upload (id, content_id, account_id, name, wanted_at, reason, failed_at, held_at,
                            asset_id, uploaded_at)
        SELECT i, i, :account, {NAME}, :began + i * 1000,
               iif({STORED}, NULL, 'the server said no'), iif({FAILED}, :began + i * 1000, NULL),
               iif({HELD}, :began + i * 1000, NULL), iif({STORED}, {ASSET}, NULL),
               iif({STORED}, :began + i * 1000 + 500, NULL) FROM n""",
    f"""INSERT INTO path (id, directory_id, name, folder_id, status, device, inode, size, mtime_ns,
                          ctime_ns, certain, content_id, upload_id, seen_at)
        SELECT i, :directory + i / {IN_DIRECTORY}, CAST({NAME} AS BLOB), :folder, 'linked', 7, i,
               4000000 + i % 1000, (:began + i) * 1000000, (:began + i) * 1000000, 1, i, i,
               :began + i * 1000 FROM n""",
    f"""INSERT INTO attempt (id, upload_id, path_id, run_id, opened_at, name, status, detail, outcome,
                             ended_at)
        SELECT i, i, i, 1, :began + i * 1000, {NAME}, iif({STORED}, 200, 400), '',
               iif({STORED}, 'stored', 'refused'), :began + i * 1000 + 500 FROM n""",
    f"""INSERT INTO decision (id, path_id, at, kind, detail)
        SELECT i, i, :began + i * 1000, 'settled',
               'unchanged for 2.001 s; nobody has it open for writing; its container is whole' FROM n""",
]


def fill(ledger, root, rows):
    """The rows of `root`, numbered behind those that are there."""
    db = sqlite3.connect(ledger, isolation_level=None)
    # Who measures can begin again.
    db.executescript("PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000;")
    hashed = lambda number: hashlib.blake2b(number.to_bytes(8, "big"), digest_size=32).digest()
    db.create_function("hash", 1, hashed, deterministic=True)
    one = lambda sql, *values: db.execute(sql, values).fetchone()[0]
    first = 1 + max(one(f"SELECT coalesce(max(id), 0) FROM {table}")
                    for table in ["content", "upload", "path", "attempt", "decision"])
    db.execute("INSERT OR IGNORE INTO folder (root, first_scan_at) VALUES (?, 1)", [root.encode()])
    db.execute("INSERT OR IGNORE INTO account (email) VALUES (?)", [EMAIL])
    db.execute("INSERT OR IGNORE INTO directory (path) VALUES (?)", [root.encode()])
    db.execute("INSERT OR IGNORE INTO run (id, pid, started_at, version) VALUES (1, 1, 1, '0')")
    known = {
        "folder": one("SELECT id FROM folder WHERE root = ?", root.encode()),
        "account": one("SELECT id FROM account WHERE email = ?", EMAIL),
        "root": one("SELECT id FROM directory WHERE path = ?", root.encode()),
        "directory": one("SELECT max(id) + 1 FROM directory"),
        "directories": (first + rows) // IN_DIRECTORY + 1,
        "path": root, "began": BEGAN,
    }
    db.execute("BEGIN")
    db.execute(f"{NUMBERS} {STEPS[0]}", {**known, "first": 0, "last": known["directories"]})
    db.execute("COMMIT")
    for begin in range(first, first + rows, AT_ONCE):
        db.execute("BEGIN")
        for step in STEPS[1:]:
            last = min(begin + AT_ONCE, first + rows) - 1
            db.execute(f"{NUMBERS} {step}", {**known, "first": begin, "last": last})
        db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


if __name__ == "__main__":
    fill(sys.argv[1], sys.argv[2], int(sys.argv[3]))
