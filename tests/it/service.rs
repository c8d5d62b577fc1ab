//! `taxiway service`, with systemctl, launchctl and their kin replaced by scripts that note what
//! they are told; and the files that it writes, judged by the tools of their formats.

mod formats;
mod places;
#[cfg(target_os = "linux")]
mod removal;
mod system;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;
use taxiway::service::{Kind, agent, unit};

use crate::support::{Server, Taxiway, picture, section, write};

const SCRIPTS: [(&str, &str); 6] = [
    ("systemctl", include_str!("service/systemctl")),
    ("launchctl", include_str!("service/launchctl")),
    ("loginctl", include_str!("service/recorder")),
    ("journalctl", include_str!("service/recorder")),
    ("systemd-sysusers", include_str!("service/recorder")),
    ("systemd-tmpfiles", include_str!("service/recorder")),
];

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_taxiway"))
}

fn script(taxiway: &Taxiway, name: &str, text: &str) {
    let path = taxiway.path("bin").join(name);
    write(&path, text.as_bytes());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
}

/// A home with a machine of its own around it, and nothing configured.
fn bare() -> Taxiway {
    let mut taxiway = Taxiway::alone();
    for (name, text) in SCRIPTS {
        script(&taxiway, name, text);
    }
    fs::create_dir(taxiway.path("unit")).expect("a directory");
    taxiway.set("PATH", taxiway.path("bin"));
    taxiway.set("TAXIWAY_TEST_SYSTEMD", "yes");
    taxiway.set("TAXIWAY_TEST_ROOT", taxiway.path("machine"));
    // Where everybody has them.
    taxiway.unset("XDG_CONFIG_HOME");
    taxiway.unset("XDG_STATE_HOME");
    taxiway
}

/// The same with a folder and a token.
fn home() -> Taxiway {
    let taxiway = bare();
    let folder = taxiway.folder("Runway");
    write(&taxiway.path(".config/taxiway/config.toml"), section(&folder).as_bytes());
    token(&taxiway.path(".config/taxiway/token"));
    taxiway
}

fn token(path: &Path) {
    write(path, b"user:1-sandbox");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("a mode");
}

/// What the manager and its kin were told since the last time, questions left out.
fn told(taxiway: &Taxiway) -> Vec<String> {
    let calls = taxiway.path("calls");
    let text = fs::read_to_string(&calls).unwrap_or_default();
    fs::write(&calls, "").expect("written");
    let questions = [" show ", " print ", "show-user"];
    let told = text.lines().filter(|line| !questions.iter().any(|word| line.contains(word)));
    told.map(|line| line.replace(&*taxiway.root.to_string_lossy(), "~")).collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

const NOTE: &str = "note      it starts when you log in and ends with your last session; to have it \
                    run from boot on: loginctl enable-linger\n";

#[test]
fn a_service_is_installed_once_and_a_second_time_changes_nothing() {
    let mut taxiway = home();
    let file = taxiway.path(".config/systemd/user/taxiway.service");
    taxiway.run(&["service", "install"]).exits(0).tells("").prints(&format!(
        "wrote     ~/.config/systemd/user/taxiway.service\n\
         enabled   it starts when you log in\n\
         started   now\n\
         {NOTE}next      taxiway status\n"
    ));
    assert_eq!(
        told(&taxiway),
        [
            "systemctl --user daemon-reload",
            "systemctl --user enable taxiway.service",
            "systemctl --user start taxiway.service",
        ]
    );
    let text = unit(Kind::User, program()).expect("a unit").expect("of systemd");
    assert_eq!(read(&file), text);
    assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o644);
    assert!(!file.with_extension("service.d").exists(), "all is at its place");

    let before = fs::metadata(&file).expect("a file").modified().expect("a time");
    taxiway.set("LINGER", "yes");
    taxiway.run(&["service", "install"]).exits(0).tells("").prints(
        "kept      ~/.config/systemd/user/taxiway.service\n\
         enabled   already\n\
         started   already\n\
         next      taxiway status\n",
    );
    assert_eq!(told(&taxiway), [""; 0]);
    assert_eq!(fs::metadata(&file).expect("a file").modified().expect("a time"), before);
    // What was stopped is started, and nothing else.
    fs::remove_file(taxiway.path("unit/active")).expect("stopped");
    taxiway.run(&["-q", "service", "install"]).exits(0).tells("").prints("");
    assert_eq!(told(&taxiway), ["systemctl --user start taxiway.service"]);
    // A file of another version.
    write(&file, text.replace("WatchdogSec=3min", "WatchdogSec=1min").as_bytes());
    taxiway.run(&["service", "install"]).exits(0).tells("").prints(
        "wrote     ~/.config/systemd/user/taxiway.service\n\
         enabled   already\n\
         started   again, as its files changed\n\
         next      taxiway status\n",
    );
    assert_eq!(
        told(&taxiway),
        ["systemctl --user daemon-reload", "systemctl --user restart taxiway.service"]
    );
    assert_eq!(read(&file), text);
}

