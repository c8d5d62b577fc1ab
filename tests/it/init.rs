//! `taxiway init`: by flags and on a terminal, with everything that can be wrong.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Server, TOKEN, Taxiway, have, media, picture, section, write};

/// A home without token and configuration, and a server that takes one token.
fn fresh(server: &Server) -> Taxiway {
    server.set_token(TOKEN);
    let mut taxiway = Taxiway::with(server);
    taxiway.unset("TAXIWAY_TOKEN");
    taxiway.unset("TAXIWAY_BASE_URL");
    taxiway.folder("Runway");
    taxiway
}

/// The arguments that answer everything but the token.
fn all<'a>(base_url: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["init", "--base-url", base_url, "--folder", "Runway"];
    arguments.extend(more);
    arguments
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o7777
}

fn config(taxiway: &Taxiway) -> String {
    fs::read_to_string(taxiway.config_file()).expect("a configuration")
}

const HEAD: &str = "# taxiway's configuration. Every key with its value and where that comes from:\n\
                    # taxiway config show\n";

fn folder_table(path: &str, existing: &str) -> String {
    format!(
        "\n[[folder]]\npath = \"{path}\"\nemail = \"me@example.com\"\n# what lay there when it was \
         first seen: upload | ignore\nexisting = \"{existing}\"\n"
    )
}

#[test]
fn flags_and_stdin_answer_everything_and_the_next_command_works() {
    let server = Server::start();
    let taxiway = fresh(&server);
    write(&taxiway.path("Runway/a.gif"), &picture(1, 1_000));
    fs::copy(media("notes.txt"), taxiway.path("Runway/notes.txt")).expect("a copy");
    let base = server.base_url();
    let arguments = all(&base, &["--existing", "upload"]);
    let said = taxiway.run_with_stdin(&arguments, format!("{TOKEN}\n").as_bytes()).exits(0);
    said.prints("").tells(
        "reading the token from stdin\n\
         written: ~/config/taxiway/token (only you can read it)\n\
         written: ~/config/taxiway/config.toml\n\
         ~/Runway holds 1 file that can be uploaded, 1.0 kB, and 1 other: to be uploaded\n\
         next: taxiway run\n",
    );
    let file = taxiway.path("config/taxiway/token");
    assert_eq!(fs::read_to_string(&file).expect("a token"), format!("{TOKEN}\n"));
    assert_eq!((mode(&file), mode(&taxiway.config_file())), (0o600, 0o600));
    assert_eq!(
        config(&taxiway),
        format!("{HEAD}\n[api]\nbase_url = \"{base}\"\n{}", folder_table("~/Runway", "upload"))
    );
    let left = fs::read_dir(taxiway.path("config/taxiway")).expect("a list").count();
    assert_eq!(left, 2, "nothing is left beside them");
    taxiway.run(&["config", "check"]).exits(0);
    taxiway.once().exits(0);
    assert_eq!(
        (server.asset().name.as_str(), server.asset().account.as_str()),
        ("a.gif", "me@example.com")
    );
}

#[test]
fn programs_get_one_object_and_what_is_ignored_is_not_sent() {
    let server = Server::start();
    let taxiway = fresh(&server);
    write(&taxiway.path("Runway/a.gif"), &picture(1, 1_000));
    write(&taxiway.path("Runway/b/b.gif"), &picture(2, 1_500));
    write(&taxiway.path("mine/token"), TOKEN.as_bytes());
    fs::set_permissions(taxiway.path("mine/token"), fs::Permissions::from_mode(0o600))
        .expect("a mode");
    let base = server.base_url();
    let more = ["--existing", "ignore", "--token-file", "mine/token", "--json", "-q"];
    let said = taxiway.run(&all(&base, &more)).exits(0).tells("");
    let bytes = picture(1, 1_000).len() + picture(2, 1_500).len();
    let root = taxiway.root.to_string_lossy().into_owned();
    assert_eq!(
        said.objects(),
        [json!({
            "schema": 1,
            "config": format!("{root}/config/taxiway/config.toml"),
            "token_file": null,
            "account": "me@example.com",
            "folder": format!("{root}/Runway"),
            "existing": "ignore",
            "files": 2,
            "bytes": bytes,
            "next": "taxiway run",
        })]
    );
    assert_eq!(
        config(&taxiway),
        format!(
            "{HEAD}\n[api]\nbase_url = \"{base}\"\ntoken_file = \"~/mine/token\"\n{}",
            folder_table("~/Runway", "ignore")
        )
    );
    assert!(!taxiway.path("config/taxiway/token").exists(), "it stays where it is");
    taxiway.once().exits(0);
    assert_eq!(server.uploads(), 0);
}

