//! Progress on a terminal: who draws it, when, and from which figures.
//!
//! Owns:
//! - nothing is drawn where nobody looks: not into a file or pipe, not with `-q` or `--json`, not on
//!   a terminal that cannot draw;
//! - nobody is woken while nothing is done; while something is, ten times a second at most;
//! - when it ends, however it ends, nothing of it is left.

mod figures;
mod folders;
mod frame;
mod handed;
mod pushed;

use std::thread::JoinHandle;
use std::time::Duration;

use crate::daemon::{Gauge, InHand, Stir};

use super::args::Common;
use super::terminal;

pub use folders::Folders;
pub use handed::Handed;
pub use pushed::Pushed;

use figures::{Amount, Figures, Part};

/// What is over sooner is not worth a look.
const FLASH: Duration = Duration::from_millis(150);
/// How often is drawn, at most.
const REDRAW: Duration = Duration::from_millis(100);

/// Whether bars stay while nothing is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stay {
    /// They go: nobody knows when something will be done next.
    Go,
    /// They stay: the end is what is waited for.
    ToTheEnd,
}

/// Bars that are drawn by a thread of their own, until this is dropped.
#[derive(Debug)]
pub struct Bars {
    gauge: Gauge,
    painter: Option<JoinHandle<()>>,
}

impl Bars {
    /// Whether there is somebody to draw for.
    pub fn wanted(common: &Common) -> bool {
        common.quiet == 0 && !common.json && terminal::can_draw()
    }

    /// Draws what `figures` gives, as long as the gauge says that there is something to see.
    pub fn start(
        gauge: Gauge,
        stay: Stay,
        figures: impl FnMut() -> Figures + Send + 'static,
    ) -> Bars {
        let watched = gauge.clone();
        let painter = std::thread::Builder::new().name("progress".into());
        // Without a thread there are no bars, and the work goes on.
        let painter = painter.spawn(move || paint(&watched, stay, figures)).ok();
        Bars { gauge, painter }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.gauge.end();
        if let Some(painter) = self.painter.take() {
            // One that panicked has said so.
            let _ = painter.join();
        }
        terminal::clear();
    }
}

fn paint(gauge: &Gauge, stay: Stay, mut figures: impl FnMut() -> Figures) {
    let mut shown = Vec::new();
    loop {
        if stay == Stay::Go {
            gauge.wait_for_work();
            // From here on is counted.
            figures();
        }
        let mut stir = gauge.wait(FLASH);
        while stir == Stir::Busy || (stay == Stay::ToTheEnd && stir == Stir::Idle) {
            let lines = match terminal::size() {
                Some((columns, rows)) => frame::frame(&figures(), columns, rows),
                None => Vec::new(),
            };
            if lines != shown {
                terminal::draw(lines.clone());
                shown = lines;
            }
            stir = gauge.wait(REDRAW);
        }
        terminal::clear();
        shown.clear();
        if stir == Stir::Ended {
            return;
        }
    }
}

/// What is being sent, by name.
fn parts(sends: &[InHand]) -> Vec<Part> {
    let part = |file: &InHand| Part {
        name: file.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        done: file.done,
        size: file.size,
    };
    sends.iter().map(part).collect()
}

/// What is left to be read of what is being read, and of what waits for its turn.
fn hashing(reads: &[InHand], waiting: (u64, u64)) -> Amount {
    let left = reads.iter().map(|file| file.size - file.done).sum();
    Amount::new(reads.len() as u64, left).plus(Amount::new(waiting.0, waiting.1))
}
