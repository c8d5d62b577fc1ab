//! Every command as a person types it, with all it prints, word for word: the files in
//! `tests/transcripts`, run against a server and compared.
//!
//! A line of a transcript is `# a remark`, `% what the test does`, or `$ a command`, which a shell
//! runs; what follows it is its stdout (`| `), its stderr (`! `) and its exit code, if that is not 0
//! (`[1]`). `TAXIWAY_BLESS=1 cargo test --test it transcripts` writes down what is printed now.
//!
//! Owns:
//! - every command, and every option of it, is typed in a transcript, or stands in [`ELSEWHERE`].

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use regex_lite::Regex;

use crate::support::{Daemon, Server, Taxiway, eventually, picture, section, write};

/// What no transcript can hold, and the tests that look at it instead.
const ELSEWHERE: &[(&str, &str)] = &[
    ("taxiway status --watch", "asking::a_watch_goes_on_until_the_daemon_is_gone"),
    ("taxiway sandbox --token", "help::the_sandbox_prints_its_address_first_and_ends_cleanly"),
    ("taxiway sandbox --account", "help::the_sandbox_prints_its_address_first_and_ends_cleanly"),
    ("taxiway sandbox --dir", "help::the_sandbox_prints_its_address_first_and_ends_cleanly"),
    // These need a manager of services, or what stands in for one.
    (
        "taxiway service install",
        "service::a_service_is_installed_once_and_a_second_time_changes_nothing",
    ),
    (
        "taxiway service install --system",
        "service::system::a_system_service_is_installed_with_user_folders_and_an_example",
    ),
    (
        "taxiway service uninstall",
        "service::uninstalling_leaves_what_is_the_users_and_purging_asks_first",
    ),
    (
        "taxiway service uninstall --purge",
        "service::uninstalling_leaves_what_is_the_users_and_purging_asks_first",
    ),
    (
        "taxiway service uninstall --yes",
        "service::uninstalling_leaves_what_is_the_users_and_purging_asks_first",
    ),
    (
        "taxiway service uninstall --system",
        "service::system::what_a_package_brought_is_not_written_again",
    ),
    ("taxiway service start", "service::a_service_is_started_stopped_and_asked_after"),
    (
        "taxiway service start --system",
        "service::system::a_system_service_has_no_homes_and_only_root_changes_it",
    ),
    ("taxiway service stop", "service::a_service_is_started_stopped_and_asked_after"),
    (
        "taxiway service stop --system",
        "service::system::a_system_service_has_no_homes_and_only_root_changes_it",
    ),
    ("taxiway service restart", "service::a_service_is_started_stopped_and_asked_after"),
    (
        "taxiway service restart --system",
        "service::system::a_system_service_has_no_homes_and_only_root_changes_it",
    ),
    ("taxiway service status", "service::a_service_is_started_stopped_and_asked_after"),
    (
        "taxiway service status --system",
        "service::system::a_system_service_has_no_homes_and_only_root_changes_it",
    ),
    ("taxiway service logs", "service::logs_are_those_of_the_journal"),
    ("taxiway service logs --follow", "service::logs_are_those_of_the_journal"),
    ("taxiway service logs --lines", "service::logs_are_those_of_the_journal"),
    ("taxiway service logs --system", "service::logs_are_those_of_the_journal"),
];

/// Options that every command takes; each is typed at least once.
const COMMON: &[&str] = &[
    "--config",
    "--state-dir",
    "--sandbox",
    "--json",
    "--verbose",
    "--quiet",
    "--color",
    "--help",
    "--version",
];

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts")
}

/// A scene: a server, a home, perhaps a daemon.
struct Scene {
    server: Server,
    taxiway: Taxiway,
    daemon: Option<Daemon>,
    masks: Vec<(Regex, &'static str)>,
    /// Assets that are not stored any more, with the numbers that they had.
    deleted: Vec<(String, String)>,
}

impl Scene {
    fn open() -> Scene {
        let server = Server::of(&["me@example.com", "you@example.com"]);
        let mut taxiway = Taxiway::with(&server);
        let programs = taxiway.folder("bin");
        let program = programs.join("taxiway");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_taxiway"), program).expect("a link");
        let path = std::env::var("PATH").unwrap_or_default();
        taxiway.set("PATH", format!("{}:{path}", programs.display()));
        let mask = |(form, word): &(&str, &'static str)| {
            (Regex::new(form).expect("a sound pattern"), *word)
        };
        Scene {
            server,
            taxiway,
            daemon: None,
            masks: MASKS.iter().map(mask).collect(),
            deleted: Vec::new(),
        }
    }

