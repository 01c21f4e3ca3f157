//! What a board *is*, independent of any database, socket or clock.
//!
//! Everything here is pure: time, randomness and what stands are passed in, and the same input
//! gives the same bytes. That is what lets the server, the simulator and the tests run one and the
//! same code.
//!
//! - [`model`]: boards, lists and tasks as plain data, and the types their fields are made of
//! - [`rank`]: where a thing stands among its neighbours
//! - [`protocol`]: what may be asked ([`protocol::Command`]), what happened ([`protocol::Event`]),
//!   and why not ([`protocol::Refusal`])
//! - [`access`]: who asks, what they may, and what is told of them
//! - [`people`]: accounts as plain data, and what may be asked of them
//! - [`rules`]: all business rules: [`rules::decide`] and [`rules::apply`]
//! - [`frame`]: an event's bytes on the wire, made once
//! - [`cursor`]: a place in one board's history
//! - [`limits`]: every cap in the product, with its reason

pub mod access;
pub mod cursor;
pub mod frame;
pub mod limits;
pub mod model;
pub mod people;
pub mod protocol;
pub mod rank;
pub mod rules;
mod schema;
