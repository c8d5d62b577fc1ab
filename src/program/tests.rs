//! Programs that answer, that do not, and what becomes of them.

use std::path::Path;

use super::*;

const PATIENCE: Duration = Duration::from_secs(30);

fn shell(script: &str, limit: Duration) -> Result<Said, Ended> {
    run(&["sh", "-c", script], None, limit)
}

#[test]
fn a_program_that_is_not_there_is_absent() {
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
    let input = SecretString::from("a secret");
    let said = run(&["sh", "-c", "cat; echo \" $#\""], Some(&input), PATIENCE).expect("an end");
    assert_eq!(said.out.expose_secret(), "a secret 0\n");
    let none = shell("cat; echo end", PATIENCE).expect("an end");
    assert_eq!(none.out.expose_secret(), "end\n", "stdin is empty");
}
