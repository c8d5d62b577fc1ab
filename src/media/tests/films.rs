//! Films put together here: brands, sizes and structures that no small real file has.

use super::*;

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
        Completeness::Incomplete { reason: "mdat promises 812 MB, 300 bytes are there".into() }
    );
    let whole = file("moov-at-end.mp4");
    let moov = find(&whole, b"moov") - 4;
    assert_eq!(
        verdict("a.mp4", &whole[..moov]),
        Completeness::Incomplete { reason: "the index (moov) is missing".into() }
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
    for appendix in
        [&b"\0\0\0\0"[..], &[0; 100], b"junk behind the film", b"abc", b"\0\0\x01\0free"]
    {
        let bytes = [&film, appendix].concat();
        assert_eq!(verdict("a.mp4", &bytes), Completeness::CannotTell, "{appendix:?}");
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
    assert_eq!(verdict("a.webm", &unknown_size(whole.clone())), Completeness::CannotTell);
    assert_eq!(verdict("a.webm", &[&whole[..], b"appendix"].concat()), Completeness::CannotTell);
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
fn an_flv_is_whole_only_with_its_last_tag_closed() {
    let mut film = file("film.flv");
    *film.last_mut().unwrap() ^= 1;
    assert_eq!(verdict("a.flv", &film), Completeness::CannotTell);
}

#[test]
fn sound_in_more_fragments_than_are_walked_is_still_sound() {
    let mut bytes = file("sound-only.mp4");
    let fragment = [&b"\0\0\x20\0moof"[..], &[0; 0x1ff8]].concat();
    bytes.extend(fragment.repeat(1000));
    assert_eq!(look("a.mp4", &bytes), unsupported::MP4_AUDIO);
}
