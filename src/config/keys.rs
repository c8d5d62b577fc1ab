//! The keys of the configuration: their names, and how each is written.
//!
//! Owns: a key is known if and only if it stands here.

use std::fmt;

/// A table of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// `[api]`
    Api,
    /// `[control]`
    Control,
    /// `[log]`
    Log,
    /// `[[folder]]`
    Folder,
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Table::Api => "[api]",
            Table::Control => "[control]",
            Table::Log => "[log]",
            Table::Folder => "[[folder]]",
        })
    }
}

/// A key of a table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// As it is written.
    pub(super) name: &'static str,
    /// A value to show in hints and in the reference.
    pub(super) example: &'static str,
    /// What it does, for the reference: `docs/configuration.md` is made from it.
    pub(super) meaning: &'static str,
}

impl Table {
    pub(super) const ALL: [Table; 4] = [Table::Api, Table::Control, Table::Log, Table::Folder];

    /// The name without brackets.
    pub(super) fn name(self) -> &'static str {
        match self {
            Table::Api => "api",
            Table::Control => "control",
            Table::Log => "log",
            Table::Folder => "folder",
        }
    }

    /// The keys of the table.
    pub(super) fn keys(self) -> &'static [Key] {
        match self {
            Table::Api => API,
            Table::Control => CONTROL,
            Table::Log => LOG,
            Table::Folder => FOLDER,
        }
    }
}

const API: &[Key] = &[
    Key {
        name: "base_url",
        example: r#""https://api.useapi.net/v1/runwayml""#,
        meaning: "Where the API is. `http://` goes to a loopback address only, for a sandbox. A \
                  ledger remembers it and refuses another (78): give experiments a `--state-dir` of \
                  their own. The variable `TAXIWAY_BASE_URL` wins over it.",
    },
    Key {
        name: "email",
        example: r#""me@example.com""#,
        meaning: "The Runway account of folders and pushes that name none. It has to be said where \
                  several are set up at useapi.net; with one, it is learnt from the first upload.",
    },
    Key {
        name: "token_file",
        example: r#""token""#,
        meaning: "The file that holds the token, beside the configuration unless it says otherwise. \
                  It is refused when others can read it. `TAXIWAY_TOKEN`, `USEAPI_TOKEN` and the \
                  systemd credential `taxiway-token` are looked for before it, and the keyring of your \
                  session after it: the item that `secret-tool store --label=taxiway service \
                  taxiway` makes, on macOS `security add-generic-password -U -s taxiway -a taxiway \
                  -w`. What is written into either applies within 5 s, without reload or start.",
    },
    Key {
        name: "concurrency",
        example: "4",
        meaning: "How many uploads go out at once, at most. It begins with two, goes on to more \
                  while that is faster, and back to fewer when the server asks to slow down, \
                  or is late with its answers.",
    },
    Key {
        name: "rate_limit",
        example: r#""8MB/s""#,
        meaning: "How fast all uploads together may be. Without it there is no limit.",
    },
    Key {
        name: "connect_timeout",
        example: r#""10s""#,
        meaning: "How long a connection may take to come about.",
    },
    Key {
        name: "stall_timeout",
        example: r#""60s""#,
        meaning: "For how long no byte may move while a file goes out. Nothing was stored then, and \
                  it is tried again.",
    },
    Key {
        name: "answer_timeout",
        example: r#""10min""#,
        meaning: "How long the answer may take after the last byte. When it is over, the upload is \
                  `unknown`, and is looked up before anything is sent again.",
    },
    Key {
        name: "max_file_size",
        example: r#""2GB""#,
        meaning: "Larger files are `ignored`. Without it there is no limit.",
    },
    Key {
        name: "send",
        example: r#"["width", "height"]"#,
        meaning: "What is told of pictures and films with an upload; some ways of generating want \
                  it. `\"duration\"` may be added.",
    },
    Key {
        name: "pause_on",
        example: r#"["battery", "metered"]"#,
        meaning: "What uploads wait for the end of: `\"battery\"`, the machine runs on its battery; \
                  `\"metered\"`, its link is paid for by the byte, as NetworkManager knows (asked \
                  through systemd's `busctl`; macOS is not asked). What is under way ends, nothing \
                  begins, and `status` says so; within half a minute of the end it goes on. It is asked \
                  about only while something is to be sent, or was set aside: `taxiway resume` sends \
                  all the same until the condition ends, or the daemon; a `taxiway push` while no daemon runs does so, \
                  too, and `run --once` ends with 75. What cannot be told holds nothing up: the log \
                  says so, and `taxiway doctor`.",
    },
    Key {
        name: "ca_file",
        example: r#""/etc/ssl/own.pem""#,
        meaning: "Certificate authorities to trust beside the system's, in PEM form.",
    },
];

