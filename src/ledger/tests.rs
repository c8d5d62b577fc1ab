//! The ledger over a real file.
