//! One user: found by id, with connections, records over time and what happened.

pub(in crate::web) mod chart;
pub(in crate::web) mod condition;
pub(in crate::web) mod detail;
pub(in crate::web) mod list;
mod near;
pub(in crate::web) mod record;
