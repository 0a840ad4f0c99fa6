//! Figures of several runs, as a table for readers and a file for programs.

use std::path::PathBuf;

use anyhow::Context;
use serde_json::{Map, Value, json};

use super::machine;

/// One figure, measured several times.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figure(Vec<f64>);

impl Figure {
    /// Adds a measurement.
    pub(crate) fn add(&mut self, value: f64) {
        self.0.push(value);
        self.0.sort_by(f64::total_cmp);
    }

    /// The median.
    pub(crate) fn median(&self) -> f64 {
        self.0.get(self.0.len() / 2).copied().unwrap_or(f64::NAN)
    }

    fn min(&self) -> f64 {
        self.0.first().copied().unwrap_or(f64::NAN)
    }

    fn max(&self) -> f64 {
        self.0.last().copied().unwrap_or(f64::NAN)
    }

    /// The median, with the lowest and the highest if there were several runs.
    pub(crate) fn text(&self, digits: usize) -> String {
        if self.0.is_empty() {
            return "not reported".to_owned();
        }
        let median = thousands(self.median(), digits);
        if self.0.len() < 2 {
            return median;
        }
        format!("{median} ({}–{})", thousands(self.min(), digits), thousands(self.max(), digits))
    }

    /// The figure as JSON.
    pub(crate) fn json(&self) -> Value {
        json!({"median": self.median(), "min": self.min(), "max": self.max(), "runs": self.0})
    }
}

/// A number with commas between thousands.
pub(crate) fn thousands(number: f64, digits: usize) -> String {
    let text = format!("{number:.digits$}");
    let (whole, rest) = match text.split_once('.') {
        Some((whole, rest)) => (whole, format!(".{rest}")),
        None => (text.as_str(), String::new()),
    };
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        let left = whole.len() - place;
        if place > 0 && left.is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + &rest
}

/// The results of a bench, with their description.
pub(crate) struct Report {
    name: &'static str,
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    json: Map<String, Value>,
}

impl Report {
    /// An empty report; `header` has the names of the columns.
    pub(crate) fn new(name: &'static str, quick: bool, header: &[&str]) -> Self {
        let mut json = Map::new();
        json.insert("bench".to_owned(), json!(name));
        json.insert("quick".to_owned(), json!(quick));
        json.insert("machine".to_owned(), machine::describe());
        json.insert("rows".to_owned(), json!([]));
        let header = header.iter().map(|word| (*word).to_owned()).collect();
        Self { name, header, rows: Vec::new(), json }
    }

    /// Adds a row of the table, and the same data as JSON.
    pub(crate) fn row(&mut self, cells: Vec<String>, data: Value) {
        self.rows.push(cells);
        if let Some(rows) = self.json.get_mut("rows").and_then(Value::as_array_mut) {
            rows.push(data);
        }
    }

    /// Adds a value about the whole report to the JSON.
    pub(crate) fn note(&mut self, key: &str, value: Value) {
        self.json.insert(key.to_owned(), value);
    }

    /// Prints the table, as Markdown, and writes the file.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        let machine = &self.json["machine"];
        println!("\n{}: {}", self.name, words(machine));
        let widths: Vec<usize> = (0..self.header.len())
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.get(column));
                cells
                    .chain(self.header.get(column))
                    .map(|cell| cell.chars().count())
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        let line = |cells: &[String]| {
            let padded = cells.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
                if column == 0 { format!(" {cell:<width$} ") } else { format!(" {cell:>width$} ") }
            });
            format!("|{}|", padded.collect::<Vec<_>>().join("|"))
        };
        println!("\n{}", line(&self.header));
        let rule = widths.iter().enumerate().map(|(column, width)| {
            if column == 0 { "-".repeat(width + 2) } else { format!("{}:", "-".repeat(width + 1)) }
        });
        println!("|{}|", rule.collect::<Vec<_>>().join("|"));
        for row in &self.rows {
            println!("{}", line(row));
        }
        let file = folder()?.join(format!("{}.json", self.name));
        std::fs::write(&file, serde_json::to_string_pretty(&Value::Object(self.json))? + "\n")?;
        println!("\n{}", file.display());
        Ok(())
    }
}

fn words(machine: &Value) -> String {
    let load = machine["load_average"].as_f64().unwrap_or_default();
    let unoptimised = if machine["optimised"] == json!(true) { "" } else { ", NOT OPTIMISED" };
    format!(
        "{} cores of {}, {} MB; load at the start {load}{unoptimised}",
        machine["cores"],
        machine["processor"].as_str().unwrap_or("an unknown processor"),
        machine["memory_mb"],
    )
}

/// The folder `bench` in the build folder (usually `target`); created if missing.
fn folder() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?;
    // target/release/deps/throughput-0123
    let target = program.ancestors().nth(3).context("this program is not in a build folder")?;
    let folder = target.join("bench");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}
