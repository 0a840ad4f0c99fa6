//! Bringing the tables up to date.

use std::collections::BTreeSet;

use diesel::QueryResult;
use diesel::migration::MigrationSource;
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::StoreError;
use super::connection::open;
use super::db::Db;

const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgresql");
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// The migrations this program knows, oldest first; they have the same names for each database.
pub fn known_migrations() -> Vec<String> {
    let all = MigrationSource::<Sqlite>::migrations(&SQLITE).unwrap_or_default();
    let names: BTreeSet<String> = all.iter().map(|all| all.name().version().to_string()).collect();
    names.into_iter().collect()
}

/// The migrations a database has, oldest first. Blocks.
///
/// # Errors
/// When the database cannot be opened.
pub fn applied_migrations(url: &str) -> Result<Vec<String>, StoreError> {
    let mut db = open(url)?;
    // Looking must not make the table in which diesel keeps them.
    if has_none(&mut db)? { Ok(Vec::new()) } else { applied(&mut db) }
}

fn has_none(db: &mut Db) -> QueryResult<bool> {
    use diesel::RunQueryDsl;
    let found = match db {
        Db::Postgres(db) => diesel::sql_query(
            "SELECT 1 FROM pg_class WHERE oid = to_regclass('__diesel_schema_migrations')",
        )
        .execute(db)?,
        Db::Sqlite(db) => {
            let tables =
                "SELECT 1 AS one FROM sqlite_master WHERE name = '__diesel_schema_migrations'";
            diesel::sql_query(tables).load::<One>(db)?.len()
        }
    };
    Ok(found == 0)
}

#[derive(diesel::QueryableByName)]
struct One {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    #[expect(dead_code, reason = "that there is a row is what is asked")]
    one: i32,
}

fn applied(db: &mut Db) -> Result<Vec<String>, StoreError> {
    let applied =
        db.applied_migrations().map_err(|error| StoreError::Migration(error.to_string()))?;
    let names: BTreeSet<String> = applied.iter().map(ToString::to_string).collect();
    Ok(names.into_iter().collect())
}

fn ours(db: &Db) -> EmbeddedMigrations {
    match db {
        Db::Postgres(_) => POSTGRES,
        Db::Sqlite(_) => SQLITE,
    }
}

pub(super) fn migrate(db: &mut Db) -> Result<(), StoreError> {
    let known = known_migrations();
    if let Some(newer) = applied(db)?.into_iter().find(|name| !known.contains(name)) {
        return Err(StoreError::Newer(newer));
    }
    db.run_pending_migrations(ours(db))
        .map(drop)
        .map_err(|error| StoreError::Migration(error.to_string()))
}

#[cfg(test)]
mod tests {
    use diesel::connection::SimpleConnection;
    use diesel::prelude::*;
    use diesel::sql_types::Text;

    use super::*;
    use crate::store::testing::databases;

    #[derive(QueryableByName, PartialEq, Debug)]
    struct Row {
        #[diesel(sql_type = Text)]
        text: String,
    }

    /// What there is of tables, columns and indices, a line each.
    fn tables(db: &mut Db) -> Vec<Row> {
        let query = match db {
            Db::Postgres(_) => {
                "SELECT concat_ws(' ', table_name, column_name, data_type, collation_name, is_nullable, column_default) AS text
                 FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '\\_\\_%'
                 UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename NOT LIKE '\\_\\_%'
                 ORDER BY 1"
            }
            Db::Sqlite(_) => {
                "SELECT sql AS text FROM sqlite_master
                 WHERE sql IS NOT NULL AND name NOT LIKE '\\_\\_%' ESCAPE '\\' ORDER BY name"
            }
        };
        diesel::sql_query(query).load(db).unwrap()
    }

    #[test]
    fn migrations_go_up_down_and_up_and_leave_the_same_tables() {
        for database in databases() {
            let mut db = open(&database.url).unwrap();
            migrate(&mut db).unwrap();
            let up = tables(&mut db);
            assert!(up.len() > 10, "{up:?}");
            db.revert_all_migrations(ours(&db)).unwrap();
            let left = tables(&mut db);
            assert!(left.len() < 2, "only SQLite's own table is left: {left:?}");
            migrate(&mut db).unwrap();
            assert_eq!(tables(&mut db), up);
        }
    }

    #[test]
    fn both_databases_have_the_same_migrations() {
        let names = |folder: &str| {
            let entries = std::fs::read_dir(format!("migrations/{folder}")).unwrap();
            let names: BTreeSet<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
            names
        };
        assert_eq!(names("sqlite"), names("postgresql"));
    }

    #[test]
    fn a_newer_database_is_refused_with_the_migration_it_has() {
        for database in databases() {
            let mut db = open(&database.url).unwrap();
            migrate(&mut db).unwrap();
            db.batch_execute(
                "INSERT INTO __diesel_schema_migrations (version) VALUES ('29991231000000')",
            )
            .unwrap();
            let error = migrate(&mut db).unwrap_err().to_string();
            assert!(error.contains("29991231000000"), "{error}");
        }
    }

    #[test]
    fn looking_at_what_is_applied_changes_nothing() {
        for database in databases() {
            assert_eq!(applied_migrations(&database.url).unwrap(), Vec::<String>::new());
            let mut db = open(&database.url).unwrap();
            assert!(has_none(&mut db).unwrap());
            migrate(&mut db).unwrap();
            assert_eq!(applied_migrations(&database.url).unwrap(), known_migrations());
        }
    }
}
