//! Every command as a citizen of the shell: exact JSON, errors as objects, and a reader that goes
//! away is no error, with a daemon and without.

use std::process::Stdio;

use serde_json::Value;

use crate::support::{Daemon, Server, Taxiway, picture, section, write};

/// A folder with one uploaded picture and one that the server refused.
fn house(server: &Server) -> Taxiway {
    let taxiway = Taxiway::with(server);
    let folder = taxiway.folder("folder");
    taxiway.configure(&format!("{}settle = \"50ms\"\n", section(&folder)));
    write(&folder.join("a.gif"), &picture(1, 1_000));
    write(&folder.join("bad.gif"), &picture(2, 1_000));
    server.faults(&["status=415,name=bad"]);
    taxiway.once().exits(1);
    server.faults(&[]);
    taxiway
}

/// Commands that print data: the arguments, and whether they need a daemon.
const DATA: &[(&[&str], bool)] = &[
    (&["id", "folder/a.gif"], false),
    (&["id", "--json", "folder/a.gif"], false),
    (&["ls"], false),
    (&["ls", "--json"], false),
    (&["ls", "--csv"], false),
    (&["ls", "--print0"], false),
    (&["push", "folder/a.gif"], false),
    (&["push", "--json", "folder/a.gif"], false),
    (&["why", "folder/a.gif"], false),
    (&["why", "--json", "folder/a.gif"], false),
    (&["retry", "--all"], false),
    (&["ledger", "verify"], false),
    (&["ledger", "export"], false),
    (&["ledger", "export", "--csv"], false),
    (&["config", "path"], false),
    (&["config", "show"], false),
    (&["config", "show", "--json"], false),
    (&["config", "check"], false),
    (&["completions", "bash"], false),
    (&["completions", "zsh"], false),
    (&["completions", "fish"], false),
    (&["completions", "powershell"], false),
    (&["sandbox", "--fault", "help"], false),
    (&["status"], true),
    (&["status", "--json"], true),
    (&["wait", "--json"], true),
    (&["pause", "--json"], true),
    (&["resume", "--json"], true),
    (&["rescan", "--json"], true),
    (&["--help"], false),
    (&["ls", "--help"], false),
];

/// Runs it with a stdout that nobody reads.
#[track_caller]
fn unread(taxiway: &Taxiway, arguments: &[&str]) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = taxiway.command(arguments);
    command.stdout(writer).stderr(Stdio::piped());
    let said = taxiway.finish(command, b"");
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{arguments:?}");
}

#[test]
fn a_reader_that_goes_away_is_no_error_of_any_command_that_prints_data() {
    let server = Server::start();
    let taxiway = house(&server);
    for (arguments, _) in DATA.iter().filter(|(_, needs_daemon)| !needs_daemon) {
        unread(&taxiway, arguments);
    }
    unread(&taxiway, &["run", "--once", "--json"]);
    let daemon = taxiway.daemon();
    for (arguments, _) in DATA {
        unread(&taxiway, arguments);
    }
    daemon.stop();
}

/// What is another each time, replaced.
fn steady(server: &Server, taxiway: &Taxiway, daemon: Option<&Daemon>, text: &str) -> String {
    let mut text = text.replace(&*taxiway.root.to_string_lossy(), "~");
    text = text.replace(&server.base_url().replace("/v1/runwayml", ""), "SERVER");
    for asset in server.assets() {
        text = text.replace(&asset.id.to_string(), "ID").replace(&asset.blake3, "HASH");
    }
    if let Some(daemon) = daemon {
        text = text.replace(&format!("\"pid\":{}", daemon.pid()), "\"pid\":1");
    }
    text = text.replace(concat!("\"version\":\"", env!("CARGO_PKG_VERSION")), "\"version\":\"V");
    // Times: 2026-11-28T02:10:12.021Z.
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find("\"20") {
        let (before, after) = rest.split_at(at + 1);
        out += before;
        let time = after.get(..24).is_some_and(|time| {
            time.ends_with('Z') && time.as_bytes()[10] == b'T' && time.as_bytes()[19] == b'.'
        });
        out += if time { "TIME" } else { &after[..2] };
        rest = &after[if time { 24 } else { 2 }..];
    }
    out + rest
}

