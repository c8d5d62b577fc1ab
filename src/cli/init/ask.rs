//! Questions on the terminal.
//!
//! Owns:
//! - without a terminal nothing is asked: an answer that is missing names its flag;
//! - what is secret is not echoed, and however the question ends, the terminal is as it was.

use std::io::{self, IsTerminal, Read, Write};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use secrecy::SecretString;

use crate::cli::{Exit, Failure, output};

/// Who answers.
#[derive(Debug, Clone, Copy)]
pub struct Asker {
    /// Somebody is there.
    pub is_there: bool,
    /// Whatever can be answered with yes is.
    yes: bool,
}

impl Asker {
    /// Whoever sits at this process's terminal, if there is one.
    pub fn of_process(yes: bool) -> Asker {
        let is_there = io::stdin().is_terminal() && io::stderr().is_terminal();
        Asker { is_there, yes }
    }

    /// An answer of one line, without the white space around it; `missing` names the flag that
    /// stands for it.
    pub fn line(
        &self,
        question: &str,
        missing: impl FnOnce() -> Failure,
    ) -> Result<String, Failure> {
        if !self.is_there {
            return Err(missing());
        }
        show(question)?;
        let mut line = String::new();
        if io::stdin().read_line(&mut line)? == 0 {
            output::tell("");
            return Err(ended());
        }
        Ok(line.trim().to_owned())
    }

    /// Whether to do something; with Enter alone, yes. Where nobody is there, only `--yes` is one.
    pub fn agrees(&self, question: &str) -> Result<bool, Failure> {
        if self.yes || !self.is_there {
            return Ok(self.yes);
        }
        loop {
            let answer = self.line(&format!("{question} [Y/n] "), ended)?;
            match answer.to_lowercase().as_str() {
                "" | "y" | "yes" => return Ok(true),
                "n" | "no" => return Ok(false),
                _ => output::tell("answer y or n"),
            }
        }
    }

    /// An answer that is not shown.
    pub fn secret(&self, question: &str) -> Result<SecretString, Failure> {
        // Before the question, so that even who types at once shows nothing.
        let quiet = Quiet::begin()?;
        show(question)?;
        let typed = typed(&mut io::stdin().lock())?;
        drop(quiet);
        output::tell("");
        match typed {
            Typed::Line(bytes) => {
                Ok(SecretString::from(String::from_utf8(bytes).unwrap_or_default()))
            }
            Typed::End => Err(ended()),
            Typed::Interrupt => {
                // As if the terminal had been left to turn the key into the signal.
                let us = rustix::process::getpid();
                let _ = rustix::process::kill_process(us, rustix::process::Signal::INT);
                Err(ended())
            }
        }
    }
}

fn show(question: &str) -> io::Result<()> {
    let mut stderr = io::stderr().lock();
    write!(stderr, "{question}")?;
    stderr.flush()
}

fn ended() -> Failure {
    Failure::new(Exit::Usage, "the answers ended: nothing is written", "taxiway init --help")
}

/// A terminal that shows nothing of what is typed, until this is dropped. Keys that would end or
/// stop the program come as bytes: ended by a signal, it could not mend the terminal.
struct Quiet(Termios);

impl Quiet {
    fn begin() -> io::Result<Quiet> {
        let stdin = io::stdin();
        let was = tcgetattr(&stdin)?;
        let mut quiet = was.clone();
        quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        tcsetattr(&stdin, OptionalActions::Drain, &quiet)?;
        Ok(Quiet(was))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // There is nobody to tell, and nothing else to try.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

/// How typing ended.
#[derive(Debug, PartialEq, Eq)]
enum Typed {
    /// With Enter.
    Line(Vec<u8>),
    /// With Ctrl-D, or the terminal is gone.
    End,
    /// With Ctrl-C.
    Interrupt,
}

/// Reads keys up to Enter. What a terminal puts around a paste, and what keys without a letter
/// send, is no part of the answer.
fn typed(keys: &mut impl Read) -> io::Result<Typed> {
    const CTRL_C: u8 = 3;
    const CTRL_D: u8 = 4;
    const CTRL_U: u8 = 21;
    const ESCAPE: u8 = 27;
    let mut line = Vec::new();
    let mut next = || -> io::Result<Option<u8>> {
        let mut key = [0];
        Ok((keys.read(&mut key)? > 0).then_some(key[0]))
    };
    while let Some(key) = next()? {
        match key {
            b'\r' | b'\n' => return Ok(Typed::Line(line)),
            CTRL_C => return Ok(Typed::Interrupt),
            CTRL_D if line.is_empty() => return Ok(Typed::End),
            8 | 127 => {
                line.pop();
            }
            CTRL_U => line.clear(),
            ESCAPE => {
                if next()? == Some(b'[') {
                    while next()?.is_some_and(|key| !(0x40..=0x7e).contains(&key)) {}
                }
            }
            ..32 => {}
            key => line.push(key),
        }
    }
    Ok(Typed::End)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_make_a_line() {
        let line = |bytes: &[u8]| Typed::Line(bytes.to_vec());
        for (keys, expected) in [
            (&b"user:1-a\n"[..], line(b"user:1-a")),
            (b"user:1-a\r", line(b"user:1-a")),
            (b"ab\x7fc\x08d\n", line(b"ad")),
            (b"\x7f\n", line(b"")),
            (b"old\x15new\n", line(b"new")),
            (b"\x1b[200~pasted\x1b[201~\n", line(b"pasted")),
            (b"a\x1b[Db\x1bOc\n", line(b"abc")),
            (b"a\x04b\n", line(b"ab")),
            (b"\x04", Typed::End),
            (b"a\x03", Typed::Interrupt),
            (b"cut", Typed::End),
        ] {
            assert_eq!(typed(&mut &*keys).expect("no error"), expected, "{keys:?}");
        }
    }
}
