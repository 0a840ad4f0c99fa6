//! The connections of a trial: who is not connected is connected, and each that was lost is explained.

use reqwest::Method;
use serde_json::{Value, json};

use crate::actions::call;
use crate::harness::HostApp;
use crate::lost::{Where, explain};
use crate::outages::Span;
use crate::people::TWO_WAY;
use crate::trial::Trial;

impl Trial {
    /// Connects who is not connected, switches pushing on, and explains each connection that was lost.
    pub(crate) async fn look_after_connections(&mut self) {
        let app = self.daemon.app.clone();
        let spans = self.spans();
        self.to_connect.clear();
        for number in 0..self.people.len() {
            let (name, partners) = (self.people[number].name.clone(), self.people[number].partners);
            let path = format!("/v1/users/{name}/connections");
            let Some((_, list)) = call(&app, Method::GET, &path, &Value::Null).await else {
                return;
            };
            let Some(list) = list["connections"].as_array() else { return };
            for partner in partners {
                let connection = list.iter().find(|it| it["partner"] == *partner);
                let status = connection.map_or("", |it| it["status"].as_str().unwrap());
                let of = (name.clone(), *partner);
                if status == "connected" {
                    self.known_lost.retain(|known| *known != of);
                    self.push_weights(&app, &name, connection.unwrap()).await;
                    continue;
                }
                if status == "needs_reconnect" && !self.known_lost.contains(&of) {
                    self.known_lost.push(of.clone());
                    self.explain(connection.unwrap(), &of, &spans);
                }
                self.to_connect.push(of);
            }
        }
    }

    fn explain(&mut self, connection: &Value, of: &(String, &'static str), spans: &[Span]) {
        let calls = self.control.token_calls(of.1, &of.0).unwrap();
        let lost = explain(&calls, &self.kills, spans);
        if lost == Where::Nowhere {
            // All that happened since the refresh whose tokens were lost, or may have been.
            let last = &calls[calls.len().saturating_sub(3)..];
            let from = last[0].made_at;
            let kills: Vec<_> = self.kills.iter().filter(|kill| kill.after >= from).collect();
            let ends = |span: &&Span| span.ended.is_none_or(|at| at >= from);
            let outages: Vec<_> = spans.iter().filter(ends).collect();
            println!("lost {of:?}: {}", connection["last_error"]);
            last.iter().for_each(|call| println!("{call:?}"));
            println!("{kills:?}\n{outages:?}");
        }
        self.figures.lost_connections.push(lost);
    }

    async fn push_weights(&self, app: &HostApp, user: &str, connection: &Value) {
        let partner = connection["partner"].as_str().unwrap();
        if !TWO_WAY.contains(&partner) || connection["push"]["weight"] == true {
            return;
        }
        let path = format!("/v1/users/{user}/connections/{partner}");
        call(app, Method::PATCH, &path, &json!({"push": {"weight": true}})).await;
    }
}
