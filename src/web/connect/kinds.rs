//! Kinds of data as people think of them: several measurements are one choice, as long as all of them are
//! shared or none is.

use partner_sdk::{Kind, MeasurementType as M};

use super::languages::Texts;

/// Measurements that are one choice.
const GROUPS: &[&[M]] = &[
    &[
        M::Weight,
        M::BodyFat,
        M::FatMass,
        M::FatFreeMass,
        M::MuscleMass,
        M::BoneMass,
        M::WaterMass,
        M::Bmi,
    ],
    &[M::Waist, M::Chest, M::Hips, M::Neck, M::UpperArm, M::Thigh],
    &[M::Systolic, M::Diastolic, M::HeartRate],
];

/// How a kind is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shared {
    /// It is.
    On,
    /// The user does not want it.
    Off,
    /// The partner does not allow it.
    NotAllowed,
}

/// Kinds that are one choice.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Choosable {
    pub(super) kinds: Vec<Kind>,
    pub(super) shared: Shared,
}

/// The choices for these kinds, in their order.
pub(super) fn choices(kinds: &[Kind], shared: impl Fn(Kind) -> Shared) -> Vec<Choosable> {
    grouped(kinds)
        .into_iter()
        .flat_map(|group| {
            let first = group.first().map(|kind| shared(*kind));
            match first {
                Some(first) if group.iter().all(|kind| shared(*kind) == first) => {
                    vec![Choosable { kinds: group, shared: first }]
                }
                _ => group
                    .into_iter()
                    .map(|kind| Choosable { kinds: vec![kind], shared: shared(kind) })
                    .collect(),
            }
        })
        .collect()
}

/// The kinds in words, each group once.
pub(super) fn in_words(kinds: &[Kind], texts: &Texts) -> Vec<String> {
    grouped(kinds).iter().map(|group| label(group, texts)).collect()
}

/// The kinds with those of a group together, at the place of its first.
fn grouped(kinds: &[Kind]) -> Vec<Vec<Kind>> {
    let mut groups: Vec<Vec<Kind>> = Vec::new();
    for kind in kinds {
        let known = group_of(*kind);
        let same = groups.iter_mut().find(|group| {
            known.is_some() && group.first().is_some_and(|first| group_of(*first) == known)
        });
        match same {
            Some(group) => group.push(*kind),
            None => groups.push(vec![*kind]),
        }
    }
    groups
}

fn group_of(kind: Kind) -> Option<usize> {
    let Kind::Measurement(measured) = kind else { return None };
    GROUPS.iter().position(|group| group.contains(&measured))
}

/// One name for kinds of one group: no more than is in it.
pub(super) fn label(kinds: &[Kind], texts: &Texts) -> String {
    let has = |measured: M| kinds.contains(&Kind::Measurement(measured));
    let group = match kinds {
        [] => "",
        [one] => return texts.kind(*one).to_owned(),
        [_, _] if has(M::Weight) && has(M::BodyFat) => "weight_and_fat",
        _ if has(M::Weight) => "weight_and_body",
        [first, ..] => match (group_of(*first), has(M::HeartRate)) {
            (Some(0), _) => "body",
            (Some(1), _) => "girths",
            (_, true) => "blood_pressure_and_pulse",
            (_, false) => "blood_pressure",
        },
    };
    texts.group(group).to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::languages::of_code;
    use super::*;

    fn kinds(names: &[&str]) -> Vec<Kind> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn groups_have_names_that_say_no_more_than_is_in_them() {
        let english = of_code("en").unwrap();
        for (names, words) in [
            (&["weight"][..], &["weight"][..]),
            (&["weight", "exercise", "body_fat"], &["weight and body fat", "exercise"]),
            (&["fat_mass", "weight", "bmi"], &["weight and body composition"]),
            (&["fat_mass", "bmi"], &["body composition"]),
            (&["systolic", "diastolic"], &["blood pressure"]),
            (&["heart_rate", "systolic", "diastolic"], &["blood pressure and pulse"]),
            (&["heart_rate", "spo2"], &["pulse", "blood oxygen"]),
            (&["waist", "hips", "nutrition"], &["body measurements", "meals"]),
            (&[], &[]),
        ] {
            assert_eq!(in_words(&kinds(names), english), words, "{names:?}");
        }
        let all: Vec<_> = Kind::all().collect();
        assert_eq!(in_words(&all, english).len(), 8);
    }

    #[test]
    fn a_group_of_which_only_some_are_shared_is_shown_one_by_one() {
        let all = kinds(&["weight", "body_fat", "exercise"]);
        let same = choices(&all, |_| Shared::On);
        assert_eq!(same.iter().map(|it| it.kinds.len()).collect::<Vec<_>>(), [2, 1]);
        let weight: Kind = "weight".parse().unwrap();
        let mixed = choices(&all, |kind| if kind == weight { Shared::Off } else { Shared::On });
        let shared: Vec<_> = mixed.iter().map(|it| (it.kinds.len(), it.shared)).collect();
        assert_eq!(shared, [(1, Shared::Off), (1, Shared::On), (1, Shared::On)]);
    }
}
