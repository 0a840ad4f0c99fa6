//! What hostile or broken callers send, and what it must not cost.

mod headers;
mod tokens;

const RECORDS: &str = "/v1/users/ann/records";

/// A key in the form of a key that nobody has.
const MADE_UP: &str = "sw_app_0123456789ab_0123456789abcdef0123456789abcdef";
