//! Every source, every refusal, exact texts; and the token in none of them.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::*;

const GOOD: &str = "user:12345-AbCdEf0123456789";

fn find(
    variable: impl Fn(&str) -> Option<OsString>,
    token_file: Option<&Path>,
) -> Result<Found, TokenError> {
    super::find(variable, token_file, Keyring::NotAsked)
}

fn nothing(_: &str) -> Option<OsString> {
    None
}

fn variables<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<OsString> + 'a {
    move |name| {
        let pair = pairs.iter().find(|(known, _)| *known == name);
        pair.map(|(_, value)| OsString::from(value))
    }
}

fn write(path: &Path, text: impl AsRef<[u8]>, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn refusal(path: &Path) -> (String, String) {
    let error = find(nothing, Some(path)).unwrap_err();
    assert_eq!(error.exit_code(), 78);
    (error.to_string(), error.hint())
}

#[test]
fn white_space_around_a_token_is_taken_off() {
    let token = Token::parse(&format!(" \t\r\n{GOOD}\r\n")).unwrap();
    assert_eq!(token.authorization(), format!("Bearer {GOOD}"));
}

#[test]
fn a_text_that_is_not_a_token_is_refused_with_the_reason() {
    let table = [
        ("", Fault::Empty, "is empty"),
        (" \n", Fault::Empty, "is empty"),
        ("user:1-a b", Fault::WhiteSpace, "has white space inside"),
        ("user:1-a\nb", Fault::WhiteSpace, "has white space inside"),
        ("user:1-a\0b", Fault::Control, "has a control character inside"),
        ("user:1-ä", Fault::NotAscii, "has a character that is not ASCII"),
        ("\u{feff}user:1-a", Fault::NotAscii, "has a character that is not ASCII"),
    ];
    for (text, fault, said) in table {
        assert_eq!(Token::parse(text).unwrap_err(), fault, "{text:?}");
        assert_eq!(fault.to_string(), said);
    }
}

#[test]
fn debug_and_display_never_show_a_token() {
    let found = find(variables(&[("TAXIWAY_TOKEN", GOOD)]), None).unwrap();
    for text in [
        format!("{:?}", found),
        format!("{:#?}", found.token),
        format!("{}", found.token),
        format!("{}", found.source),
    ] {
        assert!(!text.contains("12345") && !text.contains("AbCd"), "{text}");
    }
}

#[test]
fn only_an_unusual_form_is_worth_a_warning() {
    let table = [
        (GOOD, true),
        ("user:1-a", true),
        ("user:-a", false),
        ("user:1-", false),
        ("user:1a-b", false),
        ("user:1-a-b", false),
        ("sk-123", false),
    ];
    for (text, usual) in table {
        assert_eq!(Token::parse(text).unwrap().has_usual_form(), usual, "{text}");
    }
    let found = find(variables(&[("USEAPI_TOKEN", "sk-123")]), None).unwrap();
    assert_eq!(
        found.warning().unwrap(),
        "the token from environment variable USEAPI_TOKEN does not look like \
         user:<digits>-<letters and digits>"
    );
    let found = find(variables(&[("USEAPI_TOKEN", GOOD)]), None).unwrap();
    assert_eq!(found.warning(), None);
}

#[test]
fn the_first_source_that_exists_wins() {
    let dir = tempfile::tempdir().unwrap();
    let credentials = dir.path().to_str().unwrap();
    let file = dir.path().join("token");
    let find_with = |pairs: &[(&str, &str)]| find(variables(pairs), Some(&file));
    assert!(matches!(find_with(&[]), Err(TokenError::None { .. })));

    write(&file, "user:4-file\n", 0o600);
    let all = [
        ("TAXIWAY_TOKEN", "user:1-taxiway"),
        ("USEAPI_TOKEN", "user:2-useapi"),
        ("CREDENTIALS_DIRECTORY", credentials),
    ];
    // No credential file yet: the directory alone is not a source.
    let found = find_with(&all[2..]).unwrap();
    assert_eq!(found.source, TokenSource::File(file.clone()));
    assert_eq!(found.source.to_string(), format!("file {}", file.display()));

    // systemd's own modes are not ours to judge.
    write(&dir.path().join("taxiway-token"), "user:3-credential\n", 0o440);
    let expected = [
        (0, "Bearer user:1-taxiway", "environment variable TAXIWAY_TOKEN".to_owned()),
        (1, "Bearer user:2-useapi", "environment variable USEAPI_TOKEN".to_owned()),
        (
            2,
            "Bearer user:3-credential",
            format!("systemd credential taxiway-token ({credentials}/taxiway-token)"),
        ),
        (3, "Bearer user:4-file", format!("file {}", file.display())),
    ];
    for (from, header, source) in expected {
        let found = find_with(&all[from..]).unwrap();
        assert_eq!(found.token.authorization(), header);
        assert_eq!(found.source.to_string(), source);
        assert_eq!(found.stamp.is_some(), from == 3);
        assert_eq!(found.source.stamp(), found.stamp);
    }
}

#[test]
fn an_empty_variable_counts_as_absent_and_a_broken_one_is_an_error() {
    let found = find(variables(&[("TAXIWAY_TOKEN", " "), ("USEAPI_TOKEN", GOOD)]), None).unwrap();
    assert_eq!(found.source, TokenSource::Environment("USEAPI_TOKEN"));

    let error =
        find(variables(&[("TAXIWAY_TOKEN", "user:77-se cret"), ("USEAPI_TOKEN", GOOD)]), None)
            .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the token from environment variable TAXIWAY_TOKEN has white space inside"
    );
    assert_eq!(error.hint(), "export TAXIWAY_TOKEN=user:…");
    assert!(!format!("{error:?}").contains("cret"));

    let latin1 = |name: &str| {
        let set = name == "TAXIWAY_TOKEN";
        set.then(|| OsStr::from_bytes(b"user:1-\xe9").to_owned())
    };
    assert_eq!(
        find(latin1, None).unwrap_err().to_string(),
        "the token from environment variable TAXIWAY_TOKEN has a character that is not ASCII"
    );
}

