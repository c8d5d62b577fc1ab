//! Small files read for sending, in line: a thread that reads goes on with the next one, so that
//! none is woken for each; and the next ones are read while others have the places.
//!
//! Owns:
//! - a disk that hangs holds up what lies on it and nothing else, and a file that has a place
//!   waits behind no other for longer than [`PATIENCE`];
//! - at most [`AHEAD`] files are read that have no place yet, and one that has waited for its place
//!   for long is looked at again before it goes out.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::source::{Reader, no_reader};
use crate::planner::NotSent;

/// Files that are read and have no place yet, at most; each is one buffer.
const AHEAD: usize = 16;

/// Threads that read from one disk as long as they are quick.
const READERS: usize = 2;

/// How long a file waits behind others before it gets a thread of its own.
pub(super) const PATIENCE: Duration = Duration::from_millis(5);

/// What was read longer ago than this is looked at again.
const FRESH: Duration = Duration::from_secs(1);

/// All of a small file, or why it is not to be had.
type Whole = Result<Bytes, NotSent>;

/// The lines, one a disk.
#[derive(Debug, Default)]
pub(super) struct Lines {
    lines: Mutex<BTreeMap<u64, Line>>,
    ahead: AtomicUsize,
}

#[derive(Debug, Default)]
struct Line {
    waiting: VecDeque<Job>,
    readers: usize,
}

#[derive(Debug)]
struct Job {
    reader: Reader,
    done: oneshot::Sender<(Whole, Instant)>,
}

/// A small file that is in line, or has been read. Whoever drops it does not want it any more.
#[derive(Debug)]
pub struct Ahead {
    lines: Arc<Lines>,
    reader: Reader,
    done: oneshot::Receiver<(Whole, Instant)>,
    /// It is one of those that have no place yet.
    counts: bool,
}

