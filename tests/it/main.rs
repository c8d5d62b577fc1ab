//! The one integration binary: the program as people start it, against the sandbox.

// Helpers of tests, too, may end a test.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

mod accounts;
mod control;
mod corpus;
mod crash;
mod errors;
mod faults;
mod help;
mod ids;
mod ls;
mod memory;
mod push;
mod run;
mod samples;
mod stops;
mod support;
mod tidy;
mod watching;
mod why;
mod wishes;
