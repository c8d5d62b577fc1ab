//! Programs that write into a watched folder, each in its own way, and make pauses meanwhile.
//!
//! Owns the promise that no half file is ever sent, and each final content once. A writer is a real
//! process (`writers/write.py`). A pause lasts until the file is known to be settling, and then
//! until two whole files, written later and with nothing to prove their end but the quiet time, are
//! on the server, one after the other: what would be sent too early is sent by then.
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;
use taxiway::sandbox::Call;

use crate::support::{Daemon, Server, Taxiway, eventually, media, picture, section, write};

/// Types whose end can be told from the content.
const TELLING: &[&str] = &[
    "picture.png",
    "picture.jpg",
    "still.gif",
    "lossless.webp",
    "moov-at-end.mp4",
    "faststart.mp4",
    "film.mov",
    "film.mkv",
    "vp8.webm",
    "film.avi",
    "pcm.wav",
];

/// Types that are as good when they are cut in the right places.
const SILENT: &[&str] = &[
    "bare.mp3",
    "film.ts",
    "film.mjpeg",
    "film.mpg",
    "vorbis.ogg",
    "fragmented.mp4",
    "live.webm",
    "streamed.wav",
    "film.flv",
    "sound.flac",
];

/// What tells so, and what does not, where the way of writing matters more than the type.
const SOME: &[&str] = &["bare.mp3", "film.ts", "picture.png", "faststart.mp4"];

/// `OVERLAYFS_SUPER_MAGIC` of linux/magic.h.
const OVERLAY: i64 = 0x794C_7630;

/// A daemon, a server, and writers between them.
struct Scene {
    server: Server,
    taxiway: Taxiway,
    daemon: Daemon,
    folder: PathBuf,
    /// Name and hash of all that may be on the server.
    wanted: BTreeSet<(String, String)>,
    witnesses: u8,
}

impl Scene {
    fn open() -> Scene {
        Scene::with("", None)
    }