#[test]
fn without_a_terminal_what_is_missing_is_named_and_nothing_is_written() {
    let server = Server::of(&["a@b.c", "b@c.d"]);
    let mut taxiway = fresh(&server);
    let base = server.base_url();
    // Hints repeat what was answered already.
    let tells = |taxiway: &Taxiway, more: &[&str], error: &str, hint: &str| {
        let said = taxiway.run(&all(&base, more)).exits(2).prints("");
        let begun = if error.starts_with("there is no token") {
            "reading the token from stdin\n"
        } else {
            ""
        };
        let expected = format!("{begun}error: {error}\nhint: taxiway init --folder Runway{hint}\n");
        assert_eq!(
            said.err.replace(&*taxiway.root.to_string_lossy(), "~").replace(&base, "SERVER"),
            expected
        );
    };
    let error = "there is no token, and nobody to be asked for it";
    tells(&taxiway, &[], error, " --base-url SERVER --token-file FILE");
    taxiway.set("TAXIWAY_TOKEN", TOKEN);
    let error = "there are several accounts: a@b.c, b@c.d";
    tells(&taxiway, &[], error, " --base-url SERVER --email a@b.c");
    let error = "x@y.z is not among the accounts of this token: a@b.c, b@c.d";
    tells(&taxiway, &["--email", "x@y.z"], error, " --base-url SERVER --email a@b.c");
    let said = taxiway.run(&["init", "--base-url", &base, "--email", "a@b.c"]).exits(2);
    assert_eq!(
        said.err.replace(&base, "SERVER"),
        "error: there is no folder to watch, and nobody to be asked for one\n\
         hint: taxiway init --email a@b.c --base-url SERVER --folder DIR\n"
    );
    write(&taxiway.path("Runway/a.gif"), &picture(1, 1_000));
    let said = taxiway.run(&all(&base, &["--email", "a@b.c", "--yes"])).exits(2);
    assert_eq!(
        said.err.replace(&base, "SERVER").replace(&*taxiway.root.to_string_lossy(), "~"),
        "error: ~/Runway holds 1 file that can be uploaded, 1.0 kB\n\
         hint: taxiway init --email a@b.c --folder Runway --base-url SERVER --yes --existing \
         upload (or: --existing ignore)\n"
    );
    let missing = ["init", "--base-url", &base, "--email", "a@b.c", "--folder", "new"];
    taxiway.run(&missing).exits(2).tells("error: ~/new is not there\nhint: mkdir -p ~/new\n");
    taxiway
        .run(&["init", "--base-url", &base, "--email", "a@b.c", "--folder", "Runway/a.gif"])
        .exits(2)
        .tells("error: ~/Runway/a.gif is not a directory\nhint: taxiway push ~/Runway/a.gif\n");
    assert!(!taxiway.config_file().exists() && !taxiway.path("new").exists());
    let error = taxiway.run(&[&missing[..], &["--json"]].concat()).exits(2).error_object();
    assert_eq!(error["hint"], format!("mkdir -p {}", taxiway.path("new").display()));
    // With a yes the directory is made, and the token stored.
    taxiway.run(&[&missing[..], &["--yes"]].concat()).exits(0).tells(
        "written: ~/config/taxiway/token (only you can read it)\n\
         written: ~/config/taxiway/config.toml\n\
         next: taxiway run\n",
    );
    assert!(taxiway.path("new").is_dir());
}

