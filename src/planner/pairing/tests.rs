//! Pairing, told in lines: assets and contents go in, decisions come out.

use super::super::types::{Asset, Wall};
use super::*;

const ME: &str = "me@example.com";

/// `NAME SIZE@TIME`, with `?` for what the list does not tell.
fn asset(id: &str, text: &str) -> Offered {
    let (name, rest) = text.split_once(' ').expect("a name");
    let (size, at) = rest.split_once('@').expect("a time");
    let listed = ListedAsset {
        asset: Asset { asset_id: long(id), url: None },
        name: (name != "?").then(|| name.to_owned()),
        size: size.parse().ok(),
        created_at: at.parse().ok().map(Wall),
        is_user_upload: true,
    };
    Offered { listed, kind: None }
}

fn long(id: &str) -> String {
    format!("user:1-runwayml:{ME}-asset:{id}")
}

fn local(hash: u8, size: u64, names: &[&str]) -> Local {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    Local { hash: ContentHash([hash; 32]), size, kind: None, names }
}

fn read(hash: u8, size: u64) -> Bytes {
    Bytes::Read { hash: ContentHash([hash; 32]), size }
}

fn refused() -> Bytes {
    Bytes::NotRead { reason: "refused".into(), passes: false }
}

/// Pairs everything, with these bytes behind the assets; in words.
fn said(offered: &[Offered], locals: &[Local], bytes: &[Bytes]) -> Vec<String> {
    let mut lines = Vec::new();
    for group in comparisons(offered, locals, Some(ME), |_| false) {
        let read: Vec<Bytes> = group.iter().map(|one| bytes[one.asset].clone()).collect();
        let pairing = pair(offered, locals, &group, &read);
        for found in pairing.pairs {
            let how = found.guess.map_or("certain".into(), |why| format!("guess ({why})"));
            let doubles = match found.doubles.as_slice() {
                [] => String::new(),
                doubles => format!(" doubles {doubles:?}"),
            };
            lines.push(format!("{how} {} ← {}{doubles}", found.local, found.asset));
        }
        lines.extend(pairing.unclear.iter().map(|local| format!("unclear {local}")));
        lines.extend(pairing.again.iter().map(|local| format!("again {local}")));
    }
    lines.sort();
    lines
}

#[test]
fn equal_bytes_are_certain_whatever_the_name() {
    let offered = [asset("a", "was.png 10@1")];
    let locals = [local(1, 10, &["is-now.png"])];
    assert_eq!(said(&offered, &locals, &[read(1, 10)]), ["certain 0 ← 0"]);
}

#[test]
fn other_bytes_are_nothing_however_alike_they_look() {
    let offered = [asset("a", "cat.png 10@1")];
    let locals = [local(1, 10, &["cat.png"])];
    assert_eq!(said(&offered, &locals, &[read(2, 10)]), [""; 0]);
    assert_eq!(said(&offered, &locals, &[Bytes::Other]), [""; 0]);
}

#[test]
fn two_contents_of_one_size_each_get_their_own() {
    let offered = [asset("a", "x 10@1"), asset("b", "y 10@2")];
    let locals = [local(1, 10, &["y"]), local(2, 10, &["x"])];
    let bytes = [read(2, 10), read(1, 10)];
    assert_eq!(said(&offered, &locals, &bytes), ["certain 0 ← 1", "certain 1 ← 0"]);
}

#[test]
fn of_several_equal_assets_the_oldest_is_taken_and_the_others_are_doubles() {
    let offered = [asset("new", "x 10@9"), asset("old", "x 10@3"), asset("undated", "x 10@?")];
    let locals = [local(1, 10, &["x"])];
    let bytes = [read(1, 10), read(1, 10), read(1, 10)];
    assert_eq!(said(&offered, &locals, &bytes), ["certain 0 ← 1 doubles [0, 2]"]);
}

#[test]
fn an_asset_whose_bytes_cannot_be_read_is_a_guess_by_name_and_size() {
    let offered = [asset("a", "cat.png 10@1"), asset("b", "dog 11@1")];
    let locals = [local(1, 10, &["cat.png"]), local(2, 11, &["bird.png"])];
    let bytes = [refused(), refused()];
    assert_eq!(said(&offered, &locals, &bytes), ["guess (refused) 0 ← 0"]);
    // A server that hands names back without their extension.
    let offered = [asset("a", "cat 10@1")];
    assert_eq!(said(&offered, &locals, &[refused()]), ["guess (refused) 0 ← 0"]);
}

#[test]
fn a_guess_with_a_rival_on_either_side_is_none() {
    let two = [asset("a", "cat.png 10@1"), asset("b", "cat.png 10@2")];
    let one = [local(1, 10, &["cat.png"])];
    assert_eq!(said(&two, &one, &[refused(), refused()]), ["unclear 0"]);
    let two = [local(1, 10, &["cat.png"]), local(2, 10, &["other.png", "cat.png"])];
    let one = [asset("a", "cat.png 10@1")];
    assert_eq!(said(&one, &two, &[refused()]), ["unclear 0", "unclear 1"]);
}

#[test]
fn a_rival_that_turned_out_to_be_something_else_still_makes_a_guess_unclear() {
    // Content 1 is certain of asset b, and yet asset a may be a double of it.
    let offered = [asset("a", "cat.png 10@1"), asset("b", "cat.png 10@2")];
    let locals = [local(1, 10, &["cat.png"]), local(2, 10, &["cat.png"])];
    let bytes = [refused(), read(2, 10)];
    assert_eq!(said(&offered, &locals, &bytes), ["certain 1 ← 1", "unclear 0"]);
}