#[test]
fn what_only_the_command_line_knows_goes_into_a_drop_in() {
    let taxiway = home();
    let other = taxiway.path("my config/100%.toml");
    fs::create_dir(taxiway.path("my config")).expect("a directory");
    fs::rename(taxiway.path(".config/taxiway/config.toml"), &other).expect("moved");
    token(&taxiway.path("my config/token"));
    let config = other.to_string_lossy().into_owned();
    let arguments = ["--json", "--config", &config, "--state-dir", "state/x", "service", "install"];
    let said = taxiway.run(&arguments).exits(0).tells("");
    let root = taxiway.root.to_string_lossy().into_owned();
    let units = format!("{root}/.config/systemd/user");
    assert_eq!(
        said.objects(),
        [json!({
            "schema": 1,
            "service": "systemd-user",
            "wrote": [
                format!("{units}/taxiway.service"),
                format!("{units}/taxiway.service.d/places.conf"),
            ],
            "enabled": ["it starts when you log in"],
            "started": ["now"],
            "note": [NOTE.trim().strip_prefix("note      ").expect("a note")],
            "next": "taxiway status",
        })]
    );
    let drop_in = taxiway.path(".config/systemd/user/taxiway.service.d/places.conf");
    assert_eq!(
        read(&drop_in).replace(&root, "~"),
        "# Written by `taxiway service install`, which rewrites it.\n\
         [Service]\n\
         Environment=\"TAXIWAY_CONFIG=~/my config/100%%.toml\"\n\
         Environment=TAXIWAY_STATE_DIR=~/state/x\n"
    );
    // Back to where everybody has it.
    fs::rename(&other, taxiway.path(".config/taxiway/config.toml")).expect("moved");
    told(&taxiway);
    let usual = ["--config", ".config/taxiway/config.toml", "--state-dir", ".local/state/taxiway"];
    let said = taxiway.run(&[&usual[..], &["service", "install"]].concat()).exits(0);
    assert!(said.out.contains("removed   "), "{}", said.out);
    assert!(!drop_in.exists());
    assert_eq!(told(&taxiway).last().expect("a call"), "systemctl --user restart taxiway.service");
}

