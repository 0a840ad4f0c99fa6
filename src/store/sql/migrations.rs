//! Migrations of the tables.

use std::collections::BTreeSet;

use diesel::migration::MigrationSource;
use diesel::sql_types::{Bool, Nullable, Text};
use diesel::sqlite::Sqlite;
use diesel::{QueryResult, RunQueryDsl};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::store::StoreError;
use crate::store::sql::connect::Address;
use crate::store::sql::db::Db;

const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgresql");
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// The migrations this program knows, oldest first; they have the same names for both databases.
pub fn known_migrations() -> Vec<String> {
    let all = MigrationSource::<Sqlite>::migrations(&SQLITE).unwrap_or_default();
    let names: BTreeSet<String> = all.iter().map(|all| all.name().version().to_string()).collect();
    names.into_iter().collect()
}

/// The migrations applied to a database, oldest first. Blocks.
///
/// # Errors
/// When the database cannot be opened.
pub fn applied_migrations(url: &str) -> Result<Vec<String>, StoreError> {
    let address = Address::parse(url)?;
    applied(&mut address.open()?, &address)
}

/// Whether the database is new.
pub(in crate::store) fn has_none(db: &mut Db) -> QueryResult<bool> {
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
    #[expect(dead_code, reason = "only whether there is a row matters")]
    one: i32,
}

fn applied(db: &mut Db, address: &Address) -> Result<Vec<String>, StoreError> {
    // Looking must not create the table in which diesel stores them.
    if has_none(db)? {
        return Ok(Vec::new());
    }
    let applied = db.applied_migrations().map_err(|error| failed(address, &*error))?;
    let names: BTreeSet<String> = applied.iter().map(ToString::to_string).collect();
    Ok(names.into_iter().collect())
}

fn failed(address: &Address, reason: &dyn std::fmt::Display) -> StoreError {
    StoreError::Migration { url: address.to_string(), reason: reason.to_string() }
}

fn ours(db: &Db) -> EmbeddedMigrations {
    match db {
        Db::Postgres(_) => POSTGRES,
        Db::Sqlite(_) => SQLITE,
    }
}

/// Whether [`migrate`] has something to do.
pub(in crate::store) fn are_pending(db: &mut Db, address: &Address) -> Result<bool, StoreError> {
    let (known, applied) = (known_migrations(), applied(db, address)?);
    if let Some(newer) = applied.iter().find(|name| !known.contains(name)) {
        return Err(StoreError::Newer { url: address.to_string(), migration: newer.clone() });
    }
    Ok(known.iter().any(|name| !applied.contains(name)))
}

pub(in crate::store) fn migrate(db: &mut Db, address: &Address) -> Result<(), StoreError> {
    if !are_pending(db, address)? {
        return Ok(());
    }
    if let Some(reason) = refuses_tables(db)? {
        return Err(failed(address, &reason));
    }
    db.run_pending_migrations(ours(db)).map(drop).map_err(|error| failed(address, &*error))
}

#[derive(diesel::QueryableByName)]
struct Rights {
    #[diesel(sql_type = Text)]
    user_name: String,
    #[diesel(sql_type = Nullable<Text>)]
    schema: Option<String>,
    #[diesel(sql_type = Bool)]
    may_create: bool,
}

/// Why tables cannot be created, if they cannot.
fn refuses_tables(db: &mut Db) -> QueryResult<Option<String>> {
    let Db::Postgres(db) = db else { return Ok(None) };
    let rights = "SELECT current_user::text AS user_name, current_schema()::text AS schema, \
        coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_create";
    let Rights { user_name, schema, may_create } = diesel::sql_query(rights).get_result(db)?;
    let schema = schema.unwrap_or_else(|| "public".to_owned());
    Ok((!may_create).then(|| {
        format!(
            "the user {user_name} may not make tables in the schema {schema}; as the owner of the \
             database: GRANT USAGE, CREATE ON SCHEMA {schema} TO {user_name}"
        )
    }))
}

#[cfg(test)]
mod tests {
    use diesel::connection::SimpleConnection;
    use diesel::prelude::*;

    use super::*;
    use crate::store::testing::databases;

    #[derive(QueryableByName, PartialEq, Debug)]
    struct Row {
        #[diesel(sql_type = Text)]
        text: String,
    }

    /// Tables, columns and indices, one line each.
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
            let address = Address::parse(&database.url).unwrap();
            let mut db = address.open().unwrap();
            migrate(&mut db, &address).unwrap();
            let up = tables(&mut db);
            assert!(up.len() > 10, "{up:?}");
            db.revert_all_migrations(ours(&db)).unwrap();
            let left = tables(&mut db);
            assert!(left.len() < 2, "only SQLite's own table is left: {left:?}");
            migrate(&mut db, &address).unwrap();
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
            let address = Address::parse(&database.url).unwrap();
            let mut db = address.open().unwrap();
            migrate(&mut db, &address).unwrap();
            db.batch_execute(
                "INSERT INTO __diesel_schema_migrations (version) VALUES ('29991231000000')",
            )
            .unwrap();
            let error = migrate(&mut db, &address).unwrap_err().to_string();
            assert!(error.contains("29991231000000"), "{error}");
        }
    }

    #[test]
    fn looking_at_what_is_applied_changes_nothing() {
        for database in databases() {
            assert_eq!(applied_migrations(&database.url).unwrap(), Vec::<String>::new());
            let address = Address::parse(&database.url).unwrap();
            let mut db = address.open().unwrap();
            assert!(has_none(&mut db).unwrap());
            migrate(&mut db, &address).unwrap();
            assert_eq!(applied_migrations(&database.url).unwrap(), known_migrations());
        }
    }
}
