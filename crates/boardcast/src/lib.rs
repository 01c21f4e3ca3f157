//! The Boardcast server as a library: `main.rs` and the tests start the same thing.
//!
//! One change passes through six rooms, and imports follow the same order: `core`, [`live`],
//! [`store`], [`engine`], [`auth`], [`http`] (or, for whoever has the data file, [`desk`]), then
//! [`serve`], which builds them all, and [`cli`].
//! `ARCHITECTURE.md` has the map.

pub mod auth;
pub mod cli;
pub mod config;
pub mod desk;
pub mod engine;
pub mod http;
pub mod live;
pub mod outside;
pub mod sabotage;
pub mod serve;
pub mod spine;
pub mod store;
pub mod telemetry;
