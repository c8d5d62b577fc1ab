//! The token, looked for in all that a whole run leaves and says: log, events, answers, errors,
//! metrics, ledger, bundle, and the environment of what it runs.

use std::fs;
use std::path::Path;

use crate::support::{Listener, Server, TOKEN, Taxiway, ask, eventually, picture, section, write};

/// How a token may stand in a text: as it is, as part of a header, encoded.
fn spellings() -> Vec<String> {
    let secret = TOKEN.strip_prefix("user:").expect("the usual form");
    let mut spellings =
        vec![secret.to_owned(), TOKEN.replace(':', "%3A"), TOKEN.replace(':', "%3a")];
    // Base64 of anything that holds it, wherever it begins within three bytes; the ends depend on
    // what stands around it.
    for before in ["", "x", "xx"] {
        let encoded = base64(format!("{before}{TOKEN}").as_bytes());
        let begins = if before.is_empty() { 0 } else { 4 };
        spellings.push(encoded[begins..encoded.len() - 4].to_owned());
    }
    spellings.push(TOKEN.bytes().map(|byte| format!("{byte:02x}")).collect());
    spellings
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let of = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = of(0) << 16 | of(1) << 8 | of(2);
        for at in 0..4 {
            let letter = char::from(LETTERS[(bits >> (18 - 6 * at)) as usize & 63]);
            text.push(if at > chunk.len() { '=' } else { letter });
        }
    }
    text
}

/// Looks for it.
struct Search {
    spellings: Vec<String>,
    found: Vec<String>,
    bytes: usize,
}

impl Search {
    fn new() -> Search {
        Search { spellings: spellings(), found: Vec::new(), bytes: 0 }
    }

    fn look(&mut self, place: &str, bytes: &[u8]) {
        self.bytes += bytes.len();
        for spelling in &self.spellings {
            let at = bytes.windows(spelling.len()).position(|window| window == spelling.as_bytes());
            if let Some(at) = at {
                let around = &bytes[at.saturating_sub(80)..bytes.len().min(at + 80)];
                self.found.push(format!("{place}: …{}…", String::from_utf8_lossy(around)));
            }
        }
    }

    /// In every file below a directory, but the one that has to hold it.
    fn look_below(&mut self, directory: &Path, but: &Path) {
        for entry in fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            let kind = path.symlink_metadata().expect("a file").file_type();
            if kind.is_dir() {
                self.look_below(&path, but);
            } else if kind.is_file() && path != but {
                self.look(&path.to_string_lossy(), &fs::read(&path).expect("a file"));
            }
        }
    }

    #[track_caller]
    fn finds_nothing(self) {
        assert_eq!(self.found, [""; 0]);
        assert!(self.bytes > 10_000, "there was little to look at: {} bytes", self.bytes);
    }
}

/// Everything that a daemon does: uploads, a refusal, a copy, programs, a refused token, a reload,
/// a refused one; and everything that can be asked of it.
fn live(search: &mut Search, server: &Server, taxiway: &Taxiway, holder: &Path) {
    let folder = taxiway.path("folder");
    let mut daemon = taxiway.daemon();
    let mut listener = Listener::start(taxiway);
    server.faults(&["status=415,name=bad", "lost-answer,times=1"]);
    write(&folder.join("bad.gif"), &picture(2, 1_000));
    daemon.event_of("failed", &folder.join("bad.gif"));
    write(&folder.join("a.gif"), &picture(1, 1_000));
    daemon.event_of("uploaded", &folder.join("a.gif"));
    for out in ["uploaded.env", "failed.env"] {
        eventually("a program ran", || {
            let text = fs::read_to_string(taxiway.path(out)).unwrap_or_default();
            text.contains("PATH=").then_some(())
        });
    }
    server.set_token("user:2-other");
    write(&folder.join("b.gif"), &picture(3, 1_000));
    daemon.event("account_stopped");
    let sound = fs::read_to_string(taxiway.config_file()).expect("the configuration");
    taxiway.run(&["reload"]).exits(0);
    taxiway.configure(&format!("{sound}sidecaar = true\n"));
    taxiway.run(&["reload"]).exits(78);
    taxiway.configure(&sound);
    for arguments in [
        &["status"][..],
        &["status", "--json"],
        &["why", "folder/a.gif", "--json"],
        &["why", "folder/b.gif"],
        &["ls", "--json"],
        &["ledger", "export"],
        &["ledger", "verify", "--server", "--json"],
        &["config", "show", "--json"],
        &["config", "check"],
        &["doctor", "--bundle", "bundle.json"],
        &["doctor", "--json"],
        &["wait", "--timeout", "10s"],
        &["push", "folder/b.gif", "--timeout", "10s", "-vvv"],
        &["retry", "--all", "-vvv"],
    ] {
        let said = taxiway.run(arguments);
        search.look(&format!("stdout of {arguments:?}"), said.out.as_bytes());
        search.look(&format!("stderr of {arguments:?}"), said.err.as_bytes());
    }
    let why = format!("GET /v1/why?path={}", folder.join("b.gif").display());
    for request in ["GET /metrics", "GET /v1/status", "GET /v1/ledger", "GET /healthz?strict", &why]
    {
        search.look(request, ask(taxiway, request, "").text.as_bytes());
    }
    // The ledger with the log that has not gone into it yet.
    assert!(taxiway.state_dir().join("ledger.sqlite3-wal").exists());
    search.look_below(&taxiway.root, holder);
    let command = fs::read(format!("/proc/{}/cmdline", daemon.pid())).unwrap_or_default();
    search.look("the command line", &command);
    daemon.signal("TERM");
    assert_eq!(daemon.ends(), 0);
    listener.ends();
    let said = |values: &[serde_json::Value]| {
        values.iter().map(|value| format!("{value}\n")).collect::<String>()
    };
    assert!(daemon.told.len() > 100, "it logs everything: {:#?}", daemon.told);
    search.look("events", said(&daemon.events).as_bytes());
    search.look("stdout", daemon.printed.join("\n").as_bytes());
    search.look("the log", daemon.told.join("\n").as_bytes());
    search.look("the stream of events", said(&listener.events).as_bytes());
    search.look_below(&taxiway.root, holder);
}

