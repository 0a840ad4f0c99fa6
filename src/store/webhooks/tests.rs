//! Endpoints in both databases.