#[test]
fn a_token_of_the_environment_stays_there_unless_somebody_says_so() {
    let server = Server::start();
    let mut taxiway = fresh(&server);
    taxiway.set("TAXIWAY_TOKEN", TOKEN);
    let base = server.base_url();
    taxiway.run(&all(&base, &[])).exits(0).tells(
        "the token stays in environment variable TAXIWAY_TOKEN and is not stored: whatever starts \
         taxiway has to hand it over\n\
         written: ~/config/taxiway/config.toml\n\
         next: taxiway run\n",
    );
    assert!(!taxiway.path("config/taxiway/token").exists());
    fs::remove_file(taxiway.config_file()).expect("removed");
    // A file that is named and not there is where it is to be.
    let said = taxiway.run(&all(&base, &["--token-file", "keys/useapi"])).exits(0);
    said.tells(
        "written: ~/keys/useapi (only you can read it)\n\
         written: ~/config/taxiway/config.toml\n\
         next: taxiway run\n",
    );
    assert_eq!(mode(&taxiway.path("keys/useapi")), 0o600);
    taxiway.unset("TAXIWAY_TOKEN");
    taxiway.once().exits(0);
    // A variable that holds another wins, and that is said.
    fs::remove_file(taxiway.config_file()).expect("removed");
    taxiway.set("USEAPI_TOKEN", "user:1-older");
    let said = taxiway.run(&all(&base, &["--token-file", "keys/useapi"])).exits(0);
    said.tells(
        "written: ~/config/taxiway/config.toml\n\
         environment variable USEAPI_TOKEN holds another token, and wins: unset USEAPI_TOKEN\n\
         next: taxiway run\n",
    );
}

#[test]
fn what_the_server_says_is_explained_and_nothing_is_written() {
    let mut server = Server::start();
    let mut taxiway = fresh(&server);
    taxiway.set("TAXIWAY_TOKEN", "user:1-old");
    let base = server.base_url();
    taxiway.run(&all(&base, &[])).exits(77).tells(
        "error: the server refuses the token from environment variable TAXIWAY_TOKEN: \
         Unauthorized\nhint: export TAXIWAY_TOKEN=user:…\n",
    );
    taxiway.set("TAXIWAY_TOKEN", TOKEN);
    server.faults(&["subscription,on=any"]);
    taxiway.run(&all(&base, &[])).exits(77).tells(
        "error: the subscription has ended: Account has no subscription or subscription expired\n\
         hint: renew it at https://useapi.net\n",
    );
    server.faults(&["broken-account=me@example.com,on=any"]);
    let said = taxiway.run(&all(&base, &[])).exits(77);
    assert!(
        said.err.starts_with("error: the account me@example.com does not work: Account")
            && said
                .err
                .ends_with("\nhint: mend the account at https://useapi.net, then say it again\n"),
        "{}",
        said.err
    );
    server.faults(&["status=503,on=account"]);
    let said = taxiway.run(&all(&base, &[])).exits(75);
    assert!(said.err.contains(" is in trouble: status 503"), "{}", said.err);
    server.faults(&[]);
    let none = Server::of(&[]);
    none.set_token(TOKEN);
    taxiway.run(&all(&none.base_url(), &[])).exits(77).tells(
        "error: no Runway account is set up for this token\n\
         hint: add one at https://useapi.net, then say it again\n",
    );
    server.stop();
    let said = taxiway.run(&all(&base, &[])).exits(75);
    assert_eq!(
        said.err.replace(&base, "SERVER"),
        "error: SERVER gives no answer: no TCP connection: connection refused\n\
         hint: curl -sS -o /dev/null SERVER\n"
    );
    assert!(!taxiway.path("config").join("taxiway").exists(), "nothing is written");
    taxiway.run(&["init", "--base-url", "http://example.com"]).exits(2).tells(
        "error: invalid value 'http://example.com' for '--base-url <URL>': http:// goes to a \
         loopback address only\nhint: taxiway init --help\n",
    );
}

