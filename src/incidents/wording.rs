//! What each scenario means, and what mends it.

use super::IncidentCode;

/// An incident in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wording {
    /// What it means.
    pub sentence: String,
    /// What mends it.
    pub mend: String,
}

/// The words for a scenario. `title` is the partner's display name, `name` its name in settings.
pub fn wording(code: IncidentCode, title: &str, name: &str, detail: Option<&str>) -> Wording {
    let what =
        |otherwise: &'static str| detail.filter(|text| !text.is_empty()).unwrap_or(otherwise);
    let connect = format!("POST /v1/users/{{user}}/connections/{name}/authorize");
    let (sentence, mend) = match code {
        IncidentCode::AuthorizationRevoked => (
            format!("{title} does not accept this user's grant any more: it was revoked, or has expired. Nothing is polled or pushed; what is here stays."),
            format!("Let the user connect again: {connect} gives the link."),
        ),
        IncidentCode::ScopeMissing => (
            format!("The user did not grant {title} access to everything: {} is switched off.", what("some of it")),
            format!("Let the user connect again and leave every permission ticked ({connect}), or switch the kind off for good: PATCH /v1/users/{{user}}/connections/{name}."),
        ),
        IncidentCode::PartnerDown => (
            format!("{title} fails for everybody. Scheduled polls are paused, and one at a time tries whether it is back; nothing is lost."),
            format!("Nothing needs to be done if {title} has an outage: it is tried again at least every ten minutes. Otherwise see whether this machine reaches it, and the addresses in partners.{name}."),
        ),
        IncidentCode::LimitExhausted => (
            format!("A limit of {title} is used up: {}. Syncs wait until it allows more calls.", what("it asked us to wait")),
            format!("It passes by itself. If it comes back, ask {title} for a higher limit and set partners.{name}.limits, or poll less often with scheduler.groups. A wait of days that {title} asked for by mistake is ended by DELETE /v1/partners/{name}/wait."),
        ),
        IncidentCode::QuotaTooSmall => (
            format!("The limits of {title} are too small for its users: {}. Polls come later than their intervals.", what("they need more calls than are allowed")),
            format!("Ask {title} for a higher limit and set partners.{name}.limits, or poll less often with scheduler.groups."),
        ),
        IncidentCode::PayloadNotUnderstood => (
            format!("An answer of {title} does not have the documented form ({}). What it contains is not here; it is read again with each sync, and nothing is skipped.", what("a feed")),
            format!("If it does not pass within hours, {title} has changed its API: update Syncwell. The log has the form of the answer, without its values."),
        ),
        IncidentCode::RecordRefused => (
            format!("{title} showed records that are not plausible or cannot be read ({}). They are left out, and everything else is here.", what("a feed")),
            "The timeline, GET /v1/users/{user}/syncs, names them with the reason. Let the user correct them at the partner; if they are right, the rules need a correction.".to_owned(),
        ),
        IncidentCode::ItemStillWaiting => (
            format!("A change still waits to be pushed to {title} although pushes ran that should have sent it."),
            "GET /v1/users/{user}/records/{id} says in `partners` why the last try failed. It is tried again by itself; a change of the record starts over.".to_owned(),
        ),
        IncidentCode::PushRefused => (
            format!("{title} refuses a change of a record. It is not sent again until the record changes."),
            "GET /v1/users/{user}/records/{id} has the reason in `partners`. Correct the record: PUT /v1/users/{user}/records/{id}.".to_owned(),
        ),
        IncidentCode::NotificationsSilent => (
            format!("{title} sends no notifications although there must be news. Polling found, or will find, what they should have said."),
            format!("See that {title} reaches server.public_url from outside, at /notifications/{name}/. The subscription is checked and repaired daily."),
        ),
        IncidentCode::WebhookFailing => (
            format!("A webhook endpoint does not accept deliveries{}. They are kept, tried again for three days, and stay in order.", detail.map(|why| format!(": {why}")).unwrap_or_default()),
            "See why in GET /v1/webhook-endpoints/{id}/deliveries, and mend the receiver; POST /v1/webhook-endpoints/{id}/replay sends again what was given up.".to_owned(),
        ),
        IncidentCode::ClockSkew => (
            format!("This machine's clock is ahead of {title}'s ({}). Cursors stay where they are until both agree, and everything is read again each time.", what("by more than an hour")),
            "Set this machine's clock, and keep it right with NTP (`timedatectl set-ntp true`).".to_owned(),
        ),
        IncidentCode::AccountChanged => (
            format!("The user connected another account of {title} than before. It was read from the beginning; records of the former account stay here, and are not pushed to the new one."),
            format!("Nothing, if the user meant it. Otherwise let the user connect the former account again: {connect}."),
        ),
        IncidentCode::AccountShared => (
            format!("Several users are connected to one account of {title}: {}. Each gets the same data.", what("see its connections")),
            format!("Nothing, if they share it on purpose. Otherwise disconnect the one whose account it is not: DELETE /v1/users/{{user}}/connections/{name}."),
        ),
        IncidentCode::ConnectionEnded => (
            format!("{title} has ended its service. Nothing is polled or pushed any more; all records stay here."),
            format!("Tell your users, and remove {name} from installed_partners. If the service lives on, a new connect starts it again: {connect}."),
        ),
    };
    Wording { sentence, mend }
}

