//! Scenarios of the whole core against a small model of a Mesos master.

mod backing_off;
mod changing;
mod checking;
mod conditions;
mod creating;
mod failing;
mod forcing;
mod large;
mod offering;
mod properties;
mod recovering;
mod restarting;
mod scaling;
mod telling;
mod upgrading;
mod world;
