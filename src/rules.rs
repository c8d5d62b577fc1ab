//! Decides by patterns which files and directories of a folder are ours.
//!
//! Owns:
//! - one answer for the scan, which goes down from the root, and for an event, which names a path
//!   deep below it: both ask the same questions in the same order, from the root down;
//! - the configuration has the last word: an ignore file can leave out more, and bring back only
//!   what another ignore file left out;
//! - `include` never keeps anybody from looking into a directory;
//! - this is the only module that knows the crate `ignore`; patterns mean what they mean to git.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use thiserror::Error;

use crate::planner::filter::{self, IGNORE_FILE, Rule, Verdict};
use crate::text::{escaped, reason, shown};

/// Longest ignore file that is obeyed, in bytes.
pub const LONGEST_IGNORE_FILE_BYTES: u64 = 1024 * 1024;
/// Most patterns of one ignore file that are obeyed; compiled, one takes about 10 KB.
pub const MOST_PATTERNS: usize = 1_000;

/// What a directory entry is, as far as the rules care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file, or a link to one that is followed.
    File,
    /// A directory, or a link to one that is followed.
    Directory,
    /// A symbolic link that is not followed.
    Symlink,
    /// A socket, a FIFO, a device.
    Special,
}

/// Why a pattern cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct BadPattern(String);

/// A line of an ignore file that is passed over; the other lines hold.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line} of {} is passed over: {why}", shown(.file))]
pub struct Skipped {
    /// The ignore file.
    pub file: PathBuf,
    /// The line, counted from 1.
    pub line: u64,
    /// What is wrong with it.
    pub why: BadPattern,
}

/// Checks one pattern of `include` or `exclude`. Stricter than git, which reads an unclosed `[`
/// as itself and has comments: in a configuration either is a slip.
pub fn check_pattern(pattern: &str) -> Result<(), BadPattern> {
    let mut builder = strict_builder();
    add_strictly(&mut builder, pattern)?;
    build(&builder).map(|_| ())
}

/// The compiled rules of one folder.
#[derive(Debug, Clone)]
pub struct Rules {
    include: Option<Gitignore>,
    exclude: Gitignore,
    hidden: bool,
    recursive: bool,
    /// What both were compiled from.
    patterns: [Vec<String>; 2],
}

/// Rules are what they were made from.
impl PartialEq for Rules {
    fn eq(&self, other: &Rules) -> bool {
        (&self.patterns, self.hidden, self.recursive)
            == (&other.patterns, other.hidden, other.recursive)
    }
}

impl Eq for Rules {}

impl Rules {
    /// Compiles the patterns of a folder. `include` empty: everything is included.
    /// `hidden`, `recursive`: the folder's settings of these names.
    pub fn new(
        include: &[String],
        exclude: &[String],
        hidden: bool,
        recursive: bool,
    ) -> Result<Rules, BadPattern> {
        let compiled = |patterns: &[String]| {
            let mut builder = strict_builder();
            for pattern in patterns {
                add_strictly(&mut builder, pattern)?;
            }
            build(&builder)
        };
        Ok(Rules {
            include: match include {
                [] => None,
                patterns => Some(compiled(patterns)?),
            },
            exclude: compiled(exclude)?,
            hidden,
            recursive,
            patterns: [include.to_vec(), exclude.to_vec()],
        })
    }

    /// The verdict on one entry of a directory that is itself taken; for walks from the root down.
    /// `level` is the directory's, `name` the bare name.
    pub fn entry(&self, level: &Level, name: &OsStr, kind: EntryKind) -> Verdict {
        let rule = match kind {
            EntryKind::Symlink => Some(Rule::Symlink),
            EntryKind::Special => Some(Rule::Special),
            EntryKind::Directory => filter::by_directory_name(name)
                .or_else(|| self.hides(name))
                .or_else(|| (!self.recursive).then_some(Rule::NotRecursive))
                .or_else(|| self.excludes(level, name, true)),
            EntryKind::File => filter::by_name(name)
                .or_else(|| self.hides(name))
                .or_else(|| self.excludes(level, name, false))
                .or_else(|| self.misses(level, name)),
        };
        match rule {
            Some(rule) => Verdict::Leave(rule),
            None => Verdict::Take,
        }
    }

    /// The verdict on a path below the root, given relative to it; for events and questions. Each
    /// directory on the way is judged first; one that is left decides for all below it.
    /// `ignore_file` hands in what lies in a directory (relative, `""` for the root itself):
    /// usually [`IgnoreFile::read`].
    pub fn path(
        &self,
        path: &Path,
        kind: EntryKind,
        mut ignore_file: impl FnMut(&Path) -> Option<IgnoreFile>,
    ) -> Judged {
        let mut level = Level::root(ignore_file(Path::new("")));
        let mut names = path.iter().peekable();
        while let Some(name) = names.next() {
            let last = names.peek().is_none();
            let kind = if last { kind } else { EntryKind::Directory };
            let verdict = self.entry(&level, name, kind);
            let at = level.0.directory.join(name);
            if last || verdict != Verdict::Take {
                return Judged { verdict, at };
            }
            level = level.child(name, ignore_file(&at));
        }
        Judged { verdict: Verdict::Take, at: PathBuf::new() }
    }

