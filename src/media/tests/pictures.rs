//! Pictures put together here: lengths and orders that no small real file has.

use super::larger::{announced_film, larger, with_comments, with_segment};
use super::*;

/// A JPEG, a PNG and a GIF that are too long to be walked during an inspection.
fn long_pictures() -> [(&'static str, Vec<u8>, MediaType); 3] {
    [("a.jpg", MediaType::Jpeg), ("a.png", MediaType::Png), ("a.gif", MediaType::Gif)]
        .map(|(name, media_type)| (name, larger(&name.replace('a', "large")).unwrap(), media_type))
}

fn walk(media_type: MediaType, bytes: &[u8], chunk: usize) -> Completeness {
    let mut walk = Walk::new(media_type).unwrap();
    bytes.chunks(chunk).for_each(|chunk| walk.feed(chunk));
    walk.finish()
}

#[test]
fn long_pictures_are_proven_by_a_walk() {
    for (name, bytes, media_type) in long_pictures() {
        let by_inspection = |bytes: &[u8]| {
            let facts = facts(name, bytes);
            assert_eq!(facts.media_type, media_type);
            facts.completeness
        };
        // The marker at its end may be that of another picture, appended and cut.
        assert_eq!(by_inspection(&bytes), Completeness::CannotTell, "{name}");
        assert_eq!(walk(media_type, &bytes, 128 * 1024), Completeness::Complete);
        let appended = [&bytes[..], &[0; 5000]].concat();
        assert_eq!(by_inspection(&appended), Completeness::CannotTell);
        assert_eq!(walk(media_type, &appended, 1000), Completeness::CannotTell, "{name}");
        for missing in [1, 2, 3, 11, 12, 13, 100, 10_000, 40_000] {
            let cut = &bytes[..bytes.len() - missing];
            assert_ne!(by_inspection(cut), Completeness::Complete, "{name} {missing}");
            let trailer_only = media_type == MediaType::Gif && missing == 1;
            assert_eq!(
                is_incomplete(&walk(media_type, cut, 4096)),
                !trailer_only,
                "{name} {missing}"
            );
        }
    }
}

#[test]
fn walks_do_not_depend_on_where_chunks_end() {
    for name in ["picture.jpg", "progressive.jpeg", "picture.png", "animated.png", "animated.gif"] {
        let bytes = file(name);
        let media_type = media_type(name, &bytes);
        for len in 0..=bytes.len() {
            let expected = len == bytes.len();
            for chunk in [1, 2, 3, 7, 64, 5000] {
                let verdict = walk(media_type, &bytes[..len], chunk);
                assert_eq!(verdict == Completeness::Complete, expected, "{name} {len} {chunk}");
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
    assert_eq!(walk(MediaType::Jpeg, &bytes, 4096), Completeness::Complete);
}

#[test]
fn an_index_of_pictures_is_checked_only_where_it_is_the_file() {
    let pair = file("pair.mpo");
    let first = first_picture_end(&pair);
    assert!(is_incomplete(&verdict("a.mpo", &pair[..first])));
    // An editor may have dropped the other picture.
    assert_eq!(verdict("a.jpg", &pair[..first]), Completeness::CannotTell);
    assert_eq!(walk(MediaType::Jpeg, &pair[..first], 7), Completeness::CannotTell);
}

#[test]
fn a_film_behind_a_picture_is_judged_with_it() {
    let picture = file("picture.jpg");
    let film = file("faststart.mp4");
    for jpeg in [picture.clone(), with_comments(&picture)] {
        let by_walk = |bytes: &[u8]| walk(MediaType::Jpeg, bytes, 1000);
        let whole = announced_film(&jpeg);
        let still = whole.len() - film.len();
        assert_eq!(by_walk(&whole), Completeness::Complete);
        // Sharing drops the film and leaves the words that announce it.
        assert_eq!(by_walk(&whole[..still]), Completeness::CannotTell);
        let reason = "the film behind the picture is cut".to_owned();
        for len in [still + 9, whole.len() - 1] {
            let verdict = by_walk(&whole[..len]);
            assert_eq!(verdict, Completeness::Incomplete { reason: reason.clone() }, "{len}");
        }
        for trailer in [&b"SEFT"[..], b"\x01\x02SEFHSEFT", b"\0\0\x01\0free"] {
            assert_eq!(by_walk(&[&whole[..], trailer].concat()), Completeness::CannotTell);
        }
        assert_eq!(by_walk(&[&jpeg[..], &picture].concat()), Completeness::CannotTell);
        let live = [&jpeg[..], &film[..film.len() - 300], b"\0\0\0\0mdat"].concat();
        assert_ne!(by_walk(&live), Completeness::Complete);
    }
    // Behind the pictures of an index, as phones with HDR write it.
    let phone = file("phone.jpg");
    let name = "a.jpg";
    assert_eq!(verdict(name, &[&phone[..], &film].concat()), Completeness::Complete);
    assert!(is_incomplete(&verdict(name, &[&phone[..], &film[..film.len() - 1]].concat())));
    assert_eq!(verdict(name, &[&phone[..], b"else"].concat()), Completeness::CannotTell);
}

#[test]
fn a_word_in_another_segment_announces_nothing() {
    let picture = file("picture.jpg");
    for (marker, word, announces) in [
        (0xe1, &b"MotionPhoto"[..], true),
        (0xe1, b"MicroVideo", true),
        (0xe1, b"MPF\0", false),
        (0xe2, b"MPF\0", true),
        (0xe2, b"MotionPhoto", false),
        (0xfe, b"MotionPhoto", false),
    ] {
        let bytes = with_segment(&picture, marker, word);
        for chunk in [1, 3, 5000] {
            let verdict = walk(MediaType::Jpeg, &bytes, chunk);
            assert_eq!(verdict == Completeness::CannotTell, announces, "{word:?} in {marker:x}");
        }
    }
}

#[test]
fn a_gif_that_ends_between_blocks_may_lack_its_trailer_only() {
    let gif = file("still.gif");
    let len = gif.len();
    assert_eq!(verdict("a.gif", &gif[..len - 1]), Completeness::CannotTell);
    assert!(is_incomplete(&verdict("a.gif", &gif[..len - 2])));
    let before_the_picture = 13 + 3 * (2 << (gif[10] & 7));
    assert!(is_incomplete(&verdict("a.gif", &gif[..before_the_picture])));
}
