//! What is open as an administrator looks at it: whom it needs, and one line for a thousand users.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Incident, IncidentCode};
use crate::figures::with_separators;
use crate::model::named;

/// An outage of a partner that lasts for longer than this is perhaps none.
const LONG_OUTAGE: TimeDelta = TimeDelta::days(1);

named! {
    /// Whom it needs that something is mended.
    pub enum Needs {
        /// The administrator.
        You = "you",
        /// The users whom it concerns.
        Users = "users",
        /// Nobody: it passes by itself.
        Nobody = "nobody",
    }
}

/// The open incidents of one scenario at one partner, or of one webhook endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentGroup {
    /// The scenario.
    pub code: IncidentCode,
    /// The partner, if they concern one.
    pub partner: Option<String>,
    /// The webhook endpoint, if they concern one.
    pub endpoint: Option<String>,
    /// How many they are.
    pub incidents: i64,
    /// How many users they concern.
    pub users: i64,
    /// How often they were seen.
    pub times: i64,
    /// When the first began.
    pub first_at: DateTime<Utc>,
    /// When one was last seen.
    pub last_at: DateTime<Utc>,
    /// Some of them, the latest to begin.
    pub latest: Vec<Incident>,
}

/// Whom a scenario needs that has been going on since then.
pub fn needs(code: IncidentCode, since: DateTime<Utc>, now: DateTime<Utc>) -> Needs {
    match code {
        IncidentCode::PartnerDown if now - since > LONG_OUTAGE => Needs::You,
        IncidentCode::PartnerDown
        | IncidentCode::LimitExhausted
        | IncidentCode::ItemStillWaiting => Needs::Nobody,
        IncidentCode::AuthorizationRevoked
        | IncidentCode::ScopeMissing
        | IncidentCode::RecordRefused
        | IncidentCode::AccountChanged
        | IncidentCode::AccountShared => Needs::Users,
        IncidentCode::QuotaTooSmall
        | IncidentCode::PayloadNotUnderstood
        | IncidentCode::PushRefused
        | IncidentCode::NotificationsSilent
        | IncidentCode::WebhookFailing
        | IncidentCode::ClockSkew
        | IncidentCode::ConnectionEnded => Needs::You,
    }
}

/// What is wrong, as a heading. `title` is the partner's display name.
pub fn heading(code: IncidentCode, title: &str, users: i64) -> String {
    let users = match users {
        0 | 1 => "One user".to_owned(),
        users => format!("{} users", with_separators(users)),
    };
    match code {
        IncidentCode::AuthorizationRevoked => format!("{users} must reconnect {title}"),
        IncidentCode::ScopeMissing => format!("{users} did not allow everything at {title}"),
        IncidentCode::PartnerDown => format!("{title} does not answer as it should"),
        IncidentCode::LimitExhausted => format!("{title}’s limit is used up"),
        IncidentCode::QuotaTooSmall => format!("{title}’s limit is too small for its users"),
        IncidentCode::PayloadNotUnderstood => {
            format!("{title} sends answers that are not understood")
        }
        IncidentCode::RecordRefused => format!("{title} shows records that are not plausible"),
        IncidentCode::ItemStillWaiting => format!("Changes still wait to be sent to {title}"),
        IncidentCode::PushRefused => format!("{title} refuses changes"),
        IncidentCode::NotificationsSilent => format!("{title} sends no notifications"),
        IncidentCode::WebhookFailing => "A webhook endpoint does not take events".to_owned(),
        IncidentCode::ClockSkew => format!("This machine’s clock is ahead of {title}’s"),
        IncidentCode::AccountChanged => format!("{users} connected another account of {title}"),
        IncidentCode::AccountShared => format!("Several users share an account of {title}"),
        IncidentCode::ConnectionEnded => format!("{title} has ended its service"),
    }
}

impl IncidentCode {
    /// Its kind in a few words.
    pub fn kind(self) -> &'static str {
        match self {
            Self::AuthorizationRevoked => "Access lost",
            Self::ScopeMissing => "Not everything granted",
            Self::PartnerDown => "Partner down",
            Self::LimitExhausted => "Limit used up",
            Self::QuotaTooSmall => "Limit too small",
            Self::PayloadNotUnderstood => "Unknown answers",
            Self::RecordRefused => "Refused records",
            Self::ItemStillWaiting => "Changes that wait",
            Self::PushRefused => "Refused changes",
            Self::NotificationsSilent => "Silent notifications",
            Self::WebhookFailing => "Webhooks",
            Self::ClockSkew => "Clock",
            Self::AccountChanged => "Other account",
            Self::AccountShared => "Shared account",
            Self::ConnectionEnded => "Service ended",
        }
    }
}

impl IncidentGroup {
    /// The only one of them, if it is only one.
    pub fn only(&self) -> Option<&Incident> {
        self.latest.first().filter(|_| self.incidents == 1)
    }

    /// Whom it needs.
    pub fn needs(&self, now: DateTime<Utc>) -> Needs {
        needs(self.code, self.first_at, now)
    }

    /// What is wrong, as a heading. `title` is the partner's display name.
    pub fn heading(&self, title: &str) -> String {
        heading(self.code, title, self.users)
    }

