//! Progress on a real terminal: the exact screens, whatever the terminal is and whatever happens.

use crate::support::{
    PATIENCE, Server, TOKEN, Taxiway, Terminal, picture, section, sparse_wav, write,
};

/// A server, and a folder whose files go out slowly.
fn house(rate: &str) -> (Server, Taxiway) {
    let server = Server::start();
    let mut taxiway = Taxiway::with(&server);
    taxiway.set("TERM", "xterm");
    let folder = taxiway.folder("folder");
    let api = format!("[api]\nrate_limit = \"{rate}\"\n");
    taxiway.configure(&format!("{api}{}settle = \"50ms\"\n", section(&folder)));
    (server, taxiway)
}

/// A line as it would be with this percentage: `sending   [==>   ]  12% of 3.0 MB    NAME`.
fn sending(percent: usize, size: &str, name: &str) -> String {
    let head = if percent < 100 { ">" } else { "" };
    let bar = format!("{}{head}", "=".repeat(percent / 5));
    format!("sending   [{bar:<20}] {percent:>3}% of {size:<9} {name}")
}

/// Every line of every screen that begins so is the line of its percentage; these percentages.
#[track_caller]
fn percentages(screens: &[String], begins: &str, line_of: impl Fn(usize) -> String) -> Vec<usize> {
    let lines = screens.iter().flat_map(|screen| screen.lines());
    let lines = lines.filter(|line| line.starts_with(begins));
    let read = |line: &str| {
        let number = line.split('%').next()?.split_whitespace().last()?.parse().ok()?;
        assert!(number <= 100 && line == line_of(number), "{line}\n{}", line_of(number));
        Some(number)
    };
    lines.map(|line| read(line).unwrap_or_else(|| panic!("{line}"))).collect()
}

/// The screen without the times at the beginning of lines, and `~` for the home.
fn timeless(taxiway: &Taxiway, screen: &str) -> String {
    let line = |line: &str| match line.split_once(' ') {
        Some((time, rest)) if time.len() == 8 && time.matches(':').count() == 2 => {
            format!("TIME {rest}\n")
        }
        _ => format!("{line}\n"),
    };
    let text: String = screen.lines().map(line).collect();
    text.replace(&*taxiway.root.to_string_lossy(), "~")
}

#[test]
fn a_push_shows_how_far_it_is_and_leaves_nothing_but_the_id() {
    let (server, taxiway) = house("1MB/s");
    sparse_wav(&taxiway.path("folder/a.wav"), 2_000_000);
    let mut screen = Terminal::start(taxiway.command(&["push", "folder/a.wav"]), 80, 24);
    let (code, out) = screen.ends();
    assert_eq!((code, out), (0, format!("{}\n", server.asset().asset_id())));
    assert_eq!((screen.screen().as_str(), screen.cursor()), ("", (0, 0)));
    let percent =
        percentages(&screen.screens, "sending", |percent| sending(percent, "2.0 MB", "a.wav"));
    assert!(percent.len() > 5 && percent.is_sorted(), "{percent:?}");
    let all = screen.screens.join("\n");
    assert!(all.contains("% 0 of 1 file, ") && all.contains(" of 2.0 MB, "), "{all}");
    assert!(all.contains("B/s, about ") && all.contains(" s left"), "{all}");
    assert!(!has_colors(&screen));
}

/// Whether a color was asked for.
fn has_colors(screen: &Terminal) -> bool {
    let text = String::from_utf8_lossy(&screen.written).into_owned();
    text.split("\x1b[").skip(1).any(|rest| {
        rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m')
    })
}

#[test]
fn ids_on_the_same_terminal_stand_alone() {
    let (server, taxiway) = house("2MB/s");
    sparse_wav(&taxiway.path("a.wav"), 2_000_000);
    write(&taxiway.path("b.gif"), &picture(1, 1_000));
    let command = taxiway.command(&["push", "a.wav", "b.gif", "a.wav"]);
    let mut screen = Terminal::with_stdout(command, 100, 24);
    assert_eq!(screen.ends().0, 0);
    let (a, b) = (server.asset_named("a.wav").asset_id(), server.asset_named("b.gif").asset_id());
    assert_eq!(screen.screen(), format!("{a}\n{b}\n{a}"));
    let before = screen.screens.iter().filter(|screen| screen.contains("user:"));
    assert!(
        before.clone().all(|screen| !screen.contains("total")),
        "{:?}",
        before.clone().next_back()
    );
    assert!(screen.screens.iter().any(|screen| screen.contains("of 2 files, ")));
}

