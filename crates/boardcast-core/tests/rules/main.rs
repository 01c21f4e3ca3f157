//! The rules as a whole, against a ledger that keeps what a store would keep and shares no code with
//! the fold: commands one by one, random histories, crowded ranks, people, and the bytes on the wire.

mod accepted;
mod asks;
mod between;
mod histories;
mod ledger;
mod people;
mod ranks;
mod refused;
mod restored;
mod roles;
mod slots;
mod vectors;
mod wire;
mod withheld;
