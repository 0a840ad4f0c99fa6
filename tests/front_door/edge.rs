//! What hostile or broken callers send, and what it must not cost.

mod tokens;