#[test]
fn a_single_run_tells_above_its_bars_and_counts_duplicates_and_failures_as_done() {
    let (server, taxiway) = house("1GB/s");
    // Longer than what is told: what is drawn would show behind it.
    let long = format!("long{}.wav", "-".repeat(120));
    sparse_wav(&taxiway.path("folder").join(&long), 24_000_000);
    for name in ["one.gif", "same.gif"] {
        write(&taxiway.path("folder").join(name), &picture(1, 300_000));
    }
    write(&taxiway.path("folder/bad.gif"), &picture(2, 1_000));
    server.faults(&["status=415,name=bad", "bandwidth=8MB/s,name=long"]);
    let mut screen = Terminal::start(taxiway.command(&["run", "--once"]), 300, 40);
    assert_eq!(screen.ends().0, 1);
    let shown = timeless(&taxiway, &screen.screen());
    let mut lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.first(), Some(&"watching  ~/folder"), "{shown}");
    let end = lines.split_off(lines.len() - 3);
    assert_eq!(
        end,
        [
            "so far    3 uploaded, 1 failed",
            "error: not all is done: 1 file is failed",
            "hint: taxiway ls --state failed",
        ]
    );
    let named = |name: &str| server.asset_named(name).asset_id();
    let known = [
        format!("TIME uploaded  ~/folder/{long} → {}", named(&long)),
        "TIME failed    ~/folder/bad.gif: 415: Unsupported Media Type".to_owned(),
    ];
    for line in &known {
        assert!(lines.contains(&line.as_str()), "{line}\n{shown}");
    }
    assert!(!shown.contains("total") && !shown.contains("sending"), "{shown}");
    // While bars stood, what was told stood above them.
    let with_bars = screen.screens.iter().filter(|screen| screen.contains("total "));
    let mut told_above = false;
    for screen in with_bars {
        let lines: Vec<&str> = screen.lines().collect();
        let bars = lines.iter().position(|line| {
            ["hashing ", "sending ", "total "].iter().any(|word| line.starts_with(word))
        });
        let bars = bars.expect("bars");
        assert!(lines[bars..].iter().all(|line| !line.contains(':')), "{screen}");
        assert!(lines.last().is_some_and(|line| line.starts_with("total ")), "{screen}");
        told_above |= lines[..bars].iter().any(|line| line.contains("failed"));
    }
    assert!(told_above, "{}", screen.screens.join("\n----\n"));
    let all = screen.screens.join("\n");
    assert!(all.contains(" 3 of 4 files (1 failed), "), "{all}");
}

#[test]
fn a_body_that_begins_again_takes_its_bytes_back_and_never_more_than_all_is_shown() {
    let (server, taxiway) = house("2MB/s");
    sparse_wav(&taxiway.path("folder/a.wav"), 2_000_000);
    server.faults(&["reset-after=1500000,times=1"]);
    let mut screen = Terminal::start(taxiway.command(&["push", "folder/a.wav"]), 80, 24);
    assert_eq!(screen.ends().0, 0);
    assert_eq!(server.uploads(), 2);
    assert_eq!(screen.screen(), "");
    let percent =
        percentages(&screen.screens, "sending", |percent| sending(percent, "2.0 MB", "a.wav"));
    let again = percent.windows(2).position(|pair| pair[1] < pair[0]);
    assert!(again.is_some(), "{percent:?}");
    let totals = screen.screens.iter().flat_map(|screen| screen.lines());
    for line in totals.filter(|line| line.starts_with("total ")) {
        let percent = line.split('%').next().and_then(|part| part.split_whitespace().last());
        assert!(percent.and_then(|text| text.parse::<u32>().ok()).is_some_and(|n| n <= 100));
    }
}

