//! PURE: decides.
pub mod filter;
mod media_type;
pub use media_type::MediaType;