    /// What the test does between two commands.
    #[track_caller]
    fn act(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["picture", file, number, bytes] => {
                let bytes = picture(number.parse().unwrap(), bytes.parse().unwrap());
                write(&self.taxiway.path(file), &bytes);
            }
            ["cut", file, number, bytes, left] => {
                let bytes = picture(number.parse().unwrap(), bytes.parse().unwrap());
                write(&self.taxiway.path(file), &bytes[..left.parse().unwrap()]);
            }
            ["folder", name, rest @ ..] => {
                let folder = self.taxiway.folder(name);
                let before = std::fs::read_to_string(self.taxiway.config_file());
                // What comes one by one comes in the same order each time.
                let mut text = before.unwrap_or_else(|_| "[api]\nconcurrency = 1\n".into());
                text += &format!("{}settle = \"50ms\"\n", section(&folder));
                for assignment in rest {
                    let (key, value) = assignment.split_once('=').expect("KEY=VALUE");
                    text += &format!("{key} = {value}\n");
                }
                self.taxiway.configure(&text);
            }
            ["faults", specs @ ..] => self.server.faults(specs),
            ["token", token] => self.server.set_token(token),
            ["delete", name] => {
                let asset = self.server.asset_named(name);
                self.deleted.push((asset.id.to_string(), format!("ID-OF-{name}")));
                self.server.delete(&asset.asset_id());
            }
            ["daemon"] => self.daemon = Some(self.taxiway.daemon()),
            ["daemon", "unfinished"] => self.daemon = Some(self.taxiway.spawn(&["run", "--json"])),
            ["daemon", "sandbox"] => {
                let mut daemon = self.taxiway.spawn(&["run", "--json", "--sandbox"]);
                daemon.event("idle");
                self.daemon = Some(daemon);
            }
            ["status", words @ ..] => eventually(line, || {
                let said = self.taxiway.run(&["status"]).out;
                said.lines()
                    .next()
                    .is_some_and(|said| said.contains(&words.join(" ")))
                    .then_some(())
            }),
            ["stop"] => {
                self.daemon.take().expect("a daemon").stop();
            }
            ["until", state, file] => {
                let path = self.taxiway.path(file);
                eventually(line, || {
                    let rows = self.taxiway.run(&["ls", "--print0", "--state", state]).out;
                    rows.split('\0').any(|row| Path::new(row) == path).then_some(())
                });
            }
            _ => panic!("what is to be done by: {line}"),
        }
    }

    /// Types a command; returns all it says.
    #[track_caller]
    fn type_in(&self, line: &str) -> String {
        let mut command = self.taxiway.command::<&str>(&[]);
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", line]).env_clear().current_dir(&self.taxiway.root);
        shell.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
        shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command = shell;
        let said = self.taxiway.finish(command, b"");
        let mut text = String::new();
        for (sign, stream) in [('|', &said.out), ('!', &said.err)] {
            for line in self.masked(stream).lines() {
                let _ = writeln!(text, "{}", format!("{sign} {line}").trim_end());
            }
        }
        if said.code != 0 {
            let _ = writeln!(text, "[{}]", said.code);
        }
        text
    }

    /// The text without what is another in each run.
    fn masked(&self, text: &str) -> String {
        let mut text = text.replace(&*self.taxiway.root.to_string_lossy(), "~");
        // Which of two was stored first is another in each run, too.
        let mut assets = self.server.assets();
        assets.sort_by_key(|asset| (asset.account.clone(), asset.name.clone()));
        for (number, asset) in (1..).zip(assets) {
            text = text.replace(&asset.id.to_string(), &format!("ID{number}"));
        }
        for (id, word) in &self.deleted {
            text = text.replace(id, word);
        }
        text = text.replace(&self.server.base_url().replace("/v1/runwayml", ""), "http://SERVER");
        text = text.replace(env!("CARGO_PKG_VERSION"), "VERSION");
        for (form, word) in &self.masks {
            text = form.replace_all(&text, *word).into_owned();
        }
        text.replace('\0', "␀")
    }
}

