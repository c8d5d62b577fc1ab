//! `taxiway config`: where it is, what it says, whether it is sound.

use crate::config::{Environment, Flags, Sources, check, locate, show_json, show_toml};
use crate::text::shown;

use super::args::{Common, ConfigCommand};
use super::{Exit, Failure, load, output};

/// Runs the command.
pub fn config(common: &Common, command: &ConfigCommand) -> Result<Exit, Failure> {
    match command {
        ConfigCommand::Path => path(common),
        ConfigCommand::Show => show(common),
        ConfigCommand::Check => checked(common),
    }
}

fn path(common: &Common) -> Result<Exit, Failure> {
    let flags = Flags { config: common.config.clone(), ..Flags::default() };
    let sources = Sources { environment: Environment::of_process(), flags };
    let (path, origin) = locate(&sources)?;
    if common.json {
        let object = serde_json::json!({
            "schema": 1, "path": path.to_string_lossy(), "from": origin.to_string(),
            "exists": path.exists(),
        });
        output::line(&object.to_string());
    } else {
        output::line(&path.to_string_lossy());
    }
    output::flush();
    Ok(Exit::Well)
}

fn show(common: &Common) -> Result<Exit, Failure> {
    let (loaded, _) = load(common, Flags::default())?;
    if common.json {
        output::line(&show_json(&loaded).to_string());
    } else {
        output::bytes(show_toml(&loaded).as_bytes(), b"");
    }
    output::flush();
    Ok(Exit::Well)
}

fn checked(common: &Common) -> Result<Exit, Failure> {
    let (loaded, environment) = load(common, Flags::default())?;
    let findings = check(&loaded, &environment);
    if common.json {
        let findings: Vec<_> = findings
            .iter()
            .map(|finding| serde_json::json!({ "text": finding.text, "hint": finding.hint }))
            .collect();
        let object = serde_json::json!({ "schema": 1, "findings": findings });
        output::line(&object.to_string());
    } else {
        for finding in &findings {
            output::line(&format!("warning: {}", finding.text));
            output::line(&format!("hint: {}", finding.hint));
        }
        let file = shown(&loaded.file.path);
        let end = if loaded.file.exists { "is sound" } else { "is not there; defaults hold" };
        output::line(&format!("{file} {end}"));
    }
    output::flush();
    Ok(Exit::Well)
}
