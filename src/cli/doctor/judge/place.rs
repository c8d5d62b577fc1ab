//! Verdicts on places of this machine: folders, watches, the state directory.

use crate::cli::Exit;
use crate::cli::doctor::facts::{
    Configuration, FolderFacts, Inotify, Seen, StateDir, StateFacts, Walked,
};
use crate::cli::doctor::report::Check;
use crate::config::{Mode, duration_text};
use crate::text::{count_of_bytes, escaped, shell_word, shown};

use super::count;

const FOLDER: &str = "folder";
const INOTIFY: &str = "inotify";
const STATE: &str = "state";

/// Below this the ledger of a busy folder may fill the disk within days.
const LITTLE_ROOM: u64 = 200_000_000;
/// Below this a checkpoint of the ledger may not fit.
const NO_ROOM: u64 = 16_000_000;

pub(super) fn folders(folders: &[FolderFacts], configuration: &Configuration) -> Vec<Check> {
    if let Configuration::Broken { hint, .. } = configuration {
        let text = "not looked at: the configuration does not load";
        return vec![Check::warn(FOLDER, text, hint)];
    }
    folders.iter().flat_map(folder).collect()
}

fn folder(folder: &FolderFacts) -> Vec<Check> {
    let path = shown(&folder.path);
    let word = shell_word(&folder.path);
    let mut checks = vec![match &folder.seen {
        Seen::Hangs => Check::fail(
            FOLDER,
            Exit::Later,
            format!("{path}: its disk does not answer"),
            format!("df {word}"),
        ),
        Seen::Away { is_missing: true, .. } => Check::fail(
            FOLDER,
            Exit::Later,
            format!("{path} is not there: it is waited for"),
            format!("mkdir -p {word}"),
        ),
        Seen::Away { reason, is_missing: false } => Check::fail(
            FOLDER,
            Exit::Later,
            format!("{path} is away: {}", escaped(reason)),
            format!("ls -ld {word}"),
        ),
        Seen::There(walked) => there(folder, walked, &path),
    }];
    if let Some(outer) = &folder.within {
        checks.push(Check::warn(
            FOLDER,
            format!("{path} lies in folder {}: its files follow its own settings", shown(outer)),
            "remove one of the two if that is not meant",
        ));
    }
    if let Some(state) = &folder.holds_state {
        checks.push(Check::warn(
            FOLDER,
            format!("the state directory {} lies in folder {path}", shown(state)),
            "use --state-dir DIR with a directory outside of all folders",
        ));
    }
    checks
}

fn there(folder: &FolderFacts, walked: &Walked, path: &str) -> Check {
    let least = if walked.is_cut { "at least " } else { "" };
    let files = count(walked.files, "file", "files");
    let bytes = count_of_bytes(walked.bytes);
    let disk = walked.file_system;
    let poll = duration_text(folder.poll_interval);
    let watched = match (folder.mode, walked.tells_events) {
        (Mode::Poll, _) => format!("polled every {poll}, as configured"),
        (Mode::Auto, false) => format!("polled every {poll}, as it does not tell of changes"),
        (Mode::Events, false) => {
            let rescan = duration_text(folder.rescan_interval);
            let text = format!(
                "{path}: mode is \"events\", and {disk} does not tell of changes: files are found \
                 every {rescan}"
            );
            return Check::warn(FOLDER, text, "set mode = \"auto\" for it: taxiway config show");
        }
        (Mode::Auto | Mode::Events, true) => "watched by events".to_owned(),
    };
    let others = match walked.of_others {
        0 => String::new(),
        1 => "; 1 belongs to another user, and waits for the quiet time".to_owned(),
        of_others => {
            format!("; {of_others} belong to other users, and wait for the quiet time")
        }
    };
    let others = if walked.proves_rest { others } else { String::new() };
    let text = format!("{path}: {least}{files}, {bytes}; {disk}, {watched}{others}");
    match &walked.trouble {
        Some(trouble) => Check::warn(
            FOLDER,
            format!("{text}; not all of it can be listed: {}", escaped(trouble)),
            format!("ls -la {}", shell_word(&folder.path)),
        ),
        None => Check::ok(FOLDER, text),
    }
}

