//! `taxiway ls`: the ledger, a path a line.
//!
//! Owns: who has nothing of his own, and is of the system service's group, is shown its ledger.

use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;

use serde_json::Value;

use crate::config::Flags;
use crate::daemon::lock;
use crate::ledger::{Filter, Ledger, Row};
use crate::text::escaped;

use super::args::{Common, LsArgs};
use super::others::{Others, encoded};
use super::row::{RowFields, csv_of};
use super::{Exit, Failure, load, output};

/// Rows that the daemon is asked for at once.
const PAGE: usize = 1_000;

/// Runs the command.
pub fn ls(common: &Common, args: &LsArgs) -> Result<Exit, Failure> {
    let (loaded, environment) = load(common, Flags::default())?;
    let state_dir = &loaded.config.state_dir;
    if args.csv {
        output::line(RowFields::CSV_HEADER);
    }
    let Some(ledger) = Ledger::read(&lock::ledger_path(state_dir))? else {
        if let Some(others) = Others::of(common, &loaded, &environment) {
            of_the_service(common, args, &others)?;
        }
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

/// The ledger of the system service, as its daemon tells it, page by page.
fn of_the_service(common: &Common, args: &LsArgs, others: &Others) -> Result<(), Failure> {
    let under = args.under.as_deref().map(crate::config::resolve);
    let filters = [
        ("state", args.state.map(|state| state.as_str().as_bytes().to_vec())),
        ("email", args.email.as_ref().map(|email| email.as_str().as_bytes().to_vec())),
        ("under", under.map(|under| under.as_os_str().as_bytes().to_vec())),
    ];
    let filters = filters.into_iter().filter_map(|(key, value)| Some((key, value?)));
    let filters: String =
        filters.map(|(key, value)| format!("&{key}={}", encoded(&value))).collect();
    let mut after = String::new();
    loop {
        let path = format!("/v1/ledger?limit={PAGE}{filters}{after}");
        let Some(text) = others.get(&path)? else { return Ok(()) };
        let rows: Vec<(&str, Value)> = text
            .lines()
            .filter_map(|line| Some((line, serde_json::from_str(line).ok()?)))
            .collect();
        for (line, row) in &rows {
            print_told(common, args, line, row);
        }
        match rows.last() {
            Some((_, row)) if rows.len() == PAGE => {
                after = format!("&after={}", encoded(&bytes_of(row)));
            }
            Some(_) | None => return Ok(()),
        }
    }
}

fn print_told(common: &Common, args: &LsArgs, line: &str, row: &Value) {
    let text = |key: &str| row[key].as_str();
    if args.print0 {
        output::bytes(&bytes_of(row), b"\0");
    } else if common.json {
        output::line(line);
    } else if args.csv {
        output::line(&csv_of(row));
    } else {
        let tail = text("asset_id").or(text("reason"));
        let tail = tail.map_or(String::new(), |tail| format!("  {}", escaped(tail)));
        let path = escaped(text("path").unwrap_or_default());
        output::line(&format!("{:<9}  {path}{tail}", text("state").unwrap_or_default()));
    }
}

/// The path of a row, exactly.
fn bytes_of(row: &Value) -> Vec<u8> {
    let Some(hex) = row["path_hex"].as_str() else {
        return row["path"].as_str().unwrap_or_default().as_bytes().to_vec();
    };
    let digits = hex.as_bytes().chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok());
    digits.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
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