impl Lines {
    /// Puts a file in line that has no place yet, if there is room.
    pub fn ahead(self: &Arc<Lines>, reader: Reader) -> Option<Ahead> {
        let room = |ahead: usize| (ahead < AHEAD).then_some(ahead + 1);
        self.ahead.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).ok()?;
        let mut ahead = self.join(reader);
        ahead.counts = true;
        Some(ahead)
    }

    /// Puts a file in line.
    pub fn join(self: &Arc<Lines>, reader: Reader) -> Ahead {
        let (done, read) = oneshot::channel();
        let disk = reader.disk();
        let ahead =
            Ahead { lines: Arc::clone(self), reader: reader.clone(), done: read, counts: false };
        let wanted = {
            let mut lines = self.lines();
            let line = lines.entry(disk).or_default();
            line.waiting.push_back(Job { reader, done });
            let wanted = line.readers < READERS.min(line.waiting.len());
            line.readers += usize::from(wanted);
            wanted
        };
        if wanted {
            self.begin(disk);
        }
        ahead
    }

    /// One thread more for what waits there, if anything does.
    fn help(self: &Arc<Lines>, disk: u64) {
        let waits = {
            let mut lines = self.lines();
            let line = lines.get_mut(&disk).filter(|line| !line.waiting.is_empty());
            line.map(|line| line.readers += 1).is_some()
        };
        if waits {
            self.begin(disk);
        }
    }

    fn begin(self: &Arc<Lines>, disk: u64) {
        let lines = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            while let Some(Job { reader, done }) = lines.next(disk) {
                if !done.is_closed() {
                    let began = Instant::now();
                    // Nobody wants it any more if it cannot be told.
                    drop(done.send((reader.whole(), began)));
                }
            }
        });
    }

    /// The file whose turn it is. None: this reader is not one any more.
    fn next(&self, disk: u64) -> Option<Job> {
        let mut lines = self.lines();
        let line = lines.get_mut(&disk)?;
        let next = line.waiting.pop_front();
        if next.is_none() {
            line.readers -= 1;
            if line.readers == 0 {
                lines.remove(&disk);
            }
        }
        next
    }

    fn lines(&self) -> MutexGuard<'_, BTreeMap<u64, Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ahead {
    /// All of the file, now that it has its place.
    pub async fn whole(mut self) -> Whole {
        self.let_another_in();
        let read = tokio::select! {
            biased;
            read = &mut self.done => read,
            () = tokio::time::sleep(PATIENCE) => {
                self.lines.help(self.reader.disk());
                (&mut self.done).await
            }
        };
        let (whole, began) = read.unwrap_or_else(|_| (Err(no_reader()), Instant::now()));
        let whole = whole?;
        if began.elapsed() > FRESH {
            let reader = self.reader.clone();
            let looked = tokio::task::spawn_blocking(move || reader.still_looks_so()).await;
            looked.unwrap_or_else(|_| Err(no_reader()))?;
        }
        Ok(whole)
    }

    fn let_another_in(&mut self) {
        if std::mem::take(&mut self.counts) {
            self.lines.ahead.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.let_another_in();
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::Buffers;
    use super::super::tests::send;
    use super::*;

    /// A file of one byte, and how it is to be read.
    fn file(directory: &tempfile::TempDir, name: &str) -> Reader {
        let path = directory.path().join(name);
        std::fs::write(&path, b"a").expect("written");
        Reader::new(&send(&path), &Arc::<Buffers>::default())
    }

    #[tokio::test]
    async fn so_many_are_read_ahead_and_another_one_when_one_has_its_place() {
        let directory = tempfile::tempdir().expect("a directory");
        let reader = file(&directory, "a");
        let lines = Arc::<Lines>::default();
        let mut all: Vec<_> = (0..AHEAD).filter_map(|_| lines.ahead(reader.clone())).collect();
        assert_eq!(all.len(), AHEAD);
        assert!(lines.ahead(reader.clone()).is_none());
        drop(all.pop());
        let one = lines.ahead(reader.clone()).expect("there is room again");
        assert_eq!(one.whole().await, Ok(Bytes::from_static(b"a")));
        assert!(lines.ahead(reader.clone()).is_some(), "and again");
        let with_a_place = lines.join(reader).whole().await;
        assert_eq!(with_a_place, Ok(Bytes::from_static(b"a")), "it needs no room");
    }

    #[tokio::test]
    async fn who_has_a_place_waits_behind_nobody_for_long() {
        let directory = tempfile::tempdir().expect("a directory");
        let (dead, other) = (file(&directory, "a"), file(&directory, "b"));
        let lines = Arc::<Lines>::default();
        // All threads of this disk are held by files that never come.
        lines.lines().entry(dead.disk()).or_default().readers = READERS;
        let ahead = lines.ahead(other).expect("there is room");
        tokio::time::sleep(4 * PATIENCE).await;
        assert_eq!(lines.lines()[&dead.disk()].waiting.len(), 1, "it has no place yet");
        let both = [lines.join(dead), ahead].map(Ahead::whole);
        for whole in both {
            let read = tokio::time::timeout(Duration::from_secs(20), whole).await;
            assert_eq!(read.expect("it is read"), Ok(Bytes::from_static(b"a")));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_waited_long_for_its_place_is_looked_at_again() {
        let directory = tempfile::tempdir().expect("a directory");
        for (late, outcome) in [
            (Duration::ZERO, Ok(Bytes::from_static(b"a"))),
            (2 * FRESH, Err(NotSent::SourceChanged)),
        ] {
            let lines = Arc::<Lines>::default();
            let ahead = lines.ahead(file(&directory, "a")).expect("there is room");
            while ahead.done.is_empty() {
                tokio::task::yield_now().await;
            }
            std::fs::write(directory.path().join("a"), b"other").expect("written");
            tokio::time::advance(late).await;
            assert_eq!(ahead.whole().await, outcome, "{late:?}");
        }
    }
}
