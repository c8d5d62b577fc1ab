//! `taxiway ledger verify`: whether the ledger is sound.

use crate::config::Flags;
use crate::ledger::{Fault, Ledger, LedgerError, Totals};
use crate::text::shown;

use super::{Common, Exit, Failure, count, load, lock, output};

/// Runs the command.
pub fn verify(common: &Common) -> Result<Exit, Failure> {
    let (loaded, _) = load(common, Flags::default())?;
    let file = lock::ledger_path(&loaded.config.state_dir);
    let Some(ledger) = Ledger::read(&file)? else {
        if common.json {
            print_json(&file, None, &[]);
        } else {
            output::line(&format!("{} is not there: there is nothing to verify", shown(&file)));
        }
        output::flush();
        return Ok(Exit::Well);
    };
    let faults = ledger.verify()?;
    if faults.is_empty() {
        let totals = ledger.totals()?;
        if common.json {
            print_json(&file, Some(totals), &faults);
        } else {
            output::line(&format!("{} is sound: {}", shown(&file), in_words(totals)));
        }
        output::flush();
        return Ok(Exit::Well);
    }
    if common.json {
        print_json(&file, None, &faults);
    } else {
        for fault in &faults {
            output::line(&format!("fault: {} (rule: {})", fault.what, fault.rule));
        }
    }
    output::flush();
    let what = count(faults.len() as u64, "fault");
    Err(LedgerError::Damaged { path: Some(file), what }.into())
}

fn in_words(totals: Totals) -> String {
    format!(
        "{} ({} uploaded), {}, {}",
        count(totals.uploads, "upload"),
        totals.uploaded,
        count(totals.paths, "path"),
        count(totals.attempts, "attempt")
    )
}

fn print_json(file: &std::path::Path, totals: Option<Totals>, faults: &[Fault]) {
    let list: Vec<_> = faults
        .iter()
        .map(|fault| serde_json::json!({ "rule": fault.rule, "text": fault.what }))
        .collect();
    let object = serde_json::json!({
        "schema": 1,
        "path": file.to_string_lossy(),
        "sound": faults.is_empty(),
        "uploads": totals.map(|totals| totals.uploads),
        "uploaded": totals.map(|totals| totals.uploaded),
        "paths": totals.map(|totals| totals.paths),
        "attempts": totals.map(|totals| totals.attempts),
        "faults": list,
    });
    output::line(&object.to_string());
}