#[test]
fn a_configuration_that_is_there_gets_a_folder_and_nothing_else() {
    let server = Server::start();
    let mut taxiway = fresh(&server);
    taxiway.set("TAXIWAY_TOKEN", TOKEN);
    let base = server.base_url();
    let first = taxiway.folder("first");
    let old =
        format!("# mine\n[api]\nbase_url = \"{base}\"   # ours\n{}# no more", section(&first));
    taxiway.configure(&old);
    fs::set_permissions(taxiway.config_file(), fs::Permissions::from_mode(0o640)).expect("a mode");
    taxiway.run(&["init", "--folder", "Runway"]).exits(2).tells(
        "error: ~/config/taxiway/config.toml is there already, with 1 folder\n\
         hint: taxiway init --folder Runway --yes\n",
    );
    taxiway.run(&["init", "--folder", "Runway", "--yes", "--base-url", "https://x.y"]).exits(2);
    taxiway.run(&["init", "--folder", "Runway", "--yes", "--token-file", "x"]).exits(2).tells(
        "error: ~/config/taxiway/config.toml sets token_file to ~/config/taxiway/token, and is not \
         changed\nhint: edit ~/config/taxiway/config.toml\n",
    );
    taxiway.run(&["init", "--folder", "first", "--yes"]).exits(2).tells(
        "error: ~/first is a folder of the configuration already\nhint: taxiway config show\n",
    );
    assert_eq!(config(&taxiway), old);
    // A link that the owner keeps is kept.
    let real = taxiway.path("dotfiles/taxiway.toml");
    fs::create_dir_all(taxiway.path("dotfiles")).expect("a directory");
    fs::rename(taxiway.config_file(), &real).expect("moved");
    std::os::unix::fs::symlink(&real, taxiway.config_file()).expect("a link");
    taxiway.run(&["init", "--folder", "Runway", "--yes"]).exits(0);
    assert_eq!(config(&taxiway), format!("{old}\n{}", folder_table("~/Runway", "upload")));
    assert!(taxiway.config_file().is_symlink());
    assert_eq!(mode(&real), 0o640);
    taxiway.run(&["config", "check"]).exits(0);
    // One that cannot be used is not touched.
    taxiway.configure("[api\n");
    taxiway.run(&["init", "--folder", "Runway", "--yes"]).exits(78).tells(
        "error: ~/config/taxiway/config.toml:1: not valid TOML at column 5: unclosed table, \
         expected `]`\nhint: edit line 1 of ~/config/taxiway/config.toml\n",
    );
    assert_eq!(config(&taxiway), "[api\n");
    let other = taxiway.folder("other");
    let inline = format!(
        "folder = [{{path = {:?}}}]\napi.base_url = \"{base}\"\n",
        other.to_str().expect("UTF-8")
    );
    taxiway.configure(&inline);
    taxiway.run(&["init", "--folder", "Runway", "--yes"]).exits(78).tells(
        "error: no folder can be added at the end of ~/config/taxiway/config.toml: \
         ~/config/taxiway/config.toml:4: not valid TOML at column 3: duplicate key\n\
         hint: add it by hand: edit ~/config/taxiway/config.toml\n",
    );
    assert_eq!(config(&taxiway), inline);
}

#[test]
fn a_running_daemon_is_told_of() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let daemon = taxiway.daemon();
    taxiway.folder("more");
    let said = taxiway.run(&["init", "--folder", "more", "--yes", "--existing", "upload"]).exits(0);
    let next = "next: a taxiway is running and has the old configuration: taxiway reload\n";
    assert!(said.err.ends_with(next), "{}", said.err);
    daemon.stop();
}

