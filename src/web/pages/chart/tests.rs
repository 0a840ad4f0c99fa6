//! What charts look like in their markup.

use super::axis::Axis;
use super::svg::keep_apart;
use super::*;

fn points(values: impl IntoIterator<Item = f64>) -> Vec<Point> {
    (0..).zip(values).map(|(time, value)| (time, Some(value))).collect()
}

fn line(points: &[Point]) -> Line<'_> {
    Line { points, look: Look::S1, thin: false, label: None }
}

/// What stands between two texts, for each place where they stand.
fn between<'a>(html: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    html.split(before).skip(1).map(|rest| rest.split(after).next().unwrap()).collect()
}

fn ticks(scale: Scale, unit: &str, values: &[f64]) -> Vec<String> {
    let axis = Axis::new(scale, unit, values);
    axis.ticks().iter().map(|(_, text)| text.clone()).collect()
}

#[test]
fn an_axis_begins_at_zero_and_ends_at_a_round_value_above_all() {
    for (most, expected) in [
        (0.0, ["0", "1", "2"]),
        (1.0, ["0", "1", "2"]),
        (3.0, ["0", "2", "4"]),
        (5.0, ["0", "3", "6"]),
        (9.0, ["0", "5", "10"]),
        (96.0, ["0", "50", "100"]),
        (13.0, ["0", "10", "20"]),
        (145.0, ["0", "75", "150"]),
        (1_360.0, ["0", "750", "1,500"]),
        (4_436.0, ["0", "2,500", "5,000"]),
        (1_000_001.0, ["0", "750,000", "1,500,000"]),
    ] {
        assert_eq!(ticks(Scale::Whole, "", &[1.0_f64.min(most), most]), expected, "{most}");
    }
    assert_eq!(ticks(Scale::Decimal, "kg", &[0.7]), ["0", "0.4", "0.8 kg"]);
    assert_eq!(ticks(Scale::Decimal, "min", &[280.0]), ["0", "150", "300 min"]);
}

#[test]
fn durations_get_the_unit_that_fits() {
    for (most, expected) in [
        (0.002, ["0", "1 ms", "2 ms"]),
        (0.71, ["0", "0.4 s", "0.8 s"]),
        (28.0, ["0", "15 s", "30 s"]),
        (50.0, ["0", "30 s", "1 min"]),
        (2_280.0, ["0", "20 min", "40 min"]),
        (5_000.0, ["0", "1 h", "2 h"]),
        (160_000.0, ["0", "1 day", "2 days"]),
    ] {
        assert_eq!(ticks(Scale::Seconds, "", &[most]), expected, "{most}");
    }
}

#[test]
fn a_range_has_at_most_three_steps_and_holds_all_values() {
    assert_eq!(ticks(Scale::Range, "kg", &[75.2, 71.3]), ["70", "72", "74", "76 kg"]);
    for values in [
        vec![71.3],
        vec![0.31, 0.33],
        vec![118.0, 142.0, 80.0],
        vec![1_999.0, 2_001.0],
        vec![36.6, 36.7, 39.9],
        vec![-3.0, 4.0],
    ] {
        let axis = Axis::new(Scale::Range, "", &values);
        let (first, last) = (axis.ticks()[0].0, axis.ticks().last().unwrap().0);
        assert!((2..=4).contains(&axis.ticks().len()), "{values:?}: {:?}", axis.ticks());
        for value in &values {
            assert!(first <= *value && *value <= last, "{value}: {:?}", axis.ticks());
        }
    }
}

#[test]
fn numbers_have_separators() {
    for (value, decimals, expected) in [
        (0.0, 0, "0"),
        (999.0, 0, "999"),
        (1_000.0, 0, "1,000"),
        (-1_234_567.0, 0, "−1,234,567"),
        (71.25, 1, "71.2"),
        (-0.04, 1, "0.0"),
        (f64::NAN, 0, "–"),
    ] {
        assert_eq!(number(value, decimals), expected);
    }
    assert_eq!(Scale::Range.text(71.3), "71.3");
    assert_eq!(Scale::Seconds.text(2_280.0), "38 min");
    assert_eq!(Scale::Whole.text(1_318.0), "1,318");
}

