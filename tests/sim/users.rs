//! People: what they do with their files, what they ask for, and strangers on their account.

use std::path::PathBuf;

use super::jobs::Job;
use super::server::Stored;
use super::{Input, NO_RESCAN_MS, World, event};
use crate::ledger::{Filter, Row, State};
use crate::planner::{self, Arrival, Asset, Command, Event, FolderId, Push, UploadKey, Wall};

/// What the kernel tells when a writer is done, or closes the file for now.
const CLOSED: Option<Arrival> = Some(Arrival::Closed);

/// Files are created under these names, so that renames, copies and equal names are common.
const NAMES: [&str; 8] =
    ["a.png", "b.png", "c.png", "s/a.png", "s/d.png", "t/u/e.png", "n.txt", "x.part"];
/// Few sizes, so that different contents of one size are common.
const SIZES: [u64; 3] = [10, 20, 30];
/// An upload of a stranger is at least so old when it could be taken for one of ours: what is made
/// within the minute before an attempt cannot be told from what the attempt made.
const STRANGER_MS: i64 = 900_000;

impl World {
    /// Somebody does something with a file.
    pub(super) fn user(&mut self) {
        let root = self.rng.pick(&self.folders).root.clone();
        if self.disk.away.contains(&root) {
            return;
        }
        let path = root.join(*self.rng.pick(&NAMES));
        let busy = self.disk.files.get(&path).is_some_and(|file| file.to_come > 0);
        if busy {
            return;
        }
        let other = self.resting_file();
        match (self.rng.below(12), other) {
            (0..=3, _) | (_, None) => self.begin_writing(path),
            (4, Some(other)) => self.overwrite(other),
            (5, Some(other)) => {
                self.disk.files.remove(&other);
                self.announce(other, None);
            }
            (6 | 7, Some(other)) => {
                if self.disk.rename(&other, &path, self.now) {
                    self.disk.make_directories(&path);
                    self.announce(other, None);
                    self.announce(path, Some(Arrival::Renamed));
                }
            }
            (8, Some(other)) => {
                let text = self.disk.files.get(&other).map(|file| file.text);
                if let Some(text) = text {
                    self.disk.write(&path, text, 0, self.now);
                    self.announce(path, CLOSED);
                }
            }
            (9, Some(other)) => self.truncate(other),
            (10, Some(_)) => self.move_directory(root),
            (_, Some(_)) => {
                let size = *self.rng.pick(&SIZES);
                let text = self.disk.fresh(size);
                self.disk.write(&path, text, 0, self.now);
                self.announce(path, CLOSED);
            }
        }
    }

    /// A person wants all of it to pause, to go on, or to look again.
    fn order(&mut self, inputs: &mut Vec<Input>) {
        let until = self.now.wall.plus(self.rng.range(1, 120_000));
        let command = match self.rng.below(5) {
            0 => Command::Pause { until: None },
            1 | 2 => Command::Pause { until: Some(until) },
            3 => {
                self.machine.resumed = true;
                Command::Resume
            }
            _ => Command::Rescan,
        };
        self.count_wish(&command);
        inputs.push(event(Event::Asked(command)));
    }

    fn resting_file(&mut self) -> Option<PathBuf> {
        let there = |path: &PathBuf| !self.disk.away.iter().any(|root| path.starts_with(root));
        let resting = self.disk.files.iter();
        let resting = resting.filter(|(path, file)| {
            file.to_come == 0 && there(path) && self.folder_of(path).is_some()
        });
        let resting: Vec<PathBuf> = resting.map(|(path, _)| path.clone()).collect();
        (!resting.is_empty()).then(|| self.rng.pick(&resting).clone())
    }

    /// A writer that grows a file chunk by chunk: it closes the file after each and pauses for less
    /// than the quiet time; or, where the disk can tell of it, keeps it open and pauses for long.
    fn begin_writing(&mut self, path: PathBuf) {
        let chunks = self.rng.range(1, 5) as u32;
        let size = 1 + self.rng.below(4);
        let text = self.disk.fresh(size);
        self.disk.write(&path, text, chunks, self.now);
        let open = self.disk.kind == planner::Disk::Proving && self.rng.chance(50);
        if let Some(file) = self.disk.files.get_mut(&path) {
            file.open = open;
        }
        self.next_chunk(path);
    }

    /// A chunk has been written.
    fn next_chunk(&mut self, path: PathBuf) {
        let Some((open, to_come)) = self.disk.files.get(&path).map(|f| (f.open, f.to_come)) else {
            return;
        };
        self.announce(path.clone(), if open { None } else { CLOSED });
        if to_come > 0 {
            let longest = if open { 20_000 } else { self.settle_ms * 4 / 5 };
            let pause = self.rng.range(1, longest);
            self.after(pause, Job::Chunk(path));
        }
    }

