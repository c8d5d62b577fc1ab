//! Where a file can be cut between two of its parts, found without the code under test.
//!
//! Owns:
//! - too many places are no harm, too few are: containers are entered, not stepped over.

use std::collections::BTreeSet;

/// How a format is put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Png,
    Jpeg,
    Gif,
    Riff,
    Boxes,
    Ebml,
    Ogg,
    Flac,
    MpegAudio,
    MpegVideo,
    Flv,
    /// Packets of so many bytes.
    Packets(usize),
}

/// The ends of all parts of a file, within it.
pub(super) fn boundaries(shape: Shape, bytes: &[u8]) -> BTreeSet<usize> {
    let mut found = match shape {
        Shape::Png => png(bytes),
        Shape::Jpeg => jpeg(bytes),
        Shape::Gif => gif(bytes),
        Shape::Riff => riff(bytes),
        Shape::Boxes => boxes(bytes, 0),
        Shape::Ebml => ebml(bytes),
        Shape::Ogg => ogg(bytes),
        Shape::Flac => {
            let mut found = flac_blocks(bytes);
            found.extend(places(bytes, |window| window[0] == 0xff && window[1] & 0xfe == 0xf8));
            found
        }
        Shape::MpegAudio => places(bytes, |window| window[0] == 0xff && window[1] >= 0xe0),
        Shape::MpegVideo => places(bytes, |window| window[..3] == [0, 0, 1]),
        Shape::Flv => flv(bytes),
        Shape::Packets(len) => (0..bytes.len()).step_by(len).collect(),
    };
    found.retain(|&at| at < bytes.len());
    assert!(found.len() >= 3, "{shape:?}: {found:?}");
    found
}

fn be(bytes: &[u8], at: usize, len: usize) -> Option<usize> {
    let number = bytes.get(at..at + len)?;
    Some(number.iter().fold(0, |number, &byte| number << 8 | usize::from(byte)))
}

fn le32(bytes: &[u8], at: usize) -> Option<usize> {
    let number = bytes.get(at..at + 4)?;
    Some(number.iter().rev().fold(0, |number, &byte| number << 8 | usize::from(byte)))
}

/// Every place at which four bytes pass for the start of a part.
fn places(bytes: &[u8], is_start: impl Fn(&[u8]) -> bool) -> BTreeSet<usize> {
    let starts = bytes.windows(4).enumerate().filter(|(_, window)| is_start(window));
    starts.map(|(at, _)| at).collect()
}

fn png(bytes: &[u8]) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut at = 8;
    while let Some(len) = be(bytes, at, 4) {
        found.extend([at, at + 4, at + 8, at + 8 + len, at + 12 + len]);
        at += 12 + len;
    }
    found
}

/// Every marker, those of thumbnails and of pictures behind the first included, and the boxes of
/// a film behind the last picture.
fn jpeg(bytes: &[u8]) -> BTreeSet<usize> {
    let mut found = places(bytes, |window| window[0] == 0xff && !matches!(window[1], 0 | 0xff));
    let ends: Vec<usize> =
        places(bytes, |window| window[..2] == [0xff, 0xd9]).into_iter().map(|at| at + 2).collect();
    if let Some(film) = ends.iter().find(|&&end| bytes.get(end + 4..end + 8) == Some(b"ftyp")) {
        found.extend(boxes(bytes, *film));
    }
    found.extend(ends);
    let mut at = 2;
    while let (Some(marker), Some(len)) = (be(bytes, at, 2), be(bytes, at + 2, 2)) {
        found.extend([at, at + 2, at + 4, at + 2 + len]);
        at += 2 + len;
        if marker == 0xffda {
            break;
        }
    }
    found
}

fn gif(bytes: &[u8]) -> BTreeSet<usize> {
    let table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    let mut at = 13 + table(bytes[10]);
    let mut found = BTreeSet::from([6, 13, at]);
    while let Some(&introducer) = bytes.get(at) {
        at += match introducer {
            0x21 => 2,
            0x2c => 10 + table(bytes[at + 9]) + 1,
            _ => break,
        };
        found.insert(at);
        while let Some(&len) = bytes.get(at) {
            at += 1 + usize::from(len);
            found.insert(at);
            if len == 0 {
                break;
            }
        }
    }
    found
}