#[test]
fn nothing_is_installed_that_could_not_run() {
    let mut taxiway = bare();
    let file = taxiway.path(".config/systemd/user/taxiway.service");
    taxiway.run(&["service", "install"]).exits(78).prints("").tells(
        "error: there is no folder to watch: no DIR is given and none is configured\n\
         hint: taxiway init\n",
    );
    let folder = taxiway.folder("Runway");
    let config = taxiway.path(".config/taxiway/config.toml");
    write(&config, section(&folder).as_bytes());
    taxiway.run(&["service", "install"]).exits(78).prints("").tells(
        "error: no token: TAXIWAY_TOKEN and USEAPI_TOKEN are not set, there is no systemd credential \
         taxiway-token, ~/.config/taxiway/token does not exist, and no session bus leads to a \
         keyring\n\
         hint: (umask 077; printf %s 'user:…' > ~/.config/taxiway/token)\n",
    );
    taxiway.set("TAXIWAY_TOKEN", "user:1-sandbox");
    taxiway.run(&["service", "install"]).exits(78).prints("").tells(
        "error: the token is in TAXIWAY_TOKEN only, and a service does not see that\n\
         hint: (umask 077; printf %s 'user:…' > ~/.config/taxiway/token)\n",
    );
    taxiway.unset("TAXIWAY_TOKEN");
    token(&taxiway.path(".config/taxiway/token"));
    write(&config, b"[[folder]]\npath = 3\n");
    let said = taxiway.run(&["service", "install"]).exits(78).prints("");
    assert!(said.told().starts_with("error: ~/.config/taxiway/config.toml:2: "), "{}", said.err);
    write(&config, section(&folder).as_bytes());
    taxiway.run(&["--sandbox", "service", "install"]).exits(2).prints("").tells(
        "error: a sandbox is no service: it ends with the command that has it\n\
         hint: taxiway --sandbox run\n",
    );
    taxiway.set("TAXIWAY_TEST_SYSTEMD", "no");
    taxiway.run(&["service", "install"]).exits(69).prints("").tells(
        "error: there is no systemd on this machine\n\
         hint: taxiway run\n",
    );
    taxiway.set("TAXIWAY_TEST_SYSTEMD", "yes");
    // A unit that somebody wrote by hand.
    write(&file, b"[Service]\nExecStart=/usr/local/bin/mine\n");
    taxiway.run(&["service", "install"]).exits(78).prints("").tells(
        "error: ~/.config/systemd/user/taxiway.service is not a file of taxiway's: it is left as it \
         is\n\
         hint: mv ~/.config/systemd/user/taxiway.service ~/.config/systemd/user/taxiway.old\n",
    );
    assert_eq!(read(&file), "[Service]\nExecStart=/usr/local/bin/mine\n");
    assert_eq!(told(&taxiway), [""; 0]);
}

#[test]
fn another_taxiway_is_not_pushed_aside_and_the_services_own_is_restarted() {
    let server = Server::start();
    let mut taxiway = home();
    taxiway.set("TAXIWAY_BASE_URL", server.base_url());
    let mut daemon = taxiway.spawn(&["run", "--json"]);
    daemon.event("idle");
    let pid = daemon.pid();
    let refusal = format!(
        "error: another taxiway with process id {pid} has the ledger in ~/.local/state/taxiway\n\
         hint: stop it first: kill {pid}\n"
    );
    taxiway.run(&["service", "install"]).exits(75).prints("").tells(&refusal);
    assert_eq!(told(&taxiway), [""; 0]);
    // The manager says that it is its own.
    write(&taxiway.path("unit/active"), format!("{pid}\n").as_bytes());
    let said = taxiway.run(&["service", "install"]).exits(0).tells("");
    assert!(said.out.contains("started   again, as its files changed\n"), "{}", said.out);
    assert_eq!(told(&taxiway).last().expect("a call"), "systemctl --user restart taxiway.service");
    fs::remove_file(taxiway.path("unit/active")).expect("stopped");
    taxiway.run(&["service", "start"]).exits(75).prints("").tells(&refusal);
    taxiway.run(&["service", "uninstall", "--purge", "--yes"]).exits(75);
    assert!(taxiway.path(".local/state/taxiway/ledger.sqlite3").exists());
    daemon.stop();
}

