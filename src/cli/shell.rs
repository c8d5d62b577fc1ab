//! `taxiway completions` and `man`: what shells and manuals need, made from the same definition as
//! the command line itself.
//!
//! Owns:
//! - nothing is written by hand that could say something else than the program does.

use std::path::Path;

use clap::CommandFactory;

use crate::text::{reason, shell_word, shown};

use super::args::{Args, CompletionsArgs, ManArgs};
use super::{Exit, Failure, output};

/// Prints a shell's completions.
pub fn completions(args: &CompletionsArgs) -> Result<Exit, Failure> {
    // Into memory: the generator gives up loudly at a reader that went away.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "taxiway", &mut script);
    output::bytes(&script, b"");
    output::flush();
    Ok(Exit::Well)
}

/// Writes one page a command into a directory.
pub fn man(args: &ManArgs) -> Result<Exit, Failure> {
    let directory = &args.directory;
    let cannot = |error: &std::io::Error| {
        let message = format!("{}: {}", shown(directory), reason(error));
        Failure::new(Exit::Some, message, format!("mkdir -p {}", shell_word(directory)))
    };
    if !directory.is_dir() {
        return Err(cannot(&std::io::ErrorKind::NotADirectory.into()));
    }
    let mut command = Args::command().disable_help_subcommand(true);
    command.build();
    let mut pages = 0;
    pages_of(&command, directory, &mut pages).map_err(|error| cannot(&error))?;
    output::tell(&format!("{pages} pages are in {}", shown(directory)));
    Ok(Exit::Well)
}

/// Writes the page of a command that was built, and those of its own commands.
fn pages_of(command: &clap::Command, directory: &Path, pages: &mut usize) -> std::io::Result<()> {
    let name = command.get_display_name().unwrap_or(command.get_name());
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    std::fs::write(directory.join(format!("{name}.1")), page)?;
    *pages += 1;
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        pages_of(below, directory, pages)?;
    }
    Ok(())
}