    /// `folder`: if it is not to be in the home.
    fn with(settings: &str, folder: Option<PathBuf>) -> Scene {
        let server = Server::start();
        let taxiway = Taxiway::with(&server);
        let folder = folder.unwrap_or_else(|| taxiway.folder("folder"));
        let section = section(&folder);
        taxiway.configure(&format!("{section}settle = \"50ms\"\n{settings}"));
        let daemon = taxiway.daemon();
        Scene { server, taxiway, daemon, folder, wanted: BTreeSet::new(), witnesses: 0 }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// These bytes may be sent under this name.
    fn allow(&mut self, name: &str, bytes: &[u8]) {
        self.wanted.insert((name.to_owned(), hash(bytes)));
    }

    /// A whole file comes, and is uploaded.
    #[track_caller]
    fn uploads(&mut self, name: &str, bytes: &[u8]) {
        let path = self.file(name);
        self.allow(name, bytes);
        write(&path, bytes);
        self.daemon.event_of("uploaded", &path);
    }

    /// Files of the corpus, written this way side by side, are sent when they are whole.
    #[track_caller]
    fn delivers(&mut self, way: &str, names: &[&str]) {
        let contents = names.iter().map(|name| (*name, std::fs::read(media(name)).expect(name)));
        self.delivers_these(way, &contents.collect::<Vec<_>>());
    }

    #[track_caller]
    fn delivers_these(&mut self, way: &str, contents: &[(&str, Vec<u8>)]) {
        self.play(way, contents);
        for (name, bytes) in contents {
            self.allow(name, bytes);
        }
        eventually("the contents are on the server", || {
            self.nothing_half(way);
            let rows = self.taxiway.rows();
            let there = |(name, bytes): &(&str, Vec<u8>)| {
                let row = row_of(&rows, &self.file(name));
                row.is_some_and(|row| row["state"] == "uploaded" && row["hash"] == hash(bytes))
            };
            contents.iter().all(there).then_some(())
        });
    }

    /// Lets writers run to their ends, with a pause for all wherever each makes one.
    #[track_caller]
    fn play(&mut self, way: &str, contents: &[(&str, Vec<u8>)]) {
        let started = contents.iter().map(|(name, bytes)| {
            let source = self.taxiway.path("contents").join(name);
            write(&source, bytes);
            Writer::start(way, self.file(name), &source)
        });
        let mut writers: Vec<Writer> = started.collect();
        let mut pauses = 0;
        loop {
            let words: Vec<Option<String>> = writers.iter_mut().map(Writer::word).collect();
            // The last act of a writer is to close its file, which may be all that was missing.
            for ((name, bytes), _) in contents.iter().zip(&words).filter(|(_, word)| word.is_none())
            {
                if way != "killed" {
                    self.allow(name, bytes);
                }
            }
            if words.iter().all(Option::is_none) {
                break;
            }
            let settling = |word: &Option<String>| word.as_deref() == Some("settling");
            let seen = writers.iter().zip(&words).filter(|(_, word)| settling(word));
            let seen: Vec<&Path> = seen.map(|(writer, _)| writer.target.as_path()).collect();
            self.pause(way, &seen);
            pauses += 1;
            writers.iter_mut().for_each(Writer::go_on);
        }
        for writer in &mut writers {
            let status = writer.child.wait().expect("a status");
            assert_eq!(status.success(), way != "killed", "{way}: {}", writer.target.display());
        }
        assert_eq!(pauses == 0, way == "copy_by_tools", "{way}: {pauses} pauses");
    }

    #[track_caller]
    fn pause(&mut self, way: &str, settling: &[&Path]) {
        eventually(&format!("{way}: {settling:?} are settling"), || {
            self.nothing_half(way);
            let rows = self.taxiway.rows();
            let seen =
                |path: &&Path| row_of(&rows, path).is_some_and(|row| row["state"] == "settling");
            settling.iter().all(seen).then_some(())
        });
        for _ in 0..2 {
            self.witness();
        }
        self.nothing_half(way);
        let rows = self.taxiway.rows();
        for path in settling {
            let row = row_of(&rows, path).expect("a row");
            assert_eq!(row["state"], "settling", "{way}: {row:#}");
        }
    }

    /// A sound like no other goes through.
    #[track_caller]
    fn witness(&mut self) {
        self.witnesses += 1;
        let mut bytes = std::fs::read(media("bare.mp3")).expect("a sound");
        *bytes.last_mut().expect("a byte") ^= self.witnesses;
        self.uploads(&format!("witness-{}.mp3", self.witnesses), &bytes);
    }

    /// Nothing was stored but what may be.
    #[track_caller]
    fn nothing_half(&self, way: &str) {
        for asset in self.server.assets() {
            let sent = (asset.name.clone(), asset.blake3.clone());
            let size = asset.size;
            assert!(self.wanted.contains(&sent), "{way}: half of {} ({size} bytes)", asset.name);
        }
    }

    /// Each content that may be on the server is there once, and nothing else was even begun.
    #[track_caller]
    fn ends(self) {
        self.daemon.stop();
        let assets = self.server.assets().into_iter();
        let stored: BTreeSet<_> = assets.map(|a| (a.name.clone(), a.blake3.clone())).collect();
        assert_eq!(stored, self.wanted);
        self.server.nothing_twice();
        let counters = self.server.counters(Call::Upload);
        assert_eq!(counters.total, stored.len() as u64, "{counters:?}\n{:#?}", self.server.log());
    }
}

/// A running writer.
struct Writer {
    target: PathBuf,
    child: Child,
    says: BufReader<ChildStdout>,
    hears: ChildStdin,
}

impl Writer {
    fn start(way: &str, target: PathBuf, source: &Path) -> Writer {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/writers/write.py");
        let mut command = Command::new("python3");
        command.arg("-B").arg(script).arg(way).arg(&target).arg(source);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("python3");
        let hears = child.stdin.take().expect("a pipe");
        let says = BufReader::new(child.stdout.take().expect("a pipe"));
        Writer { target, child, says, hears }
    }

    /// What it says of its next pause; none if it has ended.
    fn word(&mut self) -> Option<String> {
        let mut line = String::new();
        let length = self.says.read_line(&mut line).expect("what the writer says");
        (length > 0).then(|| line.trim_end().to_owned())
    }

