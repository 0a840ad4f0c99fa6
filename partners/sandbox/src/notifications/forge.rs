//! Notifications as somebody else would send them.

use serde::{Deserialize, Serialize};
use url::Url;

use super::Notice;

/// What a forged notification is signed with.
pub(super) const OTHER_SECRET: &str = "somebody-elses-secret";

/// A user id that no account has, in a form that every partner's ids have.
const NOBODY: &str = "99999999";

/// What is wrong with a forged notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forgery {
    /// The signature; where there is none, what stands for it: the secret that Google Health
    /// repeats, the path of the address at Withings.
    BadSignature,
    /// The user: nobody has that id. The rest is as the partner sends it.
    UnknownUser,
    /// The end of the address, where an application keeps a secret.
    WrongPath,
}

impl Forgery {
    /// All kinds, for those who want some of each.
    pub(super) const ALL: [Self; 3] = [Self::BadSignature, Self::UnknownUser, Self::WrongPath];

    /// The notification with that fault; `user` is how it names its user.
    pub(super) fn of(self, mut notice: Notice, user: &str) -> Notice {
        match self {
            Self::BadSignature => notice.forged = true,
            Self::UnknownUser => notice.body = notice.body.replace(user, NOBODY),
            Self::WrongPath => notice.url = elsewhere(&notice.url),
        }
        notice
    }
}

/// An address of the same length whose last characters, of the query or else the path, are others.
pub(super) fn elsewhere(url: &str) -> String {
    let Ok(mut url) = Url::parse(url) else { return url.to_owned() };
    let other = |text: &str| {
        let mut letters: Vec<char> = text.chars().collect();
        for letter in letters.iter_mut().rev().take(4).filter(|letter| **letter != '/') {
            *letter = if *letter == 'z' { 'y' } else { 'z' };
        }
        letters.into_iter().collect::<String>()
    };
    match url.query().map(other) {
        Some(query) => url.set_query(Some(&query)),
        None => {
            let path = other(url.path());
            url.set_path(&path);
        }
    }
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_address_differs_at_its_end() {
        assert_eq!(elsewhere("http://127.0.0.1:1/n/secret"), "http://127.0.0.1:1/n/sezzzz");
        assert_eq!(elsewhere("http://127.0.0.1:1/n?s=abcdef"), "http://127.0.0.1:1/n?s=abzzzz");
        assert_eq!(elsewhere("http://127.0.0.1:1/zz"), "http://127.0.0.1:1/yy");
    }
}