/// The kinds in the names of their switches, in words: `polling weight, pushing exercise`.
pub(crate) fn switches_in_words(properties: &[String]) -> String {
    let word = |name: &String| match name.split_once('.') {
        Some(("poll", kind)) => format!("polling {kind}"),
        Some(("push", kind)) => format!("pushing {kind}"),
        _ => name.clone(),
    };
    properties.iter().map(word).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_says_what_it_means_and_names_what_mends_it() {
        for code in IncidentCode::ALL {
            for detail in [None, Some("100 reads in 15m")] {
                let words = wording(*code, "Strava", "strava", detail);
                for text in [&words.sentence, &words.mend] {
                    let ends = text.ends_with(['.', '`']);
                    assert!(ends && text.len() > 40 && !text.contains("  "), "{code:?}: {text}");
                }
                let names_a_remedy = ["/v1/", "partners.", "server.", "update", "timedatectl"];
                assert!(
                    names_a_remedy.iter().any(|it| words.mend.contains(it)),
                    "{code:?}: {words:?}"
                );
            }
        }
    }

    #[test]
    fn what_exactly_is_in_the_sentence_where_it_is_known() {
        for (code, detail) in [
            (IncidentCode::LimitExhausted, "100 reads in 15m"),
            (IncidentCode::QuotaTooSmall, "it is enough for about 14 users"),
            (IncidentCode::ScopeMissing, "polling weight"),
            (IncidentCode::ClockSkew, "3 h"),
            (IncidentCode::WebhookFailing, "HTTP 500"),
        ] {
            let words = wording(code, "Strava", "strava", Some(detail));
            assert!(words.sentence.contains(detail), "{words:?}");
        }
    }

    #[test]
    fn the_notifications_and_webhooks_that_others_report_have_words() {
        let silent = wording(IncidentCode::NotificationsSilent, "Withings", "withings", None);
        assert!(
            silent.mend.contains("server.public_url")
                && silent.mend.contains("/notifications/withings/")
        );
        let failing = wording(IncidentCode::WebhookFailing, "", "", Some("HTTP 500"));
        assert!(
            failing.sentence.contains("HTTP 500") && failing.mend.contains("/replay"),
            "{failing:?}"
        );
    }

    #[test]
    fn switches_are_named_by_direction_and_kind() {
        let names = ["poll.weight".to_owned(), "push.exercise".to_owned()];
        assert_eq!(switches_in_words(&names), "polling weight, pushing exercise");
    }
}
