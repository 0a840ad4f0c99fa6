//! Lists that end when they have enough rows or enough bytes: rows of partners and of earlier
//! versions may be of any size, and a thousand of them must not fill the memory.

use diesel::sql_types::Text;

/// The most bytes of texts in one list. One row may be larger, and is then alone.
const MOST_BYTES: i64 = 8 * 1024 * 1024;

diesel::define_sql_function! {
    /// The length of a text in bytes, which neither database reads the text for.
    fn octet_length(text: Text) -> Integer;
}

/// Rows, and whether there are more after them.
#[derive(Clone, Debug)]
pub struct Listed<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Whether there are more.
    pub more: bool,
}

impl<T> Listed<T> {
    /// Converts each row.
    pub(in crate::store) fn map<U>(self, convert: impl Fn(T) -> U) -> Listed<U> {
        Listed { rows: self.rows.into_iter().map(convert).collect(), more: self.more }
    }
}

/// Reads at most `limit` rows, and fewer if they are large. Both closures get a count: `sizes` returns
/// the bytes in the two texts of each of the first rows, `rows` those rows.
pub(in crate::store) fn listed<C, T, E>(
    db: &mut C,
    limit: i64,
    sizes: impl FnOnce(&mut C, i64) -> Result<Vec<(i32, i32)>, E>,
    rows: impl FnOnce(&mut C, i64) -> Result<Vec<T>, E>,
) -> Result<Listed<T>, E> {
    let with_one_more = limit.saturating_add(1);
    let sizes = sizes(db, with_one_more)?;
    if let Some(fitting) = fitting(&sizes) {
        return Ok(Listed { rows: rows(db, fitting)?, more: true });
    }
    // Read with one more than are returned: rows may have been added since their sizes were read.
    let mut rows = rows(db, with_one_more)?;
    let most = usize::try_from(limit).unwrap_or_default();
    let more = rows.len() > most;
    rows.truncate(most);
    Ok(Listed { rows, more })
}

/// How many of the rows fit; `None` if all do.
fn fitting(sizes: &[(i32, i32)]) -> Option<i64> {
    let mut bytes = 0;
    for (count, (one, other)) in (0..).zip(sizes) {
        bytes += i64::from(*one) + i64::from(*other);
        if bytes > MOST_BYTES && count > 0 {
            return Some(count);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(sizes: &[i32], limit: i64) -> (usize, bool) {
        let sizes: Vec<_> = sizes.iter().map(|size| (*size, 0)).collect();
        let first = |count: i64| sizes.iter().copied().take(count as usize).collect::<Vec<_>>();
        let listed = listed(
            &mut (),
            limit,
            |(), count| Ok::<_, ()>(first(count)),
            |(), count| Ok(first(count)),
        );
        let listed = listed.unwrap();
        (listed.rows.len(), listed.more)
    }

    #[test]
    fn a_list_ends_with_its_rows_or_its_bytes_and_always_goes_on() {
        let megabyte = 1 << 20;
        assert_eq!(list(&[], 3), (0, false));
        assert_eq!(list(&[1, 1, 1], 3), (3, false));
        assert_eq!(list(&[1, 1, 1, 1], 3), (3, true));
        assert_eq!(list(&[megabyte; 9], 100), (8, true));
        assert_eq!(list(&[megabyte; 8], 100), (8, false));
        assert_eq!(list(&[9 * megabyte, 1], 100), (1, true));
        assert_eq!(list(&[9 * megabyte], 100), (1, false));
        assert_eq!(list(&[1, 9 * megabyte, 1], 100), (1, true));
        assert_eq!(list(&[i32::MAX; 1_001], 1_000), (1, true));
    }
}