#[test]
fn without_a_token_the_error_lists_where_it_was_looked_for() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("my token");
    let shown = file.display();
    assert_eq!(
        refusal(&file),
        (
            format!(
                "no token: TAXIWAY_TOKEN and USEAPI_TOKEN are not set, there is no systemd \
                 credential taxiway-token, and {shown} does not exist"
            ),
            format!("(umask 077; printf %s 'user:…' > '{shown}')"),
        )
    );
    let error = find(nothing, None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no token: TAXIWAY_TOKEN and USEAPI_TOKEN are not set, there is no systemd credential \
         taxiway-token, and no token file is configured"
    );
    assert_eq!(error.hint(), "export TAXIWAY_TOKEN=user:…, or set token_file in the configuration");
}

#[test]
fn what_is_to_be_typed_makes_the_token_file_and_its_directory() {
    let dir = tempfile::tempdir().unwrap();
    let (new, file) = (dir.path().join("a b/new"), dir.path().join("a b/new/token"));
    let (_, hint) = refusal(&file);
    let write = format!("(umask 077; printf %s 'user:…' > '{}')", file.display());
    assert_eq!(hint, format!("mkdir -p '{}' && {write}", new.display()));
    let typed = hint.replace("user:…", GOOD);
    assert!(std::process::Command::new("sh").args(["-c", &typed]).status().unwrap().success());
    assert_eq!(find(nothing, Some(&file)).unwrap().source, TokenSource::File(file));
}

#[test]
fn a_token_file_that_others_can_use_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    let path = file.display();
    for mode in [0o640, 0o604, 0o620, 0o601] {
        write(&file, GOOD, mode);
        assert_eq!(
            refusal(&file),
            (
                format!("others can use the token file {path} (mode {mode:04o})"),
                format!("chmod 600 {path}"),
            )
        );
    }
    for mode in [0o600, 0o400, 0o700] {
        write(&file, GOOD, mode);
        assert!(find(nothing, Some(&file)).is_ok());
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

#[test]
fn a_token_file_that_holds_no_token_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    let path = file.display();
    let rewrite = format!("(umask 077; printf %s 'user:…' > {path})");
    let table: [(Vec<u8>, &str); 5] = [
        (b"\n".to_vec(), "is empty"),
        (b"user:1-a\nuser:2-b\n".to_vec(), "has white space inside"),
        (b"user:1-\x1b".to_vec(), "has a control character inside"),
        (b"user:1-\xff".to_vec(), "has a character that is not ASCII"),
        (vec![b'a'; 70_000], "cannot be used: it is too long"),
    ];
    for (bytes, said) in table {
        write(&file, bytes, 0o600);
        assert_eq!(refusal(&file), (format!("the token from file {path} {said}"), rewrite.clone()));
    }
}

