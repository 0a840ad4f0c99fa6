//! Checks for values that parse but make no sense.

use std::collections::HashSet;
use std::time::Duration;

use super::Settings;

impl Settings {
    /// The values that make no sense, one sentence each, with their key.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let scheduler = &self.scheduler;
        let least = Duration::from_millis(10);
        if scheduler.groups.is_empty() {
            problems.push("scheduler.groups is empty; name at least one interval".to_owned());
        }
        let durations = [
            ("scheduler.groups", scheduler.groups.iter().min().copied()),
            ("scheduler.call_timeout", Some(scheduler.call_timeout)),
            ("scheduler.page_timeout", Some(scheduler.page_timeout)),
            ("scheduler.demote_after", Some(scheduler.demote_after)),
            ("scheduler.retry_switched_off", Some(scheduler.retry_switched_off)),
            ("server.body_timeout", Some(self.server.body_timeout)),
        ];
        for (key, duration) in durations {
            if duration.is_some_and(|duration| duration < least) {
                problems.push(format!("{key} must be at least 10ms"));
            }
        }
        if !(0.0..=1.0).contains(&scheduler.jitter) {
            problems.push("scheduler.jitter must be from 0 to 1".to_owned());
        }
        if scheduler.max_busy == 0 {
            problems.push("scheduler.max_busy must be at least 1".to_owned());
        }
        let mut seen = HashSet::new();
        for name in &self.installed_partners {
            if !seen.insert(name) {
                problems.push(format!("installed_partners names `{name}` twice"));
            }
        }
        for (name, partner) in &self.partners {
            for limit in partner.limits.iter().flatten() {
                if limit.calls == 0 || limit.per < least {
                    problems.push(format!(
                        "partners.{name}.limits: calls must be at least 1 and per at least 10ms"
                    ));
                }
            }
            // State is stored by these three, so both limits would share one state.
            let limits = partner.limits.iter().flatten();
            let names: Vec<_> =
                limits.map(|limit| (limit.scope, limit.per, limit.counts)).collect();
            if names
                .iter()
                .enumerate()
                .any(|(at, name)| names.iter().skip(at + 1).any(|other| other == name))
            {
                problems.push(format!(
                    "partners.{name}.limits has two limits with the same per, scope and counts; remove one"
                ));
            }
            if partner.client_secret.as_ref().is_some_and(|secret| secret.expose().is_empty()) {
                problems.push(format!("partners.{name}.client_secret is empty"));
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use partner_sdk::{Counts, LimitScope, WindowKind};

    use super::*;
    use crate::settings::{LimitSetting, Partner, Secret};

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(Settings::default().problems(), Vec::<String>::new());
    }

    #[test]
    fn each_invalid_value_is_reported_with_its_key() {
        let mut settings = Settings::default();
        settings.scheduler.groups = vec![Duration::ZERO];
        settings.scheduler.jitter = -3.0;
        settings.scheduler.max_busy = 0;
        settings.scheduler.call_timeout = Duration::ZERO;
        settings.installed_partners = vec!["withings".into(), "withings".into()];
        let limit = LimitSetting {
            calls: 0,
            per: Duration::ZERO,
            scope: Default::default(),
            window: Default::default(),
            counts: Default::default(),
        };
        let partner = Partner {
            limits: Some(vec![limit]),
            client_secret: Some(Secret::new("")),
            ..Partner::default()
        };
        settings.partners.insert("withings".into(), partner);
        let problems = settings.problems().join("\n");
        for key in [
            "scheduler.groups",
            "scheduler.jitter",
            "scheduler.max_busy",
            "scheduler.call_timeout",
            "installed_partners",
            "partners.withings.limits",
            "partners.withings.client_secret",
        ] {
            assert!(problems.contains(key), "{key}: {problems}");
        }
        assert!(!problems.contains("two limits"), "{problems}");
        let limit = LimitSetting { calls: 5, per: Duration::from_secs(60), ..limit };
        let reads = LimitSetting { counts: Counts::Reads, ..limit };
        let each = LimitSetting { scope: LimitScope::Connection, ..limit };
        for (limits, expected) in [
            (vec![limit, reads, each], ""),
            (
                vec![limit, LimitSetting { calls: 9, window: WindowKind::Fixed, ..limit }],
                "two limits",
            ),
        ] {
            let mut settings = Settings::default();
            let partner = Partner { limits: Some(limits), ..Partner::default() };
            settings.partners.insert("withings".into(), partner);
            let problems = settings.problems().join("\n");
            assert!(
                problems.contains(expected) && problems.is_empty() == expected.is_empty(),
                "{problems}"
            );
        }
        settings.scheduler.groups.clear();
        assert!(settings.problems().join("").contains("scheduler.groups is empty"));
    }
}
