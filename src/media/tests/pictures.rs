//! Pictures put together here: lengths and orders that no small real file has.

use super::*;

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
        assert_eq!(by_inspection(&bytes) == Completeness::Complete, tail_proves, "{name}");
        assert_eq!(walk(media_type, &bytes, 128 * 1024), Completeness::Complete);
        let appended = [&bytes[..], &[0; 5000]].concat();
        assert_eq!(by_inspection(&appended), Completeness::CannotTell);
        assert_eq!(walk(media_type, &appended, 1000), Completeness::Complete);
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
fn a_gif_that_ends_between_blocks_may_lack_its_trailer_only() {
    let gif = file("still.gif");
    let len = gif.len();
    assert_eq!(verdict("a.gif", &gif[..len - 1]), Completeness::CannotTell);
    assert!(is_incomplete(&verdict("a.gif", &gif[..len - 2])));
    let before_the_picture = 13 + 3 * (2 << (gif[10] & 7));
    assert!(is_incomplete(&verdict("a.gif", &gif[..before_the_picture])));
}
