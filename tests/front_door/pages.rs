//! The administrator's pages.

mod every_page;
mod finding;
mod keys;
mod overview;
mod settings;
mod sign_in;
mod user;
mod webhooks;
