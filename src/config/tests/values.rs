//! What each key can hold, and the defaults.

use super::*;

/// The documented configuration; lines marked `e.g.` are absent by default.
const DOCUMENTED: &str = r#"
[api]
base_url = "https://api.useapi.net/v1/runwayml"   # http:// only to a loopback address
email = "me@example.com"     # e.g. default account for folders and pushes
token_file = "token"         # beside config.toml; refused when others can read it
concurrency = 4              # uploads at once, at most
rate_limit = "8MB/s"         # e.g. all uploads together
connect_timeout = "10s"
stall_timeout = "60s"        # while the body goes out: no byte moved
answer_timeout = "10min"     # after the last byte
max_file_size = "2GB"        # e.g.
send = ["width", "height"]   # media facts sent with an upload; "duration" may be added
ca_file = "/etc/ssl/own.pem" # e.g.

[control]
listen = "127.0.0.1:7447"    # e.g.

[[folder]]                   # one or more
path = "~/Runway"
email = "me@example.com"     # e.g.
recursive = true
include = []                 # gitignore-style globs; empty: all supported media
exclude = ["drafts/"]        # e.g.
hidden = false
follow_symlinks = false
existing = "upload"          # what lay there at first sight: upload | ignore
settle = "2s"                # quiet time where the system cannot prove that nobody writes
incomplete = "10min"         # at rest but incomplete for so long
mode = "auto"                # auto | events | poll
poll_interval = "30s"
rescan_interval = "15min"
name = "{file_name}"         # {file_name} {stem} {ext} {relative_path} {hash8}
on_change = "upload"         # a changed file: upload (a new asset) | ignore
after_upload = "keep"        # keep | move:DIR | trash
sidecar = false              # write FILE.asset.json beside the file
on_uploaded = ["notify-send", "uploaded", "{asset_id}"]   # e.g.
on_failed = ["…"]            # e.g.
"#;

fn documented(keep: impl Fn(&str) -> bool) -> String {
    let lines: Vec<&str> = DOCUMENTED.lines().filter(|line| keep(line)).collect();
    lines.join("\n")
}

#[test]
fn the_documented_defaults_are_the_defaults() {
    let world = World::with(&documented(|line| !line.contains("# e.g.")));
    let written = world.load().config;
    fs::write(world.file(), "[[folder]]\npath = \"~/Runway\"\n").unwrap();
    assert_eq!(world.load().config, written);
    assert_eq!(written.api.token_file, world.at("home/.config/taxiway/token"));
    assert_eq!(written.state_dir, world.at("home/.local/state/taxiway"));
    assert_eq!(written.folders[0].path, world.at("home/Runway"));
    assert_eq!("https://api.useapi.net/v1/runwayml".parse(), Ok(BaseUrl::default()));
    assert_eq!("{file_name}".parse(), Ok(NameTemplate::default()));
}

#[test]
fn every_documented_key_is_read() {
    let config = World::with(&documented(|_| true)).load().config;
    assert_eq!(config.api.email, "me@example.com".parse().ok());
    assert_eq!(config.api.rate_limit_bytes, NonZeroU64::new(8_000_000));
    assert_eq!(config.api.max_file_size_bytes, NonZeroU64::new(2_000_000_000));
    assert_eq!(config.api.ca_file, Some(PathBuf::from("/etc/ssl/own.pem")));
    assert_eq!(config.folders[0].exclude, ["drafts/"]);
}

#[test]
fn every_setting_can_be_changed() {
    let world = World::with(
        r#"
api.base_url = "http://127.0.0.1:8080/v1/"
api.token_file = "/run/token"
api.concurrency = 0x10
api.rate_limit = "1MiB/s"
api.connect_timeout = "500ms"
api.stall_timeout = "1min 30s"
api.answer_timeout = "1h 30min"
api.max_file_size = "512KiB"
api.send = ["duration"]
api.pause_on = ["metered"]
[[folder]]
path = "sub/./drop"
email = "Me@Example.COM"
recursive = false
include = ["*.png", "!x.png"]
hidden = true
follow_symlinks = true
existing = "ignore"
settle = "10s"
incomplete = "send"
mode = "events"
poll_interval = "1min"
rescan_interval = "1h"
on_change = "ignore"
"#,
    );
    let config = world.load().config;
    let api = &config.api;
    assert_eq!(api.base_url.as_str(), "http://127.0.0.1:8080/v1");
    assert_eq!(api.token_file, PathBuf::from("/run/token"));
    assert_eq!(api.concurrency, 16);
    assert_eq!(api.rate_limit_bytes, NonZeroU64::new(1 << 20));
    assert_eq!(api.connect_timeout, Duration::from_millis(500));
    assert_eq!(api.stall_timeout, Duration::from_secs(90));
    assert_eq!(api.answer_timeout, Duration::from_secs(5400));
    assert_eq!(api.max_file_size_bytes, NonZeroU64::new(512 * 1024));
    assert!(api.send.duration && !api.send.width && !api.send.height);
    assert!(api.pause_on.metered && !api.pause_on.battery);
    let folder = &config.folders[0];
    assert_eq!(folder.path, world.at("home/.config/taxiway/sub/drop"));
    assert_eq!(folder.root, folder.path);
    assert_eq!(folder.email.as_ref().map(Email::as_str), Some("me@example.com"));
    assert!(!folder.recursive && folder.hidden && folder.follow_symlinks);
    assert_eq!(folder.include, ["*.png", "!x.png"]);
    assert_eq!(folder.existing, Existing::Ignore);
    assert_eq!(folder.settle, Duration::from_secs(10));
    assert_eq!(folder.incomplete, Incomplete::SendAfter(Duration::from_secs(600)));
    assert_eq!(folder.mode, Mode::Events);
    assert_eq!(folder.on_change, OnChange::Ignore);
}

