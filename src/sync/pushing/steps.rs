//! What waiting items come to, as the manifest has it.

use partner_sdk::{Action, Manifest, Update, Writable};

use crate::sync::items::ItemState;
use crate::sync::ports::Waiting;

/// What a waiting item comes to.
pub(super) enum Step {
    /// These are sent, one after the other or in one call.
    Send(Action),
    /// The partner does not let anybody do that.
    Refuse(String),
}

/// What is to be done about an item, and how many of its sort go in one call.
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
        // Deleted there, the item waits to be created anew.
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

/// Puts items together that go in one call: of one sort, in their order.
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
