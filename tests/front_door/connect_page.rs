//! The page on which end users connect, choose and disconnect.

mod in_browser;
mod links;
