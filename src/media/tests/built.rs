//! Files put together here: sizes, names and structures that no small real file has.

use super::*;

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
    bytes
        .windows(what.len())
        .position(|window| window == what)
        .unwrap()
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
    ];
    for (content, name, expected) in cases {
        assert_eq!(
            media_type(name, &file(content)),
            expected,
            "{content} as {name}"
        );
    }
}

#[test]
fn brands_allow_what_they_name() {
    let film = file("moov-at-end.mp4");
    let with_brands = |brands: &[&[u8; 4]]| {
        let mut bytes = ((12 + 4 * brands.len()) as u32).to_be_bytes().to_vec();
        bytes.extend(b"ftyp");
        bytes.extend(brands[0]);
        bytes.extend([0; 4]);
        bytes.extend(brands[1..].iter().copied().flatten());
        let len = bytes.len() as u32;
        bytes[..4].copy_from_slice(&len.to_be_bytes());
        bytes.extend(&film[32..]);
        bytes
    };
    let phone = with_brands(&[b"3gp4", b"isom", b"3gp4"]);
    assert_eq!(media_type("a.mp4", &phone), MediaType::Mp4);
    assert_eq!(media_type("a.3gp", &phone), MediaType::ThreeGpp);
    assert_eq!(media_type("a", &phone), MediaType::ThreeGpp);
    let unknown = with_brands(&[b"CAEP", b"CAEP"]);
    assert_eq!(media_type("a.mov", &unknown), MediaType::Mp4);
    let sony = with_brands(&[b"XAVC", b"XAVC", b"mp42"]);
    assert_eq!(media_type("a.MP4", &sony), MediaType::Mp4);
    // An audio brand on a file with an enabled video track does not hide the video.
    let mislabelled = with_brands(&[b"M4A ", b"isom"]);
    assert_eq!(media_type("a.m4a", &mislabelled), MediaType::Mp4);
    for (brands, what) in [
        ([b"3g2a", b"3g2b"], "3GPP2 video"),
        ([b"mif1", b"avif"], "AVIF picture"),
        ([b"mif1", b"heic"], "HEIC picture"),
        ([b"crx ", b"isom"], "camera raw picture"),
    ] {
        match look("a.mp4", &with_brands(&brands)) {
            Inspection::Unsupported { what: named, .. } => assert_eq!(named, what),
            other => panic!("{what}: {other:?}"),
        }
    }
}

#[test]
fn quicktime_older_than_its_brands_is_known_and_a_text_is_not_taken_for_it() {
    let film = file("film.mov");
    let ftyp = u32::from_be_bytes(film[..4].try_into().unwrap()) as usize;
    assert_eq!(media_type("a", &film[ftyp..]), MediaType::QuickTime);
    for text in ["The free software", "One wide road", "you skip this"] {
        assert!(matches!(
            look("a.txt", text.as_bytes()),
            Inspection::Unsupported { what, .. } if what == "text"
        ));
    }
}

#[test]
fn reasons_name_the_box_and_both_sizes() {
    let film = file("faststart.mp4");
    let mdat = find(&film, b"mdat") + 4;
    let mut cut = film[..mdat + 300].to_vec();
    cut[mdat - 8..mdat - 4].copy_from_slice(&812_000_008_u32.to_be_bytes());
    assert_eq!(
        verdict("a.mp4", &cut),
        Completeness::Incomplete {
            reason: "mdat promises 812 MB, 300 bytes are there".into()
        }
    );
    let whole = file("moov-at-end.mp4");
    let moov = find(&whole, b"moov") - 4;
    assert_eq!(
        verdict("a.mp4", &whole[..moov]),
        Completeness::Incomplete {
            reason: "the index (moov) is missing".into()
        }
    );
    // What a download has set aside but not written yet.
    let mut zeros = whole.clone();
    zeros[moov..].fill(0);
    assert!(is_incomplete(&verdict("a.mp4", &zeros)));
    assert_eq!(human(999_499), "999 kB");
    assert_eq!(human(999_500), "1.0 MB");
    assert_eq!(human(1_250_000_000), "1.2 GB");
    assert_eq!(
        shortfall("x", 1_000_001, 1_000_000),
        "x promises 1000001 bytes, 1000000 bytes are there"
    );
}

