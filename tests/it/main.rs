//! The one integration binary: the program as people start it, against the sandbox.

mod corpus;
mod support;
