//! The sample partner of `partners/README.md` compiles, conforms, and is the one in the README.

pub mod fixtures;
pub mod sample;

use sample::Pulsebox;

#[tokio::test]
async fn pulsebox_conforms() {
    let suite = fixtures::suite(Pulsebox);
    suite.resumes_with("/v1/readings?changed_since=v2%3A1772625590").run().await;
}

#[test]
fn the_readme_shows_this_very_partner_in_fewer_than_120_lines_beside_its_manifest() {
    let readme = include_str!("../../README.md");
    let blocks = readme.split("```rust\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    let source = include_str!("sample/mod.rs").trim_end();
    assert!(blocks.into_iter().any(|block| block == source), "copy tests/sample/mod.rs into it");
    let (before, manifest) = source.split_once("static MANIFEST").unwrap();
    let (_, after) = manifest.split_once("\n};\n").unwrap();
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
    let lines = before.lines().chain(after.lines()).filter(is_code).count();
    assert!(lines < 120, "{lines}");
}
