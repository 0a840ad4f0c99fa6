//! Decides what to do with waiting items, according to the manifest.

use partner_sdk::{Action, Manifest, Update, Writable};

use crate::sync::items::ItemState;
use crate::sync::ports::Waiting;

/// What to do with a waiting item.
pub(super) enum Step {
    /// Send it, alone or with others in one call.
    Send(Action),
    /// The partner does not allow it.
    Refuse(String),
}

/// Returns what to do with an item, and how many of its kind fit in one call.
fn step(manifest: &'static Manifest, item: &Waiting) -> (Step, usize) {
    let (title, kind) = (manifest.title, item.record.body.kind());
    let Some(writable) = manifest.writable(kind) else {
        return (Step::Refuse(format!("{title} takes no {kind}")), 1);
    };
    let remote_ref = || item.remote_ref.clone();
    let refuse = |what: &str| {
        Step::Refuse(format!(
            "{title} does not let applications {what} {kind}; it stays there as it is"
        ))
    };
    let step = match (item.state, remote_ref(), writable.update) {
        (ItemState::Delete, Some(remote_ref), _) if writable.delete => {
            Step::Send(Action::Delete(remote_ref))
        }
        (ItemState::Delete, Some(_), _) => refuse("delete"),
        // After the deletion there, the item waits to be created again.
        (ItemState::Update, Some(remote_ref), Update::Replace) => {
            Step::Send(Action::Delete(remote_ref))
        }
        (ItemState::Update, Some(remote_ref), Update::InPlace) => {
            Step::Send(Action::Update(remote_ref))
        }
        (ItemState::Update, Some(_), Update::Never) => refuse("change"),
        _ => Step::Send(Action::Create),
    };
    (step, writable.batch.max(1))
}

/// Groups items that go in one call: of the same kind of step, in their order.
pub(super) fn batches(
    manifest: &'static Manifest,
    waiting: Vec<Waiting>,
) -> Vec<Vec<(Waiting, Step)>> {
    let mut batches: Vec<Vec<(Waiting, Step)>> = Vec::new();
    for item in waiting {
        let (step, most) = step(manifest, &item);
        match batches.last_mut() {
            Some(last)
                if last.len() < most
                    && last.iter().all(|other| goes_with(manifest, other, (&item, &step))) =>
            {
                last.push((item, step));
            }
            _ => batches.push(vec![(item, step)]),
        }
    }
    batches
}

fn goes_with(
    manifest: &'static Manifest,
    (item, step): &(Waiting, Step),
    (other, other_step): (&Waiting, &Step),
) -> bool {
    let writable = |item: &Waiting| {
        manifest.writable(item.record.body.kind()).map(std::ptr::from_ref::<Writable>)
    };
    let same_sort = matches!(
        (step, other_step),
        (Step::Send(Action::Create), Step::Send(Action::Create))
            | (Step::Send(Action::Update(_)), Step::Send(Action::Update(_)))
            | (Step::Send(Action::Delete(_)), Step::Send(Action::Delete(_)))
    );
    same_sort && item.state == other.state && writable(item) == writable(other)
}
