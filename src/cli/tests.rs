//! Every error that a command can end with: its words, its hint and its exit code, on one page.
//!
//! The page is `docs/errors.md`; `TAXIWAY_BLESS=1 cargo test --lib every_error` rewrites it. A new
//! variant of an error does not compile before it has a row here.

use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Parser as _;
use clap::error::ErrorKind as Wrong;

use super::args::Args;
use super::init::prove::unanswered;
use super::service::Refusal as Unserved;
use super::session::remedy;
use super::{Exit, Failure};
use crate::api::{ClientError, Unanswered};
use crate::config::{ConfigError, Origin, Table, WrongValue};
use crate::daemon::SetupError;
use crate::daemon::lock::LockError;
use crate::ledger::LedgerError;
use crate::planner::{Cause, Refusal, RefusalKind};
use crate::secret::keyring::{Absence, Keyring, Trouble};
use crate::secret::{Fault, TokenError, TokenSource};
use crate::service::{Hidden, Kind, Unwritable};

/// Failures of one kind of error, each variant with one sample or more.
macro_rules! rows {
    ($kind:ty { $($variant:pat => [$($sample:expr),+ $(,)?]),+ $(,)? }) => {{
        /// Which row an error belongs to. It does not compile if a variant has none.
        fn row(error: &$kind) -> &'static str {
            match error {
                $($variant => stringify!($variant),)+
            }
        }
        let mut failures: Vec<Failure> = Vec::new();
        $($(
            let sample: $kind = $sample;
            assert_eq!(row(&sample), stringify!($variant), "a sample stands in a wrong row");
            failures.push(sample.into());
        )+)+
        failures
    }};
}

fn file(name: &str) -> PathBuf {
    PathBuf::from("/home/me/.config/taxiway").join(name)
}

fn line(line: usize) -> Origin {
    Origin::File { path: Arc::new(file("config.toml")), line }
}

fn ledger() -> PathBuf {
    PathBuf::from("/home/me/.local/state/taxiway/ledger.sqlite3")
}

fn of_the_configuration() -> Vec<Failure> {
    let wrong = WrongValue {
        at: line(3),
        key: "settle",
        found: "\"soon\"".into(),
        why: Some("it is not a number with a unit".into()),
        expected: "a time",
        example: "settle = \"2s\"".into(),
    };
    rows!(ConfigError {
        ConfigError::NoHome { .. } => [
            ConfigError::NoHome { what: "the configuration", flag: "--config FILE" },
        ],
        ConfigError::NoCurrentDirectory { .. } => [
            ConfigError::NoCurrentDirectory { from: Origin::Argument, path: "pictures".into() },
        ],
        ConfigError::Missing { .. } => [
            ConfigError::Missing { from: Origin::Flag("--config"), path: file("other.toml") },
        ],
        ConfigError::Unreadable { .. } => [
            ConfigError::Unreadable {
                path: file("config.toml"),
                reason: "permission denied".into(),
            },
        ],
        ConfigError::Syntax { .. } => [
            ConfigError::Syntax { at: line(1), column: 5, reason: "unclosed table".into() },
        ],
        ConfigError::UnknownKey { .. } => [
            ConfigError::UnknownKey {
                at: line(4),
                key: "setle".into(),
                table: Some(Table::Folder),
                hint: "did you mean `settle`?".into(),
            },
        ],
        ConfigError::Value(_) => [wrong.into()],
        ConfigError::NoPath { .. } => [ConfigError::NoPath { at: line(7) }],
        ConfigError::SameFolder { .. } => [
            ConfigError::SameFolder {
                at: line(9),
                first: line(6),
                root: "/home/me/Runway".into(),
            },
            ConfigError::SameFolder {
                at: Origin::Argument,
                first: Origin::Argument,
                root: "/home/me/Runway".into(),
            },
        ],
        ConfigError::MovesIntoState { .. } => [
            ConfigError::MovesIntoState {
                at: line(10),
                target: "/home/me/.local/state/taxiway/done".into(),
            },
        ],
        ConfigError::MovesIntoFolder { .. } => [
            ConfigError::MovesIntoFolder {
                at: line(10),
                target: "/home/me/Runway/done".into(),
                root: "/home/me/Runway".into(),
            },
        ],
    })
}