#[test]
fn the_sandbox_is_set_up_without_a_token() {
    let taxiway = Taxiway::alone();
    write(&taxiway.path("pics/a.gif"), &picture(1, 1_000));
    let said = taxiway
        .run(&[
            "init",
            "--sandbox",
            "--folder",
            "pics",
            "--existing",
            "upload",
            "--config",
            "c.toml",
        ])
        .exits(0);
    said.tells(
        "written: ~/c.toml\n~/pics holds 1 file that can be uploaded, 1.0 kB: to be uploaded\n\
         next: taxiway --config c.toml --sandbox run\n",
    );
    let text = fs::read_to_string(taxiway.path("c.toml")).expect("a configuration");
    let table = folder_table("~/pics", "upload").replace("me@example.com", "sandbox@taxiway.local");
    assert_eq!(text, format!("{HEAD}{table}"));
    taxiway.run(&["run", "--once", "--config", "c.toml", "--sandbox", "-q"]).exits(0);
    assert!(!taxiway.path("token").exists());
}

/// What happened on a terminal.
struct Session {
    text: String,
    code: i64,
    echo: Vec<Value>,
    at_end: bool,
}

/// Runs the program on a terminal. None where there is no python3.
#[track_caller]
fn on_a_terminal(taxiway: &Taxiway, arguments: &[&str], steps: &[(&str, &str)]) -> Option<Session> {
    if !have("python3") {
        return None;
    }
    let plain = taxiway.command(arguments);
    let env: serde_json::Map<String, Value> = plain
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_str()?.to_owned(), json!(value?.to_str()?))))
        .collect();
    let program = env!("CARGO_BIN_EXE_taxiway");
    let argv: Vec<&str> = std::iter::once(program).chain(arguments.iter().copied()).collect();
    let job = json!({ "argv": argv, "env": env, "cwd": taxiway.root, "steps": steps });
    let mut command = Command::new("python3");
    command.arg("-B").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/init/terminal.py"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let said = taxiway.finish(command, job.to_string().as_bytes()).exits(0);
    let answer = said.objects().remove(0);
    let text = answer["text"].as_str().expect("a text");
    Some(Session {
        text: text.replace(&*taxiway.root.to_string_lossy(), "~"),
        code: answer["code"].as_i64().expect("a code"),
        echo: answer["echo"].as_array().expect("a list").clone(),
        at_end: answer["at_end"].as_bool().expect("a flag"),
    })
}

/// `init` on a terminal, up to the question whether the keyring is to have the token.
fn offered(taxiway: &Taxiway, base: &str, answer: &str) -> Option<Session> {
    let steps = [("(not shown): ", "user:1-sandbox\r"), ("your keyring? [Y/n] ", answer)];
    on_a_terminal(taxiway, &all(base, &[]), &steps)
}

#[test]
fn a_person_is_offered_the_keyring_and_who_is_not_there_the_file() {
    let server = Server::start();
    let base = server.base_url();
    let mut taxiway = fresh(&server);
    taxiway.with_keyring();
    let Some(session) = offered(&taxiway, &base, "\r") else { return };
    let (code, text) = (session.code, &session.text);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("\nstored: keyring (service taxiway)\nwritten: ~/config/"), "{text}");
    assert!(!text.contains("user:1-sandbox"), "{text}");
    assert!(!taxiway.path("config/taxiway/token").exists());
    let (search, store) = ("search service taxiway", "store --label=taxiway service taxiway");
    assert_eq!(taxiway.keyring_was_asked(), [search, search, store, search]);
    write(&taxiway.path("Runway/a.gif"), &picture(1, 1_000));
    taxiway.run(&["run", "--once"]).exits(0);

    // A token that is there is not stored again.
    fs::remove_file(taxiway.config_file()).expect("removed");
    let said = taxiway.run(&all(&base, &["--existing", "upload"])).exits(0);
    assert!(said.err.starts_with("token: from keyring (service taxiway)\nwritten: "), "{said:?}");

    let written = "written: ~/config/taxiway/token (only you can read it)\n";
    for (says, answer, before) in [
        ("none", "n\r", ""),
        (
            "closed",
            "\r",
            "the keyring does not take it: secret-tool: Cannot create an item in a locked \
             collection\n",
        ),
    ] {
        let mut taxiway = fresh(&server);
        taxiway.with_keyring();
        taxiway.keyring(says);
        let Some(session) = offered(&taxiway, &base, answer) else { return };
        assert_eq!(session.code, 0, "{}", session.text);
        assert!(session.text.contains(&format!("\n{before}{written}")), "{}", session.text);
    }
    let mut taxiway = fresh(&server);
    taxiway.with_keyring();
    let said = taxiway.run_with_stdin(&all(&base, &["--yes"]), TOKEN.as_bytes()).exits(0);
    assert!(said.told().contains(written), "{said:?}");
}

