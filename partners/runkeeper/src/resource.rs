//! The resources of the Health Graph that are read and written.

use partner_sdk::serde_json::Value;
use partner_sdk::{Kind, Page, PartnerError, Tz};

use crate::map;

/// One resource. Health Graph documentation: paths, media types and which fields can be written.
#[derive(Debug)]
pub(crate) struct Resource {
    /// The feed in the manifest, and the key in the change log.
    pub(crate) name: &'static str,
    pub(crate) path: &'static str,
    /// Media types of the list, of an item and of a new item.
    pub(crate) feed: &'static str,
    pub(crate) item: &'static str,
    pub(crate) new: &'static str,
    /// Fields that may be sent in a write; the others are set by RunKeeper.
    pub(crate) writable: &'static [&'static str],
    /// Reads items into a page; returns whether some are unfinished.
    pub(crate) read: fn(&mut Page, Vec<Value>, Tz) -> bool,
}

static WEIGHT: Resource = Resource {
    name: "weight",
    path: "/weight",
    feed: "WeightSetFeed",
    item: "WeightSet",
    new: "NewWeightSet",
    writable: &["timestamp", "weight", "fat_percent", "free_mass", "mass_weight", "bmi"],
    read: map::weight_sets,
};

static ACTIVITIES: Resource = Resource {
    name: "fitness_activities",
    path: "/fitnessActivities",
    feed: "FitnessActivityFeed",
    item: "FitnessActivity",
    new: "NewFitnessActivity",
    writable: &[
        "type",
        "secondary_type",
        "equipment",
        "start_time",
        "total_distance",
        "duration",
        "average_heart_rate",
        "heart_rate",
        "total_calories",
        "notes",
        "path",
    ],
    read: map::activities,
};

static NUTRITION: Resource = Resource {
    name: "nutrition",
    path: "/nutrition",
    feed: "NutritionSetFeed",
    item: "NutritionSet",
    new: "NewNutritionSet",
    writable: &[
        "timestamp",
        "calories",
        "carbohydrates",
        "fat",
        "fiber",
        "protein",
        "sodium",
        "water",
        "meal",
    ],
    read: map::nutrition_sets,
};

impl Resource {
    /// Returns the resource behind a feed of the manifest.
    pub(crate) fn of_feed(name: &str) -> Result<&'static Self, PartnerError> {
        let mut all = [&WEIGHT, &ACTIVITIES, &NUTRITION].into_iter();
        let unknown = || PartnerError::Malformed("RunKeeper has no feed of this name".into());
        all.find(|resource| resource.name == name).ok_or_else(unknown)
    }

    /// Returns the resource that contains records of a kind.
    pub(crate) fn of_kind(kind: Kind) -> &'static Self {
        match kind {
            Kind::Measurement(_) => &WEIGHT,
            Kind::Exercise => &ACTIVITIES,
            Kind::Nutrition => &NUTRITION,
        }
    }
}
