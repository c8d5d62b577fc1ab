//! `taxiway ls`: the ledger, a path a line.

use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;

use crate::config::Flags;
use crate::daemon::lock;
use crate::ledger::{Filter, Ledger, Row};
use crate::text::escaped;

use super::args::{Common, LsArgs};
use super::row::RowFields;
use super::{Exit, Failure, load, output};

/// Runs the command.
pub fn ls(common: &Common, args: &LsArgs) -> Result<Exit, Failure> {
    let (loaded, _) = load(common, Flags::default())?;
    let state_dir = &loaded.config.state_dir;
    if args.csv {
        output::line(RowFields::CSV_HEADER);
    }
    let Some(ledger) = Ledger::read(&lock::ledger_path(state_dir))? else {
        output::flush();
        return Ok(Exit::Well);
    };
    let filter = Filter {
        state: args.state,
        email: args.email.as_ref().map(|email| email.as_str().to_owned()),
        under: args.under.as_deref().map(crate::config::resolve),
        with_gone: true,
        ..Filter::default()
    };
    ledger.each_row(&filter, lock::is_held(state_dir), |row| {
        print(common, args, &row);
        ControlFlow::Continue(())
    })?;
    output::flush();
    Ok(Exit::Well)
}

fn print(common: &Common, args: &LsArgs, row: &Row) {
    if args.print0 {
        output::bytes(row.path.as_os_str().as_bytes(), b"\0");
    } else if common.json {
        output::line(&RowFields::of(row).json());
    } else if args.csv {
        output::line(&RowFields::of(row).csv());
    } else {
        let path = escaped(&row.path.to_string_lossy());
        let gone = if row.gone_at.is_some() { " (gone)" } else { "" };
        let tail = match (&row.asset_id, &row.reason) {
            (Some(asset_id), _) => format!("  {asset_id}"),
            (None, Some(reason)) => format!("  {}", escaped(reason)),
            (None, None) => String::new(),
        };
        output::line(&format!("{:<9}  {path}{gone}{tail}", row.state.as_str()));
    }
}
