//! Small files read for sending, in line: a thread that reads goes on with the next one, so that
//! none is woken for each; and the next ones are read while others have the places.
//!
//! Owns:
//! - a disk that hangs holds up what lies on it and nothing else, and a file that has a place
//!   waits behind no other for longer than [`PATIENCE`];
//! - at most [`AHEAD`] files are read that have no place yet; one that has waited for its place for
//!   long is looked at again before it goes out, and one that could not be read is read again.

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
    /// The number of the last file that came.
    last: u64,
}

#[derive(Debug)]
struct Job {
    number: u64,
    reader: Reader,
    done: oneshot::Sender<(Whole, Instant)>,
}

/// A small file that is in line, or has been read. Whoever drops it does not want it any more.
#[derive(Debug)]
pub struct Ahead {
    lines: Arc<Lines>,
    reader: Reader,
    done: oneshot::Receiver<(Whole, Instant)>,
    number: u64,
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
        let mut ahead = Ahead {
            lines: Arc::clone(self),
            reader: reader.clone(),
            done: read,
            number: 0,
            counts: false,
        };
        let wanted = {
            let mut lines = self.lines();
            let line = lines.entry(disk).or_default();
            line.last += 1;
            ahead.number = line.last;
            line.waiting.push_back(Job { number: line.last, reader, done });
            let wanted = line.readers < READERS.min(line.waiting.len());
            line.readers += usize::from(wanted);
            wanted
        };
        if wanted {
            self.begin(disk, None);
        }
        ahead
    }

    /// A thread for this one, if it is not being read.
    fn help(self: &Arc<Lines>, disk: u64, number: u64) {
        let its = {
            let mut lines = self.lines();
            lines.get_mut(&disk).and_then(|line| {
                let at = line.waiting.iter().position(|job| job.number == number)?;
                line.readers += 1;
                line.waiting.remove(at)
            })
        };
        if its.is_some() {
            self.begin(disk, its);
        }
    }

    /// Reads this one, and then whatever waits.
    fn begin(self: &Arc<Lines>, disk: u64, first: Option<Job>) {
        let mut at_work = AtWork { lines: Arc::clone(self), disk, over: false };
        tokio::task::spawn_blocking(move || {
            let mut next = first.or_else(|| at_work.next());
            while let Some(Job { reader, done, .. }) = next {
                if !done.is_closed() {
                    let began = Instant::now();
                    // Nobody wants it any more if it cannot be told.
                    drop(done.send((reader.whole(), began)));
                }
                next = at_work.next();
            }
        });
    }

    /// The file whose turn it is. None: this reader is not one any more.
    fn next(&self, disk: u64) -> Option<Job> {
        let mut lines = self.lines();
        let next = lines.get_mut(&disk)?.waiting.pop_front();
        if next.is_none() {
            let_go(&mut lines, disk);
        }
        next
    }

    fn lines(&self) -> MutexGuard<'_, BTreeMap<u64, Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One reader fewer.
fn let_go(lines: &mut BTreeMap<u64, Line>, disk: u64) {
    let Some(line) = lines.get_mut(&disk) else { return };
    line.readers -= 1;
    if line.readers == 0 && line.waiting.is_empty() {
        lines.remove(&disk);
    }
}

/// A thread that reads; however it ends, it is none any more.
struct AtWork {
    lines: Arc<Lines>,
    disk: u64,
    over: bool,
}

impl AtWork {
    fn next(&mut self) -> Option<Job> {
        let next = self.lines.next(self.disk);
        self.over = next.is_none();
        next
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        // It fell over a file, or never began.
        if !self.over {
            let_go(&mut self.lines.lines(), self.disk);
        }
    }
}

impl Ahead {
    /// All of the file, now that it has its place.
    pub async fn whole(mut self) -> Whole {
        let early = self.counts;
        match self.read().await {
            // Much may have happened since.
            Err(_) if early => self.lines.join(self.reader.clone()).read().await,
            whole => whole,
        }
    }

    async fn read(&mut self) -> Whole {
        self.let_another_in();
        let read = tokio::select! {
            biased;
            read = &mut self.done => read,
            () = tokio::time::sleep(PATIENCE) => {
                self.lines.help(self.reader.disk(), self.number);
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
        // Those before it go on waiting: each thread more is for who asks for it.
        let before: Vec<_> = (0..3).filter_map(|_| lines.ahead(dead.clone())).collect();
        let disk = dead.disk();
        let both = [lines.join(dead), ahead].map(Ahead::whole);
        for whole in both {
            let read = tokio::time::timeout(Duration::from_secs(20), whole).await;
            assert_eq!(read.expect("it is read"), Ok(Bytes::from_static(b"a")));
        }
        drop(before);
        // Those two threads are gone when all is read; the dead ones stay.
        while lines.lines()[&disk].readers > READERS {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn what_could_not_be_read_ahead_is_read_again_with_its_place() {
        let directory = tempfile::tempdir().expect("a directory");
        let (disk, away) = (directory.path().join("disk"), directory.path().join("away"));
        std::fs::create_dir(&disk).expect("a directory");
        let reader = file(&directory, "disk/a");
        std::fs::rename(&disk, &away).expect("moved");
        let lines = Arc::<Lines>::default();
        let ahead = lines.ahead(reader.clone()).expect("there is room");
        while ahead.done.is_empty() {
            tokio::task::yield_now().await;
        }
        // As a disk does that is away for a moment.
        std::fs::rename(away, &disk).expect("moved back");
        assert_eq!(ahead.whole().await, Ok(Bytes::from_static(b"a")));
        std::fs::remove_file(disk.join("a")).expect("removed");
        assert_eq!(lines.join(reader).whole().await, Err(NotSent::SourceGone));
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
