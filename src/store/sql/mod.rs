//! The SQL machinery: connections to SQLite or PostgreSQL, the one writer, the readers, migrations.
//! Apart from `schema.rs`, it knows tables only as statements that the modules beside it pass in.

pub(in crate::store) mod connect;
mod connecting;
pub(in crate::store) mod db;
pub(in crate::store) mod files;
pub(in crate::store) mod health;
pub(in crate::store) mod key_schema;
pub(in crate::store) mod listed;
pub(in crate::store) mod lock;
pub(in crate::store) mod migrations;
pub(in crate::store) mod outage;
mod people;
pub(in crate::store) mod postgres;
pub(in crate::store) mod readers;
pub(in crate::store) mod rows;
pub(in crate::store) mod schema;
pub(in crate::store) mod time;
mod values;
pub(in crate::store) mod writer;
pub(in crate::store) mod writer_connection;
