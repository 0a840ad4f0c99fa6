//! Checks for values that parse but make no sense.

use std::collections::HashSet;
use std::net::ToSocketAddrs;
use std::time::Duration;

use url::Url;

use super::{Mistake, Partner, Settings, checked_url};

/// The longest time for which calls may land late.
const LONGEST_LATE: Duration = Duration::from_secs(3_600);

/// The shortest duration that is used for anything.
const LEAST: Duration = Duration::from_millis(10);

/// The longest time for which a token of a stream may be valid.
const LONGEST_TOKEN: Duration = Duration::from_secs(24 * 60 * 60);

impl Settings {
    /// The values that make no sense, with what mends them.
    pub fn problems(&self) -> Vec<Mistake> {
        let mut found = Vec::new();
        self.check_server(&mut found);
        self.check_connect(&mut found);
        self.check_numbers(&mut found);
        self.check_groups(&mut found);
        self.check_streams(&mut found);
        self.check_traces(&mut found);
        let mut seen = HashSet::new();
        for name in &self.installed_partners {
            if !seen.insert(name) {
                let text = format!("installed_partners names `{name}` twice; remove one");
                found.push(self.mistake("installed_partners", text));
            }
        }
        for (name, partner) in &self.partners {
            self.check_partner(name, partner, &mut found);
        }
        found
    }

    fn check_server(&self, found: &mut Vec<Mistake>) {
        let server = &self.server;
        if let Err(error) = server.listen.to_socket_addrs() {
            let text = format!(
                "server.listen = \"{}\": {error}; write an address and a port, e.g. 127.0.0.1:8080",
                server.listen
            );
            found.push(self.mistake("server.listen", text));
        }
        if let Err(text) = checked_url("server.public_url", &server.public_url) {
            found.push(self.mistake("server.public_url", text));
        }
        for url in &server.return_urls {
            let parsed = Url::parse(url).ok().filter(|_| url.contains("://"));
            let why = match parsed {
                Some(url) if !matches!(url.scheme(), "http" | "https") => "use http or https",
                Some(url) if url.query().is_some() || url.fragment().is_some() => {
                    "addresses are compared up to their path; remove what follows `?` or `#`"
                }
                Some(_) => continue,
                None => {
                    "no return_url can begin with it; write the whole beginning, e.g. \
                     https://app.example.com/health"
                }
            };
            let text = format!("server.return_urls has \"{url}\": {why}");
            found.push(self.mistake("server.return_urls", text));
        }
    }

    fn check_streams(&self, found: &mut Vec<Mistake>) {
        for origin in &self.streams.origins {
            let parsed = Url::parse(origin).ok().map(|url| url.origin().ascii_serialization());
            if parsed.as_ref() != Some(origin) {
                let text = format!(
                    "streams.origins has \"{origin}\": write it as browsers send it, with its scheme \
                     and without a path, e.g. https://app.example.com"
                );
                found.push(self.mistake("streams.origins", text));
            }
        }
        if self.streams.token_lifetime > LONGEST_TOKEN {
            let text = "streams.token_lifetime must be at most 1d: a token cannot be taken back";
            found.push(self.mistake("streams.token_lifetime", text));
        }
    }

    fn check_traces(&self, found: &mut Vec<Mistake>) {
        let endpoint = &self.traces.endpoint;
        let url = Url::parse(endpoint).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        if !endpoint.is_empty() && url.is_none() {
            let text = format!(
                "traces.endpoint = \"{endpoint}\": write the address of a collector that takes OTLP over \
                 HTTP, e.g. http://127.0.0.1:4318"
            );
            found.push(self.mistake("traces.endpoint", text));
        } else if !endpoint.is_empty() && !cfg!(feature = "otel") {
            let text =
                "traces.endpoint is set, but this program was built without the feature otel";
            found.push(self.mistake("traces.endpoint", text));
        }
        let ratio = self.traces.sample_ratio;
        if !(0.0..=1.0).contains(&ratio) {
            let text = format!("traces.sample_ratio = {ratio} must be from 0 to 1");
            found.push(self.mistake("traces.sample_ratio", text));
        }
    }

    fn check_numbers(&self, found: &mut Vec<Mistake>) {
        let scheduler = &self.scheduler;
        let durations = [
            ("scheduler.call_timeout", scheduler.call_timeout),
            ("scheduler.page_timeout", scheduler.page_timeout),
            ("scheduler.demote_after", scheduler.demote_after),
            ("scheduler.retry_switched_off", scheduler.retry_switched_off),
            ("server.body_timeout", self.server.body_timeout),
            ("events.timeout", self.events.timeout),
            ("streams.token_lifetime", self.streams.token_lifetime),
        ];
        for (key, _) in durations.iter().filter(|(_, duration)| *duration < LEAST) {
            found.push(self.mistake(key, format!("{key} must be at least 10ms")));
        }
        if scheduler.late_calls > LONGEST_LATE {
            let text = "scheduler.late_calls must be at most 1h";
            found.push(self.mistake("scheduler.late_calls", text));
        }
        let counts = [
            ("scheduler.max_busy", scheduler.max_busy),
            ("server.workers", self.server.workers),
            ("database.readers", self.database.readers as usize),
        ];
        for (key, _) in counts.iter().filter(|(_, count)| *count == 0) {
            found.push(self.mistake(key, format!("{key} must be at least 1")));
        }
        if !(0.0..=1.0).contains(&scheduler.jitter) {
            let text = format!("scheduler.jitter = {} must be from 0 to 1", scheduler.jitter);
            found.push(self.mistake("scheduler.jitter", text));
        }
    }