const CONTROL: &[Key] = &[
    Key {
        name: "listen",
        example: r#""127.0.0.1:7447""#,
        meaning: "A loopback address on which the daemon answers beside its socket, see \
                  [control.md](control.md). Requests need the bearer token that lies in a file of \
                  the state directory (0600), and the right `Host`. Without it there is only the \
                  socket.",
    },
    Key {
        name: "heartbeat_url",
        example: r#""https://hc-ping.com/UUID""#,
        meaning: "An address that the daemon calls (`GET`) as long as all is well, for a service \
                  that raises an alarm when nobody calls any more. All is well when the loop turns \
                  and its last step is on disk, nothing needs a person, nothing stops uploads, no \
                  folder is away, and nobody paused it; that uploads wait for the end of what `pause_on` \
                  names is well. The token is not sent.",
    },
    Key {
        name: "heartbeat_interval",
        example: r#""5min""#,
        meaning: "The time between two such calls.",
    },
];

const LOG: &[Key] = &[
    Key {
        name: "format",
        example: r#""auto""#,
        meaning: "How `taxiway run` writes what it tells and what it logs. `\"text\"`: lines for \
                  people. `\"json\"`: an object a line, on stderr too. `\"journal\"`: to systemd's \
                  journal, with fields such as `TAXIWAY_EVENT`, `TAXIWAY_PATH` and \
                  `TAXIWAY_ASSET_ID`, and priorities. `\"auto\"`: to the journal if that is where \
                  stderr goes, as in a service of systemd, else text.",
    },
    Key {
        name: "level",
        example: r#""warn""#,
        meaning: "How much `taxiway run` logs beside what happens to files, which `-q` alone \
                  silences. The variable `TAXIWAY_LOG`, and `-v` and `-q`, win over it; where none \
                  of them is set, `taxiway reload` changes it while it runs.",
    },
];

