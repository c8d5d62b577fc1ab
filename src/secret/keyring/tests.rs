//! What the programs answer, and what becomes of those that do not.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use super::*;

const SECRET: &str = "user:12345-AbCdEf0123456789";

fn said(code: i32, out: &str, err: &str) -> Said {
    Said {
        status: ExitStatus::from_raw(code << 8),
        out: SecretString::from(out),
        err: err.to_owned(),
    }
}

/// An answer in words; a secret as itself.
fn words(answer: Result<SecretString, Lack>) -> String {
    match answer {
        Ok(secret) => format!("ok {}", secret.expose_secret()),
        Err(Lack::Absent(absence)) => format!("absent: {}", absence.words()),
        Err(Lack::Trouble(trouble)) => format!("trouble: {trouble}"),
    }
}

#[test]
fn a_search_finds_a_token_a_locked_one_or_none() {
    let item = "[/org/freedesktop/secrets/collection/login/1]\nlabel = taxiway\n";
    let times = "created = 2026-11-28 08:50:25\nmodified = 2026-11-28 08:50:25\n";
    let locked = "secret-tool: Cannot get secret of a locked object\n";
    for (code, out, err, expected) in [
        (0, &*format!("{item}secret = {SECRET}\n{times}"), "", &*format!("ok {SECRET}")),
        (0, &format!("{item}{times}"), locked, "trouble: the keyring is locked"),
        (0, "", "", "absent: the keyring has none"),
        (0, "\n", "", "absent: the keyring has none"),
        (
            0,
            "hello\n",
            "",
            "trouble: the keyring cannot be asked: secret-tool says something else than an item",
        ),
        (
            1,
            "",
            "secret-tool: The name org.freedesktop.secrets was not provided by any .service files",
            "absent: no keyring is on the session bus",
        ),
        (
            1,
            "",
            "secret-tool: Cannot autolaunch D-Bus without X11 $DISPLAY\n",
            "absent: no keyring is on the session bus",
        ),
        (
            1,
            "",
            "secret-tool: Could not connect: No such file or directory\n",
            "absent: no keyring is on the session bus",
        ),
        (
            1,
            "",
            "secret-tool: Timeout was reached.\n",
            "trouble: the keyring cannot be asked: secret-tool: Timeout was reached",
        ),
        (3, "", "", "trouble: the keyring cannot be asked: exit code 3"),
    ] {
        assert_eq!(words(searched(&said(code, out, err))), expected);
    }
}

#[test]
fn a_keychain_gives_a_token_is_locked_or_has_none() {
    for (code, out, err, expected) in [
        (0, &*format!("{SECRET}\n"), "", &*format!("ok {SECRET}\n")),
        (
            44,
            "",
            "security: The specified item could not be found.",
            "absent: the keyring has none",
        ),
        (36, "", "security: User interaction is not allowed.", "trouble: the keyring is locked"),
        (51, "", "", "trouble: the keyring is locked"),
        (128, "", "", "trouble: the keyring is locked"),
        (
            1,
            "",
            "security: it is broken.",
            "trouble: the keyring cannot be asked: security: it is broken",
        ),
    ] {
        assert_eq!(words(found(&said(code, out, err))), expected);
    }
}

#[test]
fn nobody_is_asked_where_there_is_nobody() {
    assert_eq!(words(Keyring::NotAsked.ask()), "absent: ");
}

#[test]
fn only_a_token_of_the_usual_form_can_stand_in_a_command() {
    let token = |text| Token::parse(text).expect("a token");
    for (text, session, keychain) in [(SECRET, true, true), ("sk-\"1", true, false)] {
        assert_eq!(Keyring::Session.takes(&token(text)), session);
        assert_eq!(Keyring::Keychain.takes(&token(text)), keychain);
        assert!(!Keyring::NotAsked.takes(&token(text)));
    }
}
