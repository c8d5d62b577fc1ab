//! What is refused, with the exact text and hint.

use super::*;

fn refused(text: &str, said: &str, hint: &str) {
    let (found, found_hint) = World::with(text).refusal();
    assert_eq!(found, said, "{text}");
    assert_eq!(found_hint, hint, "{text}");
}

/// A refusal on line 2 of the default file.
fn refused_in(table: &str, line: &str, said: &str, hint: &str) {
    let path = if table == "[[folder]]" { "\npath = \"~/x\"" } else { "" };
    let text = format!("{table}\n{line}{path}\n");
    refused(&text, &format!("$/home/.config/taxiway/config.toml:2: {said}"), hint);
}

#[test]
fn an_unknown_key_is_named_with_the_nearest_known_one() {
    let table = [
        (
            "[api]",
            "concurency = 4",
            "unknown key `concurency` in [api]",
            "did you mean `concurrency`?",
        ),
        ("[api]", "base-url = 4", "unknown key `base-url` in [api]", "did you mean `base_url`?"),
        (
            "[api]",
            "settle = \"2s\"",
            "unknown key `settle` in [api]",
            "put `settle` under [[folder]]",
        ),
        (
            "[control]",
            "port = 1",
            "unknown key `port` in [control]",
            "the keys of [control] are listen, heartbeat_url, heartbeat_interval",
        ),
        ("[[folder]]", "Setle = 1", "unknown key `Setle` in [[folder]]", "did you mean `settle`?"),
        (
            "[api]",
            "token = \"user:123-abc\"",
            "unknown key `token` in [api]",
            "(umask 077; printf %s 'user:…' > $/home/.config/taxiway/token)",
        ),
    ];
    for (head, line, said, hint) in table {
        refused_in(head, line, said, hint);
    }
    let file = "$/home/.config/taxiway/config.toml";
    let table = [
        ("\n[folders]\n", 2, "folders", "did you mean [[folder]]?"),
        ("[apo]\n", 1, "apo", "did you mean [api]?"),
        ("concurrency = 4\n", 1, "concurrency", "put `concurrency` under [api]"),
        ("xyzzy = 4\n", 1, "xyzzy", "the tables are [api], [control], [log] and [[folder]]"),
    ];
    for (text, line, key, hint) in table {
        refused(text, &format!("{file}:{line}: unknown key `{key}`"), hint);
    }
    // The first in the file, not the first in the alphabet.
    let (said, _) = World::with("[api]\nzz = 1\naa = 2\n").refusal();
    assert_eq!(said, format!("{file}:2: unknown key `zz` in [api]"));
}

#[test]
fn a_wrong_value_is_named_with_what_would_do() {
    let duration = "expected a duration from 10ms to 8760h, such as \"90s\" or \"1h 30min\"";
    let url = "expected an https:// URL, or http:// to a loopback address";
    let patterns = "expected a list of gitignore-style patterns";
    let path = "expected a path: absolute, beginning with ~/, or relative to this file";
    let table = [
        ("concurrency = 65", "is 65; expected a whole number from 1 to 64".to_owned()),
        ("concurrency = 0", "is 0; expected a whole number from 1 to 64".to_owned()),
        ("concurrency = -1", "is -1; expected a whole number from 1 to 64".to_owned()),
        ("concurrency = \"4\"", "is \"4\"; expected a whole number from 1 to 64".to_owned()),
        ("concurrency = 4.5", "is 4.5; expected a whole number from 1 to 64".to_owned()),
        ("connect_timeout = 10", format!("is 10; {duration}")),
        ("connect_timeout = \"10\"", format!("is \"10\": it is not a number with a unit; {duration}")),
        ("stall_timeout = \"-2s\"", format!("is \"-2s\": it is negative; {duration}")),
        ("stall_timeout = \"1ms\"", format!("is \"1ms\": it is shorter than 10ms; {duration}")),
        ("answer_timeout = \"9000h\"", format!("is \"9000h\": it is longer than 8760h; {duration}")),
        ("base_url = \"ftp://x\"", format!("is \"ftp://x\": its scheme is neither https nor http; {url}")),
        (
            "base_url = \"http://example.com\"",
            format!("is \"http://example.com\": http:// goes to a loopback address only; {url}"),
        ),
        (
            "base_url = \"https://h?token=user:1-a\"",
            format!("is (not shown, it may hold a token): a query or fragment does not belong in it; {url}"),
        ),
        (
            "pause_on = [\"battery\", \"wifi\"]",
            "is \"wifi\"; expected a list of \"battery\" and \"metered\"".to_owned(),
        ),
        ("email = \"me\"", "is \"me\": it is not NAME@HOST; expected an e-mail address".to_owned()),
        ("email = \"m e@x\"", "is \"m e@x\": it has white space inside; expected an e-mail address".to_owned()),
        (
            "rate_limit = \"8MB\"",
            "is \"8MB\": it does not end with /s; expected a size per second, such as \"8MB/s\"".to_owned(),
        ),
        (
            "max_file_size = \"2 bananas\"",
            "is \"2 bananas\": it is not a number with a unit; expected a size, such as \"2GB\" or \
             \"512MiB\"".to_owned(),
        ),
        (
            "max_file_size = \"0MB\"",
            "is \"0MB\": it is zero; expected a size, such as \"2GB\" or \"512MiB\"".to_owned(),
        ),
        (
            "send = [\"width\", \"heigth\"]",
            "is \"heigth\"; expected a list of \"width\", \"height\" and \"duration\"".to_owned(),
        ),
        ("ca_file = \"\"", format!("is \"\": it is empty; {path}")),
        ("ca_file = \"~bob/x\"", format!("is \"~bob/x\": only ~ and ~/… stand for a home directory; {path}")),
        (
            "token_file = \"user:123-abc\"",
            "is (not shown, it may hold a token): it looks like the token itself; expected the path of \
             a file that holds the token".to_owned(),
        ),
    ];
    for (line, said) in table {
        let key = line.split(" = ").next().unwrap();
        let keys = Table::Api.keys();
        let example = keys.iter().find(|known| known.name == key).unwrap().example;
        refused_in(
            "[api]",
            line,
            &format!("`{key}` {said}"),
            &format!("for example: {key} = {example}"),
        );
    }
    let table = [
        ("recursive = \"yes\"", "is \"yes\"; expected true or false".to_owned()),
        ("mode = \"watch\"", "is \"watch\"; expected \"auto\", \"events\" or \"poll\"".to_owned()),
        ("existing = true", "is true; expected \"upload\" or \"ignore\"".to_owned()),
        ("include = \"*.png\"", format!("is \"*.png\"; {patterns}")),
        ("exclude = [\"a\", 1]", format!("is 1; {patterns}")),
        ("exclude = [\"a\", \"[b\"]", format!("is \"[b\": unclosed character class; missing ']'; {patterns}")),
        (
            "incomplete = \"never\"",
            "is \"never\": it is not a number with a unit; expected a duration from 10ms to 8760h, \
             such as \"10min\", or \"send\"".to_owned(),
        ),
        (
            "name = \"{file}\"",
            "is \"{file}\": {file} is not a placeholder; expected text with {file_name}, {stem}, \
             {ext}, {relative_path} or {hash8}".to_owned(),
        ),
        (
            "name = \"{stem\"",
            "is \"{stem\": a brace has no partner; expected text with {file_name}, {stem}, {ext}, \
             {relative_path} or {hash8}".to_owned(),
        ),
        (
            "after_upload = \"delete\"",
            "is \"delete\"; expected \"keep\", \"trash\" or \"move:DIR\"".to_owned(),
        ),
        (
            "on_uploaded = []",
            "is a list: it names no program; expected a program and its arguments as a list, \
             without a shell".to_owned(),
        ),
    ];
    for (line, said) in table {
        let key = line.split(" = ").next().unwrap();
        let keys = Table::Folder.keys();
        let example = keys.iter().find(|known| known.name == key).unwrap().example;
        refused_in(
            "[[folder]]",
            line,
            &format!("`{key}` {said}"),
            &format!("for example: {key} = {example}"),
        );
    }
    for address in ["0.0.0.0:80", "127.0.0.1:0", "192.168.0.1:7447", "localhost:7447", "127.0.0.1"]
    {
        refused_in(
            "[control]",
            &format!("listen = \"{address}\""),
            &format!(
                "`listen` is \"{address}\"; expected a loopback address with a port, such as \
                 \"127.0.0.1:7447\""
            ),
            "for example: listen = \"127.0.0.1:7447\"",
        );
    }
}

