//! How a connection and a user are, in words.

use crate::explain::{Explanation, Reason};
use crate::incidents::IncidentCode;
use crate::model::{Condition, Connection, Status, UserId};

/// How a connection is, by the most likely cause of what its data does.
pub(in crate::web) fn of(connection: &Connection, explanation: Option<&Explanation>) -> Condition {
    let Some(explanation) = explanation else { return Condition::NotInstalled };
    match connection.status {
        Status::NeedsReconnect => return Condition::MustReconnect,
        Status::Disconnected => return Condition::Disconnected,
        Status::Ended => return Condition::Ended,
        Status::Connected => {}
    }
    let first = explanation.causes.first().map_or("", |cause| cause.code);
    let has = |code: IncidentCode| first == code.name();
    match () {
        () if first == Reason::Restarting.name() => Condition::Restarting,
        () if first == Reason::FirstSync.name() => Condition::FirstSync,
        () if first == Reason::Failing.name() || has(IncidentCode::PayloadNotUnderstood) => {
            Condition::Failing
        }
        () if has(IncidentCode::PartnerDown) => Condition::PartnerDown,
        () if has(IncidentCode::LimitExhausted) => Condition::WaitsForLimit,
        () => Condition::Working,
    }
}

/// The same from what is stored alone, for lists.
pub(in crate::web) fn stored(connection: &Connection) -> Condition {
    match connection.status {
        Status::NeedsReconnect => Condition::MustReconnect,
        Status::Disconnected => Condition::Disconnected,
        Status::Ended => Condition::Ended,
        Status::Connected => match &connection.last_error {
            Some(error) if error.waiting_for.is_some() => Condition::WaitsForLimit,
            Some(_) if connection.failures > 0 => Condition::Failing,
            _ if connection.last_poll_at.is_none() => Condition::FirstSync,
            _ => Condition::Working,
        },
    }
}

/// The answer to "how is this user", in one sentence without a full stop.
pub(in crate::web) fn headline(
    user: &UserId,
    connections: &[(Condition, &str)],
    begun: &[&str],
    has_records: bool,
) -> String {
    let with = |wanted: &[Condition]| -> Vec<&str> {
        connections.iter().filter(|(it, _)| wanted.contains(it)).map(|(_, title)| *title).collect()
    };
    let services = |titles: &[&str]| match titles {
        [one] => (*one).to_owned(),
        [one, other] => format!("{one} and {other}"),
        more => format!("{} services", more.len()),
    };
    let must = with(&[Condition::MustReconnect]);
    if !must.is_empty() {
        return format!("{user} must reconnect {}", services(&must));
    }
    let fail = with(&[Condition::PartnerDown, Condition::Failing]);
    if !fail.is_empty() {
        return format!("{user}’s data from {} is late", services(&fail));
    }
    let wait = with(&[Condition::WaitsForLimit, Condition::Restarting]);
    if !wait.is_empty() {
        return format!("{user}’s data from {} waits", services(&wait));
    }
    let first = with(&[Condition::FirstSync]);
    if !first.is_empty() {
        return format!("{user}’s past is being read from {}", services(&first));
    }
    let works = with(&[Condition::Working]);
    if !works.is_empty() {
        return format!("{user}’s data comes from {}", services(&works));
    }
    match (connections, begun, has_records) {
        ([], [], true) => format!("{user} has records of the app, and no connections"),
        ([], [], false) => format!("{user} has no connections"),
        ([], begun, _) => format!("{user} never finished connecting {}", services(begun)),
        _ => format!("{user} is connected to nothing now"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headline_is_what_matters_most() {
        use Condition::{Disconnected, Failing, FirstSync, MustReconnect, WaitsForLimit, Working};
        let ann = UserId::stored("ann");
        for (connections, words) in [
            (&[(Working, "Strava"), (MustReconnect, "Withings")][..], "must reconnect Withings"),
            (&[(Working, "Strava"), (Failing, "Polar")], "’s data from Polar is late"),
            (&[(WaitsForLimit, "Strava"), (Working, "Polar")], "’s data from Strava waits"),
            (&[(FirstSync, "Strava")], "’s past is being read from Strava"),
            (
                &[(Working, "Strava"), (Disconnected, "Polar"), (Working, "Withings")],
                "’s data comes from Strava and Withings",
            ),
            (&[(Disconnected, "Polar")], " is connected to nothing now"),
        ] {
            let headline = headline(&ann, connections, &[], true);
            assert!(headline.starts_with("ann") && headline.ends_with(words), "{headline}");
        }
        assert_eq!(headline(&ann, &[], &["Polar"], false), "ann never finished connecting Polar");
    }
}