#[test]
fn a_person_is_asked_for_everything_and_asked_again() {
    let server = Server::of(&["a@b.c", "me@example.com"]);
    server.faults(&["broken-account=a@b.c,on=any"]);
    let taxiway = fresh(&server);
    write(&taxiway.path("My Pics/a.gif"), &picture(1, 1_000));
    write(&taxiway.path("My Pics/notes.txt"), b"x");
    let base = server.base_url();
    let steps = [
        ("(not shown): ", "user:1-wr\x7fong\r"),
        ("(not shown): ", "\r"),
        ("(not shown): ", "user:1-sandbox\r"),
        ("[1] ", "7\r"),
        ("[1] ", "1\r"),
        ("try again? [Y/n] ", "\r"),
        ("[1] ", "2\r"),
        ("[~/Runway]: ", "~/My Pics/a.gif\r"),
        ("[~/Runway]: ", "~/new\r"),
        ("Make it? [Y/n] ", "n\r"),
        ("[~/Runway]: ", "~/My Pics\r"),
        ("[upload/ignore] ", "\r"),
        ("[upload/ignore] ", "ignore\r"),
    ];
    let Some(session) = on_a_terminal(&taxiway, &["init", "--base-url", &base], &steps) else {
        return;
    };
    let text = session.text.replace(&base, "SERVER");
    let broken = text.lines().find(|line| line.starts_with("  1  a@b.c  (")).unwrap_or("NO LINE");
    let error = broken.trim_start_matches("  1  a@b.c  (").trim_end_matches(')');
    assert_eq!(
        text.replace(error, "BROKEN"),
        "this writes ~/config/taxiway/config.toml\n\
         API token, from https://useapi.net (not shown): \n\
         the server refuses the token that was given: Unauthorized\n\
         API token, from https://useapi.net (not shown): \n\
         the token is empty\n\
         API token, from https://useapi.net (not shown): \n\
         the server takes the token, and the subscription is active\n\
         accounts:\n  1  a@b.c  (BROKEN)\n  2  me@example.com\n\
         upload to which one? [1] 7\n\
         answer with one of the numbers\n\
         accounts:\n  1  a@b.c  (BROKEN)\n  2  me@example.com\n\
         upload to which one? [1] 1\n\
         the account a@b.c does not work: BROKEN\n\
         hint: mend the account at https://useapi.net, then say it again\n\
         try again? [Y/n] \n\
         accounts:\n  1  a@b.c  (BROKEN)\n  2  me@example.com\n\
         upload to which one? [1] 2\n\
         folder to watch [~/Runway]: ~/My Pics/a.gif\n\
         ~/My Pics/a.gif is not a directory\n\
         hint: taxiway push '~/My Pics/a.gif'\n\
         folder to watch [~/Runway]: ~/new\n\
         ~/new is not there. Make it? [Y/n] n\n\
         folder to watch [~/Runway]: ~/My Pics\n\
         ~/My Pics holds 1 file that can be uploaded, 1.0 kB, and 1 other\n\
         upload what is there, or ignore it? [upload/ignore] \n\
         answer upload or ignore\n\
         upload what is there, or ignore it? [upload/ignore] ignore\n\
         written: ~/config/taxiway/token (only you can read it)\n\
         written: ~/config/taxiway/config.toml\n\
         next: taxiway run\n"
    );
    assert_eq!(session.code, 0);
    let hidden: Vec<bool> = session.echo.iter().map(|shown| shown == &json!(false)).collect();
    assert_eq!(hidden[..4], [true, true, true, false], "what is typed for a token is not shown");
    assert!(session.at_end && !text.contains("user:1-"), "{text}");
    assert_eq!(
        config(&taxiway),
        format!("{HEAD}\n[api]\nbase_url = \"{base}\"\n{}", folder_table("~/My Pics", "ignore"))
    );
    let token = fs::read_to_string(taxiway.path("config/taxiway/token")).expect("a token");
    assert_eq!(token, format!("{TOKEN}\n"));
}

