//! The pages for people: what they show is what the program says, and what they tell to write works.
//!
//! A block of `console` is run, its commands in their order, in the house that the comment above it
//! names; `TAXIWAY_BLESS=1 cargo test --test it recipes` rewrites the answers.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Daemon, Server, TOKEN, Taxiway, have, media, picture, section, write};

fn page(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)
}

/// Where the commands of a block are run.
struct House {
    server: Server,
    taxiway: Taxiway,
    daemon: Option<Daemon>,
}

impl House {
    /// The house of this name: a folder with one picture, and what is the matter with it.
    fn of(name: &str) -> House {
        let server = Server::start();
        let mut taxiway = Taxiway::with(&server);
        let folder = taxiway.folder("Runway");
        let settings = format!("{}settle = \"50ms\"\n", section(&folder));
        taxiway.configure(&settings);
        let file = folder.join("cat.gif");
        write(&file, &picture(1, 1_000));
        let mut daemon = None;
        match name {
            "new" => {}
            "uploaded" => drop(taxiway.once().exits(0)),
            "running" => daemon = Some(taxiway.daemon()),
            "no token" => taxiway.unset("TAXIWAY_TOKEN"),
            "locked keyring" => {
                taxiway.with_keyring();
                taxiway.keyring("locked");
            }
            "exposed token" => {
                taxiway.unset("TAXIWAY_TOKEN");
                let token = taxiway.path("config/taxiway/token");
                write(&token, TOKEN.as_bytes());
                fs::set_permissions(&token, fs::Permissions::from_mode(0o644)).expect("a mode");
            }
            "refused token" => server.set_token("user:2-another"),
            "no subscription" => server.faults(&["subscription"]),
            "refused file" => {
                server.faults(&["status=415"]);
                taxiway.once().exits(1);
                server.faults(&[]);
            }
            "cut off" => {
                let whole = fs::read(media("picture.png")).expect("a picture");
                write(&folder.join("cat.png"), &whole[..whole.len() - 12]);
                taxiway.once().exits(75);
            }
            "telephone" => {
                fs::copy(media("picture.heic"), folder.join("IMG_0001.HEIC")).expect("a copy");
                taxiway.once().exits(0);
            }
            "away" => {
                taxiway.once().exits(0);
                fs::rename(&folder, taxiway.path("elsewhere")).expect("moved");
            }
            "typing error" => taxiway.configure(&format!("{settings}setle = \"1s\"\n")),
            "damaged" => {
                let ledger = taxiway.state_dir().join("ledger.sqlite3");
                write(&ledger, "this is no database ".repeat(300).as_bytes());
            }
            "two accounts" => {
                let mut settings = String::new();
                for name in ["work", "home"] {
                    let folder = taxiway.folder(name);
                    settings += &format!("{}email = \"{name}@example.com\"\n", section(&folder));
                }
                taxiway.configure(&settings);
                write(&taxiway.path("cat.gif"), &picture(1, 1_000));
            }
            other => panic!("there is no house called {other}"),
        }
        House { server, taxiway, daemon }
    }

    /// Has a shell run a line. Gives all that was said, with what is another each time replaced.
    fn says(&self, line: &str) -> String {
        let said = self.shell(&["-c", &format!("exec 2>&1\n{line}")]);
        let mut text = said.replace(&*self.taxiway.root.to_string_lossy(), "/home/me");
        text = text.replace("/home/me/config/", "/home/me/.config/");
        text = text.replace("/home/me/state/", "/home/me/.local/state/");
        if let Some(daemon) = &self.daemon {
            text = text.replace(&daemon.pid().to_string(), "4242");
        }
        for asset in self.server.assets() {
            text = text.replace(&asset.id.to_string(), "…");
        }
        text.trim_end().to_owned()
    }

