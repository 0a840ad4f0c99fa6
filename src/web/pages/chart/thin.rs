//! Fewer points, without losing a peak or a gap.

use super::{Column, Point};

/// At most `most` values. Of each bucket the least and the greatest remain, and a gap if it has one.
pub(super) fn line(points: &[Point], most: usize) -> Vec<Point> {
    if points.len() <= most {
        return points.to_vec();
    }
    let buckets = (most / 2).max(1);
    let mut thinned = Vec::with_capacity(most);
    for bucket in split(points, buckets) {
        let values = || bucket.iter().enumerate().filter_map(|(at, (_, v))| Some((at, (*v)?)));
        let least = values().min_by(|a, b| a.1.total_cmp(&b.1)).map(|(at, _)| at);
        let greatest = values().max_by(|a, b| a.1.total_cmp(&b.1)).map(|(at, _)| at);
        let gap = bucket.iter().position(|(_, value)| value.is_none());
        let mut kept: Vec<usize> = [least, greatest, gap].into_iter().flatten().collect();
        kept.sort_unstable();
        kept.dedup();
        thinned.extend(kept.into_iter().filter_map(|at| bucket.get(at).copied()));
    }
    thinned
}

/// At most `most` bars: of each bucket the highest, over the times of all.
pub(super) fn columns(columns: &[Column], most: usize) -> Vec<Column> {
    let copy = |column: &Column| Column { parts: column.parts.clone(), ..*column };
    if columns.len() <= most {
        return columns.iter().map(copy).collect();
    }
    let height = |column: &&Column| column.parts.iter().map(|(value, _)| *value).sum::<f64>();
    split(columns, most)
        .filter_map(|bucket| {
            let highest = bucket.iter().max_by(|a, b| height(a).total_cmp(&height(b)))?;
            Some(Column { from: bucket.first()?.from, to: bucket.last()?.to, ..copy(highest) })
        })
        .collect()
}

/// The items in `parts` runs whose lengths differ by one at most.
pub(super) fn split<T>(items: &[T], parts: usize) -> impl Iterator<Item = &[T]> {
    let parts = parts.max(1);
    (0..parts).filter_map(move |part| {
        let (from, to) = (part * items.len() / parts, (part + 1) * items.len() / parts);
        items.get(from..to).filter(|run| !run.is_empty())
    })
}
