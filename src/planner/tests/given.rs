//! What a story says of the world before it begins, and its numbers.

use super::super::*;

/// What a story says of the world before it begins.
pub(super) struct Given {
    pub(super) limits: Limits,
    pub(super) folders: Vec<FolderPolicy>,
    pub(super) accounts: Vec<Option<String>>,
    /// Nothing was scanned yet, and the first scan is part of the story.
    pub(super) fresh: bool,
}

impl Given {
    pub(super) fn usual() -> Given {
        Given {
            limits: Limits { seed: 1, ..Limits::default() },
            folders: vec![policy(1, 1)],
            accounts: vec![Some("a@x".into())],
            fresh: false,
        }
    }

    pub(super) fn take(&mut self, line: &str) {
        let mut words = line.split(' ');
        match words.next() {
            Some("accounts") => self.accounts = words.map(email).collect(),
            Some("concurrency") => self.limits.concurrency = number(words.next()) as usize,
            Some("reads") => {
                self.limits.identify_at_once = number(words.next()) as usize;
                self.limits.read_ahead = self.limits.identify_at_once;
            }
            Some("settling") => self.limits.settling = number(words.next()) as usize,
            Some("doubts") => self.limits.doubts = number(words.next()) as usize,
            Some("newer") => self.limits.newer = number(words.next()) as u32,
            Some("fresh") => self.fresh = true,
            Some("pause_on") => self.limits.pause_on = conditions(words),
            Some("folder") => {
                let id = number(words.next());
                let wanted = email(words.next().expect("an account"));
                let account = self.accounts.iter().position(|known| *known == wanted);
                let account = account.expect("a known account") as i64 + 1;
                let mut folder = policy(id, account);
                words.for_each(|word| set(&mut folder, word));
                self.folders.retain(|other| other.id.0 != id);
                self.folders.push(folder);
            }
            other => panic!("given what? {other:?}"),
        }
    }
}

pub(super) fn policy(id: i64, account: i64) -> FolderPolicy {
    FolderPolicy {
        id: FolderId(id),
        account: AccountId(account),
        settle_ms: 2_000,
        incomplete_ms: 600_000,
        send_incomplete: false,
        ignore_existing: false,
        ignore_changes: false,
        rescan_ms: 86_400_000,
        trusts_events: false,
        wants: Default::default(),
        scanned_before: true,
    }
}

pub(super) fn set(folder: &mut FolderPolicy, word: &str) {
    match word.split_once('=').unwrap_or((word, "")) {
        ("settle", value) => folder.settle_ms = time(value),
        ("rescan", value) => folder.rescan_ms = time(value),
        ("incomplete", "send") => folder.send_incomplete = true,
        ("incomplete", value) => folder.incomplete_ms = time(value),
        ("existing", "ignore") => folder.ignore_existing = true,
        ("on_change", "ignore") => folder.ignore_changes = true,
        ("mode", "events") => folder.trusts_events = true,
        ("new", "") => folder.scanned_before = false,
        other => panic!("no such setting: {other:?}"),
    }
}

/// `battery`, `metered`, both, or `nothing`.
pub(super) fn conditions<'a>(words: impl Iterator<Item = &'a str>) -> Conditions {
    words.fold(Conditions::NONE, |met, word| match word {
        "battery" => Conditions { battery: true, ..met },
        "metered" => Conditions { metered: true, ..met },
        "nothing" => met,
        other => panic!("no such condition: {other}"),
    })
}

/// The same as an answer; `battery?` is one of which nobody can tell.
pub(super) fn sensed(words: &[&str]) -> Sensed {
    let (untold, told): (Vec<&str>, Vec<&str>) = words.iter().partition(|word| word.ends_with('?'));
    let untold = untold.iter().map(|word| word.trim_end_matches('?'));
    Sensed { holds: conditions(told.iter().copied()), untold: conditions(untold) }
}

pub(super) fn email(word: &str) -> Option<String> {
    (word != "?").then(|| format!("{word}@x"))
}

pub(super) fn number(word: Option<&str>) -> i64 {
    word.and_then(|word| word.parse().ok()).expect("a number")
}

/// `5min`, `2s`, `300ms`, `1h`, with a minus before it.
pub(super) fn time(word: &str) -> i64 {
    let digits = word.trim_start_matches('-').trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match word.trim_start_matches('-').trim_start_matches(|c: char| c.is_ascii_digit()) {
        "ms" => 1,
        "s" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        other => panic!("no such unit: {other:?}"),
    };
    number(Some(digits)) * unit * if word.starts_with('-') { -1 } else { 1 }
}