#[test]
fn a_terminal_of_twenty_columns_is_never_too_narrow() {
    let (_server, taxiway) = house("1MB/s");
    let name = "a rather long name for a 猫 picture.wav";
    sparse_wav(&taxiway.path("folder").join(name), 1_500_000);
    write(&taxiway.path("arguments"), format!("folder/{name}\0").as_bytes());
    let mut command = taxiway.command(&["push", "--stdin0"]);
    command.stdin(std::fs::File::open(taxiway.path("arguments")).expect("the arguments"));
    let mut screen = Terminal::start(command, 20, 10);
    assert_eq!(screen.ends().0, 0);
    assert_eq!((screen.screen().as_str(), screen.cursor()), ("", (0, 0)));
    let mut seen = 0;
    for screen in screen.screens.iter().filter(|screen| screen.contains('%')) {
        let lines: Vec<&str> = screen.lines().collect();
        let sum = lines.last().expect("a line");
        assert!(sum.ends_with("% 0 of 1 file") || sum.ends_with("% 1 of 1 file"), "{screen}");
        match lines.as_slice() {
            [_] => {}
            [part, _] => {
                seen += 1;
                assert_eq!(&part[4..], " a rather long…", "{screen}");
            }
            more => assert_eq!(more.len(), 3, "hashing, too: {screen}"),
        }
    }
    assert!(seen > 3, "{:#?}", screen.screens);
}

#[test]
fn a_terminal_may_change_its_size_while_bars_stand() {
    let (server, taxiway) = house("1MB/s");
    sparse_wav(&taxiway.path("folder/a.wav"), 3_000_000);
    let mut screen = Terminal::start(taxiway.command(&["run", "--once"]), 100, 24);
    screen.until("a wide bar", |screen| screen.contains("sending   [="));
    screen.resize(40, 24);
    screen.until("a narrow line", |screen| {
        screen.lines().any(|line| line.starts_with("sending ") && line.ends_with("% a.wav"))
    });
    screen.resize(120, 10);
    screen.until("a wide bar again", |screen| screen.contains("total     [="));
    assert_eq!(screen.ends().0, 0);
    let shown = timeless(&taxiway, &screen.screen());
    let id = server.asset().asset_id();
    assert!(!shown.contains("sending") && !shown.contains("total"), "{shown}");
    assert!(shown.ends_with("done      1 uploaded\n"), "{shown}");
    assert!(shown.contains("uploaded  ~/folder/a.wav") && shown.contains(&id[..20]), "{shown}");
}

#[test]
fn where_nothing_can_be_drawn_or_is_wanted_nothing_is() {
    for (variable, value, arguments) in [
        ("TERM", "dumb", &["run", "--once"][..]),
        ("TERM", "", &["run", "--once"]),
        ("TERM", "xterm", &["run", "--once", "-q"]),
        ("TERM", "xterm", &["run", "--once", "--json"]),
        ("TERM", "xterm", &["push", "-q", "folder/a.wav"]),
        ("TERM", "xterm", &["push", "--json", "folder/a.wav"]),
    ] {
        let (_server, mut taxiway) = house("2MB/s");
        taxiway.set(variable, value);
        sparse_wav(&taxiway.path("folder/a.wav"), 1_000_000);
        let mut screen = Terminal::start(taxiway.command(arguments), 80, 24);
        assert_eq!(screen.ends().0, 0, "{arguments:?}");
        let written = String::from_utf8_lossy(&screen.written).into_owned();
        assert!(!written.contains('\x1b') && !written.contains('%'), "{arguments:?}: {written}");
        assert_eq!(written.is_empty(), value == "xterm", "{arguments:?}: {written}");
    }
}

#[test]
fn no_color_asks_for_none_and_bars_have_none_anyway() {
    for no_color in [None, Some("1")] {
        let (server, mut taxiway) = house("2MB/s");
        if let Some(value) = no_color {
            taxiway.set("NO_COLOR", value);
        }
        // Something that is logged.
        taxiway.set("TAXIWAY_TOKEN", format!("{TOKEN}-of-another-form"));
        server.set_token(&format!("{TOKEN}-of-another-form"));
        sparse_wav(&taxiway.path("folder/a.wav"), 1_000_000);
        let mut screen = Terminal::start(taxiway.command(&["push", "folder/a.wav"]), 80, 24);
        assert_eq!(screen.ends().0, 0);
        assert_eq!(has_colors(&screen), no_color.is_none(), "the log has colors, or none");
        assert!(screen.screens.iter().any(|screen| screen.contains("sending ")));
        assert!(screen.screen().contains("WARN"), "{}", screen.screen());
    }
}

