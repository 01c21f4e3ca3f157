//! The server as a user meets it: real HTTP and real event streams on loopback ports. One binary, so
//! that it links once; each module holds what one part of the wire contract promises.

mod app;
mod assets;
mod backup;
mod bad_input;
mod bench;
mod bodies;
mod child;
mod churn;
mod cli;
mod crash;
mod drain;
mod faults;
mod flags;
mod founding;
mod guard;
mod load;
mod merged;
mod movers;
mod moves;
mod outages;
mod pages;
mod program;
mod property;
mod proxies;
mod races;
mod raw;
mod restore;
mod safe_writes;
mod second;
mod stall;
mod stream;
mod switching;
mod takeover;
mod things;
mod wire;
