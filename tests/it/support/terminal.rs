//! A program on a terminal: what stands on the screen, letter by letter, after all that it wrote.

use std::fs::File;
use std::io::Read;
use std::num::NonZero;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::Instant;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::PATIENCE;

/// A program whose stderr is a terminal; its stdout is a pipe, or the same terminal.
pub struct Terminal {
    child: Child,
    master: File,
    pieces: Receiver<Vec<u8>>,
    out: Option<JoinHandle<String>>,
    emulation: vt100::Parser,
    /// Every screen that there was, each once.
    pub screens: Vec<String>,
    /// Everything that was written to it.
    pub written: Vec<u8>,
}

impl Terminal {
    /// Starts a program on a terminal of that many columns and rows.
    pub fn start(command: Command, columns: u16, rows: u16) -> Terminal {
        Terminal::of(command, columns, rows, false)
    }

    /// The same, with its stdout on the terminal too.
    pub fn with_stdout(command: Command, columns: u16, rows: u16) -> Terminal {
        Terminal::of(command, columns, rows, true)
    }

    fn of(mut command: Command, columns: u16, rows: u16, both: bool) -> Terminal {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&master).expect("a terminal");
        unlockpt(&master).expect("a terminal");
        let name = ptsname(&master, Vec::new()).expect("its name").into_string().expect("a name");
        let slave = File::options().read(true).write(true).open(name).expect("its other side");
        tcsetwinsize(&master, size(columns, rows)).expect("its size");
        let stderr: OwnedFd = slave.try_clone().expect("a copy").into();
        if both {
            command.stdout(Stdio::from(OwnedFd::from(slave.try_clone().expect("a copy"))));
        }
        let mut child = command.stderr(Stdio::from(stderr)).spawn().expect("the program");
        // Only the program has the other side now: it ends when the program does.
        drop((command, slave));
        let out = child.stdout.take().map(|mut out| {
            std::thread::spawn(move || {
                let mut text = String::new();
                out.read_to_string(&mut text).expect("what the program says");
                text
            })
        });
        let master = File::from(master);
        let mut screen = master.try_clone().expect("a copy");
        let (to, pieces) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // The end of a terminal is an error.
            while let Ok(length @ 1..) = screen.read(&mut buffer) {
                if to.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        let emulation = vt100::Parser::new(letters(rows), letters(columns), 0);
        let (screens, written) = (Vec::new(), Vec::new());
        Terminal { child, master, pieces, out, emulation, screens, written }
    }

    /// What stands on the screen.
    pub fn screen(&self) -> String {
        self.emulation.screen().contents()
    }

    /// Row and column of the cursor.
    pub fn cursor(&self) -> (u16, u16) {
        self.emulation.screen().cursor_position()
    }

    /// Waits until the screen is so.
    #[track_caller]
    pub fn until(&mut self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let screen = self.screen();
            if wanted(&screen) {
                return screen;
            }
            assert!(self.take(until, what), "ended before: {what}\n{screen}");
        }
    }

    /// Makes it wider or narrower, as a person does.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.emulation.screen_mut().set_size(letters(rows), letters(columns));
        tcsetwinsize(&self.master, size(columns, rows)).expect("another size");
    }

    /// Sends it a signal, by name.
    pub fn signal(&self, name: &str) {
        super::daemon::signal(self.child.id(), name);
    }

    /// Whether the program has ended.
    pub fn is_over(&mut self) -> bool {
        self.child.try_wait().expect("a status").is_some()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end; gives its exit code and its stdout.
    #[track_caller]
    pub fn ends(&mut self) -> (i32, String) {
        let until = Instant::now() + PATIENCE;
        while self.take(until, "the end") {}
        let code = self.child.wait().expect("a status").code().unwrap_or(-1);
        let out = self.out.take().map(|out| out.join().expect("stdout"));
        (code, out.unwrap_or_default())
    }

    /// Takes in what is written next. False at the end.
    #[track_caller]
    fn take(&mut self, until: Instant, what: &str) -> bool {
        let left = until.saturating_duration_since(Instant::now());
        match self.pieces.recv_timeout(left) {
            Ok(piece) => {
                self.written.extend(&piece);
                self.emulation.process(&piece);
                let screen = self.screen();
                if self.screens.last() != Some(&screen) {
                    self.screens.push(screen);
                }
                true
            }
            Err(RecvTimeoutError::Disconnected) => false,
            Err(RecvTimeoutError::Timeout) => {
                panic!("waited in vain: {what}\n{}", self.screens.join("\n----\n"))
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn letters(number: u16) -> NonZero<u16> {
    NonZero::new(number).expect("a size")
}

fn size(columns: u16, rows: u16) -> Winsize {
    Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 }
}