    pub(super) fn chunk(&mut self, path: PathBuf) {
        let Some(file) = self.disk.files.get(&path) else { return };
        let to_come = file.to_come.saturating_sub(1);
        let size = if to_come == 0 { *self.rng.pick(&SIZES) } else { file.text.size + 1 };
        let text = self.disk.fresh(size);
        self.disk.write(&path, text, to_come, self.now);
        self.next_chunk(path);
    }

    /// Other bytes of the same size, at once, perhaps within the same step of the clock.
    pub(super) fn overwrite(&mut self, path: PathBuf) {
        let Some(file) = self.disk.files.get(&path).filter(|file| file.to_come == 0) else {
            return;
        };
        let text = self.disk.fresh(file.text.size);
        self.disk.write(&path, text, 0, self.now);
        self.announce(path.clone(), CLOSED);
        if self.rng.chance(70) {
            let most = *self.rng.pick(&[self.settle_ms * 3, 2_000]);
            let pause = self.rng.range(0, most);
            self.after(pause, Job::Overwrite(path));
        }
    }

    /// Cut down, and written anew from there.
    fn truncate(&mut self, path: PathBuf) {
        let text = self.disk.fresh(1);
        self.disk.write(&path, text, 1, self.now);
        self.next_chunk(path);
    }

    /// A directory takes another name, with all that lies in it; only the directory is announced.
    fn move_directory(&mut self, root: PathBuf) {
        let (from, to) = (root.join("s"), root.join("moved"));
        let (from, to) = if self.rng.chance(50) { (from, to) } else { (to, from) };
        let inside = |path: &PathBuf| path.starts_with(&from);
        if self.disk.files.iter().any(|(path, file)| inside(path) && file.to_come > 0) {
            return;
        }
        let files: Vec<PathBuf> =
            self.disk.files.keys().filter(|path| inside(path)).cloned().collect();
        for path in files {
            if let (Ok(rest), Some(file)) =
                (path.strip_prefix(&from), self.disk.files.remove(&path))
            {
                self.disk.files.insert(to.join(rest), file);
            }
        }
        self.disk.directories.remove(&from);
        self.disk.directories.insert(to);
        if let Some(folder) = self.folder_of(&root).map(|folder| folder.id) {
            self.after(5, Job::ScanOwed(folder));
        }
    }

    /// The kernel announces a change, or does not, or twice, or says that it lost some.
    fn announce(&mut self, path: PathBuf, arrival: Option<Arrival>) {
        let wait = self.rng.range(0, 50);
        if !self.rng.chance(self.event_percent) {
            // Where nothing is scanned again by itself, every loss is announced.
            if (self.rescan_ms == NO_RESCAN_MS || self.rng.chance(50))
                && let Some(folder) = self.folder_of(&path).map(|folder| folder.id)
            {
                self.after(wait, Job::ScanOwed(folder));
            }
            return;
        }
        if self.rng.chance(10) {
            self.after(wait + 600, Job::Watch(path.clone(), arrival));
        }
        self.after(wait, Job::Watch(path, arrival));
    }

    /// A person asks for something, having seen the ledger.
    pub(super) fn wish(&mut self, inputs: &mut Vec<Input>) {
        if self.engine.is_none() || self.stopping {
            return;
        }
        if self.rng.chance(40) {
            return self.push(inputs);
        }
        let rows = self.rows();
        if rows.is_empty() || self.rng.chance(15) {
            return self.order(inputs);
        }
        let row = self.rng.pick(&rows).clone();
        let asked = match row.state {
            State::Uploaded if self.rng.chance(50) => self.forget(&row),
            State::Held => self.resolve(&row),
            _ if self.rng.chance(30) => Some(Command::RetryAll),
            _ => Some(Command::Retry { path: row.path.into() }),
        };
        if let Some(command) = &asked {
            self.count_wish(command);
        }
        inputs.extend(asked.map(|command| event(Event::Asked(command))));
    }

    /// A file inside or outside of the folders is asked for by name.
    fn push(&mut self, inputs: &mut Vec<Input>) {
        let Some(engine) = &self.engine else { return };
        let Ok(accounts) = engine.ledger().accounts() else { return };
        if accounts.is_empty() {
            return;
        }
        let (account, _) = self.rng.pick(&accounts).clone();
        let inside = self.resting_file().filter(|_| self.rng.chance(50));
        let path = inside.unwrap_or_else(|| {
            let path = PathBuf::from(format!("/out/{}.png", self.rng.below(3)));
            if !self.disk.files.contains_key(&path) {
                let size = *self.rng.pick(&SIZES);
                let text = self.disk.fresh(size);
                self.disk.write(&path, text, 0, self.now);
            }
            path
        });
        let push = Push { account, force: false, name: None };
        self.pushing = Some((path.clone(), account));
        inputs.push(event(Event::Pushed { path: path.into(), push }));
    }