    fn hides(&self, name: &OsStr) -> Option<Rule> {
        (!self.hidden && filter::is_hidden(name)).then_some(Rule::Hidden)
    }

    fn excludes(&self, level: &Level, name: &OsStr, is_directory: bool) -> Option<Rule> {
        if self.exclude.is_empty() && level.is_silent() {
            return None;
        }
        let path = level.0.directory.join(name);
        if let Match::Ignore(glob) = self.exclude.matched(&path, is_directory) {
            return Some(Rule::Excluded { pattern: glob.original().to_owned() });
        }
        level.excludes(&path, is_directory)
    }

    fn misses(&self, level: &Level, name: &OsStr) -> Option<Rule> {
        let include = self.include.as_ref()?;
        let path = level.0.directory.join(name);
        let included = include.matched_path_or_any_parents(&path, false);
        (!included.is_ignore()).then_some(Rule::NotIncluded)
    }
}

/// The verdict on a path, and how deep it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// What the rules say.
    pub verdict: Verdict,
    /// Whose verdict it is, relative to the root: the path itself, or the first directory on the
    /// way to it that is left.
    pub at: PathBuf,
}

/// The ignore files that hold in one directory: its own and those of the directories above it, up
/// to the root of the folder. Cheap to clone; a changed ignore file needs a new `Level`.
#[derive(Debug, Clone)]
pub struct Level(Arc<LevelData>);

#[derive(Debug)]
struct LevelData {
    /// Relative to the root of the folder; empty for the root itself.
    directory: PathBuf,
    own: Option<Own>,
    /// The nearest directory above that has an ignore file; levels without one are skipped.
    above: Option<Level>,
    skipped: Vec<Skipped>,
}

/// What the ignore file of a directory says.
#[derive(Debug)]
enum Own {
    Patterns { file: PathBuf, matcher: Gitignore },
    Broken { file: PathBuf, reason: String },
}

impl Level {
    /// The level of a folder's root, with the ignore file that lies there.
    pub fn root(ignore_file: Option<IgnoreFile>) -> Level {
        Level::new(PathBuf::new(), None, ignore_file)
    }

    /// The level of the directory `name` in this one, with the ignore file that lies there.
    pub fn child(&self, name: &OsStr, ignore_file: Option<IgnoreFile>) -> Level {
        let above = match self.0.own {
            Some(_) => Some(self.clone()),
            None => self.0.above.clone(),
        };
        Level::new(self.0.directory.join(name), above, ignore_file)
    }

    /// The lines of this directory's own ignore file that are passed over: worth a warning.
    pub fn skipped(&self) -> &[Skipped] {
        &self.0.skipped
    }

    /// Why this directory's own ignore file cannot be obeyed, if that is so: worth a warning,
    /// because nothing in the directory is taken until it can.
    pub fn broken(&self) -> Option<Rule> {
        match &self.0.own {
            Some(Own::Broken { file, reason }) => {
                Some(Rule::BrokenIgnoreFile { file: file.clone(), reason: reason.clone() })
            }
            Some(Own::Patterns { .. }) | None => None,
        }
    }

    fn new(directory: PathBuf, above: Option<Level>, ignore_file: Option<IgnoreFile>) -> Level {
        let mut skipped = Vec::new();
        let own = ignore_file.map(|ignore_file| compile(ignore_file, &mut skipped));
        Level(Arc::new(LevelData { directory, own, above, skipped }))
    }

    fn is_silent(&self) -> bool {
        self.0.own.is_none() && self.0.above.is_none()
    }

    /// Asks the nearest ignore file first; the first that has a matching line decides.
    fn excludes(&self, path: &Path, is_directory: bool) -> Option<Rule> {
        let mut next = Some(self);
        while let Some(level) = next {
            match &level.0.own {
                Some(Own::Broken { .. }) => return level.broken(),
                Some(Own::Patterns { file, matcher }) => {
                    let below = path.strip_prefix(&level.0.directory).unwrap_or(path);
                    match matcher.matched(below, is_directory) {
                        Match::Whitelist(_) => return None,
                        Match::Ignore(glob) => {
                            return Some(Rule::IgnoreFile {
                                pattern: glob.original().to_owned(),
                                file: file.clone(),
                                line: line_of(glob),
                            });
                        }
                        Match::None => {}
                    }
                }
                None => {}
            }
            next = level.0.above.as_ref();
        }
        None
    }
}