#[test]
fn a_service_is_started_stopped_and_asked_after() {
    let mut taxiway = home();
    for verb in ["start", "stop", "restart", "status"] {
        taxiway.run(&["service", verb]).exits(69).prints("").tells(
            "error: there is no user's systemd service\n\
             hint: taxiway service install\n",
        );
    }
    taxiway.run(&["service", "install"]).exits(0);
    told(&taxiway);
    // Those who would be told of it refuse.
    taxiway.set("TAXIWAY_TOKEN", "user:1-sandbox");
    for (verb, words, calls) in [
        ("start", "started already", vec![]),
        ("stop", "stopped", vec!["systemctl --user stop taxiway.service"]),
        ("stop", "stopped already", vec![]),
        ("restart", "restarted", vec!["systemctl --user start taxiway.service"]),
        ("restart", "restarted", vec!["systemctl --user restart taxiway.service"]),
    ] {
        taxiway.run(&["service", verb]).exits(0).prints("").tells(&format!("{words}\n"));
        assert_eq!(told(&taxiway), calls, "{verb}");
    }
    for (verb, done, already) in [
        ("start", "started", true),
        ("stop", "stopped", false),
        ("stop", "stopped", true),
        ("restart", "restarted", false),
    ] {
        let said = taxiway.run(&["service", verb, "--json"]).exits(0).tells("");
        let object = json!({
            "schema": 1,
            "service": "systemd-user",
            "done": done,
            "already": already,
        });
        assert_eq!(said.objects(), [object]);
    }
    told(&taxiway);
    taxiway.run(&["service", "status"]).exits(0).tells("").prints(
        "service   ~/.config/systemd/user/taxiway.service, enabled\n\
         state     active (running), process 4242\n\
         says      all done\n",
    );
    let said = taxiway.run(&["--json", "service", "status"]).exits(0).tells("");
    assert_eq!(
        said.objects(),
        [json!({
            "schema": 1,
            "service": "systemd-user",
            "installed": true,
            "file": taxiway.path(".config/systemd/user/taxiway.service"),
            "enabled": true,
            "state": "active (running)",
            "running": true,
            "pid": 4242,
            "exit": null,
            "says": "all done",
        })]
    );
    fs::remove_file(taxiway.path("unit/active")).expect("stopped");
    taxiway
        .run(&["service", "status"])
        .exits(69)
        .prints(
            "service   ~/.config/systemd/user/taxiway.service, enabled\n\
             state     inactive (dead)\n",
        )
        .tells("error: the user's systemd service does not run\nhint: taxiway service start\n");
    write(&taxiway.path("unit/failed"), b"78\n");
    taxiway.run(&["service", "status"]).exits(69).tells(
        "error: the user's systemd service has failed: exit code 78\n\
         hint: taxiway service logs -n 20\n",
    );
}

#[test]
fn what_systemctl_says_is_told_with_what_to_type() {
    let taxiway = home();
    taxiway.run(&["service", "install"]).exits(0);
    write(&taxiway.path("unit/refuses"), b"Failed to connect to bus: No medium found\n");
    let said = taxiway.run(&["service", "stop"]).exits(69).prints("");
    let (error, hint) = said.err.split_once('\n').expect("two lines");
    assert!(error.starts_with("error: systemctl --user show taxiway.service -p "), "{error}");
    assert!(error.ends_with(": Failed to connect to bus: No medium found"), "{error}");
    let root = rustix::process::getuid().is_root();
    let expected = if root {
        "hint: taxiway service status --system\n".to_owned()
    } else {
        let uid = rustix::process::getuid().as_raw();
        format!(
            "hint: log in as this user, not by su or sudo; or: export \
             XDG_RUNTIME_DIR=/run/user/{uid}\n"
        )
    };
    assert_eq!(hint, expected);
    fs::remove_file(taxiway.path("unit/refuses")).expect("removed");
    let refusing = read(&taxiway.path("bin/systemctl")).replace(
        "start | restart) echo 4242 > \"$HOME/unit/active\" ;;",
        "start | restart) echo 'Job for taxiway.service failed.' >&2; exit 1 ;;",
    );
    script(&taxiway, "systemctl", &refusing);
    taxiway.run(&["service", "restart"]).exits(75).prints("").tells(
        "error: systemctl --user restart taxiway.service: Job for taxiway.service failed\n\
         hint: taxiway service logs -n 20\n",
    );
    let error = taxiway.run(&["--json", "service", "restart"]).error_object();
    assert_eq!(error["exit"], 75);
    fs::remove_file(taxiway.path("bin/systemctl")).expect("removed");
    taxiway.run(&["service", "start"]).exits(69).prints("").tells(
        "error: systemctl cannot be run: no such file or directory\n\
         hint: command -v systemctl\n",
    );
}