fn of_the_token() -> Vec<Failure> {
    let variable = || TokenSource::Environment("TAXIWAY_TOKEN");
    let credential = || TokenSource::Credential("/run/credentials/taxiway/taxiway-token".into());
    let in_file = || TokenSource::File(file("token"));
    let kept = |by, trouble| TokenError::Kept { by, trouble };
    let malformed = |from, fault| TokenError::Malformed { from, fault };
    let mut failures = rows!(TokenError {
        TokenError::None { .. } => [
            TokenError::None { token_file: Some(file("token")), keyring: Absence::NoToken },
            TokenError::None { token_file: Some(file("token")), keyring: Absence::NoBus },
            TokenError::None {
                token_file: Some(file("token")),
                keyring: Absence::NoProgram("secret-tool"),
            },
            TokenError::None { token_file: None, keyring: Absence::Nobody },
            TokenError::None { token_file: None, keyring: Absence::NotAsked },
        ],
        TokenError::Kept { .. } => [
            kept(Keyring::Session, Trouble::Locked),
            kept(Keyring::Session, Trouble::Silent),
            kept(Keyring::Keychain, Trouble::Failing { reason: "exit code 1".into() }),
        ],
        TokenError::Malformed { .. } => [
            malformed(in_file(), Fault::Empty),
            malformed(credential(), Fault::Control),
            malformed(TokenSource::Keyring(Keyring::Session), Fault::Empty),
            malformed(TokenSource::Keyring(Keyring::Keychain), Fault::NotAscii),
        ],
        TokenError::Exposed { .. } => [
            TokenError::Exposed { path: file("token"), mode: 0o644 },
        ],
        TokenError::NotTokenFile { .. } => [
            TokenError::NotTokenFile { from: in_file(), what: "a directory" },
        ],
        TokenError::Unreadable { .. } => [
            TokenError::Unreadable { from: in_file(), reason: "permission denied".into() },
            TokenError::Unreadable { from: variable(), reason: "it is no text".into() },
        ],
    });
    for fault in [Fault::Empty, Fault::WhiteSpace, Fault::Control, Fault::NotAscii] {
        match fault {
            Fault::Empty | Fault::Control => {}
            Fault::WhiteSpace | Fault::NotAscii => {
                failures.push(malformed(variable(), fault).into());
            }
        }
    }
    failures
}

fn of_the_ledger() -> Vec<Failure> {
    let full = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL);
    rows!(LedgerError {
        LedgerError::Newer { .. } => [
            LedgerError::Newer { path: ledger(), found: 9, known: 3 },
        ],
        LedgerError::OtherServer { .. } => [
            LedgerError::OtherServer {
                remembered: "https://api.useapi.net/v1/runwayml".into(),
                asked: "http://127.0.0.1:4000/v1/runwayml".into(),
            },
        ],
        LedgerError::Damaged { .. } => [
            LedgerError::Damaged { path: Some(ledger()), what: "file is not a database".into() },
            LedgerError::Damaged { path: None, what: "database disk image is malformed".into() },
        ],
        LedgerError::StrayLog { .. } => [
            LedgerError::StrayLog {
                path: ledger(),
                log: ledger().with_file_name("ledger.sqlite3-wal"),
            },
        ],
        LedgerError::NoCopy { .. } => [
            LedgerError::NoCopy { path: ledger(), why: "no space left on device".into() },
        ],
        LedgerError::HalfRebuilt { .. } => [
            LedgerError::HalfRebuilt {
                path: ledger(),
                source: ErrorKind::PermissionDenied.into(),
            },
        ],
        LedgerError::Sqlite(_) => [
            rusqlite::Error::SqliteFailure(full, Some("database or disk is full".into())).into(),
        ],
        LedgerError::OldSqlite(_) => [LedgerError::OldSqlite("3.40.1")],
    })
}

