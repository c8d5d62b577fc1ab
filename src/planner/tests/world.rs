//! A disk and two clocks around the planner, moved by the lines of a story.
//!
//! Owns:
//! - one line is one step: handle what happened, poll, and ask and choose until nothing follows,
//!   each write applied before the next decision, as the engine does it.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::*;
use super::book::{Book, Is};
use super::given::{Given, email, number, time};
use super::words::{self, ROOT, Words};

/// The wall clock when a story begins.
const START_MS: i64 = 1_000_000_000_000;
/// What is called old was changed so long ago.
const OLD_MS: i64 = 3_600_000;

#[derive(Debug, Clone)]
struct File {
    label: String,
    inode: u64,
    size: u64,
    changed: Wall,
    disk: Disk,
    locked: bool,
    /// Somebody has it open for writing, and the disk can tell.
    writer: bool,
}

pub(super) struct World {
    planner: Planner,
    book: Book,
    disk: BTreeMap<SharedPath, File>,
    /// Files that are not there for a while.
    hidden: BTreeMap<SharedPath, File>,
    /// For which folder each file was asked to be looked at.
    looks: BTreeMap<SharedPath, FolderId>,
    /// What each file was asked to be read as.
    reads: BTreeMap<SharedPath, (Fingerprint, Reading)>,
    /// What each reading comes to if it ends before anything else happens.
    early: BTreeMap<SharedPath, Identity>,
    limits: Limits,
    folders: Vec<FolderPolicy>,
    now: Now,
    inodes: u64,
}

/// Tells a story anew from its `given`, `>` and `~` lines: what follows from a `>` line is told,
/// what follows from a `~` line is not.
pub(crate) fn tell(lines: &[&str]) -> Vec<String> {
    let mut told = Vec::new();
    let mut given = Given::usual();
    let mut world: Option<World> = None;
    for line in lines {
        let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
        match first {
            "given" => given.take(rest),
            ">" | "~" => {
                let world = world.get_or_insert_with(|| World::new(&given));
                told.push((*line).to_owned());
                let follows = world.happen(rest);
                told.extend(follows.into_iter().filter(|_| first == ">"));
                continue;
            }
            "#" => {}
            _ => continue,
        }
        told.push((*line).to_owned());
    }
    told
}

/// `cat.png` lies in folder 1, `2/cat.png` in folder 2, `out/cat.png` in none.
fn place(word: &str) -> SharedPath {
    let text = match word.split_once('/') {
        Some((first, _)) if first.parse::<i64>().is_ok() || first == "out" => format!("/{word}"),
        Some(_) | None => format!("{ROOT}{word}"),
    };
    Path::new(&text).into()
}

fn folder_of(path: &SharedPath) -> FolderId {
    let first =
        path.components().nth(1).map(|part| part.as_os_str().to_string_lossy().into_owned());
    FolderId(first.and_then(|first| first.parse().ok()).unwrap_or(FolderId::PUSHES.0))
}

/// `foreign`, `remote`, `local`, or one that can prove everything.
fn disk(how: &[&str]) -> Disk {
    let disks = [("foreign", Disk::Foreign), ("remote", Disk::Remote), ("local", Disk::Local)];
    let named = disks.into_iter().find(|(word, _)| how.contains(word));
    named.map_or(Disk::Proving, |(_, disk)| disk)
}

impl File {
    fn stat(&self) -> Stat {
        // A file system that keeps parts of a second.
        let ns = self.changed.0 * 1_000_000 + 1;
        let fingerprint = Fingerprint {
            device: 1,
            inode: self.inode,
            size: self.size,
            mtime_ns: ns,
            ctime_ns: ns,
        };
        Stat { fingerprint, disk: self.disk }
    }

    /// Whether its format says that all of it is there.
    fn is_whole(&self) -> bool {
        let other = ["half", "raw", "text"].iter().any(|label| self.label.starts_with(label));
        self.size > 0 && !other
    }

