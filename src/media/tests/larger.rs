//! Files that the corpus has no room for: larger than what an inspection reads, or of a form that
//! no encoder at hand writes.

use super::*;

/// The file of this name, if it is made here.
pub(super) fn larger(name: &str) -> Option<Vec<u8>> {
    Some(match name {
        "large.png" => large_png(),
        "large.jpg" => with_comments(&file("picture.jpg")),
        "large.gif" => large_gif(),
        "thumbnail.jpg" => with_thumbnail(&file("picture.jpg"), &file("orientation-6.jpg")),
        "large-phone.jpg" => large_phone(),
        "announced-film.jpg" => announced_film(&file("picture.jpg")),
        "large-announced-film.jpg" => announced_film(&with_comments(&file("picture.jpg"))),
        "large-faststart.mp4" => large_faststart(),
        "large.webm" => large_webm(),
        "large.ogg" => large_ogg(),
        "parts.avi" => parts_avi(),
        "parity.ts" => with_parity(&file("film.ts")),
        "bw64.wav" => [b"BW64", &file("rf64.wav")[4..]].concat(),
        "large.wav" => large_wav(),
        "recorded.wav" => recorded_wav(),
        "recorded-rf64.wav" => recorded_rf64(),
        "large.flac" => large_flac(),
        _ => return None,
    })
}

/// Bytes that no format takes for anything, never zero.
pub(super) fn noise(len: usize) -> Vec<u8> {
    let mut seed = 88_172_645_463_325_252_u64;
    let next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed >> 32) as u8 % 0xd0 + 1
    };
    std::iter::repeat_with(next).take(len).collect()
}

fn large_png() -> Vec<u8> {
    let png = file("picture.png");
    let text = [&b"\0\x05\0\0tEXt"[..], &noise(0x5_0000), &[1; 4]].concat();
    [&png[..33], &text, &png[33..]].concat()
}

/// A JPEG picture with 320 KiB of comments.
pub(super) fn with_comments(jpeg: &[u8]) -> Vec<u8> {
    let comment = [&[0xff, 0xfe, 0xff, 0xff][..], &noise(0xfffd)].concat();
    [&jpeg[..2], &comment.repeat(5), &jpeg[2..]].concat()
}

fn large_gif() -> Vec<u8> {
    let gif = file("animated.gif");
    let table = 13 + 3 * (2 << (gif[10] & 7));
    let sub_block = [&[250][..], &noise(250)].concat();
    let comment = [&[0x21, 0xfe][..], &sub_block.repeat(1200), &[0]].concat();
    [&gif[..table], &comment, &gif[table..]].concat()
}

/// A picture with another one in its EXIF segment.
pub(super) fn with_thumbnail(jpeg: &[u8], thumbnail: &[u8]) -> Vec<u8> {
    // An empty first directory, and a second one with offset and length of the thumbnail.
    let mut exif = b"Exif\0\0II*\0\x08\0\0\0\0\0\x0e\0\0\0\x02\0".to_vec();
    for (tag, value) in [(0x0201_u16, 44_u32), (0x0202, thumbnail.len() as u32)] {
        exif.extend(tag.to_le_bytes());
        exif.extend(b"\x04\0\x01\0\0\0");
        exif.extend(value.to_le_bytes());
    }
    exif.extend([0; 4]);
    exif.extend(thumbnail);
    with_segment(jpeg, 0xe1, &exif)
}

pub(super) fn with_segment(jpeg: &[u8], marker: u8, body: &[u8]) -> Vec<u8> {
    let len = (body.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xff, marker], &len, body, &jpeg[2..]].concat()
}

/// The phone's picture whose second picture is large.
fn large_phone() -> Vec<u8> {
    let phone = file("phone.jpg");
    let first = first_picture_end(&phone);
    let second = with_thumbnail(&with_comments(&phone[first..]), &file("orientation-6.jpg"));
    let mut bytes = [&phone[..first], &second].concat();
    let len = phone.len() - first;
    let index = find(&bytes, b"MPF\0");
    let entry = index + find(&bytes[index..], &(len as u32).to_le_bytes());
    put32(&mut bytes, entry, second.len() as u32);
    bytes
}

/// A motion photo as phones write it: XMP that names the film, then the film behind the picture.
pub(super) fn announced_film(jpeg: &[u8]) -> Vec<u8> {
    let film = file("faststart.mp4");
    let xmp = format!(
        "http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF>\
         <rdf:Description GCamera:MotionPhoto=\"1\" GCamera:MotionPhotoVersion=\"1\">\
         <Container:Item Item:Mime=\"video/mp4\" Item:Semantic=\"MotionPhoto\" \
         Item:Length=\"{}\"/></rdf:Description></rdf:RDF></x:xmpmeta>",
        film.len()
    );
    [with_segment(jpeg, 0xe1, xmp.as_bytes()), film].concat()
}

fn large_faststart() -> Vec<u8> {
    let mut film = file("faststart.mp4");
    let mdat = find(&film, b"mdat") - 4;
    let more = noise(400_000);
    let len = (film.len() - mdat + more.len()) as u32;
    film[mdat..mdat + 4].copy_from_slice(&len.to_be_bytes());
    film.extend(more);
    film
}

