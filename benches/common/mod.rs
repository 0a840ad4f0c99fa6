//! Shared by the benches: processes, databases, seeding, the raw client, figures and tables.

pub(crate) mod args;
pub(crate) mod control;
pub(crate) mod counter;
pub(crate) mod daemon;
pub(crate) mod database;
pub(crate) mod http1;
pub(crate) mod inside;
pub(crate) mod machine;
pub(crate) mod process;
pub(crate) mod raw;
pub(crate) mod report;
pub(crate) mod sandbox;
pub(crate) mod seed;
