//! From facts to verdicts: pure, so that every line is tested without the machine that it is about.
//!
//! Owns:
//! - one order of the checks, from what everything rests on to what rests on it;
//! - what cannot be known because something else is broken is a warning that says so, and is not
//!   counted as broken itself.

mod local;
mod place;
mod server;

use super::facts::Facts;
use super::report::Report;

/// Judges all there is.
pub fn judge(facts: &Facts) -> Report {
    let mut checks = vec![local::configuration(&facts.configuration)];
    checks.push(server::token(&facts.token, &facts.server));
    checks.push(server::trust(&facts.way));
    checks.push(server::proxy(&facts.way));
    checks.extend(server::server(&facts.server, &facts.way));
    checks.extend(place::folders(&facts.folders, &facts.configuration));
    checks.extend(place::inotify(facts.inotify.as_ref()));
    checks.extend(facts.conditions.iter().map(local::condition));
    checks.push(place::state(&facts.state));
    checks.extend(local::ledger(&facts.ledger));
    checks.push(local::daemon(&facts.daemon, &facts.service));
    checks.extend(local::polled(&facts.daemon));
    checks.push(local::service(&facts.service, &facts.program));
    checks.extend(facts.open_token.as_deref().map(local::open_token));
    Report { checks }
}

/// A number of things, in words.
fn count(number: u64, one: &str, several: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {several}") }
}
