//! The settings in force, with what set each and what it means.

use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::answer::{NoPage, page};
use super::frame::{Frame, Place};
use super::session::SignedIn;
use super::{assets, words};
use crate::settings::in_words;
use crate::web::State;
use crate::web::admin::settings::{self, Section, SetBy, SettingView};

/// The page.
#[derive(Template)]
#[template(path = "settings.html")]
struct Page {
    frame: Frame,
    sentence: String,
    sections: Vec<Group>,
    is_changed_only: bool,
}

/// Settings that belong together.
struct Group {
    id: String,
    name: String,
    title: String,
    meaning: String,
    rows: Vec<Row>,
}

/// A setting.
struct Row {
    key: String,
    value: String,
    is_secret: bool,
    is_set: bool,
    set_by: String,
    default: Option<String>,
    variable: String,
    meaning: Vec<Piece>,
}

/// A part of a text, which may be something to type.
struct Piece {
    text: String,
    is_code: bool,
}

/// What the page can be asked.
#[derive(Deserialize)]
pub(super) struct Asked {
    show: Option<String>,
}

/// Shows the settings.
pub(super) async fn show(
    session: SignedIn,
    asked: web::Query<Asked>,
    state: web::Data<State>,
) -> Result<HttpResponse, NoPage> {
    let is_changed_only = asked.show.as_deref() == Some("set");
    let all = settings::all(&state);
    let is_set = |it: &&SettingView| matches!(it.set_by, SetBy::File | SetBy::Variable);
    let set = all.iter().flat_map(|section| &section.settings).filter(is_set).count();
    let set = words::count(i64::try_from(set).unwrap_or(i64::MAX), "setting is", "settings are");
    let sections = all.into_iter().map(|section| group(&state, section, is_changed_only));
    page(&Page {
        frame: Frame::new(&state, &session, Place::Settings).await?,
        sentence: format!("{set} set by a file or a variable; the others have their defaults."),
        sections: sections.filter(|group| !group.rows.is_empty()).collect(),
        is_changed_only,
    })
}

fn group(state: &State, section: Section, is_changed_only: bool) -> Group {
    let Section { name, meaning, settings } = section;
    let partner = name.strip_prefix("partners.");
    let title = match partner {
        Some(partner) => {
            let spec = state.directory.spec(partner);
            spec.map_or_else(|| partner.to_owned(), |spec| spec.manifest().title.to_owned())
        }
        None if name.is_empty() => "Partners to run".to_owned(),
        None => {
            let mut letters = name.chars();
            let first = letters.next().map(|first| first.to_ascii_uppercase());
            first.into_iter().chain(letters).collect()
        }
    };
    let is_wanted =
        |it: &SettingView| !is_changed_only || matches!(it.set_by, SetBy::File | SetBy::Variable);
    // What any partner's settings mean stands once, at the first; here it would repeat.
    let meaning = if partner.is_some() { String::new() } else { meaning };
    Group {
        id: format!("s-{}", name.replace('.', "-")),
        rows: settings.into_iter().filter(is_wanted).map(row).collect(),
        name,
        title,
        meaning,
    }
}

fn row(setting: SettingView) -> Row {
    let SettingView { key, in_words: value, default, set_by, file, line, .. } = setting;
    let of_default = in_words(&key, &default);
    let is_changed = matches!(set_by, SetBy::File | SetBy::Variable);
    let set_by = match set_by {
        SetBy::Default => "default".to_owned(),
        SetBy::Partner => "the partner’s own".to_owned(),
        SetBy::Variable => format!("variable {}", setting.variable),
        SetBy::File => {
            format!("{}, line {}", file.unwrap_or_default(), line.unwrap_or_default())
        }
    };
    let differs = is_changed && !setting.is_secret && !default.is_null() && of_default != value;
    Row {
        default: differs.then_some(of_default),
        value,
        is_secret: setting.is_secret,
        is_set: setting.is_set,
        set_by,
        variable: setting.variable,
        meaning: pieces(&setting.meaning),
        key,
    }
}

/// The parts of a text in which what is to be typed stands between backticks.
fn pieces(text: &str) -> Vec<Piece> {
    let parts = text.split('`').enumerate();
    let parts = parts.map(|(place, part)| Piece { text: part.to_owned(), is_code: place % 2 == 1 });
    parts.filter(|piece| !piece.text.is_empty()).collect()
}
