//! Query parameters of calls that take none.

use serde::Deserialize;

/// For calls without query parameters; any that is sent is refused by name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoParameters {}
