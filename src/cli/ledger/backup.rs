//! `taxiway ledger backup`: a copy of the ledger, made while it is in use.

use std::path::Path;

use crate::config::Flags;
use crate::ledger::{BackupError, Ledger};
use crate::text::{shell_word, shown};

use super::{Common, Exit, Failure, again, load, lock, note, output};

/// Runs the command.
pub fn backup(common: &Common, file: &Path) -> Result<Exit, Failure> {
    let (loaded, _) = load(common, Flags::default())?;
    let ledger_file = lock::ledger_path(&loaded.config.state_dir);
    let Some(ledger) = Ledger::read(&ledger_file)? else {
        let message = format!("{} is not there: there is nothing to copy", shown(&ledger_file));
        return Err(Failure::new(Exit::Ledger, message, "taxiway config show"));
    };
    ledger.backup(file).map_err(|error| failure(common, file, error))?;
    if common.json {
        let object = serde_json::json!({ "schema": 1, "path": file.to_string_lossy() });
        output::line(&object.to_string());
    } else {
        output::line(&file.to_string_lossy());
    }
    output::flush();
    // Adopted, because the copy knows nothing of what is uploaded from now on.
    note(
        common,
        &format!(
            "to go back to it: stop taxiway, put it in the place of {0} (move {0}-wal away too), \
             then: {1}",
            shown(&ledger_file),
            again(common, "ledger adopt")
        ),
    );
    Ok(Exit::Well)
}

fn failure(common: &Common, file: &Path, error: BackupError) -> Failure {
    let message = error.to_string();
    match error {
        BackupError::Ledger(error) => error.into(),
        BackupError::Exists(_) => {
            let other = dated(file);
            let hint = again(common, &format!("ledger backup {}", shell_word(other)));
            Failure::new(Exit::Usage, message, hint)
        }
        BackupError::Unwritable { .. } => {
            let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty());
            let directory = shell_word(directory.unwrap_or(Path::new(".")));
            let hint = format!("ls -ld {directory} && df -h {directory}");
            Failure::new(Exit::Ledger, message, hint)
        }
    }
}

/// The file with today's date in its name.
fn dated(file: &Path) -> std::path::PathBuf {
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    let mut name = file.file_stem().unwrap_or_default().to_owned();
    name.push("-");
    name.push(today);
    if let Some(extension) = file.extension() {
        name.push(".");
        name.push(extension);
    }
    file.with_file_name(name)
}