fn riff(bytes: &[u8]) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut at = 0;
    while let (Some(kind), Some(len)) = (bytes.get(at..at + 4), le32(bytes, at + 4)) {
        found.extend([at, at + 8]);
        at += match kind {
            b"RIFF" | b"LIST" | b"RF64" | b"BW64" => 12,
            b"idx1" => {
                found.extend((0..len).step_by(16).map(|entry| at + 8 + entry));
                8 + len
            }
            _ => 8 + len + len % 2,
        };
        found.extend([at, at.saturating_sub(1)]);
    }
    found
}

fn boxes(bytes: &[u8], start: usize) -> BTreeSet<usize> {
    const CONTAINERS: [&[u8; 4]; 13] = [
        b"moov", b"trak", b"mdia", b"minf", b"dinf", b"stbl", b"mvex", b"moof", b"traf", b"mfra",
        b"udta", b"edts", b"gmhd",
    ];
    let mut found = BTreeSet::new();
    let mut at = start;
    while let (Some(len), Some(kind)) = (be(bytes, at, 4), bytes.get(at + 4..at + 8)) {
        found.extend([at, at + 4, at + 8]);
        let table = matches!(kind, b"stco" | b"stsz" | b"stts" | b"stsc" | b"stss" | b"dref");
        if table && len > 8 {
            found.extend((at + 8..at + len).step_by(4));
        }
        at += match len {
            // A list of boxes that ends with zeros, or a box to the end of the file.
            0 if kind == b"mdat" => break,
            0 => 4,
            _ if CONTAINERS.iter().any(|container| *container == kind) => 8,
            _ => len.max(8),
        };
        found.insert(at);
    }
    found
}

fn ebml(bytes: &[u8]) -> BTreeSet<usize> {
    const MASTERS: [u32; 19] = [
        0x1a45_dfa3,
        0x1853_8067,
        0x114d_9b74,
        0x4dbb,
        0x1549_a966,
        0x1654_ae6b,
        0xae,
        0xe0,
        0xe1,
        0x1f43_b675,
        0xa0,
        0x1c53_bb6b,
        0xbb,
        0xb7,
        0x1254_c367,
        0x7373,
        0x67c8,
        0x63c0,
        0x7670,
    ];
    let mut found = BTreeSet::new();
    let mut at = 0;
    while let Some(&first) = bytes.get(at) {
        let id_len = first.leading_zeros() as usize + 1;
        let (Some(id), Some(&size)) = (be(bytes, at, id_len), bytes.get(at + id_len)) else {
            break;
        };
        let size_len = size.leading_zeros() as usize + 1;
        let Some(len) = be(bytes, at + id_len, size_len) else { break };
        let data = at + id_len + size_len;
        found.extend([at, at + id_len, data]);
        let master = MASTERS.iter().any(|&master| master as usize == id);
        at = if master { data } else { data + (len & !(usize::MAX << (7 * size_len))) };
        found.insert(at);
    }
    found
}

fn ogg(bytes: &[u8]) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut at = 0;
    while let Some(&segments) = bytes.get(at + 26) {
        let body = at + 27 + usize::from(segments);
        found.extend([at, at + 27, body]);
        let lacing = &bytes[at + 27..body];
        at = body;
        for &segment in lacing {
            at += usize::from(segment);
            found.insert(at);
        }
    }
    found
}

fn flac_blocks(bytes: &[u8]) -> BTreeSet<usize> {
    let mut at = bytes.windows(4).position(|window| window == b"fLaC").unwrap() + 4;
    let mut found = BTreeSet::from([at - 4, at]);
    while let Some(len) = be(bytes, at + 1, 3) {
        let last = bytes[at] & 0x80 != 0;
        found.extend([at + 4, at + 4 + len]);
        at += 4 + len;
        if last {
            break;
        }
    }
    found
}

fn flv(bytes: &[u8]) -> BTreeSet<usize> {
    let mut found = BTreeSet::from([9, 13]);
    let mut at = 13;
    while let Some(len) = be(bytes, at + 1, 3) {
        found.extend([at, at + 11, at + 11 + len, at + 15 + len]);
        at += 15 + len;
    }
    found
}