#[test]
fn an_mp4_with_an_appendix_is_not_called_incomplete() {
    let film = file("faststart.mp4");
    for appendix in [&b"\0\0\0\0"[..], &[0; 100], b"junk behind the film", b"abc"] {
        let bytes = [&film, appendix].concat();
        assert_eq!(
            verdict("a.mp4", &bytes),
            Completeness::CannotTell,
            "{appendix:?}"
        );
    }
}

#[test]
fn an_mp4_recorded_to_an_open_end_has_no_verdict_of_wholeness() {
    let mut film = file("faststart.mp4");
    let mdat = find(&film, b"mdat");
    film[mdat - 4..mdat].fill(0);
    assert_eq!(verdict("a.mp4", &film), Completeness::CannotTell);
    // Without its index a recording in progress is certainly not whole.
    let mut recording = file("moov-at-end.mp4");
    let mdat = find(&recording, b"mdat");
    recording[mdat - 4..mdat].fill(0);
    assert!(is_incomplete(&verdict("a.mp4", &recording)));
}

#[test]
fn a_reference_movie_keeps_its_data_elsewhere() {
    let film = file("faststart.mp4");
    let mdat = find(&film, b"mdat") - 4;
    assert!(is_incomplete(&verdict("a.mp4", &film[..mdat])));
    let mut reference = film[..mdat].to_vec();
    let dref = find(&reference, b"dref") + 12;
    reference[dref + 11] = 0;
    assert_eq!(verdict("a.mp4", &reference), Completeness::CannotTell);
}

#[test]
fn wav_sizes_of_recorders_and_of_careless_writers_are_not_held_against_a_file() {
    let whole = file("pcm.wav");
    let data = find(&whole, b"data") + 4;
    // Python's wave and many recorders write the header of an empty file first.
    let mut recording = whole.clone();
    put32(&mut recording, 4, (data + 4 - 8) as u32);
    put32(&mut recording, data, 0);
    assert_eq!(verdict("a.wav", &recording), Completeness::CannotTell);
    for placeholder in [0, u32::MAX, 0x7fff_f024, 0x8000_0024] {
        let mut streamed = whole.clone();
        put32(&mut streamed, 4, placeholder);
        assert_eq!(verdict("a.wav", &streamed), Completeness::CannotTell);
    }
    // The size of the file in place of the size of what follows.
    let mut careless = whole.clone();
    put32(&mut careless, 4, whole.len() as u32);
    assert_eq!(verdict("a.wav", &careless), Completeness::CannotTell);
    // Something behind the end that the header does not count.
    let tagged = [&whole, &b"ID3"[..]].concat();
    assert_eq!(verdict("a.wav", &tagged), Completeness::CannotTell);
    // An odd chunk whose padding is written but not counted.
    let mut odd = whole.clone();
    odd.pop();
    let len = odd.len() - data - 4;
    put32(&mut odd, data, len as u32);
    let promised = odd.len() as u32 - 8;
    put32(&mut odd, 4, promised);
    assert_eq!(verdict("a.wav", &odd), Completeness::Complete);
    odd.push(0);
    assert_eq!(verdict("a.wav", &odd), Completeness::Complete);
}

#[test]
fn bw64_is_wav() {
    let mut whole = file("rf64.wav");
    whole[..4].copy_from_slice(b"BW64");
    let facts = facts("a.wav", &whole);
    assert_eq!(facts.media_type, MediaType::Wav);
    assert_eq!(facts.duration_ms, Some(500));
    assert_eq!(facts.completeness, Completeness::Complete);
}

#[test]
fn an_avi_of_several_parts_is_whole_with_its_last_part() {
    let part = |frames: u8| {
        let mut part = b"RIFF\x14\0\0\0AVIXLIST\x08\0\0\0movi0000".to_vec();
        *part.last_mut().unwrap() = frames;
        part
    };
    let first = file("film.avi");
    let whole = [&first[..], &part(1), &part(2)].concat();
    assert_eq!(verdict("a.avi", &whole), Completeness::Complete);
    for missing in 1..20 {
        let cut = &whole[..whole.len() - missing];
        assert_ne!(verdict("a.avi", cut), Completeness::Complete, "{missing}");
    }
    assert!(is_incomplete(&verdict("a.avi", &whole[..whole.len() - 5])));
    // All frames are more than those of the first part, and there is no other part.
    let mut alone = first.clone();
    let list = find(&alone, b"odml") - 8;
    alone[list..list + 4].copy_from_slice(b"LIST");
    assert_eq!(verdict("a.avi", &alone), Completeness::Complete);
    put32(&mut alone, list + 20, 5000);
    assert_eq!(verdict("a.avi", &alone), Completeness::CannotTell);
}

