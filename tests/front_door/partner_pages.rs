//! Partners as the administrator sees them: what is open, what is left, and pausing one.

mod pausing;
mod report;