#[test]
fn a_person_can_stop_at_every_question() {
    let server = Server::start();
    let taxiway = fresh(&server);
    let base = server.base_url();
    let init = ["init", "--base-url", &base];
    let token = ("(not shown): ", "user:1-sandbox\r");
    // Ctrl-C, at the token and elsewhere; Ctrl-D, at the token and elsewhere.
    for (steps, code) in [
        (vec![("(not shown): ", "user:1-\x03")], -2),
        (vec![token, ("[~/Runway]: ", "\x03")], -2),
        (vec![("(not shown): ", "\x04")], 2),
        (vec![token, ("[~/Runway]: ", "\x04")], 2),
    ] {
        let Some(session) = on_a_terminal(&taxiway, &init, &steps) else { return };
        assert_eq!(session.code, code, "{}", session.text);
        assert!(session.at_end, "the terminal shows what is typed again: {}", session.text);
        assert!(!taxiway.path("config").join("taxiway").exists(), "{}", session.text);
    }
}

#[test]
fn a_person_adds_a_folder_with_the_token_that_is_there() {
    let server = Server::start();
    let mut taxiway = fresh(&server);
    taxiway.set("TAXIWAY_TOKEN", TOKEN);
    let base = server.base_url();
    let steps = [("as well? ", "y\r")];
    let init = ["init", "--base-url", &base, "--folder", "Runway"];
    let Some(session) = on_a_terminal(&taxiway, &init, &steps) else { return };
    assert_eq!(
        session.text,
        "this writes ~/config/taxiway/config.toml\n\
         token: from environment variable TAXIWAY_TOKEN\n\
         the server takes the token, and the subscription is active\n\
         account: me@example.com, the only one\n\
         ~/Runway holds nothing that can be uploaded\n\
         store it in ~/config/taxiway/token as well? what is started at login does not see the \
         environment variable TAXIWAY_TOKEN [Y/n] y\n\
         written: ~/config/taxiway/token (only you can read it)\n\
         written: ~/config/taxiway/config.toml\n\
         next: taxiway run\n"
    );
    taxiway.unset("TAXIWAY_TOKEN");
    let before = config(&taxiway);
    let steps = [("Add a folder to it? [Y/n] ", "n\r")];
    let session = on_a_terminal(&taxiway, &["init"], &steps).expect("python3");
    assert_eq!(
        session.text,
        "~/config/taxiway/config.toml is there already, with 1 folder. Add a folder to it? [Y/n] n\n\
         nothing is changed\n"
    );
    assert_eq!((session.code, config(&taxiway)), (0, before.clone()));
    let steps = [
        ("Add a folder to it? [Y/n] ", "\r"),
        // The usual one is taken.
        ("folder to watch: ", "\r"),
        ("folder to watch: ", "~/two\r"),
        ("Make it? [Y/n] ", "y\r"),
    ];
    let session = on_a_terminal(&taxiway, &["init"], &steps).expect("python3");
    assert_eq!(session.code, 0, "{}", session.text);
    assert_eq!(config(&taxiway), before + &folder_table("~/two", "upload"));
}
