//! The trace of a world as a story: lines that paste into a scenario of the planner.
//!
//! A story has one event a step, exact clocks and whole scans, where a world has several events a
//! step, coarse clocks and scans that go on for a while; and its ledger does not lose a step to a
//! crash. So a story is where the search begins, and its last lines may have to be mended by hand.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::World;
use super::disk::Text;
use crate::engine::Input;
use crate::planner::{
    AccountId, Arrival, Command, Event, Identity, ListedAsset, Listing, Look, Mono, NotSent,
    Outcome, ScanResult, Sensed, Trouble, UploadKey, Whole,
};

/// The story as far as it is told.
#[derive(Debug)]
pub struct Story {
    pub lines: Vec<String>,
    told_at: Mono,
    disk: BTreeMap<PathBuf, Seen>,
}

/// Inode, bytes, change time, and whether somebody has it open.
type Seen = (u64, Text, i64, bool);

impl World {
    /// From now on, all that happens is told.
    pub(super) fn begin_story(&mut self) {
        let mut lines = vec!["given accounts a b".to_owned()];
        let settle_ms = self.settle_ms;
        for (index, folder) in self.folders.iter().enumerate() {
            let account = word(folder.email);
            lines.push(format!("given folder {} {account} settle={settle_ms}ms", index + 1));
        }
        self.story = Some(Story { lines, told_at: self.now.mono, disk: BTreeMap::new() });
    }

    fn tell(&mut self, line: String) {
        let now = self.now.mono;
        if let Some(story) = &mut self.story {
            let passed_ms = now.since(story.told_at);
            if passed_ms > 0 {
                story.lines.push(format!("~ +{passed_ms}ms"));
                story.told_at = now;
            }
            story.lines.push(line);
        }
    }

    /// What people did on the disk since this was asked last.
    pub(super) fn tell_disk(&mut self) {
        let Some(story) = &self.story else { return };
        let now: BTreeMap<PathBuf, Seen> = self
            .disk
            .files
            .iter()
            .map(|(path, file)| (path.clone(), (file.inode, file.text, file.changed_ns, file.open)))
            .collect();
        let mut lines = Vec::new();
        for path in story.disk.keys().filter(|path| !now.contains_key(*path)) {
            lines.push(format!("~ rm {}", place(path)));
        }
        for (path, is) in &now {
            if story.disk.get(path) != Some(is) {
                let text = is.1;
                let unsupported = path.extension().is_some_and(|extension| extension == "txt");
                let label = match unsupported {
                    true => "text".to_owned(),
                    false => match self.disk.whole(text) {
                        Whole::Yes => format!("T{}:{}", text.id, text.size),
                        Whole::CannotTell => format!("raw{}:{}", text.id, text.size),
                        Whole::No { .. } => format!("half{}:{}", text.id, text.size),
                    },
                };
                let open = if is.3 { " open" } else { "" };
                lines.push(format!("~ put {} {label}{open}", place(path)));
            }
        }
        for line in lines {
            self.tell(line);
        }
        if let Some(story) = &mut self.story {
            story.disk = now;
        }
    }

    /// What comes into a step.
    pub(super) fn tell_inputs(&mut self, inputs: &[Input]) {
        if self.story.is_none() {
            return;
        }
        for input in inputs {
            if let Input::Event(event) = input
                && let Some(line) = self.words(event)
            {
                self.tell(format!("> {line}"));
            }
        }
    }

    pub(super) fn tell_restart(&mut self) {
        self.tell("> restart".to_owned());
    }

    fn words(&self, event: &Event) -> Option<String> {
        Some(match event {
            Event::Seen(sight) => match &sight.look {
                Look::Left { rule, .. } => format!("left {} {rule}", place(&sight.path)),
                Look::File(_) | Look::Gone => {
                    let how = match sight.arrival {
                        Some(Arrival::Closed) => " closed",
                        Some(Arrival::Renamed) => " renamed",
                        None => "",
                    };
                    format!("see {}{how}", place(&sight.path))
                }
                Look::Unreadable { .. } => return None,
            },
            Event::AccountKnown { .. } => return None,
            Event::Pushed { path, push } => {
                format!("push {} {}", place(path), self.account_word(push.account))
            }
            Event::Identified { path, result } => match result {
                Identity::Known { stat, .. }
                    if self.disk.stat(path).map(|s| s.fingerprint) != Some(stat.fingerprint) =>
                {
                    format!("read {} early", place(path))
                }
                _ => format!("read {}", place(path)),
            },
            Event::Sent { attempt, outcome } => format!("sent {} {}", attempt.0, how(outcome)),
            Event::Listed { account, listing } => {
                let account = self.account_word(*account);
                match listing {
                    Ok(listing) => format!("list {account} {}", self.listed(listing)),
                    Err(Trouble { refusal: Some(refusal), .. }) if refusal.status == 401 => {
                        format!("list {account} 401")
                    }
                    Err(_) => format!("list {account} offline"),
                }
            }
            Event::Sensed(Sensed { holds, untold }) => {
                let holds = holds.iter().map(|one| one.as_str().to_owned());
                let untold = untold.iter().map(|one| format!("{}?", one.as_str()));
                let met: Vec<String> = holds.chain(untold).collect();
                format!("sensed {}", if met.is_empty() { "nothing".into() } else { met.join(" ") })
            }
            Event::ScanEnded { folder, result } => match result {
                ScanResult::Complete => format!("scan {}", folder.0),
                ScanResult::Incomplete { .. } => format!("scan {} incomplete", folder.0),
                ScanResult::Away { .. } => format!("scan {} away", folder.0),
            },
            Event::ScanOwed { folder } => format!("owe {}", folder.0),
            Event::Watched { .. } | Event::Hangs { .. } | Event::Configured(_) => return None,
            Event::Asked(command) => self.asked(command)?,
            Event::TokenChanged => "token".to_owned(),
            Event::TokenMissing { .. } => "no token".to_owned(),
            Event::Stopping => "stop".to_owned(),
            // A folder of a story wants none.
            Event::ErrandEnded { .. } => return None,
        })
    }