fn of_the_state_directory() -> Vec<Failure> {
    let held = |pid, what, daemon| LockError::Held {
        pid,
        what,
        daemon,
        directory: "/home/me/.local/state/taxiway".into(),
    };
    rows!(LockError {
        LockError::Held { .. } => [
            held(4242, "another taxiway", true),
            held(0, "another taxiway", true),
            held(4242, "a push", false),
        ],
        LockError::Unusable { .. } => [
            LockError::Unusable {
                directory: "/mnt/nas/state".into(),
                reason: "it is on nfs, a network file system".into(),
            },
        ],
    })
}

fn of_the_way_to_the_server() -> Vec<Failure> {
    let ca_file = || PathBuf::from("/etc/ssl/own.pem");
    let client = |error: ClientError| SetupError::Client(error);
    let clients = |error: &ClientError| match error {
        ClientError::BadBaseUrl { .. }
        | ClientError::CaFileUnreadable { .. }
        | ClientError::CaFileBad { .. }
        | ClientError::NoCaStore
        | ClientError::Unusable { .. } => {}
    };
    clients(&ClientError::NoCaStore);
    rows!(SetupError {
        SetupError::Thread(_) => [
            SetupError::Thread(std::io::Error::from_raw_os_error(11)),
        ],
        // Has a page of its own.
        SetupError::Ledger(_) => [SetupError::Ledger(LedgerError::OldSqlite("3.40.1"))],
        SetupError::Client(_) => [
            client(ClientError::BadBaseUrl {
                url: "https://".into(),
                reason: "there is no host".into(),
            }),
            client(ClientError::CaFileUnreadable {
                path: ca_file(),
                reason: "permission denied".into(),
            }),
            client(ClientError::CaFileBad { path: ca_file(), reason: "it is empty".into() }),
            client(ClientError::NoCaStore),
            client(ClientError::Unusable { reason: "no random numbers".into() }),
        ],
        SetupError::Pattern { .. } => [
            SetupError::Pattern { folder: "/home/me/Runway".into(), why: "unclosed class".into() },
        ],
    })
    .split_off(1)
}

fn of_what_stops_uploads() -> Vec<Failure> {
    let causes = [
        (Cause::Token, "401: Unauthorized"),
        (Cause::NoToken, "the keyring is locked"),
        (Cause::Subscription, "402: Account has no subscription or subscription expired"),
        (Cause::Account, "596: Account me@example.com in error state: login failed"),
        (Cause::Refused, "400: email is required"),
        (Cause::Rate, "429: Too many requests"),
        (Cause::Server, "503: Service Unavailable"),
        (Cause::Offline, "no connection: the name cannot be resolved"),
    ];
    // It does not compile if a cause has no line above.
    let known = |cause: Cause| match cause {
        Cause::Token => 0,
        Cause::NoToken => 1,
        Cause::Subscription => 2,
        Cause::Account => 3,
        Cause::Refused => 4,
        Cause::Rate => 5,
        Cause::Server => 6,
        Cause::Offline => 7,
    };
    let failure = |(number, (cause, reason)): (usize, (Cause, &str))| {
        assert_eq!(known(cause), number, "each cause once, in its order");
        let (exit, hint) = remedy(cause, "file /home/me/.config/taxiway/token");
        Failure::new(exit, format!("uploads are stopped: {reason}"), hint)
    };
    causes.into_iter().enumerate().map(failure).collect()
}

fn of_setting_up() -> Vec<Failure> {
    let url = "https://api.useapi.net/v1/runwayml";
    let refused = |kind, message: &str| {
        let status = message.split(':').next().and_then(|status| status.parse().ok());
        let status = status.unwrap_or_default();
        Unanswered::Refused(Refusal { kind, status, message: message.into() })
    };
    let rate = RefusalKind::Rate { retry_after_ms: None };
    let answers = rows!(Answered {
        Answered(Unanswered::Refused(_)) => [
            Answered(refused(RefusalKind::Subscription, "402: subscription expired")),
            Answered(refused(rate, "429: Too many requests")),
            Answered(refused(RefusalKind::Other, "400: email is required")),
        ],
        Answered(Unanswered::Failing { .. }) => [
            Answered(Unanswered::Failing { reason: "503: Service Unavailable".into() }),
        ],
        Answered(Unanswered::Silent { .. }) => [
            Answered(Unanswered::Silent { reason: "the name cannot be resolved".into() }),
        ],
        Answered(Unanswered::NotTheApi { .. }) => [
            Answered(Unanswered::NotTheApi { reason: "200 with text/html".into() }),
        ],
    });
    /// What the server said, while `init` asks.
    struct Answered(Unanswered);
    impl From<Answered> for Failure {
        fn from(Answered(error): Answered) -> Failure {
            unanswered("https://api.useapi.net/v1/runwayml", &error)
        }
    }
    assert!(answers.iter().any(|failure| failure.message.contains(url)));
    answers
}

