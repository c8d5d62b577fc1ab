//! A path without symbolic links.
//!
//! Owns:
//! - what cannot be asked stays as it is written: what is missing, what is closed, and what lies
//!   behind a server that does not answer;
//! - nobody waits for long (see [`crate::patient`]).

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::patient::{self, Asked};

/// As many as the kernel follows.
const LINKS_MOST: usize = 40;

/// The path with all symbolic links resolved, as far as it is there and answers; the rest is appended
/// as written. What is not absolute begins in the working directory.
pub fn resolve(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let walk = Arc::new(Mutex::new(Walk::along(&path)));
    let own = Arc::clone(&walk);
    let whole = patient::ask(move |asked| {
        go(&own, asked);
    });
    let mut walk = lock(&walk);
    match whole {
        Some(()) => walk.so_far.clone(),
        None => {
            while !walk.rest.is_empty() {
                walk.step();
            }
            walk.so_far.clone()
        }
    }
}

/// Where a walk is.
struct Walk {
    /// Free of links, as far as it is there.
    so_far: PathBuf,
    /// What follows, the next at the end.
    rest: Vec<Step>,
}

enum Step {
    Root,
    Up,
    Name(OsString),
}

impl Walk {
    fn along(path: &Path) -> Walk {
        let mut walk = Walk { so_far: PathBuf::from("/"), rest: Vec::new() };
        walk.first_go(path);
        walk
    }

    /// Has this path before what follows.
    fn first_go(&mut self, path: &Path) {
        let steps = path.components().filter_map(|component| match component {
            Component::RootDir => Some(Step::Root),
            Component::ParentDir => Some(Step::Up),
            Component::Normal(name) => Some(Step::Name(name.to_owned())),
            Component::CurDir | Component::Prefix(_) => None,
        });
        let steps: Vec<Step> = steps.collect();
        self.rest.extend(steps.into_iter().rev());
    }

    /// Takes the next step, whatever is there.
    fn step(&mut self) {
        match self.rest.pop() {
            Some(Step::Root) => self.so_far = PathBuf::from("/"),
            Some(Step::Up) => _ = self.so_far.pop(),
            Some(Step::Name(name)) => self.so_far.push(name),
            None => {}
        }
    }

    /// What may be a link; to the end of the path if nothing is there any more.
    fn next_to_ask(&mut self, is_there: bool) -> Option<PathBuf> {
        loop {
            match self.rest.last()? {
                Step::Name(name) if is_there => return Some(self.so_far.join(name)),
                Step::Root | Step::Up | Step::Name(_) => self.step(),
            }
        }
    }
}

/// Goes on to the end. Nothing is locked while the disk is asked.
fn go(walk: &Mutex<Walk>, asked: &Asked) {
    let (mut is_there, mut links) = (true, 0);
    loop {
        // A guard in a condition would be held for all of what follows.
        let next = lock(walk).next_to_ask(is_there);
        let Some(next) = next else { break };
        // A server that does not answer for this one does not for those beside it.
        let above = next.parent().filter(|above| above.parent().is_some());
        let may_look = asked.may_look(above.unwrap_or(&next));
        let target = may_look.then(|| std::fs::read_link(&next));
        let mut walk = lock(walk);
        match target {
            Some(Ok(target)) if links < LINKS_MOST => {
                links += 1;
                walk.rest.pop();
                walk.first_go(&target);
            }
            // It is there, and no link.
            Some(Err(error)) if error.kind() == ErrorKind::InvalidInput => walk.step(),
            Some(Ok(_) | Err(_)) | None => is_there = false,
        }
    }
    if cfg!(target_os = "macos") {
        let mut walk = lock(walk);
        walk.so_far = spelled(&walk.so_far);
    }
}

/// A disk that takes several spellings for one name keeps one of them.
fn spelled(path: &Path) -> PathBuf {
    let found = path.ancestors().find_map(|there| Some((there, there.canonicalize().ok()?)));
    match found {
        Some((there, spelled)) => match path.strip_prefix(there) {
            Ok(rest) if !rest.as_os_str().is_empty() => spelled.join(rest),
            _ => spelled,
        },
        None => path.to_owned(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_followed_and_what_is_missing_stays_as_it_is_written() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path().canonicalize().expect("a path");
        std::fs::create_dir_all(root.join("real/deep")).expect("directories");
        std::fs::write(root.join("file"), "").expect("a file");
        for (link, target) in [
            ("to-real", "real"),
            ("to-deep", "to-real/./deep"),
            ("absolute", root.join("to-deep").to_str().expect("UTF-8")),
            ("up", "real/deep/.."),
            ("broken", "not/there"),
            ("loop", "loop"),
        ] {
            symlink(target, root.join(link)).expect("a link");
        }
        for (path, expected) in [
            ("real/deep", "real/deep"),
            ("to-deep", "real/deep"),
            ("absolute/x/y", "real/deep/x/y"),
            ("to-deep/../z", "real/z"),
            ("up", "real"),
            ("missing/../real", "real"),
            ("missing/a/../b", "missing/b"),
            ("broken/x", "not/there/x"),
            ("loop/x", "loop/x"),
            ("file/x", "file/x"),
        ] {
            assert_eq!(resolve(&root.join(path)), root.join(expected), "{path}");
            assert_eq!(spelled(&root.join(expected)), root.join(expected), "{path}");
            let real = root.join(path).canonicalize();
            assert!(real.is_err() || real.is_ok_and(|real| real == resolve(&root.join(path))));
        }
        assert_eq!(resolve(Path::new("/")), Path::new("/"));
        let here = std::env::current_dir().and_then(|here| here.canonicalize()).expect("a place");
        assert_eq!(resolve(Path::new("no/such/../file")), here.join("no/file"));
    }
}