/// A house whose programs write their environment down.
fn house(server: &Server, log: &str) -> Taxiway {
    let mut taxiway = Taxiway::with(server);
    taxiway.set("TAXIWAY_LOG", "trace");
    let folder = taxiway.folder("folder");
    let hook = |out: &str| {
        let out = taxiway.path(out);
        format!("[\"sh\", \"-c\", \"env > '{0}'; cat >> '{0}'\"]\n", out.display())
    };
    let (uploaded, failed) = (hook("uploaded.env"), hook("failed.env"));
    let hooks = format!("on_uploaded = {uploaded}on_failed = {failed}sidecar = true\n");
    taxiway.configure(&format!("{log}{}settle = \"50ms\"\n{hooks}", section(&folder)));
    taxiway
}

#[test]
fn the_token_of_the_environment_is_nowhere_in_what_a_run_says_and_leaves() {
    let server = Server::start();
    let taxiway = house(&server, "");
    let mut search = Search::new();
    live(&mut search, &server, &taxiway, Path::new(""));
    search.finds_nothing();
}

#[test]
fn the_token_of_a_file_is_nowhere_but_in_that_file() {
    let server = Server::start();
    let mut taxiway = house(&server, "[log]\nformat = \"json\"\n");
    taxiway.unset("TAXIWAY_TOKEN");
    let holder = taxiway.path("config/taxiway/token");
    write(&holder, format!("{TOKEN}\n").as_bytes());
    let ours = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(&holder, ours).expect("a mode");
    let mut search = Search::new();
    live(&mut search, &server, &taxiway, &holder);
    search.finds_nothing();
    // One that cannot be used is not repeated in the error.
    for text in [format!("{TOKEN} {TOKEN}"), format!("{TOKEN}\u{1}")] {
        write(&holder, text.as_bytes());
        let mut search = Search::new();
        let said = taxiway.run(&["run", "--once", "-vvv"]).exits(78);
        search.look("stderr", said.err.as_bytes());
        assert_eq!(search.found, [""; 0]);
    }
}

#[test]
fn the_token_of_a_keyring_is_nowhere_but_in_that_keyring() {
    let server = Server::start();
    let mut taxiway = house(&server, "");
    taxiway.with_keyring();
    taxiway.keyring(&format!("token {TOKEN}"));
    let holder = taxiway.path("ring/says");
    let mut search = Search::new();
    live(&mut search, &server, &taxiway, &holder);
    search.finds_nothing();
    assert!(taxiway.path("ring/environment").exists(), "what it was asked with was looked at");
    for text in [format!("{TOKEN} {TOKEN}"), format!("{TOKEN}\u{1}")] {
        taxiway.keyring(&format!("token {text}"));
        let mut search = Search::new();
        let said = taxiway.run(&["run", "--once", "-vvv"]).exits(78);
        search.look("stderr", said.err.as_bytes());
        assert_eq!(search.found, [""; 0]);
    }
}

#[test]
fn what_is_looked_for_would_be_found() {
    for text in [
        format!("Authorization: Bearer {TOKEN}"),
        format!("?token={}", TOKEN.replace(':', "%3A")),
        base64(format!("Bearer {TOKEN}").as_bytes()),
        base64(format!("me:{TOKEN}!").as_bytes()),
        base64(TOKEN.as_bytes()),
    ] {
        let mut search = Search::new();
        search.look("here", text.as_bytes());
        assert!(!search.found.is_empty(), "{text}");
    }
    assert_eq!(base64(b"any carnal pleas"), "YW55IGNhcm5hbCBwbGVhcw==");
}