fn of_the_machine() -> Vec<Failure> {
    vec![
        std::io::Error::from_raw_os_error(24).into(),
        super::ledger::rebuild::cannot(&std::io::Error::from_raw_os_error(28)),
        super::ledger::trouble::unsendable("file /home/me/.config/taxiway/token"),
        super::session::no_sandbox("address already in use"),
    ]
}

fn of_the_service() -> Vec<Failure> {
    let not_found = || std::io::Error::from_raw_os_error(2);
    let denied = || std::io::Error::from(ErrorKind::PermissionDenied);
    let unit = || PathBuf::from("/home/me/.config/systemd/user/taxiway.service");
    let failed = |kind, exit| Unserved::Failed { kind, exit };
    let hidden = |path: &str, why| Unserved::Hidden { path: path.into(), why };
    let no_bus = |uid, kind| Unserved::NoBus {
        command: "systemctl --user daemon-reload".into(),
        words: "Failed to connect to bus: No medium found".into(),
        uid,
        kind,
    };
    rows!(Unserved {
        Unserved::Sandbox => [Unserved::Sandbox],
        Unserved::NoManager => [Unserved::NoManager],
        Unserved::NoSystem => [Unserved::NoSystem],
        Unserved::OwnPlaces { .. } => [
            Unserved::OwnPlaces { config: "/etc/taxiway/config.toml".into() },
        ],
        Unserved::NotRoot { .. } => [Unserved::NotRoot { verb: "install" }],
        Unserved::NotInstalled { .. } => [
            Unserved::NotInstalled { kind: Kind::User, has_system: false },
            Unserved::NotInstalled { kind: Kind::User, has_system: true },
            Unserved::NotInstalled { kind: Kind::System, has_system: false },
        ],
        Unserved::Stopped { .. } => [Unserved::Stopped { kind: Kind::User }],
        Unserved::Failed { .. } => [
            failed(Kind::User, Some(78)),
            failed(Kind::System, None),
        ],
        Unserved::NoLog { .. } => [
            Unserved::NoLog { log: "/Users/me/Library/Logs/taxiway.log".into() },
        ],
        Unserved::TokenInVariable { .. } => [
            Unserved::TokenInVariable { variable: "TAXIWAY_TOKEN", token_file: "/etc/token".into() },
        ],
        Unserved::OpenToken { .. } => [
            Unserved::OpenToken { token: "/etc/taxiway/token".into() },
        ],
        Unserved::Unwritable(_) => [
            Unwritable { path: "/opt/a\nb/taxiway".into(), why: "it has a control character in it" }.into(),
        ],
        Unserved::NotOurs { .. } => [Unserved::NotOurs { file: unit() }],
        Unserved::File { .. } => [Unserved::File { file: unit(), error: denied() }],
        Unserved::Hidden { .. } => [
            hidden("/home/me/Runway", Hidden::Home),
            hidden("/tmp/Runway", Hidden::Temporary),
        ],
        Unserved::HiddenProgram { .. } => [
            Unserved::HiddenProgram { program: "/home/me/.cargo/bin/taxiway".into() },
        ],
        Unserved::NoHooks => [Unserved::NoHooks],
        Unserved::ReadOnly { .. } => [Unserved::ReadOnly { directory: "/data/in".into() }],
        Unserved::Replaced => [Unserved::Replaced],
        Unserved::NoProgram { .. } => [
            Unserved::NoProgram { program: "systemctl".into(), error: not_found() },
        ],
        Unserved::NoBus { .. } => [no_bus(1000, Kind::User), no_bus(0, Kind::User)],
        Unserved::Manager { .. } => [
            Unserved::Manager {
                command: "systemctl --user start taxiway.service".into(),
                words: "Job for taxiway.service failed".into(),
                hint: "taxiway service logs -n 20".into(),
            },
        ],
        Unserved::NotSure { .. } => [
            Unserved::NotSure {
                paths: vec![file("config.toml"), "/home/me/.local/state/taxiway".into()],
                kind: Kind::User,
                taxiway: "taxiway".into(),
            },
        ],
        Unserved::Unclear { .. } => [
            Unserved::Unclear {
                file: "/home/me/.config/systemd/user/taxiway.service.d/places.conf".into(),
                kind: Kind::User,
            },
        ],
        Unserved::NotOfTheGroup => [Unserved::NotOfTheGroup],
    })
}

