//! The simulation's own test: seeds that must hold, and bugs that must be found.

mod bugs;
mod seeds;
