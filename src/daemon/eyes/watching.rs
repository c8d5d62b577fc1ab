//! How a folder is watched: by events where they can be had and believed, else by scans.
//!
//! Owns:
//! - what is watched is the directory that is scanned, and that is the one it was;
//! - a folder that could not be watched is tried again, now and then.

use std::time::Instant;

use super::{Sightseeing, Viewer};
use crate::planner::{Event, ScanResult, Watching};
use crate::scan;
use crate::watch::{Mode, polled_because};

impl Viewer {
    /// Arms the watch if there is none and there may be one.
    pub(super) fn watch_again(&mut self) {
        match self.watch.mode() {
            Mode::Events => self.rewatch.works(Instant::now()),
            Mode::Away { .. } if self.is_another() => {}
            Mode::Away { .. } => self.arm(),
            Mode::Poll { .. } if self.why_polled().is_some() => {}
            Mode::Poll { .. } if !self.rewatch.due(Instant::now()) => {}
            Mode::Poll { .. } => {
                self.arm();
                if self.watch.mode() == Mode::Events {
                    let root = self.sightseeing.root.path.display();
                    tracing::info!("{root} is watched again");
                }
            }
        }
        self.tell_mode();
    }

    pub(super) fn poll(&mut self, reason: String) {
        self.doubted = Some(reason);
        self.arm();
        self.tell_mode();
    }

    /// Which directory the root is, is remembered while this runs: another disk under the same
    /// path is not taken for an emptied folder. A directory made anew on the same disk is, and one
    /// that was empty may be another: where a disk is to be mounted there is an empty one before.
    pub(super) fn learn_root(&mut self, result: &ScanResult) {
        let watched = (self.watch.mode() == Mode::Events).then_some(self.armed_on);
        let root = &mut self.sightseeing.root;
        match (result, root.expected, scan::root_id(&root.path)) {
            (ScanResult::Away { .. }, Some(expected), Ok(found))
                if expected.device == found.device =>
            {
                root.expected = None;
                let folder = root.folder;
                self.watch.lose();
                self.send(Event::ScanOwed { folder });
            }
            (ScanResult::Complete | ScanResult::Incomplete { .. }, _, Ok(found)) => {
                root.expected = self.found_any.then_some(found);
                if watched.is_some_and(|watched| watched != Some(found)) {
                    // It was mounted after the watch was armed: on what lies below it.
                    self.watch.lose();
                    self.owe();
                }
            }
            // What is watched in its place must not be taken for it when it is back.
            (ScanResult::Away { .. }, _, _) => self.watch.lose(),
            (_, _, _) => {}
        }
    }

    /// Something is there: from now on another directory in its place is not taken for it.
    pub(super) fn remember_root(&mut self) {
        let root = &mut self.sightseeing.root;
        if root.expected.is_none() {
            root.expected = scan::root_id(&root.path).ok();
        }
    }

    /// Tells how the folder is watched, whenever that changes.
    pub(super) fn tell_mode(&mut self) {
        let mode = self.watch.mode();
        if self.told.as_ref() == Some(&mode) {
            return;
        }
        let Sightseeing { rescan_ms, poll_ms, .. } = self.sightseeing;
        let (by, pause_ms) = match mode.clone() {
            Mode::Events => (Watching::Events, rescan_ms),
            Mode::Poll { reason } => {
                if self.told == Some(Mode::Events) && self.doubted.is_none() {
                    self.rewatch.failed(Instant::now());
                }
                if !matches!(self.told, Some(Mode::Poll { .. })) {
                    self.warn_polled(&reason);
                }
                (Watching::Polled { reason }, poll_ms)
            }
            Mode::Away { reason } => (Watching::Nothing { reason }, poll_ms),
        };
        self.told = Some(mode);
        let folder = self.folder();
        self.send(Event::Watched { folder, by, pause_ms });
    }

    /// Whether there is another directory than the root that is remembered.
    fn is_another(&self) -> bool {
        let root = &self.sightseeing.root;
        let found = scan::root_id(&root.path).ok();
        root.expected.is_some_and(|expected| found.is_some_and(|found| found != expected))
    }

    pub(super) fn arm(&mut self) {
        let polled = self.why_polled();
        self.armed_on = scan::root_id(&self.sightseeing.root.path).ok();
        match self.watch.arm(polled.as_deref()) {
            // What was told before, was told of another watch.
            Mode::Events => self.told = None,
            Mode::Poll { .. } if polled.is_none() => self.rewatch.failed(Instant::now()),
            Mode::Poll { .. } | Mode::Away { .. } => {}
        }
    }

    /// Why the folder is not to be watched, if so. Its file system may be another than before.
    fn why_polled(&self) -> Option<String> {
        self.doubted.clone().or_else(|| self.never_watched())
    }

    fn never_watched(&self) -> Option<String> {
        let root = &self.sightseeing.root.path;
        let disk = scan::file_system(root);
        let silent = !disk.tells_events() && root.exists();
        polled_because(self.sightseeing.wanted, silent.then_some(disk.name))
    }

    /// Warns, unless that is how the folder has to be.
    fn warn_polled(&mut self, reason: &str) {
        if self.never_watched().is_none() {
            let root = self.sightseeing.root.path.display();
            self.warn(format!("{root} is scanned every so often instead of watched: {reason}"));
        }
    }
}
