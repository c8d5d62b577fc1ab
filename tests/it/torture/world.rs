//! A random world: one folder or two, a server that fails in every way, files that come, change
//! and go, and a program that is killed before it has done its work.
//!
//! The same seed makes the same world and the same plan. What happens in it depends on the
//! machine as well.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::agreement::{Place, Tally, agree, files_below, finish, quiet};
use super::dice::Dice;
use crate::support::{Daemon, Server, Taxiway, picture, section, write};

/// Files that a world gets at most.
const FILES_MOST: usize = 24;

/// A world in the making.
pub struct World {
    what: String,
    seed: u64,
    dice: Dice,
    server: Server,
    taxiway: Taxiway,
    places: Vec<Place>,
    /// Numbers contents.
    made: u64,
    /// The program is started again only when the server has read all that a killed one left.
    waits: bool,
    kills: u64,
}

/// A server and a program with as many folders, each of an account of its own. The one account of
/// one folder has to be learnt.
pub fn scene(folders: usize, api: &str) -> (Server, Taxiway, Vec<Place>) {
    let accounts = &["me@example.com", "you@example.com"][..folders];
    let server = Server::of(accounts);
    let taxiway = Taxiway::with(&server);
    let mut text = format!("[api]\n{api}");
    let mut places = Vec::new();
    for (index, account) in accounts.iter().enumerate() {
        let root = taxiway.folder(&format!("folder-{index}"));
        text.push_str(&section(&root));
        if folders > 1 {
            text.push_str(&format!("email = {account:?}\n"));
        }
        text.push_str("settle = \"50ms\"\n");
        places.push(Place { root, account });
    }
    taxiway.configure(&text);
    (server, taxiway, places)
}

impl World {
    /// The world of a seed.
    pub fn new(seed: u64) -> World {
        let mut dice = Dice(seed);
        let folders = 1 + dice.below(2) as usize;
        let concurrency = 1 + dice.below(8);
        let api = format!(
            "concurrency = {concurrency}\nstall_timeout = \"400ms\"\nanswer_timeout = \"900ms\"\n"
        );
        let (server, mut taxiway, places) = scene(folders, &api);
        let waits = dice.percent(75);
        // What a killed process left in the buffers of the network is stored a moment later: the
        // looks must reach beyond that moment, or the world must wait for it.
        taxiway.set("TAXIWAY_TEST_LOOKS_MS", if waits { "20,80,200" } else { "100,500,1500" });
        let what = format!("TAXIWAY_SOAK_SEED={seed}");
        World { what, seed, dice, server, taxiway, places, made: 0, waits, kills: 0 }
    }

    /// Lives and kills, then peace, and what must hold then.
    pub fn run(mut self, kills: u64) -> Tally {
        self.trouble();
        for _ in 0..4 {
            self.stir();
        }
        for _ in 0..kills {
            self.life();
        }
        self.stir();
        self.server.faults(&[]);
        quiet(&self.server);
        finish(&self.what, &self.server, &self.taxiway);
        let tally = agree(&self.what, &self.server, &self.taxiway, &self.places);
        Tally { kills: self.kills, ..tally }
    }

    /// What goes wrong with the server.
    fn trouble(&mut self) {
        let seed = self.seed;
        let reset_after = 200 + self.dice.below(60_000);
        let mut faults: Vec<String> = [
            "slow-answer=60ms,p=0.4",
            "slow-answer=1200ms,p=0.02",
            "lost-answer,p=0.08",
            "lost-answer,unstored,p=0.04",
            "stored-status=502,p=0.05",
            "status=503,p=0.04",
            "status=500,early,p=0.03",
            "status=429,retry-after=1,p=0.02",
            "malformed,p=0.03",
            "malformed,unstored,p=0.02",
            "incomplete,p=0.03",
            "stall-after=3000,p=0.02",
            "status=500,on=list,p=0.03",
        ]
        .map(|fault| format!("{fault},seed={seed}"))
        .into();
        faults.push(format!("reset-after={reset_after},p=0.1,seed={seed}"));
        faults.push(format!("bandwidth=600KB/s,p=0.5,seed={seed}"));
        let lists =
            ["list-reorder", "list-lag=15ms", "list-rename=extension", "list-rename=stem", ""];
        faults.extend(self.dice.one_of(&lists).map(|list| (*list).to_owned()));
        faults.retain(|fault| !fault.is_empty());
        self.server.faults(&faults.iter().map(String::as_str).collect::<Vec<_>>());
    }