#[test]
fn base_urls_are_https_or_stay_on_this_machine() {
    let table = [
        ("https://api.useapi.net/v1/runwayml/", Ok("https://api.useapi.net/v1/runwayml")),
        ("HTTPS://Api.Useapi.NET:443", Ok("https://api.useapi.net")),
        ("https://h:8443/a//", Ok("https://h:8443/a")),
        ("http://127.0.0.1:1234/v1", Ok("http://127.0.0.1:1234/v1")),
        ("http://127.9.9.9", Ok("http://127.9.9.9")),
        ("http://[::1]:80/x", Ok("http://[::1]/x")),
        ("http://LocalHost:8080", Ok("http://localhost:8080")),
        ("http://127.0.0.1.evil.example", Err("http:// goes to a loopback address only")),
        ("http://localhost.evil.example", Err("http:// goes to a loopback address only")),
        ("http://127.1", Err("http:// goes to a loopback address only")),
        ("http://0.0.0.0", Err("http:// goes to a loopback address only")),
        ("http://[::ffff:127.0.0.1]", Err("http:// goes to a loopback address only")),
        ("http://localhost@evil.example", Err("a user or password does not belong in it")),
        (r"http://localhost\@evil.example", Err("a user or password does not belong in it")),
        (r"http://localhost\.evil.example", Err("its host is not a host name")),
        ("https://u:p@h/x", Err("a user or password does not belong in it")),
        ("https://h/x?y", Err("a query or fragment does not belong in it")),
        ("https://h?y", Err("a query or fragment does not belong in it")),
        ("https://h/#y", Err("a query or fragment does not belong in it")),
        ("https://", Err("its host is not a host name")),
        ("https:///x", Err("its host is not a host name")),
        ("https://hä", Err("its host is not a host name")),
        ("https://h h", Err("its host is not a host name")),
        ("https://[::g]", Err("its host is not an IPv6 address")),
        ("https://h:0", Err("its port is not a number from 1 to 65535")),
        ("https://h:99999", Err("its port is not a number from 1 to 65535")),
        ("https://h/a/../b", Err("its path has . or .. in it")),
        ("https://h/a b", Err("its path has a character that must be %-encoded")),
        ("api.useapi.net", Err("it has no scheme")),
    ];
    for (text, expected) in table {
        let found = text.parse::<BaseUrl>();
        match (&found, expected) {
            (Ok(url), Ok(expected)) => assert_eq!(url.as_str(), expected, "{text}"),
            (Err(bad), Err(expected)) => assert_eq!(bad.to_string(), expected, "{text}"),
            _ => panic!("{text}: {found:?}"),
        }
    }
    let url: BaseUrl = "https://api.useapi.net:8443/v1/runwayml".parse().unwrap();
    assert_eq!(url.origin(), "https://api.useapi.net:8443");
    assert_eq!(BaseUrl::default().origin(), "https://api.useapi.net");
}

#[test]
fn an_email_is_one_value_in_all_its_spellings() {
    let email: Email = "Me.Too+X@Example.COM".parse().unwrap();
    assert_eq!(email.as_str(), "me.too+x@example.com");
    for bad in ["", "@", "me@", "@x", "a@b@c", "a @b", "a@b\n", "a@b\u{0}", "a@\u{a0}b"] {
        assert!(bad.parse::<Email>().is_err(), "{bad:?}");
    }
}

/// The text of the example with its keys uncommented.
fn example() -> String {
    let example = include_str!("../../../packaging/config.example.toml");
    let uncommented = example.lines().filter_map(|line| line.strip_prefix('#'));
    let keys = uncommented.filter(|line| !line.is_empty() && !line.starts_with(' '));
    keys.map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_example_is_a_configuration() {
    let config = World::with(&example()).load().config;
    assert_eq!(config.folders.len(), 1);
    assert_eq!(config.api.rate_limit_bytes.map(|limit| limit.get()), Some(8_000_000));
}

#[test]
fn the_example_shows_defaults_unless_it_says_otherwise() {
    let lines = example();
    let kept = lines.lines().filter(|line| !line.ends_with("e.g."));
    let text: String = kept.map(|line| format!("{line}\n")).collect();
    let world = World::with(&text);
    let config = world.load().config;
    assert_eq!(config.api, Api::with_token_file(world.file().with_file_name("token")));
    assert_eq!(config.folders, [Folder::at(world.at("home/Runway"))]);
}

#[test]
fn the_example_has_every_key_once() {
    let text = example();
    let mut table = None;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.starts_with('[') {
            table = Table::ALL.into_iter().find(|table| table.to_string() == line);
        } else {
            let (key, _) = line.split_once(" = ").unwrap();
            found.push((table.unwrap(), key));
        }
    }
    let keys = |table: Table| table.keys().iter().map(move |key| (table, key.name));
    let mut known: Vec<_> = Table::ALL.into_iter().flat_map(keys).collect();
    let order = |(table, key): &(Table, &str)| (table.to_string(), key.to_string());
    known.sort_by_key(order);
    found.sort_by_key(order);
    assert_eq!(found.len(), known.len());
    assert!(found == known, "{found:?}");
}
