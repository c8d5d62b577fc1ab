//! The one integration binary: the program as people start it, against the sandbox.

mod accounts;
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
