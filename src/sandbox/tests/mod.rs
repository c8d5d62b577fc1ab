//! The sandbox as a client meets it, over loopback.
mod api;
mod body;
mod client;
mod control;
mod errors;
mod faults;
mod listing;
