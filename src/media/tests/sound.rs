//! Sound put together here: sizes, tags and times that no small real file has.

use super::*;

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
    for tag in [&b"ID3"[..], &[b'T'; 128]] {
        let tagged = [&whole[..], tag].concat();
        assert_eq!(verdict("a.wav", &tagged), Completeness::CannotTell);
    }
    // A recording that has just begun.
    let header = &recording[..data + 4];
    assert_eq!(verdict("a.wav", header), Completeness::CannotTell);
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
fn mp3_is_judged_by_the_count_of_bytes_in_its_first_frame() {
    let sound = file("xing.mp3");
    let info = find(&sound, b"Info");
    assert_eq!(verdict("a.mp3", &sound), Completeness::Complete);
    let mut id3v1 = b"TAG".to_vec();
    id3v1.resize(128, b' ');
    assert_eq!(verdict("a.mp3", &[&sound[..], &id3v1].concat()), Completeness::Complete);
    let mut ape = [&[b'x'; 40][..], b"APETAGEX", &2000_u32.to_le_bytes()].concat();
    ape.extend([72, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    let tagged = [&sound[..], &ape, &id3v1].concat();
    assert_eq!(verdict("a.mp3", &tagged), Completeness::Complete);
    // More than is counted: somebody joined two files.
    assert_eq!(verdict("a.mp3", &[&sound[..], &sound].concat()), Completeness::CannotTell);
    // The header of a file of 4 MB, as a download that has just begun has it.
    let mut cut = sound.clone();
    cut[info + 12..info + 16].copy_from_slice(&4_000_000_u32.to_be_bytes());
    let reason = "the header in the first frame promises 4.0 MB, 2.4 kB are there".into();
    assert_eq!(verdict("a.mp3", &cut), Completeness::Incomplete { reason });
    // Some encoders do not count their own frame.
    cut[info + 12..info + 16].copy_from_slice(&(sound.len() as u32 + 104).to_be_bytes());
    assert_eq!(verdict("a.mp3", &cut), Completeness::CannotTell);
    cut[info + 7] = 1;
    assert_eq!(verdict("a.mp3", &cut), Completeness::CannotTell);
}

#[test]
fn flac_says_how_many_samples_are_missing() {
    let sound = larger::larger("large.flac").unwrap();
    let reason = "245760 samples are promised, at most 122880 are there".into();
    let half = &sound[..42 + 30 * 4105 - 10];
    assert_eq!(verdict("a.flac", half), Completeness::Incomplete { reason });
    // A tag behind the sound hides the end of the last frame, not its number.
    let tagged = [&sound[..], &[b'T'; 128]].concat();
    assert_eq!(verdict("a.flac", &tagged), Completeness::CannotTell);
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
    assert!(matches!(look("a.bin", &[0xff; 5000]), Inspection::Unsupported { .. }));
    let cut_tag = &tagged[..100];
    assert!(is_incomplete(&verdict("a.mp3", cut_tag)));
    assert_eq!(media_type("a.flac", cut_tag), MediaType::Flac);
}

/// The pages of an Ogg file with other serial numbers, and later times on those that have one.
fn with_pages_changed(mut bytes: Vec<u8>, serial: u8, later: u64) -> Vec<u8> {
    let mut at = 0;
    while at < bytes.len() {
        let segments = usize::from(bytes[at + 26]);
        let body: usize = bytes[at + 27..at + 27 + segments].iter().copied().map(usize::from).sum();
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

#[test]
fn one_frame_of_mpeg_audio_is_an_accident() {
    let sound = file("bare.mp3");
    let frame = &sound[..78];
    let noise = [frame, &[0x55; 3000]].concat();
    // Frames of another layer behind it.
    let other = [frame, &file("sound.mp2")[..2000]].concat();
    for (name, bytes) in [("a", &noise), ("a.mp3", &noise), ("a", &other)] {
        let inspection = look(name, bytes);
        assert!(matches!(inspection, Inspection::Unsupported { .. }), "{name} {inspection:?}");
    }
}

#[test]
fn an_ogg_file_is_whole_only_if_every_stream_ended_and_nothing_follows() {
    let whole = file("vorbis.ogg");
    let appended = [&whole[..], &[0]].concat();
    assert_eq!(verdict("a.ogg", &appended), Completeness::CannotTell);
    let next = with_pages_changed(whole.clone(), 9, 0);
    let second_page = 27 + 1 + 30;
    assert_eq!(&next[second_page..second_page + 4], b"OggS");
    let chained = [&whole[..], &next[..second_page]].concat();
    assert_eq!(verdict("a.ogg", &chained), Completeness::CannotTell);
    // A stream whose last page lies further from the end than is looked.
    let rest = &whole[second_page..];
    let comments = rest.len() - find(&rest[4..], b"OggS") - 4;
    let page = &rest[..rest.len() - comments];
    let long = [&whole[..second_page], &next[..second_page], &page.repeat(100), rest].concat();
    assert!(long.len() > 200_000);
    assert_eq!(verdict("a.ogg", &long), Completeness::CannotTell);
}