#[test]
fn a_line_goes_from_edge_to_edge_and_values_to_their_height() {
    let values = points([0.0, 50.0, 100.0]);
    let html = Chart::new(0, 2, 130).line(line(&values)).plot();
    assert_eq!(between(&html, " d=\"", "\""), ["M0 110.0L500 63.0L1000 16.0"], "{html}");
    assert!(html.contains("class=\"ln l-s1\""), "{html}");
    assert!(html.starts_with("<div class=\"plot\">\n<svg class=\"axis\" width=\"29\""), "{html}");
    assert!(html.ends_with("</svg>\n</div>"), "{html}");
}

#[test]
fn missing_values_are_a_gap_and_one_between_gaps_is_seen() {
    let values =
        [(0, Some(1.0)), (1, Some(1.0)), (2, None), (3, Some(2.0)), (4, None), (5, Some(f64::NAN))];
    let html = Chart::new(0, 5, 130).line(line(&values)).plot();
    assert_eq!(between(&html, " d=\"", "\""), ["M0 63.0L200 63.0M600 16.0h4"], "{html}");
}

#[test]
fn what_would_look_like_data_is_said_in_words_when_there_is_none() {
    let none = [(0, None), (1, None)];
    let html = Chart::new(0, 1, 110)
        .says("No records yet.")
        .times(["13:02".into(), "14:02".into()])
        .usual(vec![(0, 1.0, 2.0), (1, 1.0, 2.0)])
        .line(line(&none))
        .empty("Nothing yet. The first sync draws here.")
        .plot();
    assert!(html.contains("aria-label=\"No records yet.\""), "{html}");
    assert!(html.contains(">Nothing yet. The first sync draws here.</text>"), "{html}");
    assert!(html.contains(">13:02</text>") && html.contains(">14:02</text>"), "{html}");
    assert!(!html.contains("<path") && !html.contains("class=\"ends\""), "{html}");
    assert!(html.contains("<svg class=\"axis\" width=\"16\" height=\"110\""), "{html}");
}

#[test]
fn labels_at_the_ends_of_lines_do_not_overlap() {
    let series: Vec<Vec<Point>> = [0.0, 1.0, 2.0, 3.0, 100.0].map(|end| points([5.0, end])).into();
    let names = ["a", "b", "c", "d", "e"];
    let mut chart = Chart::new(0, 1, 130);
    for (values, name) in series.iter().zip(names) {
        chart = chart.line(Line { label: Some(name), ..line(values) });
    }
    let html = chart.plot();
    let ends = between(&html, "class=\"ends\"", "</svg>").concat();
    let heights: Vec<f64> =
        between(&ends, " y=\"", "\"").iter().map(|y| y.parse().unwrap()).collect();
    assert_eq!(heights.len(), 5, "{ends}");
    for pair in heights.windows(2) {
        assert!(pair[1] - pair[0] >= 14.0, "{heights:?}");
    }
    assert!(heights.iter().all(|y| (16.0..=114.0).contains(y)), "{heights:?}");
    // Where there is room, a label stays at its line.
    assert!((heights[0] - 20.0).abs() < 0.1, "{heights:?}");
}

#[test]
fn labels_without_enough_room_still_keep_their_distance() {
    let mut labels: Vec<_> = (0..20).map(|_| (50.0, Look::S1, "x")).collect();
    keep_apart(&mut labels, 16.0, 114.0, 14.0);
    assert!(labels.windows(2).all(|pair| pair[1].0 - pair[0].0 >= 14.0 - 1e-9), "{labels:?}");
}

