//! The filter language, as far as lists support it: comparisons of one time, joined by AND.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use serde_json::Value;

use super::error::{self, Refusal};
use super::{DataType, time};

/// What a filter accepts.
#[derive(Debug, Default)]
pub(super) struct Filter {
    conditions: Vec<Condition>,
}

#[derive(Debug)]
struct Condition {
    at_least: bool,
    bound: Bound,
}

#[derive(Debug)]
enum Bound {
    Instant(DateTime<Utc>),
    Wall(NaiveDateTime),
}

impl Filter {
    pub(super) fn read(kind: &DataType, text: &str) -> Result<Self, Refusal> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let read = |part: &str| {
            condition(kind, part).ok_or_else(|| {
                error::invalid(
                    "INVALID_DATA_POINT_FILTER",
                    "Invalid filter: see the supported fields.",
                )
            })
        };
        let conditions = text.split(" AND ").map(read).collect::<Result<_, _>>()?;
        Ok(Self { conditions })
    }

    /// A point whose time cannot be read, added on purpose, passes.
    pub(super) fn passes(&self, kind: &DataType, point: &Value) -> bool {
        let Some((instant, wall)) = time::started(kind, point) else { return true };
        self.conditions.iter().all(|condition| {
            let later = match condition.bound {
                Bound::Instant(bound) => instant >= bound.timestamp(),
                Bound::Wall(bound) => wall >= bound,
            };
            later == condition.at_least
        })
    }
}

/// `weight.sample_time.physical_time >= "2026-10-01T00:00:00Z"`. Names are in snake case; sessions
/// are filtered by their wall time only, and `>=` and `<` are the only operators.
fn condition(kind: &DataType, text: &str) -> Option<Condition> {
    let mut words = text.split_whitespace();
    let (field, operator, literal) = (words.next()?, words.next()?, words.next()?);
    let at_least = match operator {
        ">=" => true,
        "<" => false,
        _ => return None,
    };
    let literal = literal.strip_prefix('"')?.strip_suffix('"')?;
    let field = field.strip_prefix(kind.snake)?.strip_prefix('.')?;
    let bound = match (kind.session, field) {
        (false, "sample_time.physical_time") => Bound::Instant(time::read_instant(literal)?),
        (false, "sample_time.civil_time") | (true, "interval.civil_start_time") => {
            Bound::Wall(wall(literal)?)
        }
        _ => return None,
    };
    words.next().is_none().then_some(Condition { at_least, bound })
}

fn wall(text: &str) -> Option<NaiveDateTime> {
    let day = |text: &str| text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0);
    NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S").ok().or_else(|| day(text))
}