#[test]
fn a_certain_pair_is_not_also_a_guess() {
    let offered = [asset("a", "cat.png 10@1"), asset("b", "cat.png 10@2")];
    let locals = [local(1, 10, &["cat.png"])];
    assert_eq!(said(&offered, &locals, &[refused(), read(1, 10)]), ["certain 0 ← 1"]);
}

#[test]
fn without_a_size_only_what_has_the_name_is_compared() {
    let offered = [asset("a", "cat.png ?@1")];
    let locals = [local(1, 10, &["cat.png"]), local(2, 11, &["dog.png"]), local(3, 30, &["cat"])];
    let groups = comparisons(&offered, &locals, Some(ME), |_| false);
    assert_eq!(groups, [vec![Comparison { asset: 0, locals: vec![0, 2], most: 30 }]]);
    assert_eq!(said(&offered, &locals, &[read(1, 10)]), ["certain 0 ← 0"]);
    assert_eq!(said(&offered, &locals, &[refused()]), ["unclear 0", "unclear 2"]);
    assert_eq!(said(&offered, &locals[..2], &[refused()]), ["guess (refused) 0 ← 0"]);
}

#[test]
fn a_hash_of_another_length_is_not_believed() {
    let offered = [asset("a", "cat.png ?@1")];
    let locals = [local(1, 10, &["cat.png"])];
    assert_eq!(said(&offered, &locals, &[read(1, 11)]), [""; 0]);
}

#[test]
fn what_is_not_to_be_had_is_not_even_compared() {
    let locals = [local(1, 10, &["cat.png"])];
    let mut generated = asset("a", "cat.png 10@1");
    generated.listed.is_user_upload = false;
    let mut foreign = asset("b", "cat.png 10@1");
    foreign.listed.asset.asset_id = "user:1-runwayml:you@example.com-asset:b".into();
    let taken = asset("d", "cat.png 10@1");
    let offered = [generated, foreign, taken];
    let groups = comparisons(&offered, &locals, Some(ME), |id| id == long("d"));
    assert_eq!(groups, [] as [Vec<Comparison>; 0]);
    // While the account has no name yet, every e-mail is as good as another.
    assert_eq!(comparisons(&offered[1..2], &locals, None, |_| false).len(), 1);
}

#[test]
fn a_film_is_no_guess_for_a_picture_unless_its_bytes_say_so() {
    let mut film = asset("a", "cat 10@1");
    film.kind = Some(MediaKind::Video);
    let picture = Local { kind: Some(MediaKind::Image), ..local(1, 10, &["cat"]) };
    let (offered, locals) = ([film], [picture]);
    assert_eq!(said(&offered, &locals, &[refused()]), [""; 0]);
    assert_eq!(said(&offered, &locals, &[read(1, 10)]), ["certain 0 ← 0"]);
}

#[test]
fn what_failed_for_the_moment_is_to_be_tried_again() {
    let offered = [asset("a", "x 10@1"), asset("b", "cat.png 10@1")];
    let locals = [local(1, 10, &["cat.png"])];
    let later = Bytes::NotRead { reason: "broken".into(), passes: true };
    assert_eq!(
        said(&offered, &locals, &[later.clone(), later.clone()]),
        ["again 0", "guess (broken) 0 ← 1"]
    );
    assert_eq!(said(&offered, &locals, &[later, read(1, 10)]), ["certain 0 ← 1"]);
}

#[test]
fn what_has_no_content_in_common_is_a_group_of_its_own() {
    let offered = [
        asset("a", "x 10@1"),
        asset("b", "y 20@1"),
        asset("c", "x 10@2"),
        asset("d", "y ?@3"),
        asset("e", "z 30@1"),
    ];
    let locals = [local(1, 10, &["x"]), local(2, 20, &["y"]), local(3, 40, &["z"])];
    let groups = comparisons(&offered, &locals, Some(ME), |_| false);
    let assets: Vec<Vec<usize>> =
        groups.iter().map(|group| group.iter().map(|one| one.asset).collect()).collect();
    assert_eq!(assets, [[0, 2], [1, 3]]);
    // One without a size that could be either joins them.
    let locals = [local(1, 10, &["x", "y"]), local(2, 20, &["y"])];
    assert_eq!(comparisons(&offered[..4], &locals, Some(ME), |_| false).len(), 1);
}

#[test]
fn only_files_that_could_be_an_asset_are_worth_reading() {
    let mut generated = asset("c", "film 30@1");
    generated.listed.is_user_upload = false;
    let offered = [asset("a", "cat.png 10@1"), asset("b", "dog.png ?@1"), generated];
    let sieve = Sieve::of(&offered, Some(ME), |_| false);
    let passes = [(10, "x"), (11, "dog.png"), (11, "dog"), (30, "film"), (11, "cat.png")]
        .map(|(size, name)| sieve.passes(size, name));
    assert_eq!(passes, [true, true, true, false, false]);
    assert!(Sieve::of(&offered, Some(ME), |_| true).is_empty());
    assert!(Sieve::of(&offered, Some("you@example.com"), |_| false).is_empty());
}

#[test]
fn kinds_are_read_from_words_and_content_types() {
    assert_eq!(MediaKind::parse("image"), Some(MediaKind::Image));
    assert_eq!(MediaKind::parse("video/MP2T"), Some(MediaKind::Video));
    assert_eq!(MediaKind::parse("dataset"), None);
}
