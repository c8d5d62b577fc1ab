//! The corpus under `tests/media/`: what each file gives, whole, cut and damaged.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::path::PathBuf;

use super::source::{BYTE_LIMIT, READ_LIMIT};
use super::*;

fn corpus_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/media")
}

/// The media files of the corpus, by name.
fn corpus() -> BTreeMap<String, Vec<u8>> {
    let about = ["README.md", "make", "expected.tsv"];
    std::fs::read_dir(corpus_dir())
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.path()))
        .filter(|(name, _)| !about.contains(&name.as_str()))
        .map(|(name, path)| (name, std::fs::read(path).unwrap()))
        .collect()
}

/// A file in memory that counts what is read of it.
struct Counting<'a> {
    file: Cursor<&'a [u8]>,
    bytes: u64,
    seeks: u32,
    end: u64,
}

impl<'a> Counting<'a> {
    fn new(bytes: &'a [u8]) -> Counting<'a> {
        Counting {
            file: Cursor::new(bytes),
            bytes: 0,
            seeks: 0,
            end: 0,
        }
    }
}

impl Read for Counting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.bytes += read as u64;
        self.end = self.end.max(self.file.position());
        Ok(read)
    }
}

impl Seek for Counting<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.seeks += 1;
        self.file.seek(to)
    }
}

/// Inspects `bytes` and checks that the inspection stayed within its bounds.
fn look(name: &str, bytes: &[u8]) -> Inspection {
    look_sized(name, bytes, bytes.len() as u64)
}

fn look_sized(name: &str, bytes: &[u8], size: u64) -> Inspection {
    let mut file = Counting::new(bytes);
    let inspection = inspect(&mut file, size, OsStr::new(name)).unwrap();
    assert!(file.bytes <= BYTE_LIMIT, "{name}: {} bytes", file.bytes);
    assert!(file.seeks <= READ_LIMIT, "{name}: {} seeks", file.seeks);
    assert!(file.end <= size, "{name}: read past the expected size");
    inspection
}

/// One line of `expected.tsv`.
fn line(name: &str, inspection: &Inspection) -> String {
    fn number<T: ToString>(fact: Option<T>) -> String {
        fact.map_or("-".into(), |fact| fact.to_string())
    }
    match inspection {
        Inspection::Empty => format!("{name}\tempty\t-\t-\t-\t-"),
        Inspection::Unsupported { what, hint } => {
            format!("{name}\tunsupported\t-\t-\t-\t{what}: {hint}")
        }
        Inspection::Media(facts) => {
            let completeness = match &facts.completeness {
                Completeness::Complete => "complete",
                Completeness::Incomplete { reason } => reason,
                Completeness::CannotTell => "cannot tell",
            };
            format!(
                "{name}\t{}\t{}\t{}\t{}\t{completeness}",
                facts.media_type,
                number(facts.width),
                number(facts.height),
                number(facts.duration_ms),
            )
        }
    }
}

#[test]
fn every_file_of_the_corpus_gives_what_the_table_says() {
    let header = "file\ttype\twidth\theight\tduration_ms\tcompleteness or what and hint\n";
    let mut actual = header.to_owned();
    for (name, bytes) in corpus() {
        actual += &line(&name, &look(&name, &bytes));
        actual += "\n";
    }
    let expected = std::fs::read_to_string(corpus_dir().join("expected.tsv")).unwrap_or_default();
    assert!(actual == expected, "the table would be:\n{actual}");
}

#[test]
fn the_corpus_has_every_type_and_no_content_twice() {
    let mut types = BTreeSet::new();
    let mut contents = BTreeMap::new();
    for (name, bytes) in corpus() {
        if let Inspection::Media(facts) = look(&name, &bytes) {
            types.insert(facts.media_type);
        }
        if let Some(other) = contents.insert(bytes, name.clone()) {
            panic!("{name} and {other} are the same");
        }
    }
    let missing: Vec<_> = MediaType::ALL
        .into_iter()
        .filter(|media_type| !types.contains(media_type))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
