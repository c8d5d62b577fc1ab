//! Pictures to look at: small landscapes, painted here, so that the page is seen with something on it.
//!
//! Owns: the same name is the same picture, byte for byte.

/// A painted picture: the colour at a place, both from 0 to 1, x to the right and y downwards.
type Scene = fn(f32, f32) -> [f32; 3];

/// Their names and what is on them.
pub const SCENES: [(&str, Scene); 8] = [
    ("sunflower.png", sunflower),
    ("nebula-final.png", nebula),
    ("glass study.png", glass),
    ("night harbour.png", harbour),
    ("alpine lake.png", lake),
    ("wave.png", wave),
    ("dunes at dusk.png", dunes),
    ("aurora 02.png", aurora),
];

/// A picture as PNG.
pub fn painted(scene: Scene, width: u32, height: u32) -> Vec<u8> {
    let mut rows = Vec::with_capacity(((width * 3 + 1) * height) as usize);
    for y in 0..height {
        rows.push(0);
        for x in 0..width {
            let (u, v) = (x as f32 / width as f32, y as f32 / height as f32);
            let grain = (hash(x as i32, y as i32) - 0.5) * 0.012;
            rows.extend(scene(u, v).map(|c| ((c + grain).clamp(0.0, 1.0) * 255.0) as u8));
        }
    }
    png(width, height, &rows)
}