#[test]
fn a_table_of_the_wrong_shape_is_refused() {
    let file = "$/home/.config/taxiway/config.toml";
    refused(
        "\n[folder]\npath = \"~/x\"\n",
        &format!(
            "{file}:2: `folder` is a table; expected a table with two brackets around its name"
        ),
        "for example: [[folder]]",
    );
    refused("api = 1\n", &format!("{file}:1: `api` is 1; expected a table"), "for example: [api]");
    refused(
        "[api]\n[[folder]]\nhidden = true\n",
        &format!("{file}:2: this [[folder]] has no `path`"),
        "add a line: path = \"~/Runway\"",
    );
}

#[test]
fn a_text_that_is_not_toml_is_refused_with_its_place() {
    let file = "$/home/.config/taxiway/config.toml";
    refused(
        "[api]\nconcurrency = many\n",
        &format!(
            "{file}:2: not valid TOML at column 15: string values must be quoted, expected literal string"
        ),
        &format!("edit line 2 of {file}"),
    );
    refused(
        "[api]\nemail = \"a@b\"\nemail = \"a@b\"\n",
        &format!("{file}:3: not valid TOML at column 1: duplicate key"),
        &format!("edit line 3 of {file}"),
    );
    let (said, _) = World::with("[api\n").refusal();
    assert!(said.starts_with(&format!("{file}:1: not valid TOML at column ")), "{said}");
    let (said, _) = World::with("[api]\nemail = \"user:1-secret\n").refusal();
    assert!(!said.contains("secret"), "{said}");
    assert!(World::with("\u{feff}[api]\n").load().file.exists);

    let world = World::new();
    fs::write(world.file(), b"[api]\nemail = \"\xff\"\n").unwrap();
    let unreadable =
        |reason: &str| (format!("cannot read {file}: {reason}"), format!("ls -ld {file}"));
    assert_eq!(world.refusal(), unreadable("line 2 is not UTF-8"));
    fs::write(world.file(), vec![b'#'; 1024 * 1024 + 1]).unwrap();
    assert_eq!(world.refusal(), unreadable("it is longer than 1 MiB"));
    fs::remove_file(world.file()).unwrap();
    fs::create_dir(world.file()).unwrap();
    assert_eq!(world.refusal(), unreadable("is a directory"));
}

#[test]
fn files_are_not_moved_to_where_the_state_is() {
    refused_in(
        "[[folder]]",
        "after_upload = \"move:~/.local/state/taxiway/done\"",
        "files would be moved into $/home/.local/state/taxiway/done, which is the state directory's",
        "name a directory beside it: after_upload = \"move:~/uploaded\"",
    );
}