    fn shell(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("sh");
        let plain = self.taxiway.command(&[] as &[&str]);
        let variables = plain.get_envs().filter_map(|(key, value)| Some((key, value?)));
        command.args(arguments).env_clear().envs(variables).current_dir(&self.taxiway.root);
        command.env("PATH", self.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        self.taxiway.finish(command, b"").out
    }

    /// The program, programs of the test, then all others.
    fn path(&self) -> std::ffi::OsString {
        let program = Path::new(env!("CARGO_BIN_EXE_taxiway"));
        let mut path = vec![self.taxiway.path("bin"), program.parent().expect("bin").to_owned()];
        path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        std::env::join_paths(path).expect("a path")
    }
}

/// The page as it would be with the answers that the program gives now.
fn replayed(text: &str) -> String {
    let mut real = String::new();
    let mut house = None;
    let mut inside = false;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("<!-- house: ").and_then(|l| l.strip_suffix(" -->")) {
            house = Some(House::of(name));
        }
        match line {
            "```console" => inside = true,
            "```" => inside = false,
            _ => {}
        }
        if let Some(command) = line.strip_prefix("$ ").filter(|_| inside) {
            let house = house.as_ref().unwrap_or_else(|| panic!("no house for: {command}"));
            let said = house.says(command);
            real += &format!("{line}\n{said}{}", if said.is_empty() { "" } else { "\n" });
        } else if !inside || line == "```console" {
            real += &format!("{line}\n");
        }
    }
    real
}

#[track_caller]
fn is_real(name: &str) {
    let text = fs::read_to_string(page(name)).expect("the page");
    let real = replayed(&text);
    if std::env::var_os("TAXIWAY_BLESS").is_some() {
        fs::write(page(name), &real).expect("the page");
    }
    assert_eq!(text, real, "TAXIWAY_BLESS=1 rewrites the answers");
}

#[test]
fn what_troubleshooting_shows_is_what_the_program_says() {
    is_real("troubleshooting.md");
}

#[test]
fn what_the_recipes_show_is_what_the_program_says() {
    is_real("recipes.md");
}

/// The blocks of a kind, each with the number of its first line.
fn blocks(name: &str, kind: &str) -> Vec<(usize, String)> {
    let text = fs::read_to_string(page(name)).expect("the page");
    let mut blocks: Vec<(usize, String)> = Vec::new();
    let mut inside = false;
    for (number, line) in text.lines().enumerate() {
        if !inside && line == format!("```{kind}") {
            inside = true;
            blocks.push((number + 2, String::new()));
        } else if inside && line == "```" {
            inside = false;
        } else if let Some((_, block)) = blocks.last_mut().filter(|_| inside) {
            *block += &format!("{line}\n");
        }
    }
    blocks
}

#[test]
fn each_configuration_of_the_pages_is_sound() {
    let mut checked = 0;
    for name in ["recipes.md", "troubleshooting.md"] {
        for (line, block) in blocks(name, "toml") {
            let taxiway = Taxiway::alone();
            taxiway.configure(&block);
            let said = taxiway.run(&["config", "check"]);
            let later = said.err.contains("is not available in this version");
            assert!(said.code == 0 || later, "{name}:{line}: {said:?}");
            checked += 1;
        }
    }
    assert!(checked >= 3, "{checked}");
}

#[test]
fn each_script_of_the_pages_is_one_that_a_shell_reads() {
    for name in ["recipes.md", "troubleshooting.md"] {
        for (line, block) in blocks(name, "sh") {
            let taxiway = Taxiway::alone();
            write(&taxiway.path("script"), block.as_bytes());
            let read = Command::new("sh").arg("-n").arg(taxiway.path("script")).output();
            let read = read.expect("a shell");
            let said = String::from_utf8_lossy(&read.stderr).into_owned();
            assert!(read.status.success(), "{name}:{line}: {said}");
        }
    }
}

/// A program of the test that stands in for another one: a script of `sh`.
fn stand_in(house: &House, name: &str, script: &str) {
    let file = house.taxiway.path("bin").join(name);
    write(&file, format!("#!/bin/sh\n{script}").as_bytes());
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("a mode");
}