#[test]
fn an_avi_of_sound_alone_is_not_supported() {
    let mut film = file("film.avi");
    let stream = find(&film, b"vids");
    film[stream..stream + 4].copy_from_slice(b"auds");
    assert_eq!(look("a.avi", &film), unsupported::AVI_WITHOUT_VIDEO);
}

#[test]
fn matroska_says_how_it_is_displayed() {
    let whole = file("vp9.webm");
    let width = find(&whole, &[0xb0, 0x81, 64]);
    let unknown_size = |mut bytes: Vec<u8>| {
        let segment = find(&bytes, &[0x18, 0x53, 0x80, 0x67]) + 4;
        bytes[segment] = 0x01;
        bytes[segment + 1..segment + 8].fill(0xff);
        bytes
    };
    let mut wide = whole.clone();
    wide[width + 2] = 80;
    assert_eq!(facts("a.webm", &wide).width, Some(80));
    assert_eq!(
        verdict("a.webm", &unknown_size(whole.clone())),
        Completeness::CannotTell
    );
    assert_eq!(
        verdict("a.webm", &[&whole[..], b"appendix"].concat()),
        Completeness::Complete
    );
}

#[test]
fn a_stray_letter_g_is_no_transport_stream() {
    for text in ["G".repeat(3000), format!("G{}", "o on ".repeat(300))] {
        assert!(matches!(
            look("a.ts", text.as_bytes()),
            Inspection::Unsupported { what, .. } if what == "text"
        ));
    }
    // A stream that was cut within a packet at both ends.
    let film = file("film.ts");
    assert_eq!(media_type("a", &film[50..3001]), MediaType::Mp2t);
}

#[test]
fn mp3_is_known_behind_tags_and_cut_frames() {
    let sound = file("xing.mp3");
    let tag = [&b"ID3\x03\0\0\0\0\x02\x10"[..], &[0; 272]].concat();
    let tagged = [&tag[..], &tag, &sound].concat();
    assert_eq!(facts("a", &tagged).media_type, MediaType::Mp3);
    assert_eq!(facts("a", &tagged).duration_ms, Some(548));
    let padded = [&tag[..], &[0; 500], &sound].concat();
    assert_eq!(media_type("a", &padded), MediaType::Mp3);
    assert_eq!(media_type("a.mp3", &sound[33..]), MediaType::Mp3);
    assert!(matches!(
        look("a.bin", &[0xff; 5000]),
        Inspection::Unsupported { .. }
    ));
    let cut_tag = &tagged[..100];
    assert!(is_incomplete(&verdict("a.mp3", cut_tag)));
    assert_eq!(media_type("a.flac", cut_tag), MediaType::Flac);
}

/// The pages of an Ogg file with other serial numbers, and later times on those that have one.
fn with_pages_changed(mut bytes: Vec<u8>, serial: u8, later: u64) -> Vec<u8> {
    let mut at = 0;
    while at < bytes.len() {
        let segments = usize::from(bytes[at + 26]);
        let body: usize = bytes[at + 27..at + 27 + segments]
            .iter()
            .copied()
            .map(usize::from)
            .sum();
        let end = at + 27 + segments + body;
        let granule = u64::from_le_bytes(bytes[at + 6..at + 14].try_into().unwrap());
        if granule != 0 && granule != u64::MAX {
            bytes[at + 6..at + 14].copy_from_slice(&(granule + later).to_le_bytes());
        }
        bytes[at + 14] ^= serial;
        bytes[at + 22..at + 26].fill(0);
        let sum = ogg::checksum(0, &bytes[at..end]);
        put32(&mut bytes, at + 22, sum);
        at = end;
    }
    bytes
}

