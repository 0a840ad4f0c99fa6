//! An exposition, read by Prometheus' own parser for Python.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::clients::{ours, succeed};
use crate::harness::HostApp;

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Sample {
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    value: String,
}

#[derive(Deserialize)]
struct Parsed {
    samples: Vec<Sample>,
    undocumented: Vec<String>,
    untyped: Vec<String>,
}

/// See the module.
pub(super) struct Exposition {
    text: String,
    pub(super) samples: Vec<Sample>,
}

/// Reads the metrics of a daemon.
pub(super) async fn fetch(app: &HostApp) -> Exposition {
    let request = app.client.get(format!("{}/metrics", app.address)).bearer_auth(&app.key);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let text = answer.text().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("metrics.txt"), &text).unwrap();
    let script = ours("metrics.py");
    let parsed = succeed("python", &[script.to_str().unwrap(), "metrics.txt"], folder.path()).await;
    let Parsed { samples, undocumented, untyped } = serde_json::from_str(&parsed).unwrap();
    assert!(undocumented.is_empty() && untyped.is_empty(), "{undocumented:?} {untyped:?}");
    assert!(samples.iter().all(|sample| sample.name.starts_with("syncwell_")));
    Exposition { text, samples }
}

impl Exposition {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    fn matching<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = &'a Sample> {
        let has = move |sample: &&Sample| {
            let is_so = |(label, value): &(&str, &str)| {
                sample.labels.get(*label).map(String::as_str) == Some(*value)
            };
            sample.name == name && labels.iter().all(is_so)
        };
        self.samples.iter().filter(has)
    }

    /// All samples of this name.
    pub(super) fn of<'a>(&'a self, name: &'a str) -> Vec<&'a Sample> {
        self.matching(name, &[]).collect()
    }

    /// The sum of what has these labels.
    pub(super) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.matching(name, labels).map(|sample| sample.value.parse::<f64>().unwrap()).sum()
    }

    /// The value of the one series with these labels.
    pub(super) fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let found: Vec<_> = self.matching(name, labels).collect();
        assert_eq!(found.len(), 1, "{name} {labels:?}: {found:?}");
        self.sum(name, labels)
    }

    /// What identifies each series.
    pub(super) fn series(&self) -> BTreeSet<String> {
        let all: BTreeSet<_> =
            self.samples.iter().map(|it| format!("{} {:?}", it.name, it.labels)).collect();
        assert_eq!(all.len(), self.samples.len(), "no series twice");
        all
    }
}

/// What an expression of PromQL selects.
#[derive(Debug, Deserialize)]
pub(super) struct Selector {
    pub(super) name: String,
    /// Label, operator and value.
    matchers: Vec<(String, String, String)>,
    grouped: Vec<String>,
}

/// An expression, and what it selects.
#[derive(Debug, Deserialize)]
pub(super) struct Expression {
    pub(super) expression: String,
    pub(super) selectors: Vec<Selector>,
}

/// The expressions of a file in `config`, read by a parser of PromQL.
pub(super) async fn expressions(file: &str) -> Vec<Expression> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(file);
    let script = ours("promql.py");
    let arguments = [script.to_str().unwrap(), path.to_str().unwrap()];
    serde_json::from_str(&succeed("python", &arguments, path.parent().unwrap()).await).unwrap()
}

impl Selector {
    /// What it names that the exposition does not have.
    pub(super) fn missing(&self, from: &Exposition) -> Vec<String> {
        let samples = from.of(&self.name);
        if samples.is_empty() {
            return vec![self.name.clone()];
        }
        let has = |label: &str, value: Option<&str>| {
            samples.iter().any(|sample| {
                let own = sample.labels.get(label);
                own.is_some_and(|own| value.is_none_or(|value| own == value))
            })
        };
        let mut missing: Vec<String> =
            self.grouped.iter().filter(|label| !has(label, None)).cloned().collect();
        for (label, operator, value) in &self.matchers {
            let words: Vec<&str> = match operator.as_str() {
                "MatchOp.Equal" => vec![value],
                "MatchOp.Re" if value == ".*" => Vec::new(),
                "MatchOp.Re" => value.split('|').collect(),
                other => vec![other],
            };
            let is_there = words.iter().all(|word| has(label, Some(word))) && has(label, None);
            missing.extend((!is_there).then(|| format!("{label} = {value}")));
        }
        missing
    }
}