/// An ignore file as it lies in a directory. Two that are equal make equal rules, so a caller
/// that keeps the last one knows whether anything has to be judged again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnoreFile {
    /// Where it lies, for messages.
    pub path: PathBuf,
    /// Its bytes, or why they cannot be had.
    pub content: Result<Vec<u8>, String>,
}

impl IgnoreFile {
    /// Reads the ignore file of a directory; `None` if there is none. Whatever lies under the
    /// name and is not a readable file of at most [`LONGEST_IGNORE_FILE_BYTES`] has `content`
    /// `Err`.
    pub fn read(directory: &Path) -> Option<IgnoreFile> {
        let path = directory.join(IGNORE_FILE);
        match read_bounded(&path) {
            Ok(content) => Some(IgnoreFile { path, content }),
            // ENOTDIR: the directory was replaced by a file meanwhile.
            Err(error)
                if error.kind() == io::ErrorKind::NotFound
                    || error.kind() == io::ErrorKind::NotADirectory =>
            {
                None
            }
            Err(error) => Some(IgnoreFile { path, content: Err(reason(&error)) }),
        }
    }
}

fn read_bounded(path: &Path) -> io::Result<Result<Vec<u8>, String>> {
    // Opening a FIFO would wait for a writer, so it is looked at before it is opened.
    if !std::fs::metadata(path)?.is_file() {
        return Ok(Err("it is not a regular file".to_owned()));
    }
    let mut bytes = Vec::new();
    let most = LONGEST_IGNORE_FILE_BYTES;
    File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Ok(Err("it is longer than 1 MiB".to_owned()));
    }
    Ok(Ok(bytes))
}

fn compile(ignore_file: IgnoreFile, skipped: &mut Vec<Skipped>) -> Own {
    let file = ignore_file.path;
    let broken = |file: PathBuf, reason: String| Own::Broken { file, reason };
    let bytes = match ignore_file.content {
        Ok(bytes) => bytes,
        Err(reason) => return broken(file, reason),
    };
    if bytes.len() as u64 > LONGEST_IGNORE_FILE_BYTES {
        return broken(file, "it is longer than 1 MiB".to_owned());
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut builder = GitignoreBuilder::new("");
    let mut patterns = 0;
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        match add_line(&mut builder, number, line) {
            Ok(added) => patterns += usize::from(added),
            Err(why) => skipped.push(Skipped { file: file.clone(), line: number, why }),
        }
        if patterns > MOST_PATTERNS {
            return broken(file, format!("it has more than {MOST_PATTERNS} patterns"));
        }
    }
    match build(&builder) {
        Ok(matcher) => Own::Patterns { file, matcher },
        Err(bad) => broken(file, bad.to_string()),
    }
}

/// Adds a line of an ignore file; `false` if it is blank or a comment.
fn add_line(builder: &mut GitignoreBuilder, number: u64, line: &[u8]) -> Result<bool, BadPattern> {
    let line = std::str::from_utf8(line).map_err(|_| BadPattern("it is not UTF-8".to_owned()))?;
    let line = line.strip_suffix('\r').unwrap_or(line);
    // Where the crate keeps the name of the file, we keep the line: it is the only thing that
    // comes back with a match.
    let from = PathBuf::from(number.to_string());
    builder.add_line(Some(from), line).map_err(bad_pattern)?;
    Ok(!line.trim().is_empty() && !line.starts_with('#'))
}

fn line_of(glob: &ignore::gitignore::Glob) -> u64 {
    glob.from().and_then(Path::to_str).and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn strict_builder() -> GitignoreBuilder {
    let mut builder = GitignoreBuilder::new("");
    builder.allow_unclosed_class(false);
    builder
}

fn add_strictly(builder: &mut GitignoreBuilder, pattern: &str) -> Result<(), BadPattern> {
    let refused = |why: &str| Err(BadPattern(why.to_owned()));
    if pattern.trim().is_empty() {
        return refused("the pattern is empty");
    }
    if pattern.starts_with('#') {
        return refused(r"it begins with #, which makes a comment; write \# for the character");
    }
    if pattern.contains(|c: char| c.is_control()) {
        return refused("it has a control character inside");
    }
    if pattern.trim_start_matches('!').trim_matches('/').is_empty() {
        return refused("it names nothing below the folder");
    }
    builder.add_line(None, pattern).map_err(bad_pattern)?;
    Ok(())
}

fn build(builder: &GitignoreBuilder) -> Result<Gitignore, BadPattern> {
    builder.build().map_err(bad_pattern)
}

fn bad_pattern(error: ignore::Error) -> BadPattern {
    match error {
        ignore::Error::Glob { err, .. } => BadPattern(escaped(&err)),
        other => BadPattern(escaped(&other.to_string())),
    }
}

#[cfg(test)]
mod tests;