    fn asked(&self, command: &Command) -> Option<String> {
        Some(match command {
            Command::Retry { path } => format!("retry {}", place(path)),
            Command::RetryAll => "retry all".to_owned(),
            Command::Pause { until: None } => "pause".to_owned(),
            Command::Pause { until: Some(at) } => {
                format!("pause {}ms", at.since(self.now.wall).max(0))
            }
            Command::Resume => "resume".to_owned(),
            Command::Rescan => "rescan".to_owned(),
            Command::Found { key, asset } => {
                format!("found {} x{}", self.path_of(key)?, number(&asset.asset_id))
            }
            Command::NotFound { key } => format!("notfound {}", self.path_of(key)?),
            Command::Forget { key } => format!("forget {}", self.path_of(key)?),
        })
    }

    fn path_of(&self, key: &UploadKey) -> Option<String> {
        let rows = self.rows();
        let row = rows.iter().find(|row| row.hash == Some(key.hash) && row.gone_at.is_none());
        row.map(|row| place(&row.path))
    }

    fn account_word(&self, id: AccountId) -> String {
        let ledger = self.engine.as_ref().map(|engine| engine.ledger());
        let accounts = ledger.and_then(|ledger| ledger.accounts().ok()).unwrap_or_default();
        let email = accounts.into_iter().find(|(other, _)| *other == id).and_then(|(_, e)| e);
        word(email.as_deref())
    }

    fn listed(&self, listing: &Listing) -> String {
        let server_now = self.true_time + self.server.skew_ms;
        let entry = |listed: &ListedAsset| {
            let user = if listed.is_user_upload { "" } else { "!" };
            let size = listed.size.map_or("?".to_owned(), |size| size.to_string());
            let ago = listed.created_at.map_or(0, |at| server_now - at.0);
            let name = listed.name.as_deref().unwrap_or_default();
            format!("x{}{user}={name}:{size}@-{}ms", number(&listed.asset.asset_id), ago.max(0))
        };
        let mut words: Vec<String> = listing.assets.iter().map(entry).collect();
        if !listing.reached_end {
            words.push("short".to_owned());
        }
        if words.is_empty() { "nothing".to_owned() } else { words.join(" ") }
    }
}

/// `/a/cat.png` is `cat.png`, `/b/cat.png` is `2/cat.png`, `/out/cat.png` is `out/cat.png`.
fn place(path: &Path) -> String {
    let text = path.display().to_string();
    match (text.strip_prefix("/a/"), text.strip_prefix("/b/")) {
        (Some(rest), _) => rest.to_owned(),
        (None, Some(rest)) => format!("2/{rest}"),
        (None, None) => text.trim_start_matches('/').to_owned(),
    }
}

/// `a` for a@x.test; a world's nameless account belongs to that, too.
fn word(email: Option<&str>) -> String {
    email.and_then(|email| email.split('@').next()).unwrap_or("a").to_owned()
}

fn number(asset_id: &str) -> &str {
    asset_id.rsplit(':').next().unwrap_or(asset_id)
}

fn how(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Stored(asset) => format!("stored x{}", number(&asset.asset_id)),
        Outcome::NotSent(why) => match why {
            NotSent::Offline(_) => "offline",
            NotSent::Broken { .. } => "broken",
            NotSent::SourceChanged => "changed",
            NotSent::SourceGone => "gone",
            NotSent::SourceUnreadable { .. } => "unreadable",
            NotSent::Withdrawn => "withdrawn",
        }
        .to_owned(),
        Outcome::Unknown { status: Some(status), .. } if *status >= 500 => status.to_string(),
        Outcome::Unknown { took_ms, .. } => format!("lost {took_ms}ms"),
        Outcome::Refused(refusal) => match refusal.kind {
            crate::planner::RefusalKind::Rate { retry_after_ms: Some(delay_ms) } => {
                format!("429 {delay_ms}ms")
            }
            _ => refusal.status.to_string(),
        },
    }
}
