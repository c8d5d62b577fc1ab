//! Killed at random moments, again and again: nothing is lost, nothing is there twice, and the
//! ledger agrees with the server.
#![expect(clippy::print_stdout, reason = "a failure is run again from its seed")]

use std::collections::BTreeMap;
use std::time::Duration;

use taxiway::sandbox::Asset;

use crate::support::{Server, Taxiway, picture, write};

/// A small stream of random numbers: splitmix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % most
    }
}

const KILLS: u64 = 8;
const FILES: u64 = 14;

fn world(seed: u64) {
    println!("seed {seed}");
    let mut dice = Dice(seed);
    let server = Server::start();
    let mut taxiway = Taxiway::watching(&server);
    // Bodies that a killed process left in the buffers are stored within a look's pause.
    taxiway.set("TAXIWAY_TEST_LOOKS_MS", "100,500,1500");
    let folder = taxiway.path("folder");
    let lost = format!("lost-answer,p=0.2,seed={seed}");
    let slow = format!("slow-answer=60ms,p=0.5,seed={seed}");
    let stored = format!("stored-status=502,p=0.1,seed={}", seed + 1);
    server.faults(&["bandwidth=600KB/s", &slow, &lost, &stored]);
    let mut next = 0;
    let mut drop_some = |count: u64, dice: &mut Dice| {
        for _ in 0..count.min(FILES - next) {
            let bytes = picture(seed * 1_000 + next, 1_000 + dice.below(100_000) as usize);
            write(&folder.join(format!("{next}.gif")), &bytes);
            if next % 5 == 0 {
                write(&folder.join(format!("copies/{next}.gif")), &bytes);
            }
            next += 1;
        }
    };
    drop_some(5, &mut dice);
    for _ in 0..KILLS {
        let daemon = taxiway.spawn(&["run", "--json"]);
        std::thread::sleep(Duration::from_millis(10 + dice.below(300)));
        drop_some(dice.below(3), &mut dice);
        std::thread::sleep(Duration::from_millis(dice.below(100)));
        daemon.kill();
    }
    drop_some(FILES, &mut dice);
    server.faults(&[]);
    let said = taxiway.once();
    assert!(matches!(said.code, 0 | 1), "seed {seed}: {said:?}");
    agree(seed, &server, &taxiway);
    let before = server.requests();
    taxiway.once();
    assert_eq!(server.requests(), before, "seed {seed}");
}

fn agree(seed: u64, server: &Server, taxiway: &Taxiway) {
    let assets = server.assets();
    let mut by_content: BTreeMap<&str, &Asset> = BTreeMap::new();
    for asset in &assets {
        let twice = by_content.insert(&asset.blake3, asset);
        assert!(twice.is_none(), "seed {seed}: {} is stored twice", asset.name);
    }
    let rows = taxiway.rows();
    let files = FILES + FILES.div_ceil(5);
    assert_eq!(rows.len() as u64, files, "seed {seed}: {rows:#?}");
    for row in &rows {
        // Three doubts in a row on one file are left to a person; it is not lost.
        if row["state"] == "held" {
            println!("seed {seed}: held: {row}");
            assert!(row["reason"].as_str().is_some_and(|why| why.contains("3 times in a row")));
            continue;
        }
        assert_eq!(row["state"], "uploaded", "seed {seed}: {row}");
        let hash = row["hash"].as_str().expect("a hash");
        let asset = by_content.get(hash).unwrap_or_else(|| panic!("seed {seed}: lost: {row}"));
        assert_eq!(row["asset_id"], asset.asset_id(), "seed {seed}");
        let bytes = std::fs::read(row["path"].as_str().expect("a path")).expect("the file");
        assert_eq!(hash, blake3::hash(&bytes).to_hex().as_str(), "seed {seed}");
    }
    for asset in &assets {
        let known = rows.iter().any(|row| row["asset_id"] == asset.asset_id());
        assert!(known, "seed {seed}: {} is on the server only", asset.name);
    }
}

#[test]
fn killed_again_and_again_it_loses_nothing_and_sends_nothing_twice() {
    std::thread::scope(|scope| {
        for lane in 0..4 {
            scope.spawn(move || {
                for seed in [lane, lane + 4] {
                    world(seed);
                }
            });
        }
    });
}
