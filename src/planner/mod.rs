//! PURE: decides.
mod media_type;
pub use media_type::MediaType;