#[test]
fn an_ogg_stream_that_does_not_begin_at_zero_has_no_known_duration() {
    let whole = file("vorbis.ogg");
    assert_eq!(with_pages_changed(whole.clone(), 0, 0), whole);
    let broadcast = with_pages_changed(whole.clone(), 0, 44_100 * 60);
    assert_eq!(facts("a.ogg", &broadcast).duration_ms, None);
    // Chained files have another stream at their end than at their start.
    let chained = [&whole[..], &with_pages_changed(whole.clone(), 9, 0)].concat();
    assert_eq!(facts("a.ogg", &chained).duration_ms, None);
}

#[test]
fn an_ogg_page_counts_only_with_its_checksum() {
    let mut damaged = file("vorbis.ogg");
    *damaged.last_mut().unwrap() ^= 1;
    assert_eq!(verdict("a.ogg", &damaged), Completeness::CannotTell);
}

/// A JPEG, a PNG and a GIF that are too long to be walked during an inspection.
fn long_pictures() -> [(&'static str, Vec<u8>, MediaType); 3] {
    let (jpeg, png, gif) = (file("picture.jpg"), file("picture.png"), file("still.gif"));
    let comment = [&[0xff, 0xfe, 0xff, 0xff][..], &[b'x'; 0xfffd]].concat();
    let jpeg = [&jpeg[..2], &comment.repeat(5), &jpeg[2..]].concat();
    let text = [&b"\0\x05\0\0tEXt"[..], &[b'x'; 0x5_0000], &[0; 4]].concat();
    let png = [&png[..33], &text, &png[33..]].concat();
    let table = 13 + 3 * (2 << (gif[10] & 7));
    let sub_block = [&[250][..], &[b'x'; 250]].concat();
    let comment = [&[0x21, 0xfe][..], &sub_block.repeat(1200), &[0]].concat();
    let gif = [&gif[..table], &comment, &gif[table..]].concat();
    [
        ("a.jpg", jpeg, MediaType::Jpeg),
        ("a.png", png, MediaType::Png),
        ("a.gif", gif, MediaType::Gif),
    ]
}

fn walk(media_type: MediaType, bytes: &[u8], chunk: usize) -> Completeness {
    let mut walk = Walk::new(media_type).unwrap();
    bytes.chunks(chunk).for_each(|chunk| walk.feed(chunk));
    walk.finish()
}

#[test]
fn long_pictures_are_proven_by_their_end_or_by_a_walk() {
    for (name, bytes, media_type) in long_pictures() {
        let tail_proves = media_type != MediaType::Gif;
        let by_inspection = |bytes: &[u8]| {
            let facts = facts(name, bytes);
            assert_eq!(facts.media_type, media_type);
            facts.completeness
        };
        assert_eq!(
            by_inspection(&bytes) == Completeness::Complete,
            tail_proves,
            "{name}"
        );
        assert_eq!(walk(media_type, &bytes, 128 * 1024), Completeness::Complete);
        let appended = [&bytes[..], &[0; 5000]].concat();
        assert_eq!(by_inspection(&appended), Completeness::CannotTell);
        assert_eq!(walk(media_type, &appended, 1000), Completeness::Complete);
        for missing in [1, 2, 3, 11, 12, 13, 100, 10_000, 40_000] {
            let cut = &bytes[..bytes.len() - missing];
            assert_ne!(
                by_inspection(cut),
                Completeness::Complete,
                "{name} {missing}"
            );
            assert!(
                is_incomplete(&walk(media_type, cut, 4096)),
                "{name} {missing}"
            );
        }
    }
}

#[test]
fn walks_do_not_depend_on_where_chunks_end() {
    for name in [
        "picture.jpg",
        "progressive.jpeg",
        "picture.png",
        "animated.png",
        "animated.gif",
    ] {
        let bytes = file(name);
        let media_type = media_type(name, &bytes);
        for len in 0..=bytes.len() {
            let expected = len == bytes.len();
            for chunk in [1, 2, 3, 7, 64, 5000] {
                let verdict = walk(media_type, &bytes[..len], chunk);
                assert_eq!(
                    verdict == Completeness::Complete,
                    expected,
                    "{name} {len} {chunk}"
                );
            }
        }
    }
}

#[test]
fn a_picture_with_megabytes_of_foreign_segments_keeps_its_facts() {
    let jpeg = file("orientation-6.jpg");
    let extended_xmp = [&[0xff, 0xe1, 0xff, 0xff][..], &[b'x'; 0xfffd]].concat();
    let bytes = [&jpeg[..2], &extended_xmp.repeat(120), &jpeg[2..]].concat();
    let facts = facts("a.jpg", &bytes);
    assert_eq!((facts.width, facts.height), (Some(46), Some(62)));
    assert_eq!(facts.completeness, Completeness::Complete);
}

#[test]
fn an_index_of_pictures_is_checked_only_where_it_is_the_file() {
    let pair = file("pair.mpo");
    let first = first_picture_end(&pair);
    assert!(is_incomplete(&verdict("a.mpo", &pair[..first])));
    assert_eq!(verdict("a.jpg", &pair[..first]), Completeness::Complete);
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
        (
            "boxes.mp4",
            repeat(b"\0\0\0\x10ftypisom\0\0\0\0", b"\0\0\0\x08free"),
        ),
        (
            "spaced.mp4",
            repeat(
                b"\0\0\0\x10ftypisom\0\0\0\0",
                &spaced(b"\0\0\x20\0moof", 0x2000),
            ),
        ),
        (
            "tracks.mp4",
            repeat(
                b"\0\0\0\x10ftypisom\0\0\0\0\0\x7f\0\0moov",
                &spaced(b"\0\0\x20\0trak", 0x2000),
            ),
        ),
        (
            "chunks.wav",
            repeat(b"RIFF\0\0\x7f\0WAVE", &spaced(b"junk\xf8\x1f\0\0", 0x2000)),
        ),
        (
            "parts.avi",
            repeat(
                b"RIFF\x04\0\0\0AVI ",
                &spaced(b"RIFF\xf8\x1f\0\0AVIX", 0x2000),
            ),
        ),
        (
            "frames.webp",
            repeat(b"RIFF\0\0\x7f\0WEBP", &spaced(b"ANMF\xf8\x1f\0\0", 0x2000)),
        ),
        (
            "elements.webm",
            repeat(
                b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\x10\x7f\xff\xf0",
                &spaced(&[0xec, 0x40 | 0x1f, 0xfd], 0x2000),
            ),
        ),
        ("pages.ogg", repeat(b"", &ogg_page)),
        (
            "tail.ogg",
            repeat(b"OggS\0", &[&b"OggS\0"[..], &[0; 21], &[255; 256]].concat()),
        ),
        (
            "segments.jpg",
            repeat(&jpeg, &spaced(&[0xff, 0xe1, 0xff, 0xff], 0x1_0001)),
        ),
        ("indexes.jpg", repeat(&[0xff, 0xd8], &mpo)),
        ("noise.jpg", repeat(&[0xff, 0xd8], &[0xff])),
        (
            "one-picture",
            repeat(&[0xff, 0xd8, 0xff, 0xda, 0, 2], &[0x55]),
        ),
        (
            "tags.mp3",
            repeat(b"", &spaced(b"ID3\x04\0\0\0\0\x40\0", 0x200a)),
        ),
        ("syncs.mp3", repeat(b"", &[0xff, 0xfb, 0x90])),
        (
            "blocks.flac",
            repeat(b"", &spaced(b"fLaC\x01\0\x20\0", 0x2004)),
        ),
        (
            "syncs.flac",
            repeat(b"fLaC\x80\0\0\0", &[0xff, 0xf8, 0x10, 0, 0, 0]),
        ),
        (
            "packets.mpg",
            repeat(b"\0\0\x01\xba", &spaced(b"\0\0\x01\xe0\xff\xff", 0x1_0005)),
        ),
        (
            "tags.flv",
            repeat(
                b"FLV\x01\x04\0\0\0\x09\0\0\0\0",
                &spaced(b"\x08\0\x20\0", 0x200f),
            ),
        ),
        (
            "chunks.png",
            repeat(b"\x89PNG\r\n\x1a\n", b"\0\0\0\0tEXt\0\0\0\0"),
        ),
        ("zeros", vec![0; mib]),
    ] {
        look(name, &bytes);
        look("file.mp3", &bytes);
    }
}