#[test]
fn the_first_ctrl_c_and_an_error_leave_a_clean_screen() {
    let (_server, taxiway) = house("500kB/s");
    sparse_wav(&taxiway.path("folder/a.wav"), 20_000_000);
    let mut screen = Terminal::start(taxiway.command(&["run"]), 80, 24);
    screen.until("a bar", |screen| screen.contains("sending "));
    screen.signal("INT");
    assert_eq!(screen.ends().0, 0);
    assert_eq!(
        timeless(&taxiway, &screen.screen()),
        "watching  ~/folder\nstopped   1 queued; the next run goes on\n"
    );
    let mut screen =
        Terminal::start(taxiway.command(&["run", "--once", "--timeout", "1s"]), 80, 24);
    screen.until("a bar", |screen| screen.contains("sending "));
    assert_eq!(screen.ends().0, 75);
    assert_eq!(
        timeless(&taxiway, &screen.screen()),
        "watching  ~/folder\nso far    1 queued\nerror: the time is over: 1 file is queued\n\
         hint: taxiway ls --state queued\n"
    );
}

#[test]
fn the_second_ctrl_c_leaves_a_clean_screen_too() {
    let (server, taxiway) = house("4MB/s");
    server.faults(&["slow-answer=60s"]);
    sparse_wav(&taxiway.path("folder/a.wav"), 1_000_000);
    let mut screen = Terminal::start(taxiway.command(&["run"]), 80, 24);
    screen.until("all is sent", |screen| screen.contains("] 100% of 1.0 MB "));
    // A whole body is waited for, unless a person does not wait; two signals may come as one.
    crate::support::eventually("the second ends it", || {
        screen.signal("INT");
        screen.is_over().then_some(())
    });
    assert_eq!(screen.ends().0, 130);
    assert_eq!(timeless(&taxiway, &screen.screen()), "watching  ~/folder\n");
}

#[cfg(target_os = "linux")]
#[test]
fn an_idle_run_draws_nothing_and_wakes_nobody() {
    let (_server, taxiway) = house("2MB/s");
    sparse_wav(&taxiway.path("folder/a.wav"), 1_000_000);
    let mut screen = Terminal::start(taxiway.command(&["run"]), 80, 24);
    screen.until("all is done", |screen| screen.contains("Ctrl-C ends"));
    let tasks = format!("/proc/{}/task", screen.pid());
    let switches = || {
        let tasks = std::fs::read_dir(&tasks).expect("its threads");
        let mut tasks = tasks.map(|task| task.expect("a thread").path());
        let is_ours = |task: &std::path::PathBuf| {
            std::fs::read_to_string(task.join("comm")).is_ok_and(|name| name == "progress\n")
        };
        let task = tasks.find(is_ours).expect("the thread that draws");
        let status = std::fs::read_to_string(task.join("status")).expect("its status");
        let lines = status.lines().filter(|line| line.contains("ctxt_switches"));
        lines.map(str::to_owned).collect::<Vec<String>>()
    };
    // It goes to sleep, and stays so for as long as many redraws would take.
    let mut last = switches();
    let mut rests = 0;
    let until = std::time::Instant::now() + PATIENCE;
    while rests < 10 {
        assert!(std::time::Instant::now() < until, "it does not rest: {last:?}");
        std::thread::sleep(std::time::Duration::from_millis(100));
        let now = switches();
        rests = if now == last { rests + 1 } else { 0 };
        last = now;
    }
    screen.signal("TERM");
    assert_eq!(screen.ends().0, 0);
    let lines = timeless(&taxiway, &screen.screen());
    let end = "see it uploaded; Ctrl-C ends\nstopped   1 uploaded\n";
    assert!(lines.ends_with(end), "{lines}");
}

#[test]
fn a_push_shows_what_a_daemon_does_for_it() {
    let (server, taxiway) = house("1MB/s");
    write(&taxiway.path("folder/known.gif"), &picture(1, 1_000));
    let daemon = taxiway.daemon();
    sparse_wav(&taxiway.path("a.wav"), 2_000_000);
    let command = taxiway.command(&["push", "a.wav", "folder/known.gif"]);
    let mut screen = Terminal::start(command, 80, 24);
    let (code, out) = screen.ends();
    let id = |name: &str| server.asset_named(name).asset_id();
    assert_eq!((code, out), (0, format!("{}\n{}\n", id("a.wav"), id("known.gif"))));
    assert_eq!((screen.screen().as_str(), screen.cursor()), ("", (0, 0)));
    let percent =
        percentages(&screen.screens, "sending", |percent| sending(percent, "2.0 MB", "a.wav"));
    assert!(percent.len() > 2 && percent.is_sorted(), "{percent:?}");
    assert!(screen.screens.iter().any(|screen| screen.contains("% 1 of 2 files, ")));
    daemon.stop();
}