#[test]
fn logs_are_those_of_the_journal() {
    let mut taxiway = home();
    taxiway.set("USEAPI_TOKEN", "user:1-sandbox");
    for (arguments, call) in [
        (vec![], "journalctl --user -u taxiway.service"),
        (vec!["-f"], "journalctl --user -u taxiway.service -f"),
        (vec!["-n", "7", "--follow"], "journalctl --user -u taxiway.service -f -n7"),
        (vec!["--system"], "journalctl -u taxiway.service"),
        (vec!["--json"], "journalctl --user -u taxiway.service -ojson"),
    ] {
        let arguments: Vec<&str> = ["service", "logs"].into_iter().chain(arguments).collect();
        taxiway.run(&arguments).exits(0).tells("").prints("a line of the log\n");
        assert_eq!(told(&taxiway), [call]);
    }
}

#[test]
fn uninstalling_leaves_what_is_the_users_and_purging_asks_first() {
    let server = Server::start();
    let mut taxiway = home();
    taxiway.set("TAXIWAY_BASE_URL", server.base_url());
    write(&taxiway.path("Runway/a.gif"), &picture(1, 1_000));
    taxiway.once().exits(0);
    let state = taxiway.path(".local/state/taxiway");
    write(&state.join("ledger.sqlite3.before-2"), b"a copy");
    write(&state.join("notes.txt"), b"not taxiway's");
    taxiway.run(&["service", "install"]).exits(0);
    told(&taxiway);
    let left = "left      the configuration: ~/.config/taxiway/config.toml\n\
                left      the token: ~/.config/taxiway/token\n\
                left      the state: ~/.local/state/taxiway\n";
    let next = "next      to delete what is left: taxiway service uninstall --purge\n";
    taxiway.run(&["service", "uninstall"]).exits(0).tells("").prints(&format!(
        "stopped   now\n\
         disabled  it starts at login no more\n\
         removed   ~/.config/systemd/user/taxiway.service\n\
         removed   ~/.config/systemd/user/taxiway.service.d/places.conf\n\
         removed   ~/.config/systemd/user/taxiway.service.d\n\
         {left}{next}"
    ));
    assert_eq!(
        told(&taxiway),
        [
            "systemctl --user stop taxiway.service",
            "systemctl --user disable taxiway.service",
            "systemctl --user daemon-reload",
        ]
    );
    taxiway
        .run(&["service", "uninstall"])
        .exits(0)
        .tells("")
        .prints(&format!("{left}note      there was nothing to remove\n{next}"));
    assert_eq!(told(&taxiway), [""; 0]);
    taxiway.run(&["service", "uninstall", "--purge"]).exits(2).prints("").tells(
        "error: what was uploaded is forgotten with ~/.config/taxiway/config.toml, \
         ~/.config/taxiway/token, ~/.local/state/taxiway\n\
         hint: taxiway service uninstall --purge --yes\n",
    );
    assert!(state.join("ledger.sqlite3").exists());
    let said = taxiway.run(&["service", "uninstall", "--purge", "--yes"]).exits(0).tells("");
    for removed in ["ledger.sqlite3", "ledger.sqlite3.before-2", "lock", "config.toml", "token"] {
        assert!(said.out.contains(&format!("/{removed}\n")), "{removed}: {}", said.out);
    }
    assert!(
        said.out.contains("note      ")
            && said.out.contains("holds files that are not taxiway's: they stay\n"),
        "{}",
        said.out
    );
    let stays: Vec<_> = fs::read_dir(&state).expect("a list").flatten().collect();
    assert_eq!(stays.len(), 1, "{stays:?}");
    assert_eq!(read(&state.join("notes.txt")), "not taxiway's");
    assert!(taxiway.path("Runway/a.gif").exists(), "watched files are nobody's to delete");
    assert!(!taxiway.path(".config/taxiway").exists());
}