#[test]
fn many_points_are_thinned_without_losing_a_peak_or_a_gap() {
    let mut values = points((0..100_000).map(|n| f64::from(n % 7)));
    values[43_210].1 = Some(1_000.0);
    values[77_777].1 = Some(-5.0);
    values[60_000].1 = None;
    let thinned = thin::line(&values, MOST_POINTS);
    assert!(thinned.iter().filter(|(_, value)| value.is_some()).count() <= MOST_POINTS);
    for kept in [43_210, 77_777, 60_000] {
        assert!(thinned.contains(&values[kept]), "{kept}");
    }
    assert!(thinned.windows(2).all(|pair| pair[0].0 < pair[1].0), "in the order of time");
    let html = Chart::new(0, 100_000, 130).line(line(&values)).plot();
    assert!(html.len() < 10_000, "{}", html.len());

    let few = points([1.0, 2.0]);
    assert_eq!(thin::line(&few, MOST_POINTS), few);
    assert_eq!(thin::line(&[], MOST_POINTS), []);
}

#[test]
fn bars_are_as_high_as_their_parts_and_thinned_to_the_highest() {
    let column = |n: i64, parts: Vec<(f64, Look)>| Column { from: n, to: n + 1, parts };
    let html = Chart::new(0, 2, 225)
        .columns(vec![
            column(0, vec![(100.0, Look::S3), (0.0, Look::S2), (50.0, Look::S1)]),
            column(1, vec![(200.0, Look::Off)]),
        ])
        .plot();
    assert_eq!(between(&html, "<rect class=\"", "\""), ["f-s3", "f-s1", "f-off"], "{html}");
    assert_eq!(between(&html, " width=\"3", "%"), ["7", "7", "7"], "{html}");
    let area = html.split("class=\"area\"").nth(1).unwrap();
    let heights: Vec<f64> = between(area, "<rect", "/>")
        .iter()
        .map(|rect| between(rect, "height=\"", "\"")[0].parse().unwrap())
        .collect();
    assert_eq!(heights, [94.5, 47.2, 189.0], "{html}");

    let ok = Chart::new(0, 2, 225).columns(vec![column(0, vec![(1.0, Look::Ok)])]);
    assert!(ok.plot().contains("<rect class=\"f-ok\""));

    let many: Vec<_> = (0..1_440)
        .map(|n| column(n, vec![(if n == 777 { 99.0 } else { 1.0 }, Look::Off)]))
        .collect();
    let thinned = thin::columns(&many, MOST_POINTS);
    assert_eq!(thinned.len(), MOST_POINTS);
    assert!(thinned.iter().any(|column| column.parts[0].0 > 98.0));
    assert_eq!((thinned[0].from, thinned.last().unwrap().to), (0, 1_440));
}

#[test]
fn sources_differ_by_shape_and_colour() {
    let icons: std::collections::BTreeSet<_> = (0..16).map(|n| Mark::nth(n).icon()).collect();
    assert_eq!(icons.len(), 16);
    let shapes: std::collections::BTreeSet<_> =
        (0..4).map(|n| Mark::nth(n).icon().replace(Mark::nth(n).look().fill(), "")).collect();
    assert_eq!(shapes.len(), 4);
    assert_eq!(Mark::nth(16), Mark::nth(0));
    let weights = [(0, 75.2), (50, 73.0), (100, 71.3)];
    for (mark, expected) in [
        (Mark::nth(0), "<circle class=\"dot f-s1\" cx=\"50%\" cy=\"103.0\" r=\"3.5\"/>"),
        (Mark::nth(1), "<svg x=\"50%\" y=\"103.0\" overflow=\"visible\"><rect class=\"dot f-s2\""),
        (Mark::nth(2), "overflow=\"visible\"><path class=\"dot f-s3\""),
        (Mark::nth(3), "overflow=\"visible\"><path class=\"dot f-s4\""),
        (Mark::HOST, "<circle class=\"ring\" cx=\"50%\" cy=\"103.0\" r=\"4\"/>"),
    ] {
        let html = Chart::new(0, 100, 210)
            .scale(Scale::Range)
            .unit("kg")
            .dots(Dots { points: &weights, mark })
            .plot();
        assert!(html.contains(expected), "{expected}: {html}");
        assert!(html.contains(">76 kg</text>") && html.contains(">70</text>"), "{html}");
    }
    let key = key(&[(Mark::nth(1), "Google Health, 7".into()), (Mark::HOST, "a & b".into())]);
    assert!(key.contains("<rect class=\"f-s2\"") && key.contains("Google Health, 7"), "{key}");
    assert!(key.contains("<circle class=\"ring\"") && key.contains("a &amp; b"), "{key}");
}

