//! The server as a user meets it: real HTTP and real event streams on loopback ports. One binary, so
//! that it links once; each module holds what one part of the wire contract promises.

mod app;
mod backup;
mod founding;
mod stream;