fn script(begins: &str) -> String {
    let blocks = blocks("recipes.md", "sh");
    let found = blocks.into_iter().find(|(_, block)| block.contains(begins));
    found.unwrap_or_else(|| panic!("no script has {begins}")).1
}

#[test]
fn the_script_that_starts_a_generation_uploads_once_and_asks_with_the_asset_id() {
    let mut house = House::of("new");
    house.taxiway.set("USEAPI_TOKEN", TOKEN);
    write(&house.taxiway.path("animate"), script("gen4_5/create").as_bytes());
    // The sandbox has no generations: what would be asked for is kept, and answered.
    stand_in(
        &house,
        "curl",
        "printf '%s\\n' \"$@\" > \"$HOME/asked\"\nprintf '{\"taskId\":\"user:1-task\"}'\n",
    );
    for _ in 0..2 {
        let said = house.shell(&["animate", "Runway/cat.gif", "a \"cat\" that yawns"]);
        assert_eq!(said.trim_end(), "{\"taskId\":\"user:1-task\"}");
    }
    assert_eq!(house.server.uploads(), 1);
    let asked = fs::read_to_string(house.taxiway.path("asked")).expect("what was asked");
    let body = asked.lines().find(|line| line.starts_with('{')).expect("a body");
    let body: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(body["firstImage_assetId"], house.server.asset().asset_id());
    assert_eq!(body["text_prompt"], "a \"cat\" that yawns");
    let host = format!("{}/gen4_5/create", "https://api.useapi.net/v1/runwayml");
    assert!(asked.lines().any(|line| line == host), "{asked}");
    // The token is handed over where other users of the machine cannot see it.
    assert!(!asked.contains(TOKEN), "{asked}");
    // What has no assetId starts nothing.
    fs::remove_file(house.taxiway.path("asked")).expect("removed");
    fs::copy(media("notes.txt"), house.taxiway.path("notes.txt")).expect("a copy");
    assert_eq!(house.shell(&["animate", "notes.txt", "words"]), "");
    assert!(!house.taxiway.path("asked").exists());
}

#[test]
fn the_job_of_cron_says_nothing_unless_a_person_has_to_act() {
    let house = House::of("new");
    let job = script("taxiway run --once --quiet");
    let line = job.lines().find(|line| line.contains("taxiway run")).expect("the line");
    let command = line.splitn(6, ' ').nth(5).expect("five fields of time, and a command");
    assert_eq!(house.says(command), "");
    assert_eq!(house.server.assets().len(), 1);
    house.server.faults(&["status=415"]);
    write(&house.taxiway.path("Runway/bad.gif"), &picture(2, 1_000));
    let said = house.says(command);
    assert!(said.starts_with("error: not all is done: 1 file is failed\n"), "{said}");
}

#[test]
fn a_move_to_a_new_computer_sends_nothing_again() {
    if !have("tar") {
        return;
    }
    let house = House::of("uploaded");
    let before = house.server.requests();
    let old = script("taxiway ledger backup");
    house.shell(&["-ec", &old]);
    let new = House::of("new");
    assert!(house.taxiway.path("taxiway.sqlite3").exists());
    fs::copy(house.taxiway.path("taxiway.sqlite3"), new.taxiway.path("taxiway.sqlite3"))
        .expect("carried over");
    // The same server, on another machine.
    let mut taxiway = new.taxiway;
    taxiway.set("TAXIWAY_BASE_URL", house.server.base_url());
    let new = House { taxiway, ..new };
    let state = new.taxiway.state_dir();
    let take = script("taxiway.sqlite3 \"$state")
        .replace("~/.local/state/taxiway", &state.to_string_lossy());
    new.shell(&["-ec", &take]);
    new.taxiway.once().exits(0);
    assert_eq!(house.server.requests(), before, "the content is known");
    assert_eq!(new.taxiway.run(&["id", "Runway/cat.gif"]).exits(0).out.lines().count(), 1);
}