#[test]
fn an_agent_is_loaded_by_launchd() {
    let mut taxiway = home();
    taxiway.set("TAXIWAY_TEST_PLATFORM", "macos");
    let folder = taxiway.folder("Documents/Runway");
    write(&taxiway.path(".config/taxiway/config.toml"), section(&folder).as_bytes());
    let uid = rustix::process::getuid().as_raw();
    let file = "~/Library/LaunchAgents/io.github.taxiway.plist";
    let said = taxiway.run(&["service", "install"]).exits(0).tells("");
    let shown = said.out.replace(&*program().to_string_lossy(), "PROGRAM");
    assert_eq!(
        shown.replace(&*taxiway.root.to_string_lossy(), "~"),
        format!(
            "wrote     {file}\n\
             started   now\n\
             note      macOS keeps ~/Documents/Runway from programs: allow PROGRAM in System \
             Settings, Privacy & Security, Full Disk Access\n\
             note      it logs to ~/Library/Logs/taxiway.log\n\
             next      taxiway status\n"
        )
    );
    let told_at_first = [
        format!("launchctl enable gui/{uid}/io.github.taxiway"),
        format!("launchctl bootstrap gui/{uid} {file}"),
    ];
    assert_eq!(told(&taxiway), told_at_first);
    let path = taxiway.path("Library/LaunchAgents/io.github.taxiway.plist");
    let log = taxiway.path("Library/Logs/taxiway.log");
    assert_eq!(read(&path), agent(program(), &[], &log).expect("an agent"));
    taxiway.run(&["service", "install"]).exits(0).tells("");
    assert_eq!(told(&taxiway), [""; 0]);
    taxiway.run(&["service", "restart"]).exits(0);
    taxiway.run(&["service", "stop"]).exits(0);
    taxiway.run(&["service", "start"]).exits(0);
    assert_eq!(
        told(&taxiway),
        [
            format!("launchctl kickstart -k gui/{uid}/io.github.taxiway"),
            format!("launchctl kill SIGTERM gui/{uid}/io.github.taxiway"),
            format!("launchctl kickstart gui/{uid}/io.github.taxiway"),
        ]
    );
    // Another version: what is loaded has to go first.
    write(&path, read(&path).replace("<integer>30</integer>", "<integer>5</integer>").as_bytes());
    taxiway.run(&["service", "install"]).exits(0).tells("");
    let mut expected = vec![format!("launchctl bootout gui/{uid}/io.github.taxiway")];
    expected.extend(told_at_first);
    assert_eq!(told(&taxiway), expected);
    taxiway.run(&["service", "logs"]).exits(69);
    write(&log, b"");
    script(&taxiway, "tail", include_str!("service/recorder"));
    taxiway.run(&["service", "logs", "-f", "-n", "5"]).exits(0).prints("a line of the log\n");
    assert_eq!(told(&taxiway), ["tail -n 5 -f ~/Library/Logs/taxiway.log"]);
    taxiway.run(&["service", "uninstall"]).exits(0).tells("");
    assert_eq!(told(&taxiway), [format!("launchctl bootout gui/{uid}/io.github.taxiway")]);
    assert!(!path.exists());
    taxiway.run(&["service", "install", "--system"]).exits(2).tells(
        "error: there is a system's service with systemd only\nhint: taxiway service install\n",
    );
}