    /// Its asset may go too, before or after that.
    fn forget(&mut self, row: &Row) -> Option<Command> {
        let key = self.key_of(row)?;
        let id = row.asset_id.clone()?;
        let deletes = self.rng.chance(50);
        let stored = self.server.assets.iter_mut().find(|stored| stored.asset_id == id)?;
        stored.deleted |= deletes;
        let of = (stored.email.clone(), stored.text);
        *self.forgotten.entry(of).or_default() += 1;
        self.forgetting = Some((key, id));
        Some(Command::Forget { key })
    }

    /// The person looks at the account, and says what is there.
    pub(super) fn resolve(&self, row: &Row) -> Option<Command> {
        let key = self.key_of(row)?;
        let taken: Vec<String> = self.rows().into_iter().filter_map(|row| row.asset_id).collect();
        let email = row.account.as_ref().unwrap_or(&self.server.default_email);
        let mut candidates = self.server.assets.iter().filter(|stored| {
            stored.by_us
                && stored.text.hash() == key.hash
                && stored.email == *email
                && !taken.contains(&stored.asset_id)
                && !self.former.contains(&stored.asset_id)
        });
        Some(match candidates.next() {
            Some(stored) => Command::Found {
                key,
                asset: Asset { asset_id: stored.asset_id.clone(), url: None },
            },
            None => Command::NotFound { key },
        })
    }

    fn key_of(&self, row: &Row) -> Option<UploadKey> {
        let accounts = self.engine.as_ref()?.ledger().accounts().ok()?;
        let found = accounts.into_iter().find(|(_, email)| *email == row.account);
        Some(UploadKey { hash: row.hash?, account: found?.0 })
    }

    pub(super) fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        if let Some(engine) = &self.engine {
            let filter = Filter { with_gone: true, ..Filter::default() };
            let each = |row| {
                rows.push(row);
                std::ops::ControlFlow::Continue(())
            };
            // A ledger that cannot be read shows in every step.
            drop(engine.ledger().each_row(&filter, true, each));
        }
        rows
    }

    /// Somebody uploaded by hand long ago, or the service itself makes something, of a name and a
    /// size that ours may have.
    pub(super) fn stranger(&mut self) {
        let name = self.rng.pick(&NAMES).rsplit('/').next().unwrap_or_default().to_owned();
        let size = *self.rng.pick(&SIZES);
        let is_user_upload = self.rng.chance(50);
        let age_ms = if is_user_upload { STRANGER_MS } else { 0 };
        let email = *self.rng.pick(&["a@x.test", "b@x.test"]);
        let text = self.disk.fresh(size);
        self.server.put(Stored {
            asset_id: String::new(),
            email: email.into(),
            name,
            text,
            stored_at: Wall(self.true_time + self.server.skew_ms - age_ms),
            by_us: false,
            is_user_upload,
            deleted: false,
        });
    }

    /// Something failed or is held, or nobody looked yet.
    pub(super) fn needs_person(&self) -> bool {
        let needs = |row: &Row| matches!(row.state, State::Failed | State::Held);
        self.rows().iter().any(needs)
    }

    /// When trouble is over a person may come by and see to what needs one.
    pub(super) fn tidy_up(&mut self) -> Vec<Input> {
        let held = self.rows().into_iter().filter(|row| row.state == State::Held);
        let commands: Vec<_> = held.filter_map(|row| self.resolve(&row)).collect();
        let commands = commands.into_iter();
        let commands: Vec<_> = commands.chain([Command::RetryAll]).collect();
        for command in &commands {
            self.count_wish(command);
        }
        commands.into_iter().map(|command| event(Event::Asked(command))).collect()
    }

    fn count_wish(&mut self, command: &Command) {
        self.count(match command {
            Command::Retry { .. } => "asked to retry",
            Command::RetryAll => "asked to retry all",
            Command::Found { .. } => "said to be there",
            Command::NotFound { .. } => "said not to be there",
            Command::Forget { .. } => "asked to forget",
            Command::Pause { .. } => "paused",
            Command::Resume => "resumed",
            Command::Rescan => "asked to scan",
        });
    }

    /// What was asked for is promised once it is on disk.
    pub(super) fn promised(&mut self) {
        if let Some((path, account)) = self.pushing.take()
            && path.starts_with("/out")
        {
            self.pushed.push((path, account));
            self.count("pushed from outside");
        }
        if let Some((key, id)) = self.forgetting.take()
            && let Some(engine) = &self.engine
            && let Ok(state) = engine.ledger().upload_state(&key)
            && !matches!(state, crate::planner::UploadState::Uploaded { .. })
        {
            self.former.insert(id);
            self.count("forgotten");
        }
    }

    /// The account of a folder, or of a push, as the ledger calls it now.
    pub(super) fn email_of_folder(&self, folder: FolderId) -> Option<&'static str> {
        self.folders.iter().find(|other| other.id == folder).and_then(|folder| folder.email)
    }
}
