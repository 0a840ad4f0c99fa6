//! Many rows as one parameter: JSON that the database reads as a table. One statement then serves
//! any number of rows, and its text is always the same.

use serde::Serialize;

use crate::store::StoreError;
use crate::store::sql::db::Db;

/// A column of [`Rows`].
#[derive(Clone, Copy, Debug)]
pub(in crate::store) enum Column {
    Integer(&'static str),
    Text(&'static str),
}

/// Rows to join with tables. In a statement they are a table named `n`; their values are the
/// statement's only parameter.
#[derive(Debug)]
pub(in crate::store) struct Rows {
    /// The expression for the table.
    pub(in crate::store) table: String,
    /// The parameter.
    pub(in crate::store) json: String,
}

impl Rows {
    /// Writes each of `rows` as an array (a tuple, for example) in the order of `columns`.
    pub(in crate::store) fn new<T: Serialize>(
        db: &Db,
        columns: &[Column],
        rows: &[T],
    ) -> Result<Self, StoreError> {
        let json = serde_json::to_string(rows).map_err(|_| StoreError::Corrupt("row"))?;
        let columns = columns.iter().enumerate();
        let table = match db {
            Db::Sqlite(_) => {
                let column = |(place, column): (usize, &Column)| match column {
                    Column::Integer(name) | Column::Text(name) => {
                        format!("value ->> {place} AS {name}")
                    }
                };
                let columns: Vec<String> = columns.map(column).collect();
                format!("(SELECT {} FROM json_each(?1)) AS n", columns.join(", "))
            }
            Db::Postgres(_) => {
                let column = |(place, column): (usize, &Column)| match column {
                    Column::Integer(name) => format!("(value ->> {place})::bigint AS {name}"),
                    Column::Text(name) => format!("value ->> {place} AS {name}"),
                };
                let columns: Vec<String> = columns.map(column).collect();
                format!("(SELECT {} FROM json_array_elements($1::json)) AS n", columns.join(", "))
            }
        };
        Ok(Self { table, json })
    }
}
