//! The settings in force, and where each comes from.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, get, web};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::installed::InstalledPartner;
use crate::settings::{InForce, LimitSetting, Origin, in_words, meaning, written};
use crate::store::shown_address;
use crate::web::auth::AdminKey;
use crate::web::parameters::NoParameters;
use crate::web::{Problem, State};

/// What set a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::web) enum SetBy {
    /// Nothing: it has its default.
    Default,
    /// Nothing: it has what the partner's own code says.
    Partner,
    /// A settings file.
    File,
    /// An environment variable.
    Variable,
}

/// A setting.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({"key": "events.timeout", "value": "20s", "in_words": "20 seconds", "default": "15s", "set_by": "file", "file": "/etc/syncwell/production.toml", "line": 12, "variable": "SYNCWELL__EVENTS__TIMEOUT", "is_secret": false, "is_set": true, "meaning": "How long one call to an endpoint may take."}))]
pub(in crate::web) struct SettingView {
    /// Its name, `section.key`.
    pub(in crate::web) key: String,
    /// Its value as a file would have it; null if it has none, and for a secret.
    pub(in crate::web) value: Value,
    /// Its value in words.
    pub(in crate::web) in_words: String,
    /// Its default; null if it has none.
    pub(in crate::web) default: Value,
    pub(in crate::web) set_by: SetBy,
    /// The file that set it, as it was named at the start.
    pub(in crate::web) file: Option<String>,
    /// The line in that file.
    pub(in crate::web) line: Option<usize>,
    /// The environment variable that sets it, or would.
    pub(in crate::web) variable: String,
    /// Whether it is a secret, whose value is never shown.
    pub(in crate::web) is_secret: bool,
    /// Whether it has a value.
    pub(in crate::web) is_set: bool,
    /// What it means.
    pub(in crate::web) meaning: String,
}

/// Settings that belong together.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct Section {
    /// `server`; `partners.withings` for those of a partner. Empty for those at the top of a file.
    pub(in crate::web) name: String,
    /// What they are about.
    pub(in crate::web) meaning: String,
    pub(in crate::web) settings: Vec<SettingView>,
}

#[derive(Debug, Serialize, ToSchema)]
struct SettingList {
    sections: Vec<Section>,
}

/// All settings, by section.
pub(in crate::web) fn all(state: &State) -> Vec<Section> {
    let settings = state.settings.get();
    let database = shown_address(&settings.database.url).unwrap_or_default();
    let partners: Vec<&str> = state.directory.specs().map(|spec| spec.name()).collect();
    let mut own = BTreeMap::new();
    state.directory.specs().for_each(|spec| own.append(&mut of_partner(spec)));
    let mut sections: Vec<Section> = Vec::new();
    for setting in settings.in_force(&partners, &database) {
        let name = setting.key.rsplit_once('.').map_or("", |(section, _)| section).to_owned();
        let view = SettingView::new(setting, &mut own);
        match sections.iter_mut().find(|section| section.name == name) {
            Some(section) => section.settings.push(view),
            None => {
                let meaning = if name.is_empty() { "" } else { meaning(&name) }.to_owned();
                sections.push(Section { name, meaning, settings: vec![view] });
            }
        }
    }
    sections.sort_by_key(|section| (section.name.starts_with("partners."), section.name.clone()));
    sections
}

impl SettingView {
    fn new(setting: InForce, own: &mut BTreeMap<String, Value>) -> Self {
        let InForce { key, value, is_set, is_secret, default, origin, variable, meaning } = setting;
        let (mut set_by, mut file, mut line) = (SetBy::Default, None, None);
        match origin {
            Some(Origin::File { path, line: at }) => {
                (set_by, file, line) = (SetBy::File, Some(path.display().to_string()), Some(at));
            }
            Some(Origin::Variable(_)) => set_by = SetBy::Variable,
            None => {}
        }
        let (mut value, mut is_set) = (value, is_set);
        if let Some(of_partner) = own.remove(&key).filter(|_| !is_set) {
            (value, is_set, set_by) = (of_partner, true, SetBy::Partner);
        }
        let in_words = match (is_secret, is_set) {
            (true, true) => "set".to_owned(),
            (true, false) => "not set".to_owned(),
            (false, _) => in_words(&key, &value),
        };
        let meaning = meaning.to_owned();
        Self {
            key,
            value,
            in_words,
            default,
            set_by,
            file,
            line,
            variable,
            is_secret,
            is_set,
            meaning,
        }
    }
}

/// What is in force of a partner where the settings say nothing.
fn of_partner(spec: &InstalledPartner) -> BTreeMap<String, Value> {
    let addresses = &spec.endpoints;
    let limits: Vec<LimitSetting> = spec.limits.iter().copied().map(LimitSetting::from).collect();
    let backfill = format!("{}d", spec.backfill.num_days());
    let own: [(&str, Value); 8] = [
        ("authorize_url", addresses.authorize_url.as_str().into()),
        ("token_url", addresses.token_url.as_str().into()),
        ("request_token_url", addresses.request_token_url.clone().into()),
        ("api_url", addresses.api_url.as_str().into()),
        ("revoke_url", addresses.revoke_url.clone().into()),
        ("limits", serde_json::to_value(limits).unwrap_or_default()),
        ("backfill", backfill.into()),
        ("notifications", true.into()),
    ];
    let named = own.into_iter().filter(|(_, value)| !value.is_null());
    let named = named.map(|(key, value)| {
        let key = format!("partners.{}.{key}", spec.name());
        (key.clone(), written(&key, value))
    });
    named.collect()
}

/// Lists the settings in force by section: each with its value, what set it and what it means. Secrets are
/// never shown. They are read once, at the start.
#[utoipa::path(operation_id = "list_settings", tag = "admin", security(("key" = [])), responses(
    (status = 200, description = "All settings", body = SettingList),
    (status = 403, description = "The key does not have scope `admin`", body = Problem),
))]
#[get("/admin/api/settings")]
pub(super) async fn list(
    _: AdminKey,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(SettingList { sections: all(&state) }))
}
