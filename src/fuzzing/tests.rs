//! The corpus, and what chance makes of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::sim::rng::Rng;

/// What chance makes of each corpus in an ordinary run.
const MUTATIONS: usize = 4_000;

/// A function for fuzzers, where its corpus lies, and words that its grammar knows.
struct Target {
    name: &'static str,
    check: fn(&[u8]),
    seeds: &'static [&'static str],
    words: &'static [&'static str],
}

const TARGETS: [Target; 3] = [
    Target {
        name: "answers",
        check: super::answers,
        seeds: &["tests/fuzz/answers"],
        words: &[
            "200 whole\n\n",
            "408 whole\n\n",
            "596 whole\n\n",
            "429\nretry-after: ",
            "1e400",
            "Wed, 21 Oct 2015 07:28:00 GMT",
            "retryAfter",
            "{\"error\":",
            "{\"assetId\":\"",
            "user:1-runwayml:a@b.c-asset:0f-1",
            "-asset:",
            "\\u202e",
            "\u{202e}",
            "\\u0000",
            "[",
            "]",
            "{",
            "}",
            "null",
            "<title>",
            "</title>",
            "<script>",
            "&lt;",
            "-1",
            "9e99",
            "\r\n",
        ],
    },
    Target {
        name: "configuration",
        check: super::configuration,
        seeds: &["tests/fuzz/configuration", "packaging/config.example.toml"],
        words: &[
            "[api]\n",
            "[[folder]]\n",
            "[control]\n",
            "path = ",
            "concurrency = ",
            "\"~/x\"",
            "'''",
            "\"\"\"",
            "settle = \"2s\"",
            "incomplete = \"send\"",
            "rate_limit = \"8MB/s\"",
            "base_url = \"http://[::1]:1/x\"",
            "name = \"{stem}\"",
            "include = [\"*.png\"]",
            "9223372036854775807",
            "0x",
            "nan",
            "1979-05-27",
            "\\u0000",
            "\u{202e}",
            "\0",
            "\n",
            "#",
            "=",
            "[",
            "]",
            "{",
            "}",
            ",",
            "user:1-abc",
        ],
    },
    Target {
        name: "media",
        check: super::media,
        seeds: &["tests/fuzz/media", "tests/media"],
        words: &[
            "\u{0}\u{0}\u{0}\u{8}free",
            "moov",
            "trak",
            "mdat",
            "RIFF",
            "WAVE",
            "data",
            "LIST",
            "GIF89a",
            "OggS",
            "fLaC",
            "ID3",
            "IEND",
            "IHDR",
            "Exif\u{0}\u{0}",
            "MPF\u{0}",
            "ftypqt  ",
            "\u{0}\u{0}\u{1}",
            "FLV",
            "Info\u{0}\u{0}\u{0}\u{f}",
            "APETAGEX",
            "TAG",
            "ds64",
            "idx1",
            "movi",
            "MotionPhoto",
            "\u{0}\u{0}\u{0}\u{10}ftypmp42",
            "\u{0}\u{0}\u{0}\u{1}mdat",
            "\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}",
            "M\u{bb}\u{8b}S\u{ab}",
        ],
    },
];

/// The inputs that are kept, by path.
fn corpus(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for seeds in target.seeds.iter().map(|seeds| root.join(seeds)) {
        match std::fs::read_dir(&seeds) {
            Ok(entries) => files.extend(entries.map(|entry| entry.unwrap().path())),
            Err(_) => files.push(seeds),
        }
    }
    files.sort();
    let all = files.into_iter().map(|file| {
        let bytes = std::fs::read(&file).unwrap();
        (file, bytes)
    });
    all.collect()
}

#[test]
fn every_input_of_the_corpus_finds_every_promise_kept() {
    for target in &TARGETS {
        let corpus = corpus(target);
        assert!(corpus.len() >= 20, "{}: {} inputs", target.name, corpus.len());
        for (file, bytes) in corpus {
            let kept = catch_unwind(|| (target.check)(&bytes));
            assert!(kept.is_ok(), "{}: see above", file.display());
        }
    }
}

#[test]
fn what_chance_makes_of_the_corpus_finds_every_promise_kept() {
    std::thread::scope(|scope| {
        for target in &TARGETS {
            scope.spawn(move || mutate(target));
        }
    });
}

fn mutate(target: &Target) {
    let corpus: Vec<Vec<u8>> = corpus(target).into_iter().map(|(_, bytes)| bytes).collect();
    let (mut left, until, rng) = endurance();
    let rng = &mut Rng(rng);
    while left > 0 || until.is_some_and(|until| Instant::now() < until) {
        left = left.saturating_sub(1);
        let mut bytes = rng.pick(&corpus).clone();
        for _ in 0..1 + rng.below(5) {
            change(&mut bytes, target, &corpus, rng);
        }
        let kept = catch_unwind(AssertUnwindSafe(|| (target.check)(&bytes)));
        if kept.is_err() {
            let file = std::env::temp_dir().join(format!("taxiway-fuzz-{}", target.name));
            std::fs::write(&file, &bytes).unwrap();
            panic!("{}: see above; the input is in {}", target.name, file.display());
        }
    }
}

/// So many inputs, or until when; and the seed. `TAXIWAY_FUZZ` asks for minutes of new ones.
fn endurance() -> (usize, Option<Instant>, u64) {
    let Ok(minutes) = std::env::var("TAXIWAY_FUZZ") else { return (MUTATIONS, None, 7) };
    let minutes: u64 = minutes.parse().expect("TAXIWAY_FUZZ is a number of minutes");
    let now = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos() as u64);
    (0, Some(Instant::now() + Duration::from_secs(60 * minutes)), now)
}

/// One change somewhere; near the start more often, because headers are there.
fn change(bytes: &mut Vec<u8>, target: &Target, corpus: &[Vec<u8>], rng: &mut Rng) {
    let size = bytes.len() as u64;
    let near = if rng.chance(50) { size.min(200) } else { size };
    let at = rng.below(near) as usize;
    let end = (at + 1 + rng.below(300) as usize).min(bytes.len());
    let at = at.min(end);
    match rng.below(9) {
        0 if at < end => bytes[at] = rng.next() as u8,
        1 if at < end => bytes[at] ^= 1 << rng.below(8),
        2 => {
            let number = *rng.pick(&[0, 1, 7, u32::MAX, 0x7fff_ffff, 0x8000_0000]);
            let number = number.to_be_bytes();
            let end = (at + 4).min(bytes.len());
            bytes[at..end].copy_from_slice(&number[..end - at]);
        }
        3 => bytes.truncate(rng.below(size + 1) as usize),
        4 => drop(bytes.drain(at..end)),
        5 => {
            let copy = bytes[at..end].to_vec();
            bytes.splice(at..at, copy);
        }
        6 => {
            let other = rng.pick(corpus);
            let from = rng.below(other.len() as u64) as usize;
            let to = (from + rng.below(400) as usize).min(other.len());
            bytes.splice(at..end, other[from.min(to)..to].iter().copied());
        }
        _ => drop(bytes.splice(at..at, rng.pick(target.words).bytes())),
    }
}
