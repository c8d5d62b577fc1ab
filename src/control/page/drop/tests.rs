//! Names that are no names, and what becomes of parts.
