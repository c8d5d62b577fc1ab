//! Many files at once, in directories that are new: each is uploaded, once.
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use taxiway::sandbox::Call;

use crate::memory::peak_kib;
use crate::support::{PATIENCE, Server, Taxiway, eventually, section, write};

/// Files, unless the environment says `TAXIWAY_DROP`.
const FILES: u32 = 5_000;
const DIRECTORIES_MOST: u32 = 1_000;
const FILES_A_DIRECTORY: u32 = 20;
/// In KiB, whatever the number of files.
const MEMORY_MOST: u64 = 48 * 1024;

#[test]
fn files_dropped_all_at_once_in_new_directories_are_each_uploaded_once() {
    let files = match std::env::var("TAXIWAY_DROP") {
        Ok(number) => number.parse().expect("TAXIWAY_DROP is a number of files"),
        Err(_) => FILES,
    };
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let folder = taxiway.folder("folder");
    taxiway.configure(&format!("[api]\nconcurrency = 16\n{}", section(&folder)));
    let daemon = taxiway.spawn(&["run", "-q"]);
    // The first one tells that it watches.
    write(&folder.join("0.png"), &tiny_png(0));
    eventually("it watches", || (server.uploads() == 1).then_some(()));

    let since = Instant::now();
    // One half is made in the folder while it is watched, the other comes with one rename.
    let aside = taxiway.folder("aside");
    let directories = (files / FILES_A_DIRECTORY).clamp(1, DIRECTORIES_MOST);
    let fill = |inside: &Path, parity: u32| {
        for directory in (0..directories).filter(|directory| directory % 2 == parity) {
            let path = inside.join(format!("{}/{directory}", directory % 10));
            std::fs::create_dir_all(&path).expect("a directory");
            for number in (1..files).skip(directory as usize).step_by(directories as usize) {
                let file = path.join(format!("{number}.png"));
                std::fs::write(file, tiny_png(number)).expect("a file");
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| fill(&folder, 0));
        fill(&aside, 1);
        std::fs::rename(&aside, folder.join("aside")).expect("moved in");
    });
    let dropped = since.elapsed();
    all_answered(&server, files);
    let uploaded = since.elapsed();
    let peak = peak_kib(daemon.pid()).expect("the daemon's memory");
    daemon.stop();
    println!(
        "{files} files in {directories} directories: dropped in {} ms, uploaded in {} ms, \
         {peak} KiB at most",
        dropped.as_millis(),
        uploaded.as_millis(),
    );

    let names: BTreeSet<String> = server.assets().iter().map(|a| a.name.clone()).collect();
    assert_eq!(names, (0..files).map(|number| format!("{number}.png")).collect());
    server.nothing_twice();
    let rows = taxiway.rows();
    assert_eq!(rows.len(), files as usize, "a row for each file, and no other");
    let mut asset_ids = BTreeSet::new();
    for row in &rows {
        assert_eq!((&row["state"], &row["attempts"]), (&"uploaded".into(), &1.into()), "{row}");
        assert!(asset_ids.insert(row["asset_id"].as_str().expect("an id")), "{row}");
    }
    taxiway.run(&["run", "--once", "-q"]).exits(0);
    assert_eq!(server.uploads(), u64::from(files), "a later look finds nothing to do");
    assert!(peak < MEMORY_MOST, "{peak} KiB were resident");
}

/// Waits until so many uploads were answered, as long as more and more are.
#[track_caller]
fn all_answered(server: &Server, files: u32) {
    let (mut last, mut since) = (0, Instant::now());
    loop {
        let counters = server.counters(Call::Upload);
        let answered = counters.answered.get(&200).copied().unwrap_or(0);
        if answered >= u64::from(files) {
            return;
        }
        if answered > last {
            (last, since) = (answered, Instant::now());
        }
        assert!(since.elapsed() < PATIENCE, "no more than {answered} arrive: {counters:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A picture of one pixel, with a number in a chunk of text.
fn tiny_png(number: u32) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |kind: &[u8; 4], data: &[u8]| {
        png.extend((data.len() as u32).to_be_bytes());
        let checked = [kind.as_slice(), data].concat();
        png.extend(&checked);
        png.extend(crc32(&checked).to_be_bytes());
    };
    chunk(b"IHDR", &[0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0]);
    chunk(b"tEXt", format!("number\0{number}").as_bytes());
    // One row: no filter, black; stored, with its Adler-32.
    chunk(b"IDAT", b"\x78\x01\x01\x02\x00\xfd\xff\x00\x00\x00\x02\x00\x01");
    chunk(b"IEND", b"");
    png
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let carry = crc & 1;
            crc = (crc >> 1) ^ (0xEDB8_8320 * carry);
        }
    }
    !crc
}

#[test]
fn the_pictures_are_what_they_should_be() {
    // The check value of this CRC.
    assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    assert_ne!(tiny_png(1), tiny_png(2));
}
