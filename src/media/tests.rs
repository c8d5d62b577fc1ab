//! The corpus under `tests/media/`: what each file gives, whole, cut and damaged.
//!
//! Owns:
//! - every inspection here runs through [`look`], which counts what is read.

mod built;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::path::PathBuf;

use proptest::prelude::*;

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

/// Where the first picture of a JPEG file ends: what follows is an appendix.
fn first_picture_end(bytes: &[u8]) -> usize {
    let mut walk = jpeg::JpegWalk::default();
    walk.feed(bytes);
    walk.end.unwrap() as usize
}

/// The lengths to cut a file to: all near its ends and near what may name a box, a chunk, a page
/// or an element, and some between.
fn cuts(bytes: &[u8]) -> impl Iterator<Item = usize> {
    const CLUSTER: [u8; 4] = [0x1f, 0x43, 0xb6, 0x75];
    let near_a_name = |at: usize| {
        let window = &bytes[at.saturating_sub(12)..(at + 12).min(bytes.len())];
        window
            .windows(4)
            .any(|name| name.iter().all(u8::is_ascii_alphanumeric) || name == CLUSTER)
    };
    (0..bytes.len())
        .filter(move |&at| at < 1000 || at % 11 == 0 || bytes.len() - at < 200 || near_a_name(at))
}

#[test]
fn no_file_cut_at_any_length_is_complete() {
    for (name, bytes) in corpus() {
        let whole_from = match name.as_str() {
            "phone.jpg" | "motion-photo.jpg" => first_picture_end(&bytes),
            _ => bytes.len(),
        };
        for len in cuts(&bytes) {
            if let Inspection::Media(facts) = look(&name, &bytes[..len])
                && facts.completeness == Completeness::Complete
            {
                assert!(len >= whole_from, "{name} of {len} bytes: {facts:?}");
            }
        }
    }
}

/// How a file of the corpus is damaged.
#[derive(Debug, Clone)]
enum Damage {
    Set { at: usize, value: u8 },
    Number { at: usize, value: u32 },
    Cut { len: usize },
    Zero { at: usize, len: usize },
    Double { at: usize, len: usize },
    Drop { at: usize, len: usize },
}

fn damage() -> impl Strategy<Value = Damage> {
    // Headers are where a parser goes wrong: half of all damage is near the start.
    let at = prop_oneof![0_usize..200, any::<usize>()];
    let number = prop_oneof![
        Just(0),
        Just(1),
        Just(7),
        Just(u32::MAX),
        Just(0x7fff_ffff),
        Just(0x8000_0000),
        any::<u32>()
    ];
    prop_oneof![
        (at.clone(), any::<u8>()).prop_map(|(at, value)| Damage::Set { at, value }),
        (at.clone(), number).prop_map(|(at, value)| Damage::Number { at, value }),
        any::<usize>().prop_map(|len| Damage::Cut { len }),
        (at.clone(), 1_usize..300).prop_map(|(at, len)| Damage::Zero { at, len }),
        (at.clone(), 1_usize..300).prop_map(|(at, len)| Damage::Double { at, len }),
        (at, 1_usize..300).prop_map(|(at, len)| Damage::Drop { at, len }),
    ]
}

impl Damage {
    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let size = bytes.len();
        let range = |at: usize, len: usize| at % size..(at % size + len).min(size);
        match *self {
            Damage::Set { at, value } => bytes[at % size] = value,
            Damage::Number { at, value } => {
                let range = range(at, 4);
                let len = range.len();
                bytes[range].copy_from_slice(&value.to_be_bytes()[..len]);
            }
            Damage::Cut { len } => bytes.truncate(len % size),
            Damage::Zero { at, len } => bytes[range(at, len)].fill(0),
            Damage::Double { at, len } => {
                let copy = bytes[range(at, len)].to_vec();
                bytes.splice(at % size..at % size, copy);
            }
            Damage::Drop { at, len } => drop(bytes.drain(range(at, len))),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// No panic, no unbounded read, whatever is done to a file and whatever size is believed.
    #[test]
    fn damaged_files_are_looked_at_within_bounds(
        file in any::<prop::sample::Index>(),
        extension in prop::sample::select(vec!["", "mp3", "mjpeg", "jpg", "mpo", "mov", "weba", "ogv"]),
        damages in prop::collection::vec(damage(), 1..6),
        growth in prop_oneof![Just(0_i64), -50_i64..50],
    ) {
        static CORPUS: std::sync::LazyLock<Vec<Vec<u8>>> =
            std::sync::LazyLock::new(|| corpus().into_values().collect());
        let mut bytes = file.get(&CORPUS).clone();
        for damage in &damages {
            damage.apply(&mut bytes);
        }
        let name = format!("file.{extension}");
        let size = (bytes.len() as u64).saturating_add_signed(growth);
        look_sized(&name, &bytes, size);
        for media_type in MediaType::ALL {
            if let Some(mut walk) = Walk::new(media_type) {
                bytes.chunks(97).for_each(|chunk| walk.feed(chunk));
                walk.finish();
            }
        }
    }

    /// Noise behind a signature gets past the first door.
    #[test]
    fn noise_behind_a_signature_is_looked_at_within_bounds(
        signature in prop::sample::select(vec![
            &b"\x89PNG\r\n\x1a\n"[..], b"\xff\xd8\xff", b"GIF89a", b"RIFF\x00\x10\0\0WAVE",
            b"RF64\xff\xff\xff\xffWAVEds64", b"RIFF\0\x10\0\0AVI LIST\x20\0\0\0hdrl",
            b"RIFF\0\x10\0\0WEBPVP8 ", b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\xff",
            b"OggS\0\x02", b"fLaC\0\0\0\x22", b"ID3\x04\0\0\0\0\0\x05", b"FLV\x01\x05\0\0\0\x09",
            b"\0\0\x01\xba", b"\0\0\x01\xb3", b"\0\0\0\x10ftypisom\0\0\0\0", b"\0\0\x10\0moov",
            b"\xff\xfb\x90\x00", b"\x47\x40\0\x10", b"",
        ]),
        (mut seed, len) in (1..u64::MAX, 0_usize..6000),
        extension in prop::sample::select(vec!["", "mp3", "jpg", "mpo"]),
    ) {
        let mut bytes = signature.to_vec();
        bytes.extend(std::iter::repeat_with(|| {
            // Xorshift: a strategy of so many bytes spends its time on how to shrink them.
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed as u8
        }).take(len));
        look(&format!("file.{extension}"), &bytes);
    }
}

#[test]
fn the_samples_are_supported_complete_and_small() {
    let samples = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("samples");
    let mut total = 0;
    for entry in std::fs::read_dir(samples).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        total += bytes.len();
        let name = path.file_name().unwrap().to_str().unwrap();
        match look(name, &bytes) {
            Inspection::Media(facts) => {
                assert_eq!(facts.completeness, Completeness::Complete, "{name}")
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    assert!(total < 200_000, "{total}");
}
