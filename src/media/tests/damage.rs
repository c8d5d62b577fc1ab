//! Files damaged at random, and files made to be read without an end: no panic, no hang, no read
//! past the allowance.

use proptest::prelude::*;

use super::*;

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
    #![proptest_config(ProptestConfig {
        cases: 2000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// No panic, no unbounded read, whatever is done to a file and whatever size is believed.
    #[test]
    fn damaged_files_are_looked_at_within_bounds(
        file in any::<prop::sample::Index>(),
        extension in prop::sample::select(
            vec!["", "mp3", "mjpeg", "jpg", "mpo", "mov", "weba", "ogv"],
        ),
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

/// Every structure that invites endless reading: many tiny chunks, boxes, pages, tags, fragments.
#[test]
fn endless_structures_cost_no_more_than_the_allowance() {
    let mib = 8 * 1024 * 1024;
    let repeat = |head: &[u8], unit: &[u8]| {
        let mut bytes = head.to_vec();
        bytes.extend(unit.iter().cycle().take(mib));
        bytes
    };
    let spaced = |header: &[u8], len: usize| [header, &vec![0; len - header.len()]].concat();
    let jpeg = [&[0xff, 0xd8][..], &[0xff, 0xe1, 0xff, 0xff], b"Exif\0\0"].concat();
    let mpo = spaced(&[0xff, 0xe2, 0xff, 0xff, b'M', b'P', b'F', 0], 0x1_0001);
    let ogg_page = [&b"OggS\0\x02"[..], &[0; 20], &[255], &[255; 255]].concat();
    for (name, bytes) in [
        ("boxes.mp4", repeat(b"\0\0\0\x10ftypisom\0\0\0\0", b"\0\0\0\x08free")),
        ("spaced.mp4", repeat(b"\0\0\0\x10ftypisom\0\0\0\0", &spaced(b"\0\0\x20\0moof", 0x2000))),
        (
            "tracks.mp4",
            repeat(b"\0\0\0\x10ftypisom\0\0\0\0\0\x7f\0\0moov", &spaced(b"\0\0\x20\0trak", 0x2000)),
        ),
        ("chunks.wav", repeat(b"RIFF\0\0\x7f\0WAVE", &spaced(b"junk\xf8\x1f\0\0", 0x2000))),
        ("parts.avi", repeat(b"RIFF\x04\0\0\0AVI ", &spaced(b"RIFF\xf8\x1f\0\0AVIX", 0x2000))),
        ("frames.webp", repeat(b"RIFF\0\0\x7f\0WEBP", &spaced(b"ANMF\xf8\x1f\0\0", 0x2000))),
        (
            "elements.webm",
            repeat(
                b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\x10\x7f\xff\xf0",
                &spaced(&[0xec, 0x40 | 0x1f, 0xfd], 0x2000),
            ),
        ),
        ("pages.ogg", repeat(b"", &ogg_page)),
        ("tail.ogg", repeat(b"OggS\0", &[&b"OggS\0"[..], &[0; 21], &[255; 256]].concat())),
        ("segments.jpg", repeat(&jpeg, &spaced(&[0xff, 0xe1, 0xff, 0xff], 0x1_0001))),
        ("indexes.jpg", repeat(&[0xff, 0xd8], &mpo)),
        ("noise.jpg", repeat(&[0xff, 0xd8], &[0xff])),
        ("one-picture", repeat(&[0xff, 0xd8, 0xff, 0xda, 0, 2], &[0x55])),
        ("tags.mp3", repeat(b"", &spaced(b"ID3\x04\0\0\0\0\x40\0", 0x200a))),
        ("syncs.mp3", repeat(b"", &[0xff, 0xfb, 0x90])),
        ("blocks.flac", repeat(b"", &spaced(b"fLaC\x01\0\x20\0", 0x2004))),
        ("syncs.flac", repeat(b"fLaC\x80\0\0\0", &[0xff, 0xf8, 0x10, 0, 0, 0])),
        ("packets.mpg", repeat(b"\0\0\x01\xba", &spaced(b"\0\0\x01\xe0\xff\xff", 0x1_0005))),
        ("tags.flv", repeat(b"FLV\x01\x04\0\0\0\x09\0\0\0\0", &spaced(b"\x08\0\x20\0", 0x200f))),
        ("chunks.png", repeat(b"\x89PNG\r\n\x1a\n", b"\0\0\0\0tEXt\0\0\0\0")),
        ("zeros", vec![0; mib]),
    ] {
        look(name, &bytes);
        look("file.mp3", &bytes);
    }
}
