//! What the programs answer, and what becomes of those that do not.

use std::os::unix::process::ExitStatusExt;

use super::*;

const PATIENCE: Duration = Duration::from_secs(30);
const SECRET: &str = "user:12345-AbCdEf0123456789";

fn said(code: i32, out: &str, err: &str) -> Said {
    Said {
        status: ExitStatus::from_raw(code << 8),
        out: SecretString::from(out),
        err: err.to_owned(),
    }
}

fn shell(script: &str, limit: Duration) -> Result<Said, Ended> {
    run(&["sh", "-c", script], None, limit)
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
    let absent = run(&["no-such-program-is-here"], None, PATIENCE);
    assert!(matches!(absent, Err(Ended::Absent)));
}

#[test]
fn a_program_is_heard_to_its_end() {
    let said = shell("echo out; echo err >&2; exit 3", PATIENCE).expect("an end");
    assert_eq!((said.out.expose_secret(), said.err.as_str()), ("out\n", "err\n"));
    assert_eq!(said.status.code(), Some(3));
    let killed = shell("kill -KILL $$", PATIENCE).expect("an end");
    assert_eq!(killed.complaint(), "ended by a signal");
}

#[test]
fn a_program_that_says_too_much_or_no_text_is_not_believed() {
    for (script, expected) in [
        ("yes", "sh says too much"),
        ("yes '[/1]' | head -c 200000", "sh says too much"),
        ("printf '[/1]\\nsecret = \\377\\n'", "sh says what is no text"),
    ] {
        match shell(script, PATIENCE) {
            Err(Ended::Failed(reason)) => assert_eq!(reason, expected),
            Err(other) => panic!("{script}: {other:?}"),
            Ok(said) => panic!("{script}: {} bytes", said.out.expose_secret().len()),
        }
    }
}

#[test]
fn what_does_not_end_in_time_is_ended_with_all_that_it_began() {
    let directory = tempfile::tempdir().expect("a directory");
    let lives = directory.path().join("lives");
    // The second closes what it says, and stays all the same.
    for script in
        ["sleep 1000 & echo $! >\"$0\"; wait", "exec >&- 2>&-; echo $$ >\"$0\"; sleep 1000"]
    {
        let path = lives.to_str().expect("UTF-8");
        let until = Instant::now() + PATIENCE;
        let mut limit = Duration::from_millis(200);
        let process = loop {
            let late = run(&["sh", "-c", script, path], None, limit);
            assert!(matches!(late, Err(Ended::Late)));
            // It may have had no time at all.
            match std::fs::read_to_string(&lives).unwrap_or_default().trim().parse::<i32>() {
                Ok(process) => break process,
                Err(_) => assert!(Instant::now() < until, "it never began"),
            }
            limit *= 2;
        };
        std::fs::remove_file(&lives).expect("removed");
        let process = Pid::from_raw(process).expect("a process");
        while is_alive(process) {
            assert!(Instant::now() < until, "{script}: it lives");
            std::thread::sleep(PAUSE);
        }
    }
}

/// A process that has ended and whose parent does not care is no more.
fn is_alive(process: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero()));
    match stat {
        Ok(stat) => !stat.contains(") Z"),
        Err(_) if Path::new("/proc/self/stat").exists() => false,
        Err(_) => rustix::process::test_kill_process(process).is_ok(),
    }
}

#[test]
fn what_is_stored_goes_by_stdin() {
    let input = SecretString::from(SECRET);
    let said = run(&["sh", "-c", "cat; echo \" $#\""], Some(&input), PATIENCE).expect("an end");
    assert_eq!(said.out.expose_secret(), format!("{SECRET} 0\n"));
    let none = shell("cat; echo end", PATIENCE).expect("an end");
    assert_eq!(none.out.expose_secret(), "end\n", "stdin is empty");
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
