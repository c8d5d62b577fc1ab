//! Looks through the folders, each on a thread of its own, so that a disk that hangs hides none of
//! the others.

use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use crate::cli::doctor::facts::{FolderFacts, Seen, Walked};
use crate::cli::folder;
use crate::config::{Config, Folder};
use crate::planner::{Disk, Look, ScanResult};
use crate::scan::{self, Report, Root};

use super::Patient;

/// How long a folder is counted; what is beyond is said to be there.
const COUNTED_FOR: Duration = Duration::from_secs(10);
/// How long a disk may give nothing.
const HANGS_AFTER: Duration = Duration::from_secs(30);
/// Whose so many files are is asked.
const OWNERS_ASKED: u64 = 10_000;

pub(super) fn folders(patient: &Patient) -> Vec<FolderFacts> {
    let Ok(loaded) = &patient.loaded else { return Vec::new() };
    let config = &loaded.config;
    let begun: Vec<_> = config
        .folders
        .iter()
        .map(|folder| {
            let (to, from) = channel();
            let root = folder::root(folder, config);
            let recursive = folder.recursive;
            std::thread::spawn(move || {
                let seen = match root {
                    Ok(root) => seen(&root, recursive),
                    Err(reason) => Seen::Away { reason, is_missing: false },
                };
                // Nobody waits any more for what took too long.
                let _ = to.send(seen);
            });
            from
        })
        .collect();
    let until = Instant::now() + HANGS_AFTER;
    let looked = config.folders.iter().zip(begun).map(|(folder, from)| {
        let left = until.saturating_duration_since(Instant::now());
        facts(folder, config, from.recv_timeout(left).unwrap_or(Seen::Hangs))
    });
    looked.collect()
}

fn facts(folder: &Folder, config: &Config, seen: Seen) -> FolderFacts {
    let around =
        |other: &&Folder| other.root != folder.root && folder.root.starts_with(&other.root);
    let outer = config.folders.iter().filter(around);
    let outer = outer.max_by_key(|outer| outer.root.components().count());
    let state = crate::config::resolve(&config.state_dir);
    FolderFacts {
        path: folder.path.clone(),
        mode: folder.mode,
        poll_interval: folder.poll_interval,
        rescan_interval: folder.rescan_interval,
        within: outer.map(|outer| outer.path.clone()),
        holds_state: state.starts_with(&folder.root).then(|| config.state_dir.clone()),
        seen,
    }
}

fn seen(root: &Root, recursive: bool) -> Seen {
    let until = Instant::now() + COUNTED_FOR;
    let disk = scan::file_system(&root.path);
    let mut walked = Walked {
        file_system: disk.name,
        tells_events: disk.tells_events(),
        proves_rest: disk.disk == Disk::Proving,
        ..Walked::default()
    };
    let us = rustix::process::geteuid();
    let cancelled = AtomicBool::new(false);
    let result = scan::walk(
        root,
        &mut |report| {
            let Report::Listing(listing) = report else { return ControlFlow::Continue(()) };
            for (name, look) in &listing.entries {
                let Look::File(stat) = look else { continue };
                walked.files += 1;
                walked.bytes += stat.fingerprint.size;
                // Whoever is root is granted a lease on any file.
                if !us.is_root() && walked.files <= OWNERS_ASKED {
                    let found = std::fs::symlink_metadata(listing.directory.join(name));
                    let other = found.is_ok_and(|found| found.uid() != us.as_raw());
                    walked.of_others += u64::from(other);
                }
            }
            if Instant::now() > until {
                cancelled.store(true, Ordering::Relaxed);
                walked.is_cut = true;
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        },
        &cancelled,
    );
    match result {
        ScanResult::Away { reason } => {
            let found = std::fs::symlink_metadata(&root.path);
            let is_missing = found.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
            return Seen::Away { reason, is_missing };
        }
        ScanResult::Incomplete { reason } if !walked.is_cut => walked.trouble = Some(reason),
        ScanResult::Incomplete { .. } | ScanResult::Complete => {}
    }
    walked.directories = directories(&root.path, recursive, until);
    Seen::There(walked)
}

/// How many directories a watch of the root watches, whatever the rules say of them; counted until
/// then.
fn directories(root: &Path, recursive: bool, until: Instant) -> u64 {
    let mut found = 0;
    let mut next: Vec<PathBuf> = vec![root.to_owned()];
    while let Some(directory) = next.pop() {
        found += 1;
        if !recursive || Instant::now() > until {
            break;
        }
        let entries = std::fs::read_dir(&directory).into_iter().flatten();
        for entry in entries.filter_map(Result::ok) {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                next.push(entry.path());
            }
        }
    }
    found + next.len() as u64
}
