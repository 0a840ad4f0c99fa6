//! Finding a user.

use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::looks;
use crate::model::{UserId, in_address};
use crate::web::admin::users::list::{self, ListedUser, UserList};
use crate::web::pages::answer::{NoPage, page, see};
use crate::web::pages::assets;
use crate::web::pages::frame::{Frame, Mark, Place};
use crate::web::pages::session::SignedIn;
use crate::web::pages::words;
use crate::web::{Problem, State};

/// How many users a page lists.
const SHOWN: i64 = 50;

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    q: String,
    after: Option<String>,
    /// Lists also the users whose ids only begin with one that is a user's.
    all: Option<String>,
}

/// A user in the list.
struct Row {
    id: String,
    address: String,
    /// Each connection's partner and how it is.
    connections: Vec<(String, Mark)>,
}

#[derive(Template)]
#[template(path = "users.html")]
struct UsersPage {
    frame: Frame,
    title: String,
    sentence: String,
    rows: Vec<Row>,
    near: Vec<(String, String)>,
    later: Option<String>,
    begins: String,
}

/// Lists users by how their ids begin. An id that is exactly one leads to its user.
pub(super) async fn show(
    session: SignedIn,
    asked: web::Query<Asked>,
    state: web::Data<State>,
) -> Result<HttpResponse, NoPage> {
    let Asked { q, after, all } = asked.into_inner();
    let begins = q.trim().to_owned();
    if begins.len() > 256 || begins.chars().any(char::is_control) {
        let detail = "an id has 1 to 256 bytes and no control characters; search for another one";
        return Err(Problem::bad_request("bad-query", detail).into());
    }
    let found = list::find(&state, begins.clone(), after.clone(), SHOWN).await?;
    let is_exact = found.users.first().is_some_and(|user| user.user_id.as_str() == begins);
    if is_exact && all.is_none() {
        return Ok(see(&format!("/admin/users/{}", in_address(&begins))));
    }
    let mut frame = Frame::new(&state, &session, Place::Users).await?;
    frame.searched.clone_from(&begins);
    let (title, sentence) = said(&found, &begins, after.is_some());
    let later = found.next_cursor.map(|after| {
        let (q, after) = (in_address(&begins), in_address(&after));
        format!("/admin/users?q={q}&all=1&after={after}")
    });
    let shown = UsersPage {
        title,
        sentence,
        rows: found.users.into_iter().map(row).collect(),
        near: found.near.iter().map(address).collect(),
        later,
        begins,
        frame,
    };
    page(&shown)
}

fn said(found: &UserList, begins: &str, goes_on: bool) -> (String, String) {
    let count = i64::try_from(found.users.len()).unwrap_or_default();
    let users = words::count(count, "user", "users");
    match (begins, count) {
        ("", 0) => (
            "No users yet".to_owned(),
            "Whoever is connected to a partner, or has a record, appears here.".to_owned(),
        ),
        (begins, 0) => (format!("No user {begins}"), "Ids are compared exactly.".to_owned()),
        ("", _) if goes_on => (format!("The next {users}"), "In the order of their ids.".into()),
        ("", _) => (
            if found.next_cursor.is_some() { format!("The first {users}") } else { users },
            "In the order of their ids. The search finds ids by how they begin.".to_owned(),
        ),
        (begins, _) => {
            let more = if found.next_cursor.is_some() { " and more" } else { "" };
            (format!("{users}{more}"), format!("Their ids begin with {begins}."))
        }
    }
}

fn address(user: &UserId) -> (String, String) {
    (user.to_string(), user.in_address())
}

fn row(user: ListedUser) -> Row {
    let (id, address) = address(&user.user_id);
    let connections = user.connections.into_iter();
    let connections = connections.map(|it| (it.title, looks::condition(it.condition)));
    Row { id, address, connections: connections.collect() }
}
