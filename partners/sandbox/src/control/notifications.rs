//! Control of notifications.

use serde::{Deserialize, Serialize};

use super::{Control, ControlError};
use crate::notifications::{
    Deliveries, EndedBy, Flood, FloodReport, NotificationFaults, Notifies, Subject, Subscription,
    flood, is_web, samples, send,
};
use crate::partner::Partner;

/// The code that Fitbit's console shows for the check of a callback address, unless another is
/// given.
const CODE: &str = "sandbox-verification-code";

/// The most notifications of one flood.
const MOST_IN_A_FLOOD: u32 = 1_000_000;

/// How setting a callback address ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallbackCheck {
    /// Whether the address passed, and is used from now on.
    pub verified: bool,
    /// What came back from each check; empty where the partner checks nothing.
    pub outcomes: Vec<String>,
}

impl Control {
    /// Sets the callback address in the console of a partner that has one (Fitbit, Moves), after the
    /// partner's check of it; `None` removes it.
    ///
    /// # Errors
    /// When there is no such partner, it has no console address, or the address is none.
    pub fn set_callback(
        &self,
        partner: &str,
        url: Option<&str>,
    ) -> Result<CallbackCheck, ControlError> {
        self.set_callback_with(partner, url, None)
    }

    /// The same with another verification code than the sandbox's own,
    /// `sandbox-verification-code`.
    ///
    /// # Errors
    /// As [`Control::set_callback`].
    pub fn set_callback_with(
        &self,
        partner: &str,
        url: Option<&str>,
        code: Option<&str>,
    ) -> Result<CallbackCheck, ControlError> {
        let [partner, url, code] = [Some(partner), url, code].map(|it| it.map(str::to_owned));
        self.wait_for(|control| async move {
            control.check_callback(&partner.unwrap_or_default(), url, code).await
        })
    }

    pub(super) async fn check_callback(
        &self,
        partner: &str,
        url: Option<String>,
        code: Option<String>,
    ) -> Result<CallbackCheck, ControlError> {
        let (partner, wire) = self.notifying(partner)?;
        let address = url.as_deref().unwrap_or("http://localhost/");
        if !is_web(address) {
            return Err(ControlError::Invalid(format!("“{address}” is not a web address")));
        }
        let checks =
            wire.console_checks(address, code.as_deref().unwrap_or(CODE)).ok_or_else(|| {
                ControlError::Invalid(format!(
                    "{} has no address in its console: the application subscribes with a call",
                    partner.wire.title()
                ))
            })?;
        let mut check = CallbackCheck { verified: true, outcomes: Vec::new() };
        if url.is_some() {
            for asked in checks {
                let heard = send(asked.request).await;
                check.verified &= heard.status() == Some(asked.expected);
                check.outcomes.push(heard.words());
            }
        }
        if check.verified {
            let mut state = partner.lock();
            state.notices.set_console(url);
            partner.settle(&mut state, None, EndedBy::User, self.now());
        }
        Ok(check)
    }

    /// The callback address set in the console, if there is one.
    ///
    /// # Errors
    /// When there is no such partner.
    pub fn callback(&self, partner: &str) -> Result<Option<String>, ControlError> {
        Ok(self.partner(partner)?.lock().notices.console.clone())
    }

    /// All subscriptions: of the application, then of its users.
    ///
    /// # Errors
    /// When there is no such partner.
    pub fn subscriptions(&self, partner: &str) -> Result<Vec<Subscription>, ControlError> {
        let state = self.partner(partner)?.lock();
        let mut list = state.notices.of_application.clone();
        let accounts = (0..state.accounts.len()).map(|number| state.notices.of_account(number));
        list.extend(accounts.flatten().cloned());
        Ok(list)
    }

    /// Ends all subscriptions, as a partner does that has had enough of an address; returns how many
    /// there were.
    ///
    /// # Errors
    /// When there is no such partner.
    pub fn end_subscriptions(&self, partner: &str) -> Result<usize, ControlError> {
        let mut state = self.partner(partner)?.lock();
        let of_accounts = std::mem::take(&mut state.notices.of_accounts);
        let of_application = std::mem::take(&mut state.notices.of_application);
        Ok(of_application.len() + of_accounts.values().map(Vec::len).sum::<usize>())
    }