    fn go_on(&mut self) {
        // One that has ended does not listen.
        let _ = self.hears.write_all(b"\n");
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

fn row_of<'a>(rows: &'a [Value], path: &Path) -> Option<&'a Value> {
    rows.iter().find(|row| row["path"] == path.to_string_lossy().as_ref())
}

/// Whole files of these types in which much is otherwise than in the corpus, at the same size.
fn altered(name: &str) -> Vec<u8> {
    let mut bytes = std::fs::read(media(name)).expect("a file");
    let (from, step) = match name.rsplit_once('.') {
        Some((_, "wav")) => (64, 32),
        // Within the packet of 188 bytes.
        Some((_, "ts")) => (150, 188),
        other => panic!("{other:?} is not altered"),
    };
    for at in (from..bytes.len()).step_by(step) {
        bytes[at] ^= 0x15;
    }
    bytes
}

fn delivered(way: &str, names: &[&str]) {
    let mut scene = Scene::open();
    scene.delivers(way, names);
    scene.ends();
}

#[test]
fn a_file_held_open_over_long_pauses_is_not_at_rest() {
    delivered("append_held_open", &[SILENT, TELLING].concat());
}

#[test]
fn a_file_closed_between_its_pieces_is_at_rest_only_where_its_end_is_there() {
    delivered("append_and_close", TELLING);
}

#[test]
fn a_preallocated_file_is_sent_when_it_is_filled() {
    delivered("preallocate_and_fill", SOME);
}

#[test]
fn a_file_whose_head_is_written_last_is_sent_when_it_is_there() {
    delivered("fill_backwards", SOME);
}

#[test]
fn a_hole_that_is_filled_later_is_not_sent() {
    delivered("sparse", SOME);
}

#[test]
fn a_file_written_through_a_mapping_is_sent_when_it_is_unmapped() {
    // Overlays, which containers have for disks, grant a lease on what is mapped and closed: there
    // nothing can prove it.
    let temporary = rustix::fs::statfs(std::env::temp_dir()).expect("a file system");
    if temporary.f_type as i64 != OVERLAY {
        delivered("map_and_write", SOME);
    }
    let memory = tempfile::tempdir_in("/dev/shm").expect("a directory in memory");
    let mut scene = Scene::with("", Some(memory.path().to_owned()));
    scene.delivers("map_and_write", SOME);
    scene.ends();
}

#[test]
fn a_file_that_is_begun_anew_is_sent_as_it_ends() {
    delivered("truncate_and_rewrite", SOME);
}

#[test]
fn a_file_with_two_writers_waits_for_the_last() {
    delivered("two_writers", SOME);
}

#[test]
fn a_file_that_a_child_goes_on_writing_waits_for_the_child() {
    delivered("inherited", SOME);
}

#[test]
fn a_file_that_grows_under_another_name_is_sent_once_it_has_its_own() {
    for way in ["rename", "rename_from_outside", "rsync", "chromium", "firefox"] {
        delivered(way, SOME);
    }
}

#[test]
fn a_file_that_is_written_to_after_it_was_renamed_waits_for_its_end() {
    delivered("rename_then_write", SOME);
}

#[test]
fn a_copy_whose_times_are_of_long_ago_is_sent_when_it_is_closed() {
    delivered("copy", SOME);
    delivered("copy_by_tools", SOME);
}

#[test]
fn new_content_over_an_uploaded_file_is_a_new_asset_when_it_is_whole() {
    for way in ["copy", "rename", "truncate_and_rewrite", "rsync"] {
        let mut scene = Scene::open();
        // Of another length, and of another type.
        scene.uploads("bare.mp3", &std::fs::read(media("tagged.mp3")).expect("a sound"));
        scene.uploads("picture.png", &std::fs::read(media("animated.png")).expect("a picture"));
        scene.uploads("faststart.mp4", &std::fs::read(media("rotated.mp4")).expect("a film"));
        scene.delivers(way, &["bare.mp3", "picture.png", "faststart.mp4"]);
        scene.ends();
    }
}

#[test]
fn a_file_that_is_written_over_in_place_is_whole_all_the_time_and_still_not_at_rest() {
    let mut scene = Scene::open();
    scene.uploads("pcm.wav", &altered("pcm.wav"));
    scene.uploads("film.ts", &altered("film.ts"));
    scene.uploads("a.gif", &picture(1, 5_000));
    let mut contents = vec![("a.gif", picture(2, 5_000))];
    for name in ["pcm.wav", "film.ts"] {
        contents.push((name, std::fs::read(media(name)).expect("a file")));
    }
    scene.delivers_these("write_in_place", &contents);
    scene.ends();
}

#[test]
fn what_a_killed_writer_leaves_fails_as_incomplete_and_is_sent_when_it_is_whole() {
    let mut scene = Scene::with("incomplete = \"300ms\"\n", None);
    let read = |name: &&'static str| (*name, std::fs::read(media(name)).expect("a file"));
    let contents: Vec<_> = TELLING.iter().map(read).collect();
    scene.play("killed", &contents);
    for (name, _) in &contents {
        let path = scene.file(name);
        let row = eventually("it has failed", || {
            let row = scene.taxiway.row(&path);
            scene.nothing_half("killed");
            (row["state"] == "failed").then_some(row)
        });
        let reason = row["reason"].as_str().unwrap_or_default();
        println!("{name}: {reason}");
        assert!(reason.starts_with("incomplete: "), "{row}");
    }
    // Somebody downloads the rest.
    scene.delivers_these("resume", &contents);
    scene.ends();
}
