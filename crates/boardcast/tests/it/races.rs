//! Contract 3, cursors: every event after the cursor, once, in order, and on live. Here while others
//! write, come and go, lag, and while retention deletes what a reader has yet to get.

mod attach;
mod lagging;