#[test]
fn outages_limits_and_what_is_usual_are_behind_the_data() {
    let values = points([1.0, 2.0, 1.0]);
    let outage = |from, to, bad| Outage { from, to, bad, words: "Polar was silent" };
    let html = Chart::new(0, 2, 130)
        .usual(vec![(0, 1.0, 2.0), (2, 1.0, 2.0)])
        .outage(outage(0, 1, false))
        .outage(outage(2, 9, true))
        .limit(4.0)
        .line(line(&values))
        .plot();
    assert!(html.contains("<rect class=\"span\" x=\"0%\" width=\"50%\" y=\"16\" height=\"94\"/>"));
    assert!(html.contains("<rect class=\"span bad\" x=\"100%\" width=\"0.2%\""), "{html}");
    assert!(html.contains("<text class=\"halo t-warn\" x=\"1%\" y=\"28\" text-anchor=\"start\">"));
    assert!(html.contains("<text class=\"halo t-bad\" x=\"99.2%\" y=\"28\" text-anchor=\"end\">"));
    assert_eq!(
        between(&html, "class=\"usual\" d=\"", "\""),
        ["M0 63.0L1000 63.0L1000 86.5L0 86.5Z"]
    );
    assert!(html.contains("<line class=\"limit\" x1=\"0\" x2=\"100%\" y1=\"16.0\" y2=\"16.0\"/>"));
    let at = |text: &str| html.find(text).unwrap();
    assert!(at("class=\"span\"") < at("class=\"usual\""));
    assert!(
        at("class=\"usual\"") < at("class=\"base\"") && at("class=\"base\"") < at("class=\"ln ")
    );
}

#[test]
fn texts_are_escaped_wherever_they_come_from() {
    let evil = "<script>\"'&";
    let values = points([1.0, 2.0]);
    let plot = Chart::new(0, 1, 130)
        .says(evil)
        .unit(evil)
        .times([evil.to_owned()])
        .outage(Outage { from: 0, to: 1, bad: true, words: evil })
        .line(Line { label: Some(evil), ..line(&values) })
        .label(1.0, Look::Ink, evil)
        .plot();
    let nothing = Chart::new(0, 1, 130).empty(evil).plot();
    let values = figure::values(&values, |_| evil.into(), |_| evil.into());
    let figure = Figure {
        id: evil,
        heading: 3,
        title: evil,
        now: (evil, evil),
        values: &values,
        ..Figure::default()
    }
    .html();
    for html in [plot, nothing, figure, bar(&[], evil), spark(&[], Look::S1, evil)] {
        assert!(!html.contains("<script") && !html.contains("\"'&"), "{html}");
        assert!(html.contains("&lt;script&gt;&quot;&#39;&amp;"), "{html}");
    }
}