    /// What happens to notifications on their way.
    ///
    /// # Errors
    /// When there is no such partner.
    pub fn notification_faults(&self, partner: &str) -> Result<NotificationFaults, ControlError> {
        Ok(self.partner(partner)?.lock().notices.faults)
    }

    /// Sets what happens to notifications from now on, instead of what was set before.
    ///
    /// # Errors
    /// When there is no such partner.
    pub fn set_notification_faults(
        &self,
        partner: &str,
        faults: NotificationFaults,
    ) -> Result<(), ControlError> {
        let partner = self.partner(partner)?;
        partner.lock().notices.set_faults(faults);
        partner.posted.notify_one();
        Ok(())
    }

    /// Whether notifications carry a signature; only Strava did not always sign.
    ///
    /// # Errors
    /// When there is no such partner.
    pub fn set_notification_signing(&self, partner: &str, signs: bool) -> Result<(), ControlError> {
        self.partner(partner)?.lock().notices.signs = signs;
        Ok(())
    }

    /// What became of notifications since the start or the last reset.
    ///
    /// # Errors
    /// When there is no such partner.
    pub fn deliveries(&self, partner: &str) -> Result<Deliveries, ControlError> {
        Ok(self.partner(partner)?.lock().notices.report())
    }

    /// Resets these counts to zero. What waits is still sent.
    ///
    /// # Errors
    /// When there is no such partner.
    pub fn reset_deliveries(&self, partner: &str) -> Result<(), ControlError> {
        self.partner(partner)?.lock().notices.reset();
        Ok(())
    }

    /// Sends a notification by hand: of the newest item of a resource, or, for the resource `user`,
    /// of the end of the consent, which goes on all the same; `action` is how it is called there
    /// (`delete` or `unlink` at Withings). Returns how many were sent; 0 when nobody is subscribed.
    ///
    /// # Errors
    /// When there is no such partner, account or resource, or the partner does not notify.
    pub fn notify(
        &self,
        partner: &str,
        account: &str,
        resource: &str,
        action: Option<&str>,
    ) -> Result<usize, ControlError> {
        let (_, wire) = self.notifying(partner)?;
        let now = self.now();
        self.with_account(partner, account, |partner, state, number| {
            let notices = if resource == "user" {
                let seed = state.notices.rng.next();
                let of = Subject::of(state, number, now, seed);
                of.map(|of| wire.ended(&of, EndedBy::User, action)).unwrap_or_default()
            } else {
                let resource = partner
                    .resource(resource)
                    .ok_or_else(|| ControlError::unknown("resource", resource))?;
                samples(partner, wire, state, number, Some(resource), now)
            };
            let count = notices.len();
            state.notices.post(notices);
            partner.posted.notify_one();
            Ok(count)
        })
    }

    /// Sends many notifications at once and waits until all are answered.
    ///
    /// # Errors
    /// When there is no such partner, it does not notify, or nobody is subscribed.
    pub fn flood(&self, partner: &str, wanted: &Flood) -> Result<FloodReport, ControlError> {
        let (partner, wanted) = (partner.to_owned(), wanted.clone());
        self.wait_for(|control| async move { control.send_flood(&partner, wanted).await })
    }

    pub(super) async fn send_flood(
        &self,
        partner: &str,
        wanted: Flood,
    ) -> Result<FloodReport, ControlError> {
        let (partner, _) = self.notifying(partner)?;
        if wanted.count > MOST_IN_A_FLOOD {
            return Err(ControlError::Invalid(format!("at most {MOST_IN_A_FLOOD} at once")));
        }
        let report = flood(partner.clone(), self.clock().clone(), wanted).await;
        report.ok_or_else(|| {
            ControlError::Invalid("no account that is subscribed has any data".to_owned())
        })
    }

    fn notifying(
        &self,
        partner: &str,
    ) -> Result<(&std::sync::Arc<Partner>, &'static dyn Notifies), ControlError> {
        let found = self.partner(partner)?;
        let wire = found.wire.notifies().ok_or_else(|| {
            ControlError::Invalid(format!("{} sends no notifications", found.wire.title()))
        })?;
        Ok((found, wire))
    }
}