const ROW: &str = r#"{"schema":1,"path":"~/folder/a.gif","account":"me@example.com","hash":"HASH","size":1000,"media_type":"image/gif","state":"uploaded","asset_id":"user:1-runwayml:me@example.com-asset:ID","asset_url":"SERVER/files/ID","name":"a.gif","width":1,"height":1,"duration":null,"seen_at":"TIME","uploaded_at":"TIME","attempts":1,"next_try_at":null,"reason":null}"#;
const STATUS: &str = r#"{"schema":1,"version":"V","pid":1,"started_at":"TIME","state":"STATE","done":true,"reason":REASON,"counts":{"settling":0,"queued":0,"uploading":0,"unknown":0,"uploaded":1,"failed":0,"held":0,"ignored":0},"bytes_left":0,"bytes_per_second":0,"folders":[{"path":"~/folder","account":"me@example.com","mode":"events","last_scan_at":"TIME","missed_by_events":0,"reason":null}],"accounts":[{"email":"me@example.com","state":"ok","until":null,"reason":null}],"uploading":[]}"#;

#[test]
fn what_json_prints_is_exact_with_a_daemon_and_without() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let folder = taxiway.folder("folder");
    taxiway.configure(&format!("{}settle = \"50ms\"\n", section(&folder)));
    // As large as it is asked for.
    let mut bytes = 1_000;
    while picture(1, bytes).len() < 1_000 {
        bytes += 1;
    }
    write(&folder.join("a.gif"), &picture(1, bytes));
    taxiway.once().exits(0);
    let size = format!("\"size\":{}", picture(1, bytes).len());
    let row = ROW.replace("\"size\":1000", &size);
    let id = r#"{"asset_id":"user:1-runwayml:me@example.com-asset:ID","hash":"HASH","path":"~/folder/a.gif","reason":null,"schema":1}"#;
    let none = r#"{"asset_id":null,"hash":null,"path":"~/none.gif","reason":"no such file or directory","schema":1}"#;
    let both: &[(&[&str], String)] = &[
        (&["ls"], row.clone()),
        (&["push", "folder/a.gif"], row.clone()),
        (&["id", "folder/a.gif", "none.gif"], format!("{id}\n{none}")),
        (&["config", "path"], r#"{"exists":true,"from":"default","path":"~/config/taxiway/config.toml","schema":1}"#.into()),
        (&["config", "check"], r#"{"findings":[],"schema":1}"#.into()),
        (&["retry", "--all"], r#"{"schema":1,"retried":0}"#.into()),
        (
            &["ledger", "verify"],
            r#"{"attempts":1,"faults":[],"path":"~/state/taxiway/ledger.sqlite3","paths":1,"schema":1,"sound":true,"uploaded":1,"uploads":1}"#.into(),
        ),
    ];
    let status =
        |state: &str, reason: &str| STATUS.replace("STATE", state).replace("REASON", reason);
    let idle = status("idle", "null");
    let paused = status("paused", r#""paused until somebody says: taxiway resume""#);
    let asked: &[(&[&str], String)] = &[
        (&["wait"], r#"{"schema":1,"files":1,"failed":0,"held":0}"#.into()),
        (&["status"], idle.clone()),
        (&["pause"], paused),
        (&["resume"], idle),
    ];
    let check = |daemon: Option<&Daemon>, (arguments, expected): &(&[&str], String)| {
        let said = taxiway.run(&[*arguments, &["--json"]].concat());
        let said = steady(&server, &taxiway, daemon, &said.out);
        assert_eq!(said, format!("{expected}\n"), "{arguments:?}");
    };
    both.iter().for_each(|case| check(None, case));
    let daemon = taxiway.daemon();
    both.iter().chain(asked).for_each(|case| check(Some(&daemon), case));
    daemon.stop();
}

#[test]
fn an_error_says_the_same_to_people_and_programs() {
    let server = Server::start();
    let taxiway = house(&server);
    let away = "~/folder/a.gif is not held: it is uploaded as \
                user:1-runwayml:me@example.com-asset:ID";
    let two = "the following required arguments were not provided: <SHELL>";
    let cases: &[(&[&str], i32, &str, &str)] = &[
        (&["status"], 69, "no daemon runs with this configuration", "taxiway run"),
        (&["wait"], 69, "no daemon runs with this configuration", "taxiway run"),
        (&["pause"], 69, "no daemon runs with this configuration", "taxiway run"),
        (&["resume"], 69, "no daemon runs with this configuration", "taxiway run"),
        (&["rescan"], 69, "no daemon runs with this configuration", "taxiway run"),
        (&["completions"], 2, two, "taxiway completions --help"),
        (
            &["push", "--name", "x", "a", "b"],
            2,
            "--name goes with exactly one file",
            "taxiway push --name NAME FILE",
        ),
        (&["man", "nowhere"], 1, "nowhere: not a directory", "mkdir -p nowhere"),
        (&["sttaus"], 2, "unrecognized subcommand 'sttaus'", "did you mean `taxiway status`?"),
        (
            &["ls", "--sate", "failed"],
            2,
            "unexpected argument '--sate' found",
            "did you mean `--state`?",
        ),
        (
            &["ledger", "verfy"],
            2,
            "unrecognized subcommand 'verfy'",
            "did you mean `taxiway ledger verify`?",
        ),
        (
            &["ledger", "rebuild"],
            2,
            "the ledger is sound: there is nothing to rebuild",
            "to pair it with the server: taxiway ledger adopt; to rebuild it all the same, add \
             --force",
        ),
        (&["resolve", "--retry", "~/folder/a.gif"], 1, away, "taxiway why ~/folder/a.gif"),
        (
            &["forget", "~/folder/a.gif"],
            2,
            "~/folder/a.gif is uploaded as user:1-runwayml:me@example.com-asset:ID; 1 file in a \
             folder will be sent again",
            "taxiway forget ~/folder/a.gif --yes",
        ),
        (
            &["why", "~/folder/nowhere.gif"],
            1,
            "~/folder/nowhere.gif is not in the ledger, and not there",
            "taxiway ls",
        ),
    ];
    let home = taxiway.root.to_string_lossy().into_owned();
    for (arguments, exit, error, hint) in cases {
        let arguments: Vec<String> =
            arguments.iter().map(|word| word.replace('~', &home)).collect();
        let said = taxiway.run(&arguments).exits(*exit);
        let told = steady(&server, &taxiway, None, &said.err);
        assert_eq!(told, format!("error: {error}\nhint: {hint}\n"), "{arguments:?}");
        let said = taxiway.run(&[&arguments[..], &["--json".to_owned()]].concat()).exits(*exit);
        let object: Value = said.error_object();
        let of =
            |key: &str| steady(&server, &taxiway, None, object[key].as_str().unwrap_or_default());
        assert_eq!((of("error").as_str(), of("hint").as_str()), (*error, *hint), "{arguments:?}");
    }
}

#[test]
fn the_pages_of_the_manual_are_sound() {
    if !crate::support::have("groff") {
        return;
    }
    let taxiway = Taxiway::alone();
    let directory = taxiway.folder("man");
    taxiway.run(&["man", "man"]).exits(0);
    for page in std::fs::read_dir(&directory).expect("pages") {
        let page = page.expect("a page").path();
        let mut command = std::process::Command::new("groff");
        command.args(["-man", "-Tutf8", "-Kutf8", "-ww", "-z"]).arg(&page);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let said = taxiway.finish(command, b"").exits(0);
        assert_eq!(said.err, "", "{}", page.display());
    }
}

#[test]
fn completions_of_bash_complete() {
    let taxiway = Taxiway::alone();
    let script = taxiway.run(&["completions", "bash"]).exits(0).out;
    write(&taxiway.path("completions.bash"), script.as_bytes());
    let ask = "source completions.bash\nCOMP_WORDS=(taxiway sta) COMP_CWORD=1\n\
               _taxiway taxiway sta taxiway\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n";
    let mut command = std::process::Command::new("bash");
    command.args(["-c", ask]).current_dir(&taxiway.root);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    taxiway.finish(command, b"").exits(0).prints("status\n").tells("");
    for (shell, arguments) in
        [("zsh", &["-n"][..]), ("fish", &["--no-execute"]), ("pwsh", &["-NoProfile", "-File"])]
    {
        let path = std::env::var_os("PATH").unwrap_or_default();
        // They are read by those that are here; bash is everywhere.
        if !std::env::split_paths(&path).any(|directory| directory.join(shell).is_file()) {
            continue;
        }
        let name = if shell == "pwsh" { "powershell" } else { shell };
        let file = taxiway.path(format!("completions.{name}.ps1"));
        write(&file, taxiway.run(&["completions", name]).out.as_bytes());
        let mut command = std::process::Command::new(shell);
        command.args(arguments).arg(&file);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        taxiway.finish(command, b"").exits(0);
    }
}
