//! Help, usage and the configuration's own commands.

use crate::support::{Server, TOKEN, Taxiway, section};

fn commands(help: &str) -> Vec<String> {
    let list = help.split("Commands:\n").nth(1).expect("a list of commands");
    let lines = list.lines().take_while(|line| !line.is_empty());
    let names = lines.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn help_names_the_commands_that_work_and_no_others() {
    let taxiway = Taxiway::alone();
    let help = taxiway.run(&["--help"]).exits(0);
    assert_eq!(help.err, "");
    let names = commands(&help.out);
    let known = [
        "run",
        "push",
        "id",
        "ls",
        "status",
        "ui",
        "wait",
        "why",
        "pause",
        "resume",
        "rescan",
        "reload",
        "retry",
        "resolve",
        "forget",
        "ledger",
        "sandbox",
        "completions",
        "man",
        "init",
        "doctor",
        "config",
        "service",
    ];
    assert_eq!(names, known);
    for name in &names {
        let said = taxiway.run(&[name, "--help"]).exits(0);
        assert!(said.out.contains(&format!("Usage: taxiway {name}")), "{}", said.out);
        for words in said.out.split("taxiway ").skip(1) {
            let word = words.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
            assert!(names.iter().any(|name| name == word), "{name} speaks of {word}");
        }
    }
    let config = taxiway.run(&["config", "--help"]).exits(0);
    assert_eq!(commands(&config.out), ["path", "show", "check"]);
    let service = taxiway.run(&["service", "--help"]).exits(0);
    assert_eq!(
        commands(&service.out),
        ["install", "uninstall", "start", "stop", "restart", "status", "logs"]
    );
    taxiway.run(&["--version"]).exits(0).prints(concat!(
        "taxiway ",
        env!("CARGO_PKG_VERSION"),
        "\n"
    ));
}

#[test]
fn usage_errors_are_one_line_and_a_hint() {
    let taxiway = Taxiway::alone();
    for (arguments, error, hint) in [
        (&["frobnicate"][..], "unrecognized subcommand 'frobnicate'", "taxiway --help"),
        (&["psuh", "x"], "unrecognized subcommand 'psuh'", "did you mean `taxiway push`?"),
        (&["run", "--onec"], "unexpected argument '--onec' found", "did you mean `--once`?"),
        (
            &["run", "--timeout", "1s"],
            "the following required arguments were not provided: --once",
            "taxiway run --help",
        ),
        (
            &["run", "--once", "--timeout", "soon"],
            "invalid value 'soon' for '--timeout <TIME>': it is not a number with a unit",
            "taxiway run --help",
        ),
        (
            &["id"],
            "the following required arguments were not provided: <FILE>...",
            "taxiway id --help",
        ),
        (
            &["push", "--email", "nobody", "x"],
            "invalid value 'nobody' for '--email <EMAIL>': it is not NAME@HOST",
            "taxiway push --help",
        ),
    ] {
        let said = taxiway.run(arguments).exits(2).prints("");
        said.tells(&format!("error: {error}\nhint: {hint}\n"));
        let said = taxiway.run(&[arguments, &["--json"]].concat()).exits(2);
        assert_eq!(said.error_object()["error"], error);
    }
    taxiway.run(&[] as &[&str]).exits(2).prints("");
}

#[test]
fn the_configuration_tells_where_it_is_and_what_it_says() {
    let server = Server::start();
    let mut taxiway = Taxiway::with(&server);
    taxiway.run(&["config", "path"]).exits(0).prints("~/config/taxiway/config.toml\n");
    let other = taxiway.path("other.toml");
    taxiway.run(&["config", "path", "--config", "other.toml"]).exits(0).prints("~/other.toml\n");
    taxiway
        .run(&["config", "show", "--config", "other.toml"])
        .exits(78)
        .tells("error: flag --config: ~/other.toml does not exist\nhint: touch ~/other.toml\n");
    std::fs::write(&other, section(&taxiway.folder("folder"))).expect("a configuration");
    taxiway.set("TAXIWAY_CONFIG", &other);
    let said = taxiway.run(&["config", "show"]).exits(0);
    assert!(said.out.contains("settle = \"2s\""), "{}", said.out);
    assert!(said.out.contains("environment variable TAXIWAY_BASE_URL"), "{}", said.out);
    assert!(!said.out.contains(TOKEN), "a token is never shown");
    let said = taxiway.run(&["config", "show", "--json"]).exits(0);
    assert_eq!(said.objects().len(), 1);
    taxiway.run(&["config", "check"]).exits(0).prints("~/other.toml is sound\n").tells("");
    std::fs::remove_dir(taxiway.path("folder")).expect("removed");
    let said = taxiway.run(&["config", "check"]).exits(0);
    said.prints(
        "warning: folder ~/folder does not exist: it will be away\nhint: mkdir -p ~/folder\n\
         ~/other.toml is sound\n",
    );
    std::fs::write(&other, "[api\n").expect("a configuration");
    for command in ["show", "check"] {
        taxiway.run(&["config", command]).exits(78).tells(
            "error: ~/other.toml:1: not valid TOML at column 5: unclosed table, expected `]`\n\
             hint: edit line 1 of ~/other.toml\n",
        );
    }
    // The place can be asked for beside a broken file.
    taxiway.run(&["config", "path"]).exits(0).prints("~/other.toml\n");
}

#[test]
fn the_sandbox_prints_its_address_first_and_ends_cleanly() {
    let taxiway = Taxiway::alone();
    let mut sandbox = taxiway.spawn(&["sandbox", "--dir", "assets", "--account", "a@b.c"]);
    let line = sandbox.line();
    assert!(line.starts_with("http://127.0.0.1:") && line.ends_with("/v1/runwayml"), "{line}");
    sandbox.signal("INT");
    assert_eq!(sandbox.ends(), 0);
    let said = taxiway.run(&["sandbox", "--fault", "help"]).exits(0);
    assert!(said.out.contains("lost-answer"));
    taxiway.run(&["sandbox", "--fault", "odd"]).exits(2);
    let said = taxiway.run(&["sandbox", "--listen", "0.0.0.0:0"]).exits(2);
    assert!(said.err.contains("is not a loopback address"), "{}", said.err);
}
