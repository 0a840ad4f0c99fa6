//! The administrator's pages as a browser sees them, without its scripts.

use std::process::Command;

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};

use super::Daemon;

/// Somebody who is signed in.
pub(crate) struct Pages {
    client: Client,
    address: String,
    /// `name=value`
    pub(crate) cookie: String,
}

impl Daemon {
    /// Gives a command of the same binary this daemon's settings.
    pub(crate) fn with_settings<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let own = self.environment.iter().filter(|(name, _)| name.starts_with("SYNCWELL"));
        command.current_dir(self.folder.path()).envs(own.cloned());
        command.arg("--config").arg(self.settings_file())
    }

    /// Signs in with these fields, or returns the status and the page that says why not.
    pub(crate) async fn sign_in_with(
        &self,
        fields: &[(&str, &str)],
    ) -> Result<Pages, (u16, String)> {
        // Commands run between its requests, longer than a connection is kept.
        let client = Client::builder().redirect(Policy::none()).pool_max_idle_per_host(0);
        let client = client.build().unwrap();
        let request = client.post(format!("{}/admin/sign-in", self.address)).form(fields);
        let sent = request.send().await.unwrap();
        if sent.status() != StatusCode::SEE_OTHER {
            return Err((sent.status().as_u16(), sent.text().await.unwrap()));
        }
        let cookie = sent.headers()[SET_COOKIE].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        Ok(Pages { client, address: self.address.clone(), cookie })
    }

    /// Signs in with the admin key.
    pub(crate) async fn sign_in(&self) -> Pages {
        let client = Client::builder().redirect(Policy::none()).build().unwrap();
        let sent = client
            .post(format!("{}/admin/sign-in", self.address))
            .form(&[("key", self.admin.key.as_str()), ("next", "/admin")])
            .send()
            .await
            .unwrap();
        assert_eq!(sent.status(), StatusCode::SEE_OTHER, "not signed in");
        assert_eq!(sent.headers()[LOCATION], "/admin");
        let cookie = sent.headers()[SET_COOKIE].to_str().unwrap();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
        let cookie = cookie.split(';').next().unwrap().to_owned();
        Pages { client, address: self.address.clone(), cookie }
    }

    /// Revokes a key as the administrator does.
    pub(crate) fn revoke_key(&self, id: &str) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_syncwell"));
        command.current_dir(self.folder.path()).args(["key", "revoke", id]);
        let ended = command.arg("--config").arg(self.settings_file()).output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    }
}

impl Pages {
    /// Fetches a page: its status and its HTML.
    pub(crate) async fn get(&self, path: &str) -> (StatusCode, String) {
        let request = self.client.get(format!("{}{path}", self.address));
        let answer = request.header(COOKIE, &self.cookie).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    /// The HTML of a page that must be there.
    pub(crate) async fn page(&self, path: &str) -> String {
        let (status, html) = self.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {html}");
        html
    }

    /// The token that this session's forms carry.
    pub(crate) async fn form_token(&self) -> String {
        form_token(&self.page("/admin/settings").await)
    }

    /// Sends a form with the token of this session: the status, where it leads, and the HTML.
    pub(crate) async fn send(
        &self,
        path: &str,
        fields: &[(&str, &str)],
    ) -> (StatusCode, String, String) {
        let token = self.form_token().await;
        let mut fields = fields.to_vec();
        fields.push(("form_token", &token));
        self.send_plainly(path, &fields).await
    }

    /// The same without the token.
    pub(crate) async fn send_plainly(
        &self,
        path: &str,
        fields: &[(&str, &str)],
    ) -> (StatusCode, String, String) {
        let request = self.client.post(format!("{}{path}", self.address)).form(fields);
        let answer = request.header(COOKIE, &self.cookie).send().await.unwrap();
        let status = answer.status();
        let leads = answer.headers().get(LOCATION).map(|it| it.to_str().unwrap().to_owned());
        (status, leads.unwrap_or_default(), answer.text().await.unwrap())
    }
}

/// The token that the forms of a page carry.
fn form_token(html: &str) -> String {
    let (_, rest) = html.split_once("name=\"form_token\" value=\"").unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}
