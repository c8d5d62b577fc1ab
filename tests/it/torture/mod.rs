//! Worlds in which the program is killed again and again while files come, change and go, and
//! what must hold when that is over.

mod agreement;
mod dice;
mod world;

pub use agreement::{Place, Tally, agree, files_below, finish, quiet};
pub use dice::Dice;
pub use world::{World, scene};