const FOLDER: &[Key] = &[
    Key {
        name: "path",
        example: r#""~/Runway""#,
        meaning: "The directory; the only key that a folder must have. Where it is missing, as on a \
                  disk that is not mounted, it is `away` and awaited: nothing counts as deleted.",
    },
    Key {
        name: "email",
        example: r#""me@example.com""#,
        meaning: "The Runway account that its files go to; without it, that of `[api]`. After a \
                  change everything in the folder is wanted on the new account.",
    },
    Key {
        name: "recursive",
        example: "true",
        meaning: "Whether the directories below belong to it. A path belongs to the deepest folder \
                  that contains it.",
    },
    Key {
        name: "include",
        example: r#"["*.png"]"#,
        meaning: "Only what fits one of these patterns, which are written as in a `.gitignore`; \
                  empty: all media that are supported.",
    },
    Key {
        name: "exclude",
        example: r#"["drafts/"]"#,
        meaning: "Nothing that fits one of these patterns. A `.taxiwayignore` in any watched \
                  directory says the same from there on.",
    },
    Key {
        name: "hidden",
        example: "false",
        meaning: "Whether names that begin with a dot are ours.",
    },
    Key {
        name: "follow_symlinks",
        example: "false",
        meaning: "Whether symbolic links to files and directories are followed.",
    },
    Key {
        name: "existing",
        example: r#""upload""#,
        meaning: "What becomes of files that lie in the folder when it is seen for the first time: \
                  `\"upload\"`, or `\"ignore\"`, so that only what comes later is uploaded.",
    },
    Key {
        name: "settle",
        example: r#""2s""#,
        meaning: "A file that looks the same for so long is at rest, where the system cannot prove \
                  that nobody writes to it (on macOS, on network disks, for files of others). \
                  Where it can, a fraction of a second is enough.",
    },
    Key {
        name: "incomplete",
        example: r#""10min""#,
        meaning: "A file that is at rest, and whose end is missing for so long, has `failed`, with \
                  the reason. `\"send\"`: it is uploaded then, as it is.",
    },
    Key {
        name: "mode",
        example: r#""auto""#,
        meaning: "How changes are noticed: `\"events\"` of the system; `\"poll\"`, a scan every \
                  `poll_interval`; `\"auto\"`, events unless they do not come, as on NFS.",
    },
    Key {
        name: "poll_interval",
        example: r#""30s""#,
        meaning: "The time between two scans of a folder that is polled.",
    },
    Key {
        name: "rescan_interval",
        example: r#""15min""#,
        meaning: "The time between two scans of a folder that is watched, to be sure.",
    },
    Key {
        name: "name",
        example: r#""{stem}-{hash8}.{ext}""#,
        meaning: "The name that an asset gets: `{file_name}`, `{stem}` (without extension), `{ext}`, \
                  `{relative_path}` (within the folder), `{hash8}` (of the content, 8 digits). An \
                  asset that is there is never renamed.",
    },
    Key {
        name: "on_change",
        example: r#""upload""#,
        meaning: "What becomes of an uploaded file that is changed: `\"upload\"`, as a new asset, or \
                  `\"ignore\"`.",
    },
    Key {
        name: "after_upload",
        example: r#""move:~/Uploaded""#,
        meaning: "What becomes of a file that is uploaded, or was known already: `\"keep\"`; \
                  `\"trash\"`; `\"move:DIR\"`, into a directory that is never watched, where nothing \
                  is overwritten (` (2)` is added to the name). A file that changed meanwhile stays \
                  where it is.",
    },
    Key {
        name: "sidecar",
        example: "true",
        meaning: "Whether `FILE.asset.json`, with the assetId in it, is written beside each file that \
                  is uploaded, or was known already.",
    },
    Key {
        name: "on_uploaded",
        example: r#"["notify-send", "uploaded", "{asset_id}"]"#,
        meaning: "A program, and its arguments, to run for each path that becomes `uploaded`, by an \
                  upload or because its content was known. No shell reads it; the event comes as \
                  JSON on its stdin. It has 5 minutes, is tried again when it fails, also after \
                  a restart, and so may run more than once for one file. The token is not in its \
                  environment. See [after-upload.md](after-upload.md).",
    },
    Key {
        name: "on_failed",
        example: r#"["notify-send", "failed"]"#,
        meaning: "The same for each path that becomes `failed` or `held`, and so needs you.",
    },
];

/// What to do about an unknown key of a table (`None`: outside of all tables).
pub(super) fn hint_for_unknown(table: Option<Table>, key: &str) -> String {
    let own: Vec<&str> = match table {
        Some(table) => table.keys().iter().map(|key| key.name).collect(),
        None => Table::ALL.iter().map(|table| table.name()).collect(),
    };
    if let Some(near) = nearest(key, &own) {
        return match table {
            Some(_) => format!("did you mean `{near}`?"),
            None => {
                let meant = Table::ALL.iter().find(|table| table.name() == near);
                meant.map_or(String::new(), |table| format!("did you mean {table}?"))
            }
        };
    }
    let elsewhere =
        Table::ALL.iter().find(|other| other.keys().iter().any(|known| known.name == key));
    match (elsewhere, table) {
        (Some(other), _) => format!("put `{key}` under {other}"),
        (None, Some(table)) => format!("the keys of {table} are {}", own.join(", ")),
        (None, None) => "the tables are [api], [control], [log] and [[folder]]".to_owned(),
    }
}

/// The known word that is so near that it was probably meant.
fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word = word.to_lowercase().replace('-', "_");
    let near = known.iter().map(|known| (distance(&word, known), *known));
    let most = (word.chars().count() / 3).clamp(1, 3);
    let nearest = near.min_by_key(|(distance, _)| *distance);
    nearest.filter(|(distance, _)| *distance <= most).map(|(_, known)| known)
}

/// How many letters must be added, dropped or replaced to make one word the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_letters() {
        let table = [
            ("", "", 0),
            ("abc", "abc", 0),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("setle", "settle", 1),
            ("emial", "email", 2),
        ];
        for (one, other, expected) in table {
            assert_eq!(distance(one, other), expected, "{one} {other}");
            assert_eq!(distance(other, one), expected, "{other} {one}");
        }
    }
}