#[test]
fn a_directory_or_a_fifo_is_not_a_token_file() {
    let dir = tempfile::tempdir().unwrap();
    let shown = dir.path().display();
    assert_eq!(
        refusal(dir.path()),
        (
            format!("the token from file {shown} cannot be used: it is a directory"),
            format!("ls -ld {shown}")
        )
    );
    let fifo = dir.path().join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.unwrap().success());
    assert_eq!(
        refusal(&fifo).0,
        format!("the token from file {shown}/fifo cannot be used: it is not a regular file")
    );
}

#[test]
fn a_token_file_that_cannot_be_read_is_an_error_and_not_absent() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("plain");
    write(&file, "", 0o600);
    let below = file.join("token");
    assert_eq!(
        refusal(&below),
        (
            format!("the token from file {} cannot be read: not a directory", below.display()),
            format!("ls -ld {}", below.display()),
        )
    );
    let long: PathBuf = dir.path().join("x".repeat(300));
    assert!(refusal(&long).0.ends_with("cannot be read: file name too long"));
}

#[test]
fn a_changed_token_file_has_another_stamp() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    write(&file, GOOD, 0o600);
    let before = find(nothing, Some(&file)).unwrap();
    assert_eq!(before.source.stamp(), before.stamp);
    let fresh = dir.path().join("fresh");
    write(&fresh, "user:12345-Other", 0o600);
    fs::rename(&fresh, &file).unwrap();
    assert_ne!(before.source.stamp(), before.stamp);
    let after = find(nothing, Some(&file)).unwrap();
    assert_ne!(after.token, before.token);
    fs::remove_file(&file).unwrap();
    assert_eq!(after.source.stamp(), Some(Stamp::Absent));
}

#[test]
fn a_keyring_is_the_last_that_is_looked_into_and_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    let none = |keyring| TokenError::None { token_file: Some(file.clone()), keyring };
    let before = "no token: TAXIWAY_TOKEN and USEAPI_TOKEN are not set, there is no systemd \
                  credential taxiway-token, ";
    for (absence, words) in [
        (Absence::NotAsked, ""),
        (Absence::NoBus, "no session bus leads to a keyring"),
        (Absence::NoProgram("secret-tool"), "no secret-tool is there to ask a keyring"),
        (Absence::Nobody, "no keyring is on the session bus"),
        (Absence::NoToken, "the keyring has none"),
    ] {
        let error = none(absence);
        let path = file.display();
        let rest = match words {
            "" => format!("and {path} does not exist"),
            words => format!("{path} does not exist, and {words}"),
        };
        assert_eq!(error.to_string(), format!("{before}{rest}"));
        assert_eq!(error.exit_code(), 78);
    }
    let locked = TokenError::Kept { by: Keyring::Session, trouble: Trouble::Locked };
    assert_eq!(locked.to_string(), "no token: the keyring is locked");
    assert_eq!(locked.hint(), "secret-tool lookup service taxiway >/dev/null");
    let silent = TokenError::Kept { by: Keyring::Session, trouble: Trouble::Silent };
    assert_eq!(silent.to_string(), "no token: the keyring did not answer within 2 s");

    let keyring = Keyring::Session;
    let found = from_keyring(keyring, &SecretString::from(format!("{GOOD}\n"))).unwrap();
    assert_eq!(found.source.to_string(), "keyring (service taxiway)");
    let hint = "secret-tool store --label=taxiway service taxiway";
    assert_eq!(found.source.how_to_replace(), hint);
    assert_eq!(found.stamp, None);
    let error = from_keyring(keyring, &SecretString::from("user:1-a b")).unwrap_err();
    let words = "the token from keyring (service taxiway) has white space inside";
    assert_eq!((error.to_string().as_str(), error.hint().as_str()), (words, hint));
}