/// A WebM file whose index stands before its clusters, and whose last cluster is large.
fn large_webm() -> Vec<u8> {
    let mut film = file("vp9.webm");
    let segment = find(&film, &[0x18, 0x53, 0x80, 0x67]) + 4;
    let block = noise(300_000);
    let len = block.len() as u32;
    // A cluster with one element that holds the noise.
    film.extend([0x1f, 0x43, 0xb6, 0x75, 0x10]);
    film.extend(&(len + 6).to_be_bytes()[1..]);
    film.extend([0xa3, 0x08, 0, 0, 0, 0]);
    let size_at = film.len() - 5;
    film[size_at] = 0x08;
    film[size_at + 1..].copy_from_slice(&len.to_be_bytes());
    film.extend(block);
    let len = (film.len() - segment - 8) as u64;
    assert_eq!(film[segment], 0x01, "eight bytes of size");
    film[segment + 1..segment + 8].copy_from_slice(&len.to_be_bytes()[1..]);
    film
}

/// A Vorbis file with 250 kB of sound pages, all of one stream.
fn large_ogg() -> Vec<u8> {
    let ogg = file("vorbis.ogg");
    let last = ogg.windows(4).rposition(|window| window == b"OggS").unwrap();
    let page = |body: &[u8]| {
        let mut page = b"OggS\0\0".to_vec();
        page.extend(50_u64.to_le_bytes());
        page.extend(&ogg[14..18]);
        page.extend([9, 0, 0, 0, 0, 0, 0, 0, 20]);
        page.extend([255; 19]);
        page.push(254);
        page.extend(body);
        let sum = ogg::checksum(0, &page);
        put32(&mut page, 22, sum);
        page
    };
    let pages = page(&noise(20 * 255 - 1)).repeat(50);
    [&ogg[..last], &pages, &ogg[last..]].concat()
}

/// An AVI film with two more parts, as OpenDML writes them about every gigabyte.
pub(super) fn parts_avi() -> Vec<u8> {
    let mut first = file("film.avi");
    let part = |frames: u8| {
        let mut part = b"RIFF\x14\0\0\0AVIXLIST\x08\0\0\0movi0000".to_vec();
        *part.last_mut().unwrap() = frames;
        part
    };
    let list = find(&first, b"odml") - 8;
    first[list..list + 4].copy_from_slice(b"LIST");
    put32(&mut first, list + 20, 50);
    [&first[..], &part(b'1'), &part(b'2')].concat()
}

/// A transport stream with the 16 bytes of parity that DVB keeps behind each packet.
pub(super) fn with_parity(stream: &[u8]) -> Vec<u8> {
    stream.chunks(188).flat_map(|packet| [packet, &[0x5a; 16]].concat()).collect()
}

fn large_wav() -> Vec<u8> {
    let mut sound = file("pcm.wav");
    let data = find(&sound, b"data") + 4;
    sound.extend(noise(300_000));
    let (all, len) = (sound.len() as u32 - 8, (sound.len() - data - 4) as u32);
    put32(&mut sound, 4, all);
    put32(&mut sound, data, len);
    sound
}

/// A recording whose header is still that of an empty file.
fn recorded_wav() -> Vec<u8> {
    let mut sound = file("pcm.wav");
    let data = find(&sound, b"data") + 4;
    put32(&mut sound, 4, data as u32 + 4 - 8);
    put32(&mut sound, data, 0);
    sound
}

/// A recording in the 64-bit form whose sizes are not filled in.
fn recorded_rf64() -> Vec<u8> {
    let mut sound = file("rf64.wav");
    let wide = find(&sound, b"ds64") + 8;
    sound[wide..wide + 16].fill(0xff);
    sound
}

/// Sound of five seconds that does not compress: eight-bit mono in verbatim frames of 4,096
/// samples.
fn large_flac() -> Vec<u8> {
    const FRAMES: u8 = 60;
    const BLOCK: usize = 4096;
    let samples = u64::from(FRAMES) * BLOCK as u64;
    let mut bytes = b"fLaC\x80\0\0\x22\x10\0\x10\0\0\0\0\0\0\0".to_vec();
    // 48 kHz, one channel, eight bits, so many samples.
    bytes.extend((48_000 << 44 | 7 << 36 | samples).to_be_bytes());
    bytes.extend([7; 16]);
    for frame in 0..FRAMES {
        let start = bytes.len();
        bytes.extend([0xff, 0xf8, 0xc0, 0x02, frame]);
        bytes.push(crc(&bytes[start..], 8, 0x07) as u8);
        // A verbatim subframe.
        bytes.push(0x02);
        bytes.extend(noise(BLOCK));
        let sum = crc(&bytes[start..], 16, 0x8005);
        bytes.extend(sum.to_be_bytes());
    }
    bytes
}

fn crc(bytes: &[u8], width: u32, polynomial: u32) -> u16 {
    let top = 1 << (width - 1);
    let sum = bytes.iter().fold(0_u32, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte) << (width - 8), |sum, _| {
            if sum & top == 0 { sum << 1 } else { sum << 1 ^ polynomial }
        })
    });
    (sum & ((1 << width) - 1)) as u16
}
