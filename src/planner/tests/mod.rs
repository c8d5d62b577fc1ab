//! Scenarios: what happens and what follows, as text; the test's name is the sentence.
//!
//! A story is a list of lines. `given …` sets the world up. `> …` is something that happens, and
//! the lines below it are all that follows, in order: what is written down, then what is done,
//! then what is said. `~ …` happens too, and what follows from it is left out. `# …` is a remark.
//!
//! Things that happen:
//! - `put cat.png A old` a file is written (10 bytes unless `A:20`; `empty`, `text` and `half…`
//!   are what they say, and of `raw…` nobody can tell whether it is whole; `old`, `future`,
//!   `local`, `foreign`, `remote`, `locked` and `open`, for writing, say how it looks);
//!   `rm cat.png`, `mv cat.png dog.png`; `hide cat.png`, and `show cat.png` as it was;
//! - `see cat.png` it is looked at (`closed`, `renamed`: for that reason); `left cat.png RULE` so, and a rule leaves it alone;
//!   `read cat.png` the reading that was asked for ends (`torn`: in bytes that its look denies;
//!   `early`: before whatever happened since it was asked for); `arrive cat.png A` all of these, for
//!   a file that lay there for an hour;
//! - `scan 1` a scan of folder 1 finds what is on the disk (`away`, `incomplete`); `owe 1`;
//! - `push out/cat.png a` (`force`);
//! - `sent 1 stored x1`, `sent 1 lost`, `sent 1 429 30s`, … attempt 1 ends;
//! - `list a x1=cat.png:10@-1h` account a's list has been read (`nothing`, `short`, `offline`);
//! - `pause` (`pause 2s`), `resume`, `rescan`; `sensed battery metered` (`nothing`; `battery?`: nobody
//!   can tell) what was asked about holds;
//! - `+2s` time passes; `clock 1h` the wall clock jumps; `token`, `stop`, `restart` (a crash);
//! - `move 1 b` the configuration gives folder 1 another account, at the next `restart`;
//! - `configured 1 2=b` the configuration is read again: it names folders 1 and 2, the second for
//!   account b (`2!`: looked at anew, `2:settle=5s`: so), and no others; `pause_on=battery+metered`;
//! - `watched 1 events` (`polled`) folder 1 is watched otherwise, and scanned every 15 min;
//!   `hangs 1` it does not answer, `moves 1` it does again;
//! - `folder 1` asks how it stands; `state cat.png`, `rest` (`rest 2s`: so much after the last step), `timeout` ask.

mod accounts;
mod answers;
mod book;
mod bugs;
mod configured;
mod contents;
mod doubts;
mod eyes;
mod folders;
mod given;
mod known;
mod pauses;
mod pushes;
mod settle;
mod stops;
mod uploads;
mod wishes;
mod words;
mod world;

pub(crate) use world::tell;

/// Plays a story again and compares.
fn story(text: &str) {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let told = world::tell(&lines);
    let Some(at) = (0..told.len().max(lines.len()))
        .find(|at| told.get(*at).map(String::as_str) != lines.get(*at).copied())
    else {
        return;
    };
    panic!(
        "it went otherwise, first at line {}: {}\n--- what happened\n{}\n--- end",
        at + 1,
        lines.get(at).unwrap_or(&"the end"),
        told.join("\n")
    );
}