    fn content(&self) -> Content {
        let mut hash = [0; 32];
        hash[..self.label.len()].copy_from_slice(self.label.as_bytes());
        Content {
            hash: ContentHash(hash),
            size: self.size,
            media_type: MediaType::Png,
            width: None,
            height: None,
            duration_ms: None,
        }
    }
}

impl World {
    fn new(given: &Given) -> World {
        let now = Now { wall: Wall(START_MS), mono: Mono(0) };
        let (limits, folders) = (given.limits.clone(), given.folders.clone());
        let accounts = (1..).map(AccountId).zip(given.accounts.clone());
        let mut book = Book::default();
        book.accounts.extend(accounts);
        let mut world = World {
            planner: begin(&limits, &folders, &book, now),
            book,
            disk: BTreeMap::new(),
            hidden: BTreeMap::new(),
            looks: BTreeMap::new(),
            reads: BTreeMap::new(),
            early: BTreeMap::new(),
            limits,
            folders,
            now,
            inodes: 0,
        };
        if !given.fresh {
            world.step(Vec::new());
            for folder in world.folders.clone() {
                let result = ScanResult::Complete;
                world.step(vec![Event::ScanEnded { folder: folder.id, result }]);
            }
        }
        world
    }

    fn happen(&mut self, line: &str) -> Vec<String> {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["put", path, label, how @ ..] => {
                self.write_file(&place(path), label, how);
                Vec::new()
            }
            ["rm", path] => {
                self.disk.remove(&place(path));
                Vec::new()
            }
            ["mv", from, to] => {
                let mut file = self.disk.remove(&place(from)).expect("a file to rename");
                file.changed = self.now.wall;
                self.disk.insert(place(to), file);
                Vec::new()
            }
            ["hide", path] => {
                let path = place(path);
                let file = self.disk.remove(&path).expect("a file to hide");
                self.hidden.insert(path, file);
                Vec::new()
            }
            ["show", path] => {
                let path = place(path);
                let file = self.hidden.remove(&path).expect("a file to show");
                self.disk.insert(path, file);
                Vec::new()
            }
            // A file that has long been at rest is there, and is read.
            ["arrive", path, label, how @ ..] => {
                self.write_file(&place(path), label, &[&["old"], how].concat());
                let mut told = self.see(path, None);
                told.extend(self.read(path));
                told
            }
            ["see", path] => self.see(path, None),
            ["see", path, "closed"] => self.arrives(path, Arrival::Closed),
            ["see", path, "renamed"] => self.arrives(path, Arrival::Renamed),
            ["left", path, rule @ ..] => self.see(path, Some(rule.join(" "))),
            ["read", path] => self.read(path),
            ["read", path, "early"] => self.read_early(path),
            ["read", path, "torn"] => self.read_torn(path),
            ["clock", by] => {
                self.now.wall = self.now.wall.plus(time(by));
                self.step(Vec::new())
            }
            ["scan", folder, how @ ..] => self.scan(FolderId(number(Some(folder))), how),
            ["owe", folder] => {
                self.step(vec![Event::ScanOwed { folder: FolderId(number(Some(folder))) }])
            }
            ["watched", folder, by] => {
                let folder = FolderId(number(Some(folder)));
                let reason = "watching failed".to_owned();
                let by = match *by {
                    "events" => Watching::Events,
                    "polled" => Watching::Polled { reason },
                    other => panic!("watched how? {other}"),
                };
                self.step(vec![Event::Watched { folder, by, pause_ms: 900_000 }])
            }
            ["configured", folders @ ..] => self.configured(folders),
            ["hangs", folder] => self.hangs(folder, Some("it does not answer".into())),
            ["moves", folder] => self.hangs(folder, None),
            ["folder", folder] => self.folder(FolderId(number(Some(folder)))),
            ["push", path, to, how @ ..] => {
                let (path, account) = (place(path), self.account(to));
                let force = how.contains(&"force");
                let push = Push { account, force, name: None };
                self.step(vec![Event::Pushed { path, push }])
            }
            ["sent", attempt, how @ ..] => {
                let attempt = AttemptId(number(Some(attempt)));
                if !self.book.attempts.get(&attempt).is_some_and(|attempt| attempt.open) {
                    return nobody_asked();
                }
                let outcome = self.outcome(attempt, how);
                self.step(vec![Event::Sent { attempt, outcome }])
            }
            ["list", account, how @ ..] => {
                let account = self.account(account);
                let listing = self.listing(account, how);
                self.step(vec![Event::Listed { account, listing }])
            }
            ["pause"] => self.ask(Command::Pause { until: None }),
            ["pause", ms] => {
                let until = Some(self.now.wall.plus(time(ms)));
                self.ask(Command::Pause { until })
            }
            ["resume"] => self.ask(Command::Resume),
            ["sensed", what @ ..] => self.step(vec![Event::Sensed(super::given::sensed(what))]),
            ["rescan"] => self.ask(Command::Rescan),
            ["retry", "all"] => self.ask(Command::RetryAll),
            ["retry", path] => self.ask(Command::Retry { path: place(path) }),
            ["found", path, id] => {
                let key = self.key_of(path);
                let email = self.book.accounts[&key.account].clone();
                let asset = asset(id, &email.unwrap_or_else(|| "a@x".into()));
                self.ask(Command::Found { key, asset })
            }
            ["notfound", path] => self.ask(Command::NotFound { key: self.key_of(path) }),
            ["forget", path] => self.ask(Command::Forget { key: self.key_of(path) }),
            ["token"] => self.step(vec![Event::TokenChanged]),
            ["no", "token", reason] => {
                self.step(vec![Event::TokenMissing { reason: (*reason).to_owned() }])
            }
            ["stop"] => self.step(vec![Event::Stopping]),
            ["restart"] => {
                self.planner = begin(&self.limits, &self.folders, &self.book, self.now);
                self.reads.clear();
                self.looks.clear();
                self.step(Vec::new())
            }
            ["move", folder, account] => {
                let (id, account) = (FolderId(number(Some(folder))), self.account(account));
                let folder = self.folders.iter_mut().find(|folder| folder.id == id);
                folder.expect("a folder").account = account;
                Vec::new()
            }
            ["state", path] => vec![self.state(&place(path))],
            ["rest", after @ ..] => {
                // Time may pass between a step and the question.
                let later_ms = after.first().map_or(0, |after| time(after));
                let (wall, mono) = (self.now.wall.plus(later_ms), self.now.mono.plus(later_ms));
                let now = Now { wall, mono };
                let stopped = self.planner.stopped_lanes(now);
                let stopped = stopped
                    .iter()
                    .any(|(folder, account)| !self.book.queue(*folder, *account).is_empty());
                let Rest { moving, done, next } = self.planner.rest(now, 60_000, stopped);
                let next = next.map(|at| words::duration(at.since(now.mono)));
                let next = next.map(|next| format!(", next in {next}")).unwrap_or_default();
                let is = |what, yes| if yes { what } else { "" };
                let words =
                    [is("moving", moving), is("done", done), is("waiting", !moving && !done)];
                vec![format!("it is {}{next}", words.concat())]
            }
            ["timeout"] => match self.planner.timeout(self.now) {
                Some((at, why)) => {
                    vec![format!("in {}: {why}", words::duration(at.since(self.now.mono)))]
                }
                None => vec!["never".into()],
            },
            [by] if by.starts_with('+') => {
                let by = time(&by[1..]);
                self.now = Now { wall: self.now.wall.plus(by), mono: self.now.mono.plus(by) };
                self.step(Vec::new())
            }
            _ => panic!("no such line: {line}"),
        }
    }

    /// `1` a folder as it was, `1!` looked at anew, `1=b` for account b, `1:settle=5s` so.
    fn configured(&mut self, named: &[&str]) -> Vec<String> {
        let mut anew = Vec::new();
        let mut folders = Vec::new();
        for word in named {
            if let Some(met) = word.strip_prefix("pause_on=") {
                self.limits.pause_on = super::given::conditions(met.split('+'));
                continue;
            }
            let digits: String = word.chars().take_while(char::is_ascii_digit).collect();
            let id = FolderId(number(Some(&digits)));
            let known = self.folders.iter().find(|policy| policy.id == id).cloned();
            let mut policy = known.unwrap_or_else(|| super::given::policy(id.0, 1));
            let rest = &word[digits.len()..];
            match rest.chars().next() {
                Some('!') => anew.push(id),
                Some('=') => policy.account = self.account(&rest[1..]),
                Some(':') => super::given::set(&mut policy, &rest[1..]),
                _ => {}
            }
            folders.push(policy);
        }
        self.folders.clone_from(&folders);
        let Limits { concurrency, pause_on, .. } = self.limits;
        let another_way = false;
        let configured = Configured { folders, anew, concurrency, pause_on, another_way };
        self.step(vec![Event::Configured(Box::new(configured))])
    }

    fn hangs(&mut self, folder: &str, reason: Option<String>) -> Vec<String> {
        let folder = FolderId(number(Some(folder)));
        self.step(vec![Event::Hangs { folder, reason }])
    }

    fn folder(&self, id: FolderId) -> Vec<String> {
        let mut views = self.planner.folder_views();
        let view = views.find(|view| view.folder == id).expect("a folder");
        let by = match view.watching {
            Watching::Events => "watched".to_owned(),
            Watching::Polled { reason } => format!("polled ({reason})"),
            Watching::Nothing { reason } => format!("not watched ({reason})"),
        };
        let away = view.away.map(|reason| format!(", away: {reason}")).unwrap_or_default();
        let scanned = view.last_scan_at.map_or("never".into(), |at| {
            format!("{} ago", words::duration(self.now.wall.since(at)))
        });
        let missed = view.missed_by_events;
        vec![format!("{by}, {missed} missed, scanned {scanned}{away}")]
    }

    fn ask(&mut self, command: Command) -> Vec<String> {
        self.step(vec![Event::Asked(command)])
    }

    fn key_of(&self, path: &str) -> UploadKey {
        match self.book.rows[&place(path)].is {
            Is::Linked(key) => key,
            _ => panic!("{path} has no upload"),
        }
    }

    fn account(&self, word: &str) -> AccountId {
        let found = self.book.accounts.iter().find(|(_, known)| **known == email(word));
        *found.expect("an account").0
    }

    fn write_file(&mut self, path: &SharedPath, label: &str, how: &[&str]) {
        let (label, size) = match label.split_once(':') {
            Some((label, size)) => (label, number(Some(size)) as u64),
            None => (label, if label == "empty" { 0 } else { 10 }),
        };
        self.inodes += 1;
        let inode = self.disk.get(path).map_or(self.inodes, |file| file.inode);
        let ahead_ms = match how {
            how if how.contains(&"old") => -OLD_MS,
            how if how.contains(&"future") => OLD_MS,
            _ => 0,
        };
        let file = File {
            label: label.into(),
            inode,
            size,
            changed: self.now.wall.plus(ahead_ms),
            disk: disk(how),
            locked: how.contains(&"locked"),
            writer: how.contains(&"open"),
        };
        self.disk.insert(path.clone(), file);
    }

    fn look(&self, path: &SharedPath, rule: Option<String>) -> Look {
        match (self.disk.get(path), rule) {
            (None, _) => Look::Gone,
            (Some(file), Some(rule)) => Look::Left { stat: file.stat(), rule },
            (Some(file), None) => Look::File(file.stat()),
        }
    }

    fn see(&mut self, path: &str, rule: Option<String>) -> Vec<String> {
        self.sight(path, rule, None)
    }

    fn arrives(&mut self, path: &str, arrival: Arrival) -> Vec<String> {
        self.sight(path, None, Some(arrival))
    }

    fn sight(&mut self, path: &str, rule: Option<String>, arrival: Option<Arrival>) -> Vec<String> {
        let path = place(path);
        let folder = self.looks.remove(&path).unwrap_or_else(|| folder_of(&path));
        let look = self.look(&path, rule);
        self.step(vec![Event::Seen(Sight {
            folder,
            path,
            look,
            by_scan: false,
            arrival,
            told: true,
        })])
    }

    fn read(&mut self, path: &str) -> Vec<String> {
        let path = place(path);
        let Some(asked) = self.reads.remove(&path) else { return nobody_asked() };
        let result = self.identity(&path, asked.0, asked.1);
        self.step(vec![Event::Identified { path, result }])
    }

    /// The reading ended before what happened since.
    fn read_early(&mut self, path: &str) -> Vec<String> {
        let path = place(path);
        let (Some(_), Some(result)) = (self.reads.remove(&path), self.early.remove(&path)) else {
            return nobody_asked();
        };
        self.step(vec![Event::Identified { path, result }])
    }

    fn identity(&self, path: &SharedPath, asked: Fingerprint, reading: Reading) -> Identity {
        let read_at = self.now.wall;
        let lacks =
            |file: &File| file.label.starts_with("half").then(|| "it ends too early".into());
        let not_yet =
            |file: &File, why| Identity::NotYet { stat: file.stat(), why, lacks: lacks(file) };
        match self.disk.get(path) {
            None => Identity::Gone,
            Some(file) if file.writer && reading != Reading::Forced => not_yet(file, NotYet::Open),
            Some(file) if reading == Reading::Glimpse => not_yet(file, NotYet::Glimpsed),
            Some(file) if file.stat().fingerprint != asked => Identity::Changed(file.stat()),
            Some(file) if file.locked => {
                Identity::Unreadable { stat: Some(file.stat()), reason: "permission denied".into() }
            }
            Some(file) if reading == Reading::Arrived && !file.is_whole() => {
                not_yet(file, NotYet::Unproved)
            }
            Some(file) if file.size == 0 => Identity::Empty(file.stat()),
            Some(file) if file.label == "text" => {
                let reason = "plain text".into();
                Identity::Unsupported { stat: file.stat(), read_at, reason }
            }
            Some(file) => Identity::Known {
                stat: file.stat(),
                read_at,
                content: file.content(),
                name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                whole: match lacks(file) {
                    Some(reason) => Whole::No { reason },
                    None if file.label.starts_with("raw") => Whole::CannotTell,
                    None => Whole::Yes,
                },
                writers: match file.disk {
                    Disk::Proving if file.writer => Writers::Somebody,
                    Disk::Proving => Writers::Nobody,
                    Disk::Local | Disk::Foreign | Disk::Remote => {
                        Writers::Unknown { why: "not on this disk".into() }
                    }
                },
            },
        }
    }

    /// The bytes read are not those that the look, still the same, promises.
    fn read_torn(&mut self, path: &str) -> Vec<String> {
        let path = place(path);
        self.reads.remove(&path).expect("a file that was to be read");
        let result = Identity::Changed(self.disk[&path].stat());
        self.step(vec![Event::Identified { path, result }])
    }

    fn scan(&mut self, folder: FolderId, how: &[&str]) -> Vec<String> {
        let reason = "the disk is not there".to_owned();
        let result = match how {
            ["away"] => {
                return self
                    .step(vec![Event::ScanEnded { folder, result: ScanResult::Away { reason } }]);
            }
            ["incomplete"] => ScanResult::Incomplete { reason: "no right to look into s".into() },
            _ => ScanResult::Complete,
        };
        let known = self.book.rows.iter().filter(|(_, row)| row.folder == folder);
        let known = known.map(|(path, _)| path);
        let there = self.disk.keys().filter(|path| folder_of(path) == folder);
        let all: std::collections::BTreeSet<SharedPath> = known.chain(there).cloned().collect();
        let see = |path: SharedPath| {
            let look = self.look(&path, None);
            Event::Seen(Sight { folder, path, look, by_scan: true, arrival: None, told: false })
        };
        // What could not be listed is not gone.
        let listed = |path: &SharedPath| how != ["incomplete"] || self.disk.contains_key(path);
        let mut events: Vec<Event> = all.into_iter().filter(listed).map(see).collect();
        events.push(Event::ScanEnded { folder, result });
        self.step(events)
    }

    fn outcome(&self, attempt: AttemptId, how: &[&str]) -> Outcome {
        let text = |word: &str| word.to_owned();
        match how {
            ["stored", id, of @ ..] => {
                let key = self.book.attempts[&attempt].key;
                let email = match of {
                    ["of", account] => email(account),
                    _ => self.book.accounts[&key.account].clone(),
                };
                Outcome::Stored(asset(id, &email.expect("an e-mail")))
            }
            ["offline"] => Outcome::NotSent(NotSent::Offline(Trouble {
                reason: "no route".into(),
                refusal: None,
            })),
            ["broken"] => Outcome::NotSent(NotSent::Broken { reason: "connection reset".into() }),
            ["changed"] => Outcome::NotSent(NotSent::SourceChanged),
            ["gone"] => Outcome::NotSent(NotSent::SourceGone),
            ["unreadable"] => {
                Outcome::NotSent(NotSent::SourceUnreadable { reason: "input/output error".into() })
            }
            ["withdrawn"] => Outcome::NotSent(NotSent::Withdrawn),
            ["lost", took @ ..] => {
                let took_ms = took.first().map_or(0, |took| time(took));
                Outcome::Unknown { status: None, reason: "no answer".into(), took_ms }
            }
            [status, words @ ..] => {
                let status = number(Some(status)) as u16;
                let message = if words.is_empty() { text("no") } else { words.join(" ") };
                if status >= 500 && status != 596 {
                    let reason = format!("answered {status}");
                    return Outcome::Unknown { status: Some(status), reason, took_ms: 0 };
                }
                Outcome::Refused(refusal(status, words, message))
            }
            [] => panic!("how did it end?"),
        }
    }

    /// `x1=cat.png:10@-1h`: id (with `!` if nobody uploaded it), name, size (`?` if not given),
    /// and how long ago it was made.
    fn listing(&self, account: AccountId, how: &[&str]) -> Result<Listing, Trouble> {
        let owner = self.book.accounts[&account].clone().unwrap_or_else(|| "a@x".into());
        let mut listing = Listing {
            assets: Vec::new(),
            reached_end: true,
            server_time: Some(self.now.wall),
            asked: self.now,
        };
        for word in how {
            match *word {
                "nothing" => {}
                "short" => listing.reached_end = false,
                "offline" => return Err(Trouble { reason: "no route".into(), refusal: None }),
                "401" => {
                    let refusal = Some(refusal(401, &[], "no".into()));
                    return Err(Trouble { reason: "401: no".into(), refusal });
                }
                entry => listing.assets.push(self.listed(entry, &owner)),
            }
        }
        Ok(listing)
    }

    fn listed(&self, entry: &str, owner: &str) -> ListedAsset {
        let (id, rest) = entry.split_once('=').expect("an id and a name");
        let (rest, ago) = rest.split_once('@').unwrap_or((rest, "0s"));
        let (name, size) = rest.split_once(':').expect("a name and a size");
        let (id, is_user_upload) = match id.strip_suffix('!') {
            Some(id) => (id, false),
            None => (id, true),
        };
        let (id, owner) = match id.split_once('/') {
            Some((owner, id)) => (id, email(owner).expect("an e-mail")),
            None => (id, owner.to_owned()),
        };
        ListedAsset {
            asset: asset(id, &owner),
            name: Some(name.into()),
            size: size.parse().ok(),
            created_at: Some(self.now.wall.plus(time(ago))),
            is_user_upload,
        }
    }

    fn state(&self, path: &SharedPath) -> String {
        let Some(row) = self.book.rows.get(path) else {
            return format!("{} is not known", words::path(path));
        };
        let words = Words { book: &self.book, now: self.now };
        let state = match &row.is {
            Is::Settling(reason) => format!("settling: {reason}"),
            Is::Failed(reason) => format!("failed: {reason}"),
            Is::Ignored(_, reason) => format!("ignored: {reason}"),
            Is::Linked(key) => {
                let open = self.book.attempts.values().any(|a| a.open && a.key == *key);
                let state = match &self.book.uploads[key].state {
                    UploadState::Uploaded { asset_id } => {
                        format!("uploaded as {}", words::short(asset_id))
                    }
                    UploadState::Failed { reason } => format!("failed: {reason}"),
                    UploadState::Held { reason } => format!("held: {reason}"),
                    UploadState::Wanted if open => "uploading or unknown".into(),
                    UploadState::Wanted | UploadState::Absent => "queued".into(),
                };
                format!("{state} on {}", words.account(key.account))
            }
        };
        let gone = if row.gone { "gone, " } else { "" };
        format!("{} is {gone}{state}", words::path(path))
    }

    fn step(&mut self, events: Vec<Event>) -> Vec<String> {
        let mut step = Step::default();
        for event in events {
            let facts = self.book.facts(&self.planner, &event, self.now);
            let plan = self.planner.handle(self.now, event, facts);
            self.take(plan, &mut step);
        }
        let plan = self.planner.poll(self.now);
        self.take(plan, &mut step);
        assert_eq!(self.planner.ask_errands(self.now), None, "no folder of a story wants any");
        while let Some(ask) = self.planner.ask(self.now) {
            let offer = self.book.offer(&ask, self.now);
            let plan = self.planner.choose(self.now, offer);
            if plan == Plan::default() {
                break;
            }
            self.take(plan, &mut step);
        }
        let words = Words { book: &self.book, now: self.now };
        let done = step.effects.iter().map(|effect| {
            format!("do {}{}", words.effect(effect), self.stale(effect).unwrap_or_default())
        });
        // What a push is answered with is for the one who pushed, and tested end to end.
        let said = step.notices.iter().filter(|notice| !matches!(notice, Notice::Pushed { .. }));
        let said = said.map(|notice| format!("say {}", words.notice(notice)));
        let told: Vec<String> = step.written.into_iter().chain(done).chain(said).collect();
        for effect in step.effects {
            match effect {
                Effect::Look { folder, path } => drop(self.looks.insert(path, folder)),
                Effect::Identify { path, fingerprint, reading, .. } => {
                    self.early.insert(path.clone(), self.identity(&path, fingerprint, reading));
                    self.reads.insert(path, (fingerprint, reading));
                }
                _ => {}
            }
        }
        told
    }

    /// Whether a file is to be sent that does not look any more as it did.
    fn stale(&self, effect: &Effect) -> Option<&'static str> {
        let Effect::Send(send) = effect else { return None };
        let now = self.disk.get(&send.path)?.stat().fingerprint;
        (now != send.fingerprint).then_some(", which looks otherwise")
    }

    fn take(&mut self, plan: Plan, step: &mut Step) {
        // What is owed to files has tests of its own, over the real ledger.
        let told = plan.writes.iter().filter(|write| !matches!(write, Write::ErrandsAgain { .. }));
        for write in told {
            let words = Words { book: &self.book, now: self.now };
            step.written.push(format!("write {}", words.write(write)));
            self.book.apply(write, self.now);
        }
        step.effects.extend(plan.effects);
        step.notices.extend(plan.notices);
    }
}

/// A line that does not follow from the story so far.
fn nobody_asked() -> Vec<String> {
    vec!["nobody asked for that".into()]
}

/// What one step came to.
#[derive(Default)]
struct Step {
    written: Vec<String>,
    effects: Vec<Effect>,
    notices: Vec<Notice>,
}

fn begin(limits: &Limits, folders: &[FolderPolicy], book: &Book, now: Now) -> Planner {
    let accounts = book.accounts.iter().map(|(id, email)| (*id, email.clone())).collect();
    Planner::new(limits.clone(), folders.to_vec(), accounts, book.remembered(), now)
}

fn asset(id: &str, email: &str) -> Asset {
    Asset { asset_id: format!("user:1-runwayml:{email}-asset:{id}"), url: None }
}

fn refusal(status: u16, words: &[&str], message: String) -> Refusal {
    let kind = match status {
        401 => RefusalKind::Token,
        402 => RefusalKind::Subscription,
        596 => RefusalKind::Account,
        429 => RefusalKind::Rate { retry_after_ms: words.first().map(|word| time(word)) },
        413 | 415 | 422 => RefusalKind::File,
        _ => RefusalKind::Other,
    };
    Refusal { kind, status, message }
}
