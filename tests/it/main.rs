//! The one integration binary: the program as people start it, against the sandbox.

// Helpers of tests, too, may end a test.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

mod accounts;
mod adopt;
mod asking;
#[cfg(target_os = "linux")]
mod boot;
mod browser;
#[cfg(target_os = "linux")]
mod budgets;
mod citizen;
mod conditions;
mod control;
mod corpus;
mod crash;
mod doctor;
mod errands;
mod errors;
mod faults;
mod flood;
mod handed;
mod heartbeat;
mod help;
mod ids;
mod init;
#[cfg(target_os = "linux")]
mod kernel;
mod keyring;
mod ledger;
mod listening;
mod logs;
mod ls;
mod memory;
mod metrics;
mod page;
mod progress;
mod push;
mod rebuild;
mod recipes;
mod reload;
mod run;
mod samples;
mod secrets;
mod service;
mod shell;
mod soak;
mod stops;
mod supervised;
mod support;
mod tcp;
mod thousand;
mod tidy;
mod torture;
mod transcripts;
mod ui;
mod upgrade;
mod waiting;
mod watching;
mod why;
mod wishes;
mod writers;