/// What is another in each run, and what stands for it.
const MASKS: &[(&str, &str)] = &[
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME"),
    (r"\b\d\d:\d\d:\d\d\b", "CLOCK"),
    (r"\d{8}T\d{6}Z|\d{8}-\d{6}(-\d+)?", "STAMP"),
    (r"unchanged for [0-9.]+ s", "unchanged for SOME s"),
    (r#""pid":\d+"#, r#""pid":PID"#),
    (r"\b(pid|process id|kill) \d+", "$1 PID"),
    (r"127\.0\.0\.1:\d{4,}", "127.0.0.1:PORT"),
    (r"once=[0-9a-f]{64}", "once=KEY"),
    (r"asset:[0-9a-f]{8}-[0-9a-f-]{27}", "asset:ID"),
    (r"\b\d{4}-\d\d-\d\d\b", "DAY"),
    (r#""bytes_per_second":\d+"#, r#""bytes_per_second":RATE"#),
    (r"[0-9.]+ [kM]?B/s", "RATE"),
    (r"\b(CLOCK|TIME)(, (in )?\d+ s( ago)?)?", "$1"),
];

/// Plays a transcript; returns what it would be now.
#[track_caller]
fn play(text: &str) -> String {
    let mut scene = Scene::open();
    let mut now = String::new();
    for line in text.lines() {
        match line.split_at_checked(2) {
            Some(("# ", _)) => {
                let _ = writeln!(now, "{line}");
            }
            Some(("% ", deed)) => {
                scene.act(deed);
                let _ = writeln!(now, "{line}");
            }
            Some(("$ ", command)) => {
                let said = scene.type_in(command);
                let _ = write!(now, "{line}\n{said}");
            }
            None if line.is_empty() => now.push('\n'),
            // What was printed when it was written down.
            Some(_) | None => {}
        }
    }
    if let Some(daemon) = scene.daemon.take() {
        daemon.stop();
    }
    // What is forgotten is sent again.
    if !text.contains("\n$ taxiway forget") {
        scene.server.nothing_twice();
    }
    now
}

#[track_caller]
fn holds(name: &str) {
    let file = directory().join(name).with_extension("txt");
    let written = std::fs::read_to_string(&file).expect("a transcript");
    let now = play(&written);
    if std::env::var_os("TAXIWAY_BLESS").is_some() {
        std::fs::write(&file, now).expect("the transcript");
        return;
    }
    for (number, (is, was)) in (1..).zip(now.lines().zip(written.lines())) {
        assert_eq!(is, was, "{}:{number}\n\nall of it is now:\n\n{now}", file.display());
    }
    assert_eq!(now.lines().count(), written.lines().count(), "{}:\n{now}", file.display());
}

macro_rules! transcripts {
    ($($name:ident),+ $(,)?) => {
        $(
            #[test]
            fn $name() {
                holds(stringify!($name));
            }
        )+
        const PLAYED: &[&str] = &[$(stringify!($name)),+];
    };
}

transcripts!(run, lookups, trouble, daemon, pushes, ledger, pairing, setting_up, shell);

/// Every command line that is typed in a transcript.
fn typed() -> Vec<String> {
    let mut lines = Vec::new();
    for name in PLAYED {
        let file = directory().join(name).with_extension("txt");
        let text = std::fs::read_to_string(file).expect("a transcript");
        lines.extend(text.lines().filter_map(|line| line.strip_prefix("$ ")).map(str::to_owned));
    }
    lines
}

/// The commands that a help text lists, or the options.
fn listed(help: &str, heading: &str) -> Vec<String> {
    let (_, below) = help.split_once(&format!("\n{heading}:\n")).unwrap_or_default();
    let options = heading == "Options";
    let name = |line: &str| {
        let mut words = line.trim_start().split([' ', ',', '.']);
        let name = words.find(|word| !options || word.starts_with("--"))?;
        let is_name = if options { line.trim_start().starts_with('-') } else { !name.is_empty() };
        is_name.then(|| name.to_owned())
    };
    let own = below.lines().take_while(|line| options || !line.is_empty());
    own.filter(|line| !line.trim_start().starts_with("- ")).filter_map(name).collect()
}

#[test]
fn every_command_and_every_option_is_typed_in_a_transcript() {
    let taxiway = Taxiway::alone();
    let typed = typed();
    let mut owed = BTreeSet::new();
    let mut commands = vec!["taxiway".to_owned()];
    while let Some(command) = commands.pop() {
        let words: Vec<&str> = command.split(' ').skip(1).chain(["--help"]).collect();
        let help = taxiway.run(&words).exits(0).out;
        let below = listed(&help, "Commands");
        let parent = !below.is_empty();
        commands.extend(
            below.into_iter().filter(|name| name != "help").map(|name| format!("{command} {name}")),
        );
        if parent {
            continue;
        }
        owed.insert(command.clone());
        let own = listed(&help, "Options").into_iter();
        owed.extend(
            own.filter(|name| !COMMON.contains(&&**name)).map(|name| format!("{command} {name}")),
        );
    }
    assert!(owed.len() > 40, "the help texts are not understood: {owed:?}");
    owed.extend(COMMON.iter().map(|option| format!("taxiway {option}")));
    let known: BTreeSet<&str> = ELSEWHERE.iter().map(|(line, _)| *line).collect();
    let is_typed = |owed: &str| {
        let (command, option) = owed
            .split_once(" --")
            .map_or((owed, None), |(command, option)| (command, Some(format!("--{option}"))));
        typed.iter().any(|line| {
            let words: Vec<&str> = line.split([' ', '=']).collect();
            let at = line.find(command);
            at.is_some() && option.as_ref().is_none_or(|option| words.contains(&option.as_str()))
        })
    };
    let missing: Vec<&String> =
        owed.iter().filter(|line| !known.contains(line.as_str()) && !is_typed(line)).collect();
    assert_eq!(missing, Vec::<&String>::new(), "typed in no transcript");
    for line in known {
        assert!(owed.contains(line), "{line} is excused, and there is no such thing");
        assert!(!is_typed(line), "{line} is excused, and is typed in a transcript");
    }
}
