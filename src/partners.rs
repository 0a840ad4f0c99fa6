//! The catalog of partners: one line each.

use std::sync::Arc;

use partner_sdk::Partner;

/// Every partner that can be installed.
pub fn catalog() -> Vec<Arc<dyn Partner>> {
    vec![
        Arc::new(partner_fatsecret::FatSecret),
        Arc::new(partner_fitbit::Fitbit),
        Arc::new(partner_google_health::GoogleHealth),
        Arc::new(partner_moves::Moves),
        Arc::new(partner_runkeeper::RunKeeper),
        Arc::new(partner_strava::Strava),
        Arc::new(partner_withings::Withings),
    ]
}
