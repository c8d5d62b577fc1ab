//! A folder with every type of the corpus: each content once, as documented, and then never again.

use std::path::Path;

use crate::support::{Server, Taxiway, corpus, media};

fn hash(path: &Path) -> String {
    blake3::hash(&std::fs::read(path).expect("the file")).to_hex().to_string()
}

fn fill(folder: &Path) {
    for expected in corpus() {
        std::fs::copy(media(&expected.file), folder.join(&expected.file)).expect("a copy");
    }
}

#[test]
fn every_supported_type_is_uploaded_once_as_documented_and_a_second_run_sends_nothing() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let folder = taxiway.path("folder");
    fill(&folder);
    // The empty file is still waited for: that is no failure, but neither is it the end.
    taxiway.once().exits(75);

    let mut uploaded = 0;
    for expected in corpus() {
        let path = folder.join(&expected.file);
        let row = taxiway.row(&path);
        match expected.media_type.as_str() {
            "unsupported" => {
                assert_eq!(row["state"], "ignored", "{row}");
                assert_eq!(row["reason"], expected.words, "{row}");
            }
            "empty" => {
                assert_eq!(row["state"], "settling", "{row}");
                assert_eq!(row["reason"], "the file is empty", "{row}");
            }
            media_type => {
                uploaded += 1;
                let asset = server.asset_named(&expected.file);
                assert_eq!(asset.content_type, media_type, "{}", expected.file);
                assert_eq!(asset.blake3, hash(&path), "{}", expected.file);
                assert_eq!(hash(&server.bytes_of(&asset)), hash(&path), "{}", expected.file);
                assert_eq!(asset.account, "me@example.com");
                assert_eq!(asset.width.zip(asset.height), expected.size, "{}", expected.file);
                assert_eq!(
                    asset.duration, None,
                    "{}: durations go only when asked for",
                    asset.name
                );
                assert!(asset.had_content_length, "{}", expected.file);
                assert_eq!(row["state"], "uploaded", "{row}");
                assert_eq!(row["asset_id"], asset.asset_id());
                assert_eq!(row["media_type"], media_type);
                assert_eq!(row["hash"], asset.blake3);
                assert_eq!(row["account"], "me@example.com");
            }
        }
    }
    assert_eq!(server.assets().len(), uploaded);
    assert_eq!(server.uploads(), uploaded as u64);
    let tokens = server.log().iter().all(|request| request.authorization);
    assert!(tokens, "every request carries the token");

    let before = server.requests();
    taxiway.once().exits(75);
    assert_eq!(server.requests(), before, "a second run asks for nothing at all");
    std::fs::remove_file(folder.join("empty.png")).expect("removed");
    taxiway.once().exits(0);
    assert_eq!(server.requests(), before);
}
