//! The corpus under `tests/media/`: what each file gives, whole, cut and damaged.
//!
//! Owns:
//! - every inspection here runs through [`look`], which counts what is read.

mod boundaries;
mod cuts;
mod damage;
mod films;
mod larger;
mod pictures;
mod sound;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

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

/// Inspects `bytes` and checks that the inspection stayed within its bounds.
fn look(name: &str, bytes: &[u8]) -> Inspection {
    look_sized(name, bytes, bytes.len() as u64)
}

fn look_sized(name: &str, bytes: &[u8], size: u64) -> Inspection {
    fuzzed::look(name, bytes, size)
}

fn facts(name: &str, bytes: &[u8]) -> Facts {
    match look(name, bytes) {
        Inspection::Media(facts) => facts,
        other => panic!("{name}: {other:?}"),
    }
}

fn media_type(name: &str, bytes: &[u8]) -> MediaType {
    facts(name, bytes).media_type
}

fn verdict(name: &str, bytes: &[u8]) -> Completeness {
    facts(name, bytes).completeness
}

fn is_incomplete(completeness: &Completeness) -> bool {
    matches!(completeness, Completeness::Incomplete { .. })
}

fn file(name: &str) -> Vec<u8> {
    corpus().remove(name).unwrap()
}

fn put32(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

fn find(bytes: &[u8], what: &[u8]) -> usize {
    bytes.windows(what.len()).position(|window| window == what).unwrap()
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
    let missing: Vec<_> =
        MediaType::ALL.into_iter().filter(|media_type| !types.contains(media_type)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Where the first picture of a JPEG file ends: what follows is an appendix.
fn first_picture_end(bytes: &[u8]) -> usize {
    let mut walk = jpeg_walk::JpegWalk::default();
    walk.feed(bytes);
    walk.end.unwrap() as usize
}

/// The lengths to cut a file to: all near its ends and near what may name a box, a chunk, a page
/// or an element, and some between.
fn cuts(bytes: &[u8]) -> impl Iterator<Item = usize> {
    const CLUSTER: [u8; 4] = [0x1f, 0x43, 0xb6, 0x75];
    let near_a_name = |at: usize| {
        let window = &bytes[at.saturating_sub(12)..(at + 12).min(bytes.len())];
        window.windows(4).any(|name| name.iter().all(u8::is_ascii_alphanumeric) || name == CLUSTER)
    };
    (0..bytes.len())
        .filter(move |&at| at < 1000 || at % 11 == 0 || bytes.len() - at < 200 || near_a_name(at))
}

#[test]
fn no_file_cut_at_any_length_is_complete() {
    for (name, bytes) in corpus() {
        // What is no part of a picture and not announced by it is not missed either.
        let whole = match name.as_str() {
            "motion-photo.jpg" => first_picture_end(&bytes),
            _ => bytes.len(),
        };
        for len in cuts(&bytes) {
            if let Inspection::Media(facts) = look(&name, &bytes[..len])
                && facts.completeness == Completeness::Complete
            {
                assert!(len == whole, "{name} of {len} bytes: {facts:?}");
            }
        }
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

#[test]
fn the_extension_decides_only_between_types_the_content_allows() {
    let cases = [
        ("picture.png", "picture.jpg", MediaType::Png),
        ("picture.png", "picture.mp4", MediaType::Png),
        ("phone.jpg", "phone.jpg", MediaType::Jpeg),
        ("phone.jpg", "phone.MPO", MediaType::Mpo),
        ("phone.jpg", "phone", MediaType::Jpeg),
        ("phone.jpg", "phone.mjpeg", MediaType::Jpeg),
        ("picture.jpg", "picture.mpo", MediaType::Jpeg),
        ("picture.jpg", "picture.png", MediaType::Jpeg),
        ("picture.jpg", ".jpg", MediaType::Jpeg),
        ("picture.jpg", "picture.MJPEG", MediaType::MotionJpeg),
        ("film.mjpeg", "film", MediaType::MotionJpeg),
        ("film.mjpeg", "film.avi", MediaType::MotionJpeg),
        ("film.mjpeg", "film.jpg", MediaType::Jpeg),
        ("film.mov", "film.mp4", MediaType::QuickTime),
        ("moov-at-end.mp4", "film.mov", MediaType::Mp4),
        ("moov-at-end.mp4", "film.3gp", MediaType::Mp4),
        ("moov-at-end.mp4", "film", MediaType::Mp4),
        ("film.3gp", "film.mp4", MediaType::Mp4),
        ("film.3gp", "film.mov", MediaType::ThreeGpp),
        ("sound.webm", "film.webm", MediaType::WebmAudio),
        ("vp9.webm", "sound.weba", MediaType::WebmVideo),
        ("film.mkv", "film.webm", MediaType::Matroska),
        ("theora.ogv", "sound.ogg", MediaType::OggVideo),
        ("sound.opus", "film.ogv", MediaType::OggAudio),
        ("xing.mp3", "sound", MediaType::Mp3),
        ("xing.mp3", "sound.wav", MediaType::Mp3),
        ("film.ts", "code.txt", MediaType::Mp2t),
        ("film.m2ts", "film", MediaType::Mp2t),
        ("parity.ts", "film", MediaType::Mp2t),
    ];
    for (content, name, expected) in cases {
        let content_of = |name| larger::larger(name).unwrap_or_else(|| file(name));
        assert_eq!(media_type(name, &content_of(content)), expected, "{content} as {name}");
    }
}

#[test]
fn a_web_page_with_a_picture_is_no_picture() {
    let page = b"<!DOCTYPE html><HTML><body><svg width='1'/></body></HTML>";
    assert!(matches!(
        look("a.html", page),
        Inspection::Unsupported { what, .. } if what != "SVG picture"
    ));
}

#[test]
fn io_errors_are_the_callers() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("broken"))
        }
    }
    impl Seek for Broken {
        fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
            Ok(0)
        }
    }
    assert!(inspect(&mut Broken, 10, OsStr::new("a.png")).is_err());
}

#[test]
fn one_missing_byte_of_what_is_promised_is_incomplete() {
    for name in [
        "picture.png",
        "picture.jpg",
        "pair.mpo",
        "lossy.webp",
        "pcm.wav",
        "rf64.wav",
        "film.avi",
        "faststart.mp4",
        "moov-at-end.mp4",
        "film.mov",
        "film.3gp",
        "film.mkv",
        "sound.webm",
    ] {
        let mut bytes = file(name);
        bytes.pop();
        assert!(is_incomplete(&verdict(name, &bytes)), "{name}");
    }
}
