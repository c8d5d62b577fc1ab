//! The state of a running daemon as its service manager shows it: the first line of `status`.
//!
//! Owns:
//! - it is told about once a second at most, only when it is another, and while nothing happens
//!   nobody wakes up for it.

use std::time::Duration;

use crate::control::Standing;
use crate::supervisor::Supervisor;

/// The least time between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// Tells it until it is dropped.
pub struct Told(Standing);

impl Told {
    /// Begins to tell, if anybody listens; of what is `missing` before all else. `public`: every
    /// user of the machine can see it, so it names nothing.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub fn begin(
        supervisor: &Supervisor,
        standing: &Standing,
        public: bool,
        missing: impl Fn() -> Option<String> + Send + 'static,
    ) -> std::io::Result<Told> {
        let told = Told(standing.clone());
        if !supervisor.listens() {
            return Ok(told);
        }
        let (supervisor, standing) = (supervisor.clone(), standing.clone());
        std::thread::Builder::new().name("status".into()).spawn(move || {
            let tally = standing.tally().clone();
            let (mut seen, mut moves) = (0, false);
            while let Some(now) = tally.wait(seen, moves.then_some(PAUSE)) {
                seen = now;
                moves = false;
                if let Some((line, changes)) = standing.line(public) {
                    let missing = missing().map(|missing| missing + "; ").unwrap_or_default();
                    supervisor.status(&(missing + &line));
                    moves = changes;
                }
                if tally.ends_within(PAUSE) {
                    return;
                }
            }
        })?;
        Ok(told)
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.0.tally().end();
    }
}
