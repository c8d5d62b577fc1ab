//! Files to upload: the corpus, and pictures and sounds made here.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// A file of the corpus.
pub fn media(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/media").join(name)
}

/// What the corpus says of a file of it.
pub struct Expected {
    /// Its name.
    pub file: String,
    /// Its type, or `unsupported`, or `empty`.
    pub media_type: String,
    /// As displayed.
    pub size: Option<(u32, u32)>,
    /// For what is unsupported: what it is, and what to do.
    pub words: String,
}

/// What the corpus says of all its files.
pub fn corpus() -> Vec<Expected> {
    let table = std::fs::read_to_string(media("expected.tsv")).expect("the table");
    let read = |line: &str| {
        let cells: Vec<&str> = line.split('\t').collect();
        let number = |cell: &str| cell.parse::<u32>().ok();
        Expected {
            file: cells[0].to_owned(),
            media_type: cells[1].to_owned(),
            size: number(cells[2]).zip(number(cells[3])),
            words: cells[5].to_owned(),
        }
    };
    table.lines().skip(1).map(read).collect()
}

/// Writes a file, with the directories above it.
pub fn write(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
    std::fs::write(path, bytes).expect("a file");
}

/// A complete picture of one pixel, another for each number, and about as large as asked for: what
/// follows the end of a GIF is not looked at, so it is padded in a comment before it.
pub fn picture(number: u64, bytes: usize) -> Vec<u8> {
    let mut gif = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff".to_vec();
    gif.extend(b"\x21\xfe");
    gif.push(8);
    gif.extend(number.to_be_bytes());
    let mut state = number ^ 0x9E37_79B9_7F4A_7C15;
    while gif.len() + 15 < bytes {
        let block = (bytes - gif.len() - 15).clamp(1, 255);
        gif.push(block as u8);
        for _ in 0..block {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            gif.push((state >> 56) as u8);
        }
    }
    gif.push(0);
    gif.extend(b"\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00\x3b");
    gif
}

/// A complete WAV file of silence but for its end, as long as asked for, with hardly a block on the
/// disk. A hole at the very end would say that it was never written.
pub fn sparse_wav(path: &Path, bytes: u32) {
    let mut file = File::create(path).expect("a file");
    let mut head = b"RIFF".to_vec();
    head.extend((bytes - 8).to_le_bytes());
    head.extend(b"WAVEfmt ");
    head.extend(16_u32.to_le_bytes());
    head.extend([1, 0, 2, 0]);
    head.extend(48_000_u32.to_le_bytes());
    head.extend(192_000_u32.to_le_bytes());
    head.extend([4, 0, 16, 0]);
    head.extend(b"data");
    head.extend((bytes - 44).to_le_bytes());
    file.write_all(&head).expect("the head");
    file.set_len(u64::from(bytes)).expect("the length");
    file.seek(SeekFrom::End(-4)).expect("the end");
    file.write_all(&[1, 0, 1, 0]).expect("the end");
}
