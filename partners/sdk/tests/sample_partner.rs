//! The sample partner, whose push code `partners/README.md` shows, compiles and conforms.

pub mod fixtures;
pub mod sample;

use sample::Pulsebox;

#[tokio::test]
async fn pulsebox_conforms() {
    let suite = fixtures::suite(Pulsebox);
    suite.resumes_with("/v1/readings?changed_since=v2%3A1772625590").run().await;
}

#[test]
fn the_readme_shows_how_this_very_partner_writes() {
    let readme = include_str!("../../README.md");
    let blocks = readme.split("```rust,ignore\n").skip(1).filter_map(|it| it.split("\n```").next());
    let sources = [include_str!("sample/mod.rs"), include_str!("notifiers/mod.rs")];
    let blocks: Vec<&str> = blocks.collect();
    assert!(blocks.iter().any(|block| block.contains("async fn push")));
    for block in blocks {
        let is_there = sources.iter().any(|source| source.contains(block));
        assert!(is_there, "this is in neither tests/sample nor tests/notifiers:\n{block}");
    }
}

#[test]
fn two_kinds_take_fewer_than_120_lines_beside_the_manifest() {
    let source = include_str!("sample/mod.rs");
    let (before, manifest) = source.split_once("static MANIFEST").unwrap();
    let (_, after) = manifest.split_once("\n};\n").unwrap();
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
    let lines = before.lines().chain(after.lines()).filter(is_code).count();
    assert!(lines < 120, "{lines}");
}