fn page() -> String {
    let mut page = String::from(
        "# Errors\n\n\
         Every error that stops a command, with example values, what its hint says, and the exit\n\
         code. With `--json` the same comes as one object on stderr:\n\
         `{\"schema\":1,\"error\":\"…\",\"hint\":\"…\",\"exit\":78}`. What to do when you see one \
         of them is in\n[troubleshooting.md](troubleshooting.md).\n\n\
         This page is made from the errors of the program by a test.\n",
    );
    for (title, failures) in [
        ("The configuration", of_the_configuration()),
        ("The token", of_the_token()),
        ("The ledger", of_the_ledger()),
        ("The state directory", of_the_state_directory()),
        ("The way to the server", of_the_way_to_the_server()),
        ("What stops uploads", of_what_stops_uploads()),
        ("Setting up", of_setting_up()),
        ("The machine", of_the_machine()),
        ("The service", of_the_service()),
    ] {
        _ = write!(page, "\n## {title}\n");
        for Failure { message, hint, exit } in failures {
            sound(&message, &hint);
            _ = write!(
                page,
                "\n```text\nerror: {message}\nhint: {hint}\n```\n\nExit {}.\n",
                exit as u8
            );
        }
    }
    page
}

/// One line each, the first in lower case; and commands of ours that the hint names exist.
fn sound(message: &str, hint: &str) {
    for text in [message, hint] {
        assert!(!text.is_empty() && !text.contains('\n') && !text.ends_with('.'), "{text:?}");
    }
    let name = ["SQLite"].iter().any(|name| message.starts_with(name));
    assert!(name || message.starts_with(|c: char| !c.is_uppercase()), "{message}");
    for (at, name) in hint.match_indices("taxiway ") {
        let before = &hint[..at];
        if !(before.is_empty() || before.ends_with(": ") || before.ends_with("&& ")) {
            continue;
        }
        let command = &hint[at + name.len()..];
        let words = command.split([',', ';', '&']).next().unwrap_or_default().split_whitespace();
        let words = std::iter::once("taxiway").chain(words);
        if let Err(error) = Args::try_parse_from(words) {
            let unknown = matches!(error.kind(), Wrong::InvalidSubcommand | Wrong::UnknownArgument);
            assert!(!unknown, "{hint}: {error}");
        }
    }
}

#[test]
fn every_error_is_on_the_page_of_errors_with_its_hint_and_exit_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/errors.md");
    let page = page();
    if std::env::var_os("TAXIWAY_BLESS").is_some() {
        std::fs::write(path, &page).expect("the page");
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(written, page, "TAXIWAY_BLESS=1 rewrites it");
}

#[test]
fn the_worst_of_several_exit_codes_decides() {
    let order = [Exit::Well, Exit::Some, Exit::Later, Exit::Stopped, Exit::Ledger, Exit::Config];
    assert_eq!(order.map(|exit| exit as u8), [0, 1, 75, 77, 74, 78]);
    for (weight, exit) in order.iter().enumerate() {
        for (other_weight, other) in order.iter().enumerate() {
            let worst = if other_weight > weight { other } else { exit };
            assert_eq!(exit.worst(*other), *worst);
        }
    }
}
