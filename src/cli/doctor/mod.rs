//! `taxiway doctor`: looks at everything that uploads rest on, and says what to type next.
//!
//! Owns:
//! - facts are gathered first, then judged, then told: a check that cannot be made hides no other;
//! - it works beside a daemon, and changes nothing but the file of `--bundle`.

mod bundle;
mod facts;
mod gather;
mod judge;
mod redact;
mod report;

use super::args::{Common, DoctorArgs};
use super::{Exit, Failure, output, placed};

use gather::Patient;

/// Runs the command.
pub fn doctor(common: &Common, args: &DoctorArgs) -> Result<Exit, Failure> {
    // A file that cannot be written is better known before a minute of looking.
    let file = args.bundle.as_deref().map(bundle::create).transpose()?;
    let patient = Patient::of(common);
    let (facts, token) = gather::gather(common, &patient);
    let mut report = judge::judge(&facts);
    for check in &mut report.checks {
        check.hint = check.hint.take().map(|hint| placed(common, hint));
    }
    report.print(common.json);
    if let Some(file) = file {
        file.write(&patient, token.as_ref(), &report)?;
    }
    if common.quiet == 0 && !common.json {
        output::tell(&report.sum());
    }
    Ok(report.exit())
}