    /// What mends it, in a sentence or two. `name` is the partner's name in settings.
    pub fn remedy(&self, title: &str, name: &str) -> String {
        match self.code {
            IncidentCode::AuthorizationRevoked => {
                "They open a new link and allow the access again. Nothing is lost: what came meanwhile is read then.".to_owned()
            }
            IncidentCode::ScopeMissing => {
                "They connect again and leave every permission ticked, or the kind is switched off for good. Everything else comes.".to_owned()
            }
            IncidentCode::PartnerDown => format!(
                "Nothing to do while {title} has an outage: one call at a time tries it, at least every ten minutes, and what was missed is then read. If it lasts, see whether this machine reaches {title}."
            ),
            IncidentCode::LimitExhausted => {
                "Nothing to do. Syncs wait until the limit allows more calls; nothing is lost.".to_owned()
            }
            IncidentCode::QuotaTooSmall => format!(
                "Ask {title} for a higher limit and set partners.{name}.limits, or let quiet users be polled less often with scheduler.groups."
            ),
            IncidentCode::PayloadNotUnderstood => format!(
                "If it does not pass within hours, {title} has changed its API: update Syncwell. It is read again with each sync, and nothing is skipped."
            ),
            IncidentCode::RecordRefused => format!(
                "They correct the records at {title}; the timeline names each with the reason. Everything else is here."
            ),
            IncidentCode::ItemStillWaiting => {
                "Nothing to do: they are tried again by themselves. The errors say why the last try failed.".to_owned()
            }
            IncidentCode::PushRefused => {
                "Let your app correct the records; the errors have the reason of each. They are not sent again until they change.".to_owned()
            }
            IncidentCode::NotificationsSilent => format!(
                "See that {title} reaches server.public_url from outside, at /notifications/{name}/. Polls find the data meanwhile, later."
            ),
            IncidentCode::WebhookFailing => {
                "Mend the endpoint. The events are kept and go out in order as soon as it answers.".to_owned()
            }
            IncidentCode::ClockSkew => {
                "Set this machine’s clock, and keep it right with NTP (timedatectl set-ntp true).".to_owned()
            }
            IncidentCode::AccountChanged => {
                "Nothing, if they meant it. Otherwise they connect the former account again.".to_owned()
            }
            IncidentCode::AccountShared => {
                "Nothing, if they share it on purpose. Otherwise the one whose account it is not disconnects.".to_owned()
            }
            IncidentCode::ConnectionEnded => format!(
                "Tell your users, and remove {name} from installed_partners. All records stay here."
            ),
        }
    }
}

/// How things are, as a title: "Two things need you", and what else there is in a sentence.
pub fn title(open: &[Needs]) -> (String, String) {
    let count = |wanted| open.iter().filter(|needs| **needs == wanted).count();
    let (you, users, nobody) = (count(Needs::You), count(Needs::Users), count(Needs::Nobody));
    let title = match (you, users, nobody) {
        (0, 0, 0) => "All is well".to_owned(),
        (0, ..) => "Nothing needs you".to_owned(),
        (1, ..) => "One thing needs you".to_owned(),
        (you, ..) => format!("{} things need you", capital(&in_words(you))),
    };
    let mut sentences = Vec::new();
    match users {
        0 => {}
        1 => sentences.push("One thing needs users.".to_owned()),
        users => sentences.push(format!("{} things need users.", capital(&in_words(users)))),
    }
    match nobody {
        0 => {}
        1 => sentences.push("One thing mends itself.".to_owned()),
        nobody => sentences.push(format!("{} things mend themselves.", capital(&in_words(nobody)))),
    }
    (title, sentences.join(" "))
}

fn in_words(number: usize) -> String {
    const WORDS: [&str; 13] = [
        "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
        "eleven", "twelve",
    ];
    WORDS.get(number).map_or_else(|| number.to_string(), |word| (*word).to_owned())
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + letters.as_str()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(code: IncidentCode, users: i64) -> IncidentGroup {
        IncidentGroup {
            code,
            partner: Some("strava".into()),
            endpoint: None,
            incidents: users.max(1),
            users,
            times: 1,
            first_at: DateTime::UNIX_EPOCH,
            last_at: DateTime::UNIX_EPOCH,
            latest: Vec::new(),
        }
    }

    #[test]
    fn every_scenario_has_a_heading_and_a_remedy_in_plain_words() {
        for code in IncidentCode::ALL {
            for users in [1, 1_204] {
                let group = group(*code, users);
                let heading = group.heading("Strava");
                assert!(!heading.ends_with('.') && heading.len() < 60, "{heading}");
                let is_of_partner = heading.contains("Strava");
                assert!(is_of_partner || *code == IncidentCode::WebhookFailing, "{heading}");
                let remedy = group.remedy("Strava", "strava");
                assert!(remedy.ends_with(['.', ')']) && !remedy.contains("  "), "{remedy}");
            }
        }
        let revoked = group(IncidentCode::AuthorizationRevoked, 1_204);
        assert_eq!(revoked.heading("Strava"), "1,204 users must reconnect Strava");
        let revoked = group(IncidentCode::AuthorizationRevoked, 1);
        assert_eq!(revoked.heading("Strava"), "One user must reconnect Strava");
    }

    #[test]
    fn an_outage_of_days_needs_somebody() {
        let down = group(IncidentCode::PartnerDown, 5);
        let after = |hours| DateTime::UNIX_EPOCH + TimeDelta::hours(hours);
        assert_eq!(down.needs(after(2)), Needs::Nobody);
        assert_eq!(down.needs(after(30)), Needs::You);
    }

    #[test]
    fn the_title_is_the_answer() {
        use Needs::{Nobody, Users, You};
        for (open, expected, sentence) in [
            (vec![], "All is well", ""),
            (vec![You, You, Nobody], "Two things need you", "One thing mends itself."),
            (vec![You], "One thing needs you", ""),
            (
                vec![Users, Users, Nobody, Nobody, Nobody],
                "Nothing needs you",
                "Two things need users. Three things mend themselves.",
            ),
            (vec![You; 13], "13 things need you", ""),
        ] {
            assert_eq!(title(&open), (expected.to_owned(), sentence.to_owned()));
        }
    }
}
