//! The simulated partners against their documentation, through HTTP.

#[cfg(test)]
mod authorize;
#[cfg(test)]
mod client;
#[cfg(test)]
mod control;
#[cfg(test)]
mod fatsecret;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod fitbit;
#[cfg(test)]
mod google_health;
#[cfg(test)]
mod google_health_tokens;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod moves;
#[cfg(test)]
mod notifications;
#[cfg(test)]
mod runkeeper;
#[cfg(test)]
mod runkeeper_writing;
#[cfg(test)]
mod strava;
#[cfg(test)]
mod strict_rotation;
#[cfg(test)]
mod withings_data;
#[cfg(test)]
mod withings_tokens;
