//! Data that appears by itself, for demonstrations.

use std::time::Duration;

use crate::control::Control;
use crate::notifications::EndedBy;
use crate::partner::{LONGEST_EVENT_SECONDS, Partner};
use crate::rng::Rng;

/// Percentage of changes that are new events; of the rest, half are late arrivals, half
/// corrections.
const NEW_PERCENT: u64 = 60;

/// How late an event may arrive, in virtual seconds.
const LATEST_SECONDS: i64 = 5 * 86_400;

/// How many of the newest items a correction chooses from.
const CORRECTED: usize = 10;

/// Makes one change per interval of real time, until the system ends.
pub(crate) async fn grow(control: Control, every: Duration) {
    let mut rng = Rng::named(control.seed(), &["growth"]);
    loop {
        actix_rt::time::sleep(every).await;
        // Among partners with a connected account, or among all when there is none.
        let all = control.partners();
        let used: Vec<_> = all.iter().filter(|partner| partner.is_used()).collect();
        let chosen = match used.is_empty() {
            true => all.get(rng.index(all.len())),
            false => used.get(rng.index(used.len())).copied(),
        };
        if let Some(partner) = chosen {
            happen(partner, &mut rng, control.clock().now());
        }
    }
}

fn happen(partner: &Partner, rng: &mut Rng, now: i64) {
    let mut state = partner.lock();
    let number = rng.index(state.accounts.len());
    let Some(account) = state.accounts.get_mut(number) else {
        return;
    };
    let lively: Vec<&'static str> = partner
        .wire
        .resources()
        .iter()
        .copied()
        .filter(|name| partner.wire.percent_per_day(name) > 0)
        .collect();
    let Some(resource) = lively.get(rng.index(lively.len())).copied() else {
        return;
    };
    let newest: Vec<i64> = account
        .collection(resource)
        .map(|items| items.newest(..).take(CORRECTED).map(|item| item.id).collect())
        .unwrap_or_default();
    let is_new = rng.chance(NEW_PERCENT);
    if !is_new
        && rng.chance(50)
        && let Some(id) = newest.get(rng.index(newest.len()))
    {
        account.collection_mut(resource).edit(*id, |item| {
            partner.wire.retouch(resource, &mut item.value, rng);
            partner.wire.refile(resource, item, now);
        });
        partner.settle(&mut state, Some(number), EndedBy::User, now);
        return;
    }
    let oldest = if is_new { now - LONGEST_EVENT_SECONDS - 900 } else { now - LATEST_SECONDS };
    let at = rng.range(oldest, now - LONGEST_EVENT_SECONDS);
    for value in partner.wire.make(resource, account, at) {
        let item = partner.wire.file(resource, account, value, now);
        account.insert(resource, item);
    }
    partner.settle(&mut state, Some(number), EndedBy::User, now);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::partner::App;
    use crate::withings::{MEASURE, Withings};

    #[test]
    fn growing_adds_and_corrects() {
        let app = App {
            client_id: String::new(),
            client_secret: String::new(),
            redirect_uris: Vec::new(),
        };
        let partner = Partner::new(&Withings, app, Limits::none(), 3, 30);
        let now = 1_790_000_000;
        let number = partner.account(&mut partner.lock(), "somebody", now);
        let changed = |since: i64| {
            let state = partner.lock();
            let items = state.accounts.get(number).and_then(|account| account.collection(MEASURE));
            items.map(|items| (items.len(), items.changed(since..).len())).unwrap_or_default()
        };
        let (before, _) = changed(now + 1);
        let mut rng = Rng::new(5);
        for step in 1..=200 {
            happen(&partner, &mut rng, now + step);
        }
        let (after, touched) = changed(now + 1);
        assert!(after > before, "{after} items after {before}");
        assert!(touched > after - before, "some of the {touched} changes must be corrections");
    }
}