#[test]
fn a_figure_has_a_head_and_values_for_the_reading_line() {
    let syncs = [(0, Some(1_292.0)), (60, None), (120, Some(1_318.0))];
    let time = |t: i64| format!("28 Nov, 13:{:02}", t / 60);
    let values = values(&syncs, time, |value| format!("{} syncs", number(value, 0)));
    // app.js takes what is before the first space as the time.
    let unbroken = values.split('|').all(|one| one.matches(' ').count() == 1);
    assert!(unbroken, "{values}");
    assert!(values.ends_with("13:02 1,318\u{a0}syncs"), "{values}");
    assert!(values.contains("13:01 –|"), "{values}");
    let html = Figure {
        id: "syncs",
        heading: 3,
        title: "Syncs",
        now: ("1,318", "a minute"),
        values: &values,
        plot: "<div></div>",
        ..Figure::default()
    }
    .html();
    assert!(html.starts_with("<figure class=\"panel chart\" id=\"syncs\" data-live data-v=\"28"));
    assert!(
        html.contains("<h3>Syncs</h3><span class=\"now\">1,318 <small>a minute</small></span>")
    );
    let many = points((0..1_440).map(f64::from));
    let values = figure::values(&many, |t| t.to_string(), |v| v.to_string());
    assert_eq!(values.split('|').count(), MOST_POINTS);
    assert!(values.ends_with("1439 1439"), "{values}");
}

#[test]
fn a_sentence_says_what_the_chart_shows() {
    let says = |points: &[Point]| range_sentence("Syncs a minute", "the last hour", points);
    assert_eq!(
        says(&points([1_360.0, 1_090.0, 1_318.0])),
        "Syncs a minute over the last hour: between 1,090 and 1,360, now 1,318."
    );
    assert_eq!(says(&points([0.0, 0.0])), "Syncs a minute over the last hour: always 0, now 0.");
    assert_eq!(says(&[(0, None)]), "Syncs a minute over the last hour: nothing yet.");
    assert_eq!(
        says(&[(0, Some(3.0)), (1, Some(5.0)), (2, None)]),
        "Syncs a minute over the last hour: between 3 and 5, last 5."
    );
}

#[test]
fn bars_of_parts_never_go_beyond_their_width() {
    let part = |share, look| Part { share, look };
    let html = bar(&[part(0.614, Look::Accent)], "61 percent used");
    assert_eq!(
        html,
        "<svg class=\"bar\" role=\"img\" aria-label=\"61 percent used\"><rect class=\"bar-bg\" \
         width=\"100%\" height=\"100%\"/><rect class=\"f-acc\" x=\"0%\" width=\"61.4%\" \
         height=\"100%\"/></svg>"
    );
    let html = bar(
        &[
            part(0.7, Look::Accent),
            part(0.0, Look::Bad),
            part(f64::NAN, Look::Bad),
            part(0.00001, Look::Accent2),
            part(9.0, Look::Accent3),
        ],
        "",
    );
    assert_eq!(between(&html, " x=\"", "%"), ["0", "70", "70.4"], "{html}");
    assert_eq!(between(&html, " width=\"", "%"), ["100", "70", "0.4", "29.6"], "{html}");
    assert!(!html.contains("f-bad"), "{html}");
}

#[test]
fn a_sparkline_has_the_height_of_a_text() {
    let html = spark(&points([0.0, 2.0, 1.0]), Look::S2, "3 syncs");
    assert_eq!(between(&html, " d=\"", "\""), ["M0 23.0L500 1.0L1000 12.0"], "{html}");
    assert!(html.contains("class=\"ln l-s2\"") && html.contains("aria-label=\"3 syncs\""));
    assert_eq!(between(&spark(&[], Look::S1, ""), " d=\"", "\""), [""]);
}

#[test]
fn strange_numbers_never_reach_the_markup() {
    let strange =
        [(0, Some(f64::INFINITY)), (1, Some(f64::NAN)), (2, Some(-4.0)), (3, Some(1e300))];
    for scale in [Scale::Whole, Scale::Decimal, Scale::Seconds, Scale::Range] {
        let html = Chart::new(5, 5, 0)
            .scale(scale)
            .line(Line { label: Some("x"), ..line(&strange) })
            .dots(Dots { points: &[(i64::MIN, f64::NAN), (i64::MAX, 1.0)], mark: Mark::HOST })
            .label(f64::NAN, Look::S1, "y")
            .plot();
        assert!(!html.contains("NaN") && !html.contains("inf"), "{scale:?}: {html}");
    }
}