pub(super) fn inotify(found: Option<&Inotify>) -> Option<Check> {
    let found = found?;
    let of = |most: Option<u64>| most.map_or(String::new(), |most| format!(" of {most}"));
    let text = format!(
        "the folders need {}{} watches and {}{} instances",
        found.directories,
        of(found.watches),
        found.folders,
        of(found.instances)
    );
    let watches = found.watches.filter(|most| found.directories > most / 5 * 4);
    let instances = found.instances.filter(|most| found.folders >= *most);
    let (name, most) = match (watches, instances) {
        (Some(most), _) => {
            let enough = found.directories.saturating_add(most).max(524_288);
            ("max_user_watches", enough.next_power_of_two())
        }
        (None, Some(most)) => (
            "max_user_instances",
            found.folders.saturating_add(most).max(1_024).next_power_of_two(),
        ),
        (None, None) => return Some(Check::ok(INOTIFY, text)),
    };
    let file = "/etc/sysctl.d/60-taxiway.conf";
    Some(Check::warn(
        INOTIFY,
        format!("{text}: what is beyond, with all other programs, is polled"),
        format!("echo fs.inotify.{name}={most} | sudo tee {file} && sudo sysctl --system"),
    ))
}

pub(super) fn state(found: &StateFacts) -> Check {
    let directory = match &found.directory {
        Ok(directory) => directory,
        Err((error, hint)) => return Check::fail(STATE, Exit::Config, error, hint),
    };
    let (path, word) = (shown(directory), shell_word(directory));
    let look = format!("ls -ld {word}");
    match &found.found {
        StateDir::Missing { forbidden_in: None } => {
            Check::ok(STATE, format!("{path} is not there yet: the first run makes it"))
        }
        StateDir::Missing { forbidden_in: Some(parent) } => Check::fail(
            STATE,
            Exit::Ledger,
            format!("{path} cannot be made: {} cannot be written to", shown(parent)),
            format!("ls -ld {}", shell_word(parent)),
        ),
        StateDir::Unusable { reason } => Check::fail(
            STATE,
            Exit::Ledger,
            format!("{path} cannot be used: {}", escaped(reason)),
            look,
        ),
        StateDir::There { file_system, is_remote: true, .. } => Check::fail(
            STATE,
            Exit::Ledger,
            format!("{path} is on {file_system}, where locks and SQLite cannot be relied on"),
            "choose another: --state-dir DIR, on a disk of this machine",
        ),
        StateDir::There { is_writable: false, .. } => {
            Check::fail(STATE, Exit::Ledger, format!("{path} cannot be written to"), look)
        }
        StateDir::There { free_bytes: Some(free @ ..NO_ROOM), .. } => Check::fail(
            STATE,
            Exit::Ledger,
            format!("{path}: {} free, too little for the ledger", count_of_bytes(*free)),
            format!("df -h {word}"),
        ),
        StateDir::There { is_ours: false, .. } => {
            Check::warn(STATE, format!("{path} belongs to another user"), look)
        }
        StateDir::There { mode, .. } if mode & 0o077 != 0 => Check::warn(
            STATE,
            format!("others can look into {path} (mode {mode:04o}); the next run closes it"),
            format!("chmod 700 {word}"),
        ),
        StateDir::There { free_bytes: Some(free @ ..LITTLE_ROOM), .. } => Check::warn(
            STATE,
            format!("{path}: only {} free", count_of_bytes(*free)),
            format!("df -h {word}"),
        ),
        StateDir::There { file_system, free_bytes, .. } => {
            let free =
                free_bytes.map_or(String::new(), |free| format!(", {} free", count_of_bytes(free)));
            Check::ok(STATE, format!("{path}: ours alone, {file_system}{free}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;
    use crate::cli::doctor::report::told;

    fn facts(mode: Mode, seen: Seen) -> FolderFacts {
        FolderFacts {
            path: "/my pics".into(),
            mode,
            poll_interval: Duration::from_secs(30),
            rescan_interval: Duration::from_secs(900),
            within: None,
            holds_state: None,
            seen,
        }
    }

    fn walked() -> Walked {
        Walked {
            file_system: "ext4",
            tells_events: true,
            proves_rest: true,
            files: 2,
            bytes: 3_000,
            directories: 1,
            ..Walked::default()
        }
    }

    fn nfs() -> Walked {
        Walked { file_system: "nfs", tells_events: false, proves_rest: false, ..walked() }
    }

    #[test]
    fn a_folder_says_what_lies_in_it_and_how_it_is_watched() {
        let there = |mode, walked| facts(mode, Seen::There(walked));
        let away = |is_missing| Seen::Away { reason: "it is a\nfile".into(), is_missing };
        for (found, line) in [
            (there(Mode::Auto, walked()), "ok: /my pics: 2 files, 3.0 kB; ext4, watched by events"),
            (
                there(Mode::Poll, Walked { files: 1, ..walked() }),
                "ok: /my pics: 1 file, 3.0 kB; ext4, polled every 30s, as configured",
            ),
            (
                there(Mode::Auto, Walked { of_others: 4, is_cut: true, ..nfs() }),
                "ok: /my pics: at least 2 files, 3.0 kB; nfs, polled every 30s, as it does not \
                 tell of changes",
            ),
            (
                there(Mode::Events, nfs()),
                "warn: /my pics: mode is \"events\", and nfs does not tell of changes: files are \
                 found every 15min | set mode = \"auto\" for it: taxiway config show",
            ),
            (
                there(Mode::Auto, Walked { of_others: 1, ..walked() }),
                "ok: /my pics: 2 files, 3.0 kB; ext4, watched by events; 1 belongs to another \
                 user, and waits for the quiet time",
            ),
            (
                there(
                    Mode::Auto,
                    Walked { of_others: 2, trouble: Some("/x: denied".into()), ..walked() },
                ),
                "warn: /my pics: 2 files, 3.0 kB; ext4, watched by events; 2 belong to other \
                 users, and wait for the quiet time; not all of it can be listed: /x: denied | \
                 ls -la '/my pics'",
            ),
            (
                facts(Mode::Auto, Seen::Hangs),
                "fail 75: /my pics: its disk does not answer | df '/my pics'",
            ),
            (
                facts(Mode::Auto, away(true)),
                "fail 75: /my pics is not there: it is waited for | mkdir -p '/my pics'",
            ),
            (
                facts(Mode::Auto, away(false)),
                r"fail 75: /my pics is away: it is a\nfile | ls -ld '/my pics'",
            ),
        ] {
            assert_eq!(folder(&found).iter().map(told).collect::<Vec<_>>(), [line]);
        }
    }

    #[test]
    fn folders_within_folders_and_the_state_within_one_are_told() {
        let mut found = facts(Mode::Auto, Seen::There(walked()));
        found.within = Some("/".into());
        found.holds_state = Some("/my pics/state".into());
        assert_eq!(
            folder(&found).iter().skip(1).map(told).collect::<Vec<_>>(),
            [
                "warn: /my pics lies in folder /: its files follow its own settings | remove one \
                 of the two if that is not meant",
                "warn: the state directory /my pics/state lies in folder /my pics | use \
                 --state-dir DIR with a directory outside of all folders",
            ]
        );
        let broken = Configuration::Broken { error: "x".into(), hint: "edit it".into() };
        assert_eq!(
            folders(&[], &broken).iter().map(told).collect::<Vec<_>>(),
            ["warn: not looked at: the configuration does not load | edit it"]
        );
    }

    #[test]
    fn limits_that_are_near_have_the_line_that_lifts_them() {
        let found = |directories, watches, folders, instances| Inotify {
            directories,
            folders,
            watches: Some(watches),
            instances: Some(instances),
        };
        let lift = |name: &str, most: u64| {
            format!(
                "echo fs.inotify.{name}={most} | sudo tee /etc/sysctl.d/60-taxiway.conf && sudo \
                 sysctl --system"
            )
        };
        let beyond = ": what is beyond, with all other programs, is polled";
        for (found, line) in [
            (
                found(80, 100, 1, 128),
                "ok: the folders need 80 of 100 watches and 1 of 128 instances".to_owned(),
            ),
            (
                found(81, 100, 1, 128),
                format!(
                    "warn: the folders need 81 of 100 watches and 1 of 128 instances{beyond} | {}",
                    lift("max_user_watches", 524_288)
                ),
            ),
            (
                found(600_000, 8_192, 1, 128),
                format!(
                    "warn: the folders need 600000 of 8192 watches and 1 of 128 instances{beyond} \
                     | {}",
                    lift("max_user_watches", 1_048_576)
                ),
            ),
            (
                found(2, 100, 128, 128),
                format!(
                    "warn: the folders need 2 of 100 watches and 128 of 128 instances{beyond} | {}",
                    lift("max_user_instances", 1_024)
                ),
            ),
        ] {
            assert_eq!(inotify(Some(&found)).as_ref().map(told), Some(line));
        }
        let unknown = Inotify { directories: 1, folders: 1, watches: None, instances: None };
        let line = "ok: the folders need 1 watches and 1 instances".to_owned();
        assert_eq!(inotify(Some(&unknown)).as_ref().map(told), Some(line));
        assert_eq!(inotify(None), None);
    }

    #[test]
    fn a_state_directory_is_ours_alone_on_a_disk_of_this_machine() {
        let found = |mode, is_ours, is_writable, is_remote, free_bytes| StateDir::There {
            mode,
            is_ours,
            is_writable,
            file_system: if is_remote { "nfs" } else { "xfs" },
            is_remote,
            free_bytes: Some(free_bytes),
        };
        let much = 5_000_000_000;
        for (found, line) in [
            (found(0o700, true, true, false, much), "ok: /s: ours alone, xfs, 5.0 GB free"),
            (
                found(0o755, true, true, false, much),
                "warn: others can look into /s (mode 0755); the next run closes it | chmod 700 /s",
            ),
            (
                found(0o700, false, true, false, much),
                "warn: /s belongs to another user | ls -ld /s",
            ),
            (
                found(0o700, false, false, false, much),
                "fail 74: /s cannot be written to | ls -ld /s",
            ),
            (
                found(0o700, true, true, true, much),
                "fail 74: /s is on nfs, where locks and SQLite cannot be relied on | choose \
                 another: --state-dir DIR, on a disk of this machine",
            ),
            (found(0o700, true, true, false, 199_999_999), "warn: /s: only 199 MB free | df -h /s"),
            (
                found(0o700, true, true, false, 15_999_999),
                "fail 74: /s: 15 MB free, too little for the ledger | df -h /s",
            ),
            (
                StateDir::Missing { forbidden_in: None },
                "ok: /s is not there yet: the first run makes it",
            ),
            (
                StateDir::Missing { forbidden_in: Some("/".into()) },
                "fail 74: /s cannot be made: / cannot be written to | ls -ld /",
            ),
            (
                StateDir::Unusable { reason: "it is a file".into() },
                "fail 74: /s cannot be used: it is a file | ls -ld /s",
            ),
        ] {
            let found = StateFacts { directory: Ok(PathBuf::from("/s")), found };
            assert_eq!(told(&state(&found)), line);
        }
        let found = StateFacts {
            directory: Err(("no home".into(), "set HOME".into())),
            found: StateDir::Missing { forbidden_in: None },
        };
        assert_eq!(told(&state(&found)), "fail 78: no home | set HOME");
    }
}