/// A PNG of 8-bit colours whose rows are stored as they are.
fn png(width: u32, height: u32, rows: &[u8]) -> Vec<u8> {
    let mut zlib = vec![0x78, 0x01];
    let mut pieces = rows.chunks(0xffff).peekable();
    while let Some(piece) = pieces.next() {
        let length = piece.len() as u16;
        zlib.push(u8::from(pieces.peek().is_none()));
        zlib.extend(length.to_le_bytes());
        zlib.extend((!length).to_le_bytes());
        zlib.extend(piece);
    }
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in rows {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    zlib.extend((b << 16 | a).to_be_bytes());
    let mut head = Vec::new();
    head.extend(width.to_be_bytes());
    head.extend(height.to_be_bytes());
    head.extend([8, 2, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [(b"IHDR", &head), (b"IDAT", &zlib), (b"IEND", &Vec::new())] {
        file.extend((data.len() as u32).to_be_bytes());
        let at = file.len();
        file.extend(kind);
        file.extend(data);
        let check = crc(&file[at..]);
        file.extend(check.to_be_bytes());
    }
    file
}

fn crc(bytes: &[u8]) -> u32 {
    let table: [u32; 256] = std::array::from_fn(|n| {
        (0..8).fold(n as u32, |c, _| if c & 1 == 1 { 0xedb8_8320 ^ (c >> 1) } else { c >> 1 })
    });
    !bytes.iter().fold(!0, |c, byte| table[((c ^ u32::from(*byte)) & 0xff) as usize] ^ (c >> 8))
}

fn hash(x: i32, y: i32) -> f32 {
    let mut n =
        (x as u32).wrapping_mul(374_761_393).wrapping_add((y as u32).wrapping_mul(668_265_263));
    n = (n ^ (n >> 13)).wrapping_mul(1_274_126_177);
    ((n ^ (n >> 16)) & 0xffff) as f32 / 65_535.0
}

fn smooth(t: f32) -> f32 {
    let t = t.clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

fn step(from: f32, to: f32, x: f32) -> f32 {
    smooth((x - from) / (to - from))
}

fn noise(x: f32, y: f32) -> f32 {
    let (i, j) = (x.floor(), y.floor());
    let (u, v) = (smooth(x - i), smooth(y - j));
    let at = |a: i32, b: i32| hash(i as i32 + a, j as i32 + b);
    let top = at(0, 0) + (at(1, 0) - at(0, 0)) * u;
    let bottom = at(0, 1) + (at(1, 1) - at(0, 1)) * u;
    top + (bottom - top) * v
}

/// Noise of several sizes, from 0 to 1.
fn clouds(x: f32, y: f32) -> f32 {
    let octave = |n: i32| {
        noise(x * 2.0_f32.powi(n) + 17.0 * n as f32, y * 2.0_f32.powi(n)) / 2.0_f32.powi(n)
    };
    (0..6).map(octave).sum::<f32>() / 1.97
}

fn rgb(hex: u32) -> [f32; 3] {
    [16, 8, 0].map(|shift| (hex >> shift & 0xff) as f32 / 255.0)
}

fn mix(a: [f32; 3], b: [f32; 3], t: f32) -> [f32; 3] {
    std::array::from_fn(|n| a[n] + (b[n] - a[n]) * t.clamp(0.0, 1.0))
}

/// A colour between several, evenly spaced.
fn ramp(colours: &[u32], t: f32) -> [f32; 3] {
    let place = t.clamp(0.0, 1.0) * (colours.len() - 1) as f32;
    let at = (place as usize).min(colours.len() - 2);
    mix(rgb(colours[at]), rgb(colours[at + 1]), place - at as f32)
}

fn glow(x: f32, y: f32, cx: f32, cy: f32, size: f32) -> f32 {
    (-((x - cx).powi(2) + (y - cy).powi(2)) / (size * size)).exp()
}

fn dunes(x: f32, y: f32) -> [f32; 3] {
    let sky = ramp(&[0x2b2a5a, 0x8a4a78, 0xf08a5d, 0xffd08a], y / 0.55);
    let mut c = mix(sky, rgb(0xfff0c8), glow(x * 1.6, y, 1.1, 0.42, 0.13));
    for n in 0..4 {
        let depth = n as f32;
        let ridge = 0.48
            + depth * 0.12
            + 0.10 * (x * (4.0 - depth * 0.6) + depth * 2.3).sin() * (0.5 + 0.2 * depth)
            + 0.02 * noise(x * 6.0, depth);
        let lit = 0.5 + 0.5 * (x * (4.0 - depth * 0.6) + depth * 2.3).cos();
        let sand = mix(
            ramp(&[0xc77d5a, 0x9a4f4f, 0x5e2f4a, 0x2a1a38], depth / 3.0),
            rgb(0xf3b06a),
            lit * (0.5 - depth * 0.12),
        );
        let ripple = 0.04 * ((y - ridge) * 160.0 + noise(x * 10.0, y * 8.0) * 9.0).sin();
        c = mix(c, sand.map(|v| v + ripple * (0.4 + depth * 0.2)), step(0.0, 0.006, y - ridge));
    }
    c
}

fn aurora(x: f32, y: f32) -> [f32; 3] {
    let mut c = ramp(&[0x050b1f, 0x0b2038, 0x14384c], y);
    if hash((x * 420.0) as i32, (y * 270.0) as i32) > 0.9965 {
        c = mix(c, rgb(0xffffff), 0.75);
    }
    for n in 0..3 {
        let band = n as f32;
        let bend = 0.34
            + band * 0.09
            + 0.16 * (x * (3.0 + band) + band * 1.7).sin()
            + 0.12 * (clouds(x * 3.0, band) - 0.5);
        let up = (bend - y).max(0.0);
        let rays =
            0.35 + 0.65 * noise(x * 46.0 + band * 9.0, 1.0) * noise(x * 15.0, band + 3.0) * 2.0;
        let light = (-up / 0.20).exp() * step(-0.015, 0.02, bend - y) * rays;
        c = mix(c, ramp(&[0x5dffb0, 0x3fd9c0, 0x8a6bff], up / 0.34), light * (0.95 - band * 0.2));
    }
    let hills = 0.80 - 0.10 * clouds(x * 4.0, 2.0) - 0.02 * noise(x * 60.0, 5.0);
    mix(c, rgb(0x03070f), step(0.0, 0.004, y - hills))
}

fn lake(x: f32, y: f32) -> [f32; 3] {
    let (v, wet) = if y > 0.6 {
        (1.2 - y + 0.006 * (y * 240.0).sin() * noise(x * 9.0, y * 60.0), true)
    } else {
        (y, false)
    };
    let mut c = ramp(&[0x3f78b5, 0x8db9da, 0xf3dcc4], v / 0.6);
    c = mix(c, rgb(0xffffff), 0.7 * step(0.55, 0.78, clouds(x * 3.0 + 4.0, v * 7.0)) * (1.0 - v));
    for n in 0..3 {
        let near = n as f32;
        let line = 0.27 + near * 0.12
            - (0.34 - near * 0.1) * (clouds(x * (2.2 + near * 1.3) + near * 5.0, near) - 0.35);
        let rock = ramp(&[0x7d93b8, 0x4a6478, 0x1f3d3a], near / 2.0);
        let snow = step(0.10, 0.02, v - line)
            * step(0.42, 0.6, clouds(x * 16.0, v * 14.0))
            * (1.0 - near * 0.48);
        c = mix(c, mix(rock, rgb(0xf6f8ff), snow), step(0.0, 0.005, v - line));
    }
    if wet { mix(c, rgb(0x17405a), 0.32 + 0.25 * (y - 0.6)) } else { c }
}

fn nebula(x: f32, y: f32) -> [f32; 3] {
    let (px, py) = (x * 2.4, y * 1.5);
    let (wx, wy) = (clouds(px + 5.0, py), clouds(px, py + 9.0));
    let cloud = clouds(px + 2.6 * wx, py + 2.6 * wy);
    let dust = clouds(px * 2.0 + 3.0 * wy, py * 2.0);
    let mut c =
        ramp(&[0x05040f, 0x1b1147, 0x7a2a8c, 0xff5f7e, 0xffd9a0], step(0.30, 0.78, cloud) * 1.05);
    c = mix(c, rgb(0x2fb6d6), 0.55 * step(0.5, 0.75, wx) * step(0.35, 0.6, cloud));
    c = mix(c, rgb(0x060410), 0.6 * step(0.55, 0.75, dust));
    let star = hash((x * 380.0) as i32, (y * 240.0) as i32);
    mix(c, rgb(0xffffff), if star > 0.996 { 0.9 } else { 0.0 })
}

fn glass(x: f32, y: f32) -> [f32; 3] {
    let (px, py) = (x * 6.0, y * 3.8);
    let (mut near, mut second, mut of) = (9.0_f32, 9.0_f32, 0.0);
    for a in -1..=1 {
        for b in -1..=1 {
            let (i, j) = (px.floor() as i32 + a, py.floor() as i32 + b);
            let (cx, cy) = (i as f32 + hash(i, j), j as f32 + hash(j + 91, i));
            let away = ((px - cx).powi(2) + (py - cy).powi(2)).sqrt();
            if away < near {
                (second, near, of) = (near, away, hash(i * 7 + 3, j * 5));
            } else {
                second = second.min(away);
            }
        }
    }
    let pane = ramp(&[0x123b63, 0x1f7a8c, 0xe8c26a, 0xd1603d, 0x7d1f3f, 0x2a1f4f], of);
    let light = 0.75 + 0.5 * glow(x, y, 0.35, 0.25, 0.5) - 0.25 * near;
    mix(rgb(0x0c0b10), pane.map(|v| v * light + 0.05), step(0.02, 0.09, second - near))
}

fn harbour(x: f32, y: f32) -> [f32; 3] {
    let shore = 0.56;
    let wet = y > shore;
    let v = if wet { 2.0 * shore - y } else { y };
    let ripple = if wet { 0.012 * (y * 300.0).sin() * noise(x * 8.0, y * 40.0) } else { 0.0 };
    let u = x + ripple;
    let mut c = ramp(&[0x0a1030, 0x1d2350, 0x58406f, 0xc0705f], v / shore);
    let tower = (u * 26.0) as i32;
    let roof = shore - 0.06 - 0.26 * hash(tower, 4).powi(2) - 0.05 * hash(tower, 8);
    if v > roof {
        c = rgb(0x11132c);
        let (i, j) = ((u * 130.0) as i32, (v * 90.0) as i32);
        if hash(i, j) > 0.72 && i % 2 == 0 && j % 2 == 0 && v < shore - 0.015 {
            c = ramp(&[0xffc46b, 0xffe9bd, 0x9fd0ff], hash(i + 7, j));
        }
    }
    if wet {
        let streak = noise((u * 70.0).floor(), 3.0).powi(3) * step(0.5, 0.0, y - shore);
        c = mix(
            mix(c, rgb(0x0b1230), 0.45),
            rgb(0xffb866),
            streak * 0.5 * noise(x * 20.0, y * 120.0),
        );
    }
    c
}

fn sunflower(x: f32, y: f32) -> [f32; 3] {
    let (dx, dy) = ((x - 0.52) * 1.6, y - 0.5);
    let away = (dx * dx + dy * dy).sqrt();
    let turn = dy.atan2(dx);
    let mut c = mix(ramp(&[0x1e4d5c, 0x3f7a63], y), rgb(0xd9e8b0), 0.35 * clouds(x * 4.0, y * 4.0));
    for (ring, count) in [(0.47_f32, 21.0_f32), (0.42, 19.0), (0.36, 17.0)] {
        let petal = (turn * count / 2.0 + ring * 40.0).sin().abs();
        let edge = ring * (0.62 + 0.38 * petal.powf(0.7));
        let shade = ramp(&[0x9c4a05, 0xf2a20c, 0xffd53d], petal * 0.8 + 0.4 * away / ring - 0.1);
        c = mix(c, shade.map(|v| v * (0.72 + 0.5 * ring)), step(0.008, 0.0, away - edge));
    }
    let mut seeds = rgb(0x2a1509);
    for n in 1..260 {
        let (angle, at) = (n as f32 * 2.399_963, 0.0127 * (n as f32).sqrt());
        let near = (dx - at * angle.cos()).powi(2) + (dy - at * angle.sin()).powi(2);
        seeds =
            mix(seeds, ramp(&[0x3d2208, 0x8a5a12, 0xe3b23c], at / 0.2), (-near / 0.000_03).exp());
    }
    mix(c, seeds, step(0.006, 0.0, away - 0.212))
}

fn wave(x: f32, y: f32) -> [f32; 3] {
    let mut c = ramp(&[0xf6e9d2, 0xf2d3b0, 0xe8b79a], y * 1.6);
    c = mix(c, rgb(0xd8483e), step(0.004, 0.0, ((x - 0.7) * 1.6).hypot(y - 0.28) - 0.12));
    for n in 0..5 {
        let near = n as f32;
        let swell = 0.44
            + near * 0.11
            + 0.05 * (x * (7.0 - near) * 2.0 + near * 1.9).sin()
            + 0.03 * clouds(x * 5.0, near);
        let deep = y - swell;
        let sea = ramp(&[0x9cc5c9, 0x4f8fa8, 0x2b6a92, 0x18466f, 0x0d2a4f], near / 4.0);
        let foam = step(0.028, 0.0, deep - 0.02 * noise(x * 40.0, near)) * (0.9 - near * 0.1);
        let stripe = 0.14 * step(0.2, 0.9, (deep * 90.0 + near).sin());
        c = mix(
            c,
            mix(mix(sea, rgb(0xcfe6e6), stripe), rgb(0xfbf7ee), foam),
            step(0.0, 0.004, deep),
        );
    }
    c
}