    fn check_groups(&self, found: &mut Vec<Mistake>) {
        let groups = &self.scheduler.groups;
        let text = if groups.is_empty() {
            "scheduler.groups is empty; name at least one interval, e.g. [\"5m\"]"
        } else if groups.iter().any(|interval| *interval < LEAST) {
            "scheduler.groups: each interval must be at least 10ms"
        } else if !groups.is_sorted_by(|left, right| left < right) {
            "scheduler.groups: write the intervals from the shortest to the longest, each once"
        } else {
            return;
        };
        found.push(self.mistake("scheduler.groups", text));
    }

    fn check_partner(&self, name: &str, partner: &Partner, found: &mut Vec<Mistake>) {
        let key = format!("partners.{name}.limits");
        let limits = || partner.limits.iter().flatten();
        if limits().any(|limit| limit.calls == 0 || limit.per < LEAST) {
            let text = format!("{key}: calls must be at least 1 and per at least 10ms");
            found.push(self.mistake(&key, text));
        }
        // State is stored by these three, so both limits would share one state.
        let mut seen = HashSet::new();
        let mut names =
            limits().map(|limit| format!("{:?}", (limit.scope, limit.per, limit.counts)));
        if !names.all(|name| seen.insert(name)) {
            let text =
                format!("{key} has two limits with the same per, scope and counts; remove one");
            found.push(self.mistake(&key, text));
        }
    }
}

#[cfg(test)]
mod tests {
    use partner_sdk::{Counts, LimitScope, WindowKind};

    use super::*;
    use crate::settings::LimitSetting;

    /// The problems of the defaults with one change.
    fn problems(change: impl FnOnce(&mut Settings)) -> Vec<String> {
        let mut settings = Settings::default();
        change(&mut settings);
        settings.problems().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(problems(|_| ()), Vec::<String>::new());
    }

    #[test]
    fn each_value_that_makes_no_sense_is_reported_once_with_its_key() {
        let seconds = |list: &[u64]| list.iter().copied().map(Duration::from_secs).collect();
        type Change<'a> = &'a dyn Fn(&mut Settings);
        let changes: &[(&str, Change<'_>)] = &[
            ("server.listen", &|it| it.server.listen = "127.0.0.1".into()),
            ("server.public_url", &|it| it.server.public_url = "sync.example.com".into()),
            ("server.return_urls", &|it| it.server.return_urls = vec!["app.example.com".into()]),
            ("server.return_urls", &|it| it.server.return_urls = vec!["app:done".into()]),
            ("server.return_urls", &|it| {
                it.server.return_urls = vec!["https://app.example.com/?x=1".into()];
            }),
            ("server.workers", &|it| it.server.workers = 0),
            ("server.body_timeout", &|it| it.server.body_timeout = Duration::ZERO),
            ("database.readers", &|it| it.database.readers = 0),
            ("scheduler.groups", &|it| it.scheduler.groups = seconds(&[])),
            ("scheduler.groups", &|it| it.scheduler.groups = seconds(&[0])),
            ("scheduler.groups", &|it| it.scheduler.groups = seconds(&[20, 5])),
            ("scheduler.groups", &|it| it.scheduler.groups = seconds(&[5, 5])),
            ("scheduler.jitter", &|it| it.scheduler.jitter = -3.0),
            ("scheduler.jitter", &|it| it.scheduler.jitter = f64::NAN),
            ("scheduler.max_busy", &|it| it.scheduler.max_busy = 0),
            ("scheduler.call_timeout", &|it| it.scheduler.call_timeout = Duration::ZERO),
            ("scheduler.late_calls", &|it| it.scheduler.late_calls = Duration::MAX),
            ("streams.origins", &|it| it.streams.origins = vec!["https://a.example/".into()]),
            ("streams.origins", &|it| it.streams.origins = vec!["app.example".into()]),
            ("streams.origins", &|it| it.streams.origins = vec!["*".into()]),
            ("streams.token_lifetime", &|it| it.streams.token_lifetime = Duration::ZERO),
            ("streams.token_lifetime", &|it| {
                it.streams.token_lifetime = LONGEST_TOKEN + Duration::from_secs(1);
            }),
            ("installed_partners", &|it| it.installed_partners = vec!["x".into(), "x".into()]),
        ];
        for (key, change) in changes {
            let found = problems(change);
            assert!(found.len() == 1 && found[0].contains(key), "{key}: {found:?}");
        }
    }

    #[test]
    fn limits_must_allow_calls_and_differ() {
        let limit = LimitSetting {
            calls: 5,
            per: Duration::from_secs(60),
            scope: LimitScope::App,
            window: WindowKind::Sliding,
            counts: Counts::All,
        };
        let reads = LimitSetting { counts: Counts::Reads, ..limit };
        let each = LimitSetting { scope: LimitScope::Connection, ..limit };
        let again = LimitSetting { calls: 9, window: WindowKind::Fixed, ..limit };
        let none = LimitSetting { calls: 0, ..limit };
        for (limits, expected) in [
            (vec![limit, reads, each], None),
            (vec![limit, again], Some("two limits")),
            (vec![none], Some("at least 1")),
        ] {
            let found = problems(|settings| {
                let partner = Partner { limits: Some(limits), ..Partner::default() };
                settings.partners.insert("withings".into(), partner);
            });
            let text = found.join("\n");
            assert_eq!(found.len(), usize::from(expected.is_some()), "{text}");
            assert!(text.contains(expected.unwrap_or_default()), "{text}");
        }
    }
}