    /// Starts the program, lets files change under its eyes, and kills it.
    fn life(&mut self) {
        if self.waits {
            quiet(&self.server);
        }
        // Now and then it lives long enough to settle its doubts.
        let least_ms = if self.dice.percent(12) { 1_500 } else { 10 };
        let life_ms = least_ms + self.dice.below(390);
        let before_ms = self.dice.below(life_ms);
        let daemon = self.start();
        std::thread::sleep(Duration::from_millis(before_ms));
        self.stir();
        std::thread::sleep(Duration::from_millis(life_ms - before_ms));
        if self.dice.percent(15) {
            // In the middle of an orderly end.
            daemon.signal("TERM");
            std::thread::sleep(Duration::from_millis(self.dice.below(60)));
        }
        let told = daemon.kill();
        let bad = told.iter().any(|line| line.contains("ERROR") || line.contains("panicked"));
        assert!(!bad, "{}: {told:#?}", self.what);
        self.kills += 1;
    }

    /// A daemon, or now and then somebody who is in a hurry for a few files.
    fn start(&mut self) -> Daemon {
        let files = self.files();
        if files.is_empty() || !self.dice.percent(15) {
            return self.taxiway.spawn(&["run", "--json"]);
        }
        let mut arguments = vec![OsString::from("push"), OsString::from("--json")];
        for _ in 0..3 {
            arguments.extend(self.dice.one_of(&files).map(OsString::from));
        }
        self.taxiway.spawn(&arguments)
    }

    fn files(&self) -> Vec<PathBuf> {
        self.places.iter().flat_map(|place| files_below(&place.root)).collect()
    }

    /// Something happens to some file.
    fn stir(&mut self) {
        let files = self.files();
        let file = self.dice.one_of(&files).cloned();
        let room = files.len() < FILES_MOST;
        match (self.dice.below(100), file) {
            (0..15, Some(file)) if room => {
                let bytes = std::fs::read(file).expect("a file");
                write(&self.fresh(), &bytes);
            }
            (15..25, Some(file)) if room => {
                let link = self.fresh();
                std::fs::create_dir_all(link.parent().expect("a parent")).expect("a directory");
                std::fs::hard_link(file, link).expect("a link");
            }
            (25..40, Some(file)) => self.rename(&file),
            (40..55, Some(file)) => {
                // In place: whoever reads it sees it half and half.
                let bytes = self.content();
                write(&file, &bytes);
            }
            (55..62, Some(file)) => {
                let beside = self.taxiway.path("beside.gif");
                let bytes = self.content();
                write(&beside, &bytes);
                std::fs::rename(beside, file).expect("a rename");
            }
            (62..72, Some(file)) => std::fs::remove_file(file).expect("removed"),
            (_, _) if room => {
                for _ in 0..=self.dice.below(3) {
                    let bytes = self.content();
                    write(&self.fresh(), &bytes);
                }
            }
            _ => {}
        }
    }

    fn rename(&mut self, file: &Path) {
        let to = self.fresh();
        std::fs::create_dir_all(to.parent().expect("a parent")).expect("a directory");
        std::fs::rename(file, to).expect("a rename");
    }

    /// A content that nothing had before.
    fn content(&mut self) -> Vec<u8> {
        self.made += 1;
        let most = if self.dice.percent(15) { 700_000 } else { 60_000 };
        picture(self.seed * 1_000 + self.made, 1_000 + self.dice.below(most) as usize)
    }

    /// A path that nothing has now.
    fn fresh(&mut self) -> PathBuf {
        self.made += 1;
        let below = if self.dice.percent(25) { "below/" } else { "" };
        let place = self.dice.one_of(&self.places).expect("a place");
        place.root.join(format!("{below}{}.gif", self.made))
    }
}
