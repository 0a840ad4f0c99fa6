//! Is everything well? If not: what, since when, how many users, what mends it.

mod partners;

use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, TimeDelta, Utc};
use partner_sdk::secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::{IntoParams, ToSchema};

pub(in crate::web) use self::partners::{Health, LimitUse, PartnerLine};
use crate::actors::Tree;
use crate::figures::{self, Minute, Standing, Step, beginning};
use crate::incidents::{self, IncidentCode, IncidentGroup, Needs, wording};
use crate::model::{Status, UserId};
use crate::store::KeyScope;
use crate::web::auth::AdminKey;
use crate::web::{Problem, State};

/// Which time the figures are of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = OverviewRange)]
pub(in crate::web) enum Range {
    /// The last hour, minute by minute.
    #[default]
    #[serde(rename = "1h")]
    Hour,
    /// The last day, in steps of five minutes.
    #[serde(rename = "24h")]
    Day,
}

impl Range {
    /// How long a step is, in minutes.
    pub(in crate::web) fn step(self) -> i64 {
        match self {
            Self::Hour => 1,
            Self::Day => 5,
        }
    }

    fn length(self) -> TimeDelta {
        match self {
            Self::Hour => TimeDelta::hours(1),
            Self::Day => TimeDelta::days(1),
        }
    }
}

/// How everything is.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct Overview {
    /// When this was.
    pub(in crate::web) at: DateTime<Utc>,
    version: &'static str,
    /// Seconds since the daemon started.
    uptime_s: i64,
    /// The answer: "All is well", "Two things need you".
    pub(in crate::web) title: String,
    /// What else there is, in a sentence or two.
    pub(in crate::web) sentence: String,
    /// What the administrator must mend, what has lasted for the longest first.
    pub(in crate::web) needs_you: Vec<Issue>,
    /// What users must mend.
    pub(in crate::web) needs_users: Vec<Issue>,
    /// What passes by itself.
    pub(in crate::web) mends_itself: Vec<Issue>,
    pub(in crate::web) connections: ConnectionCounts,
    /// The installed partners, those that need attention first.
    pub(in crate::web) partners: Vec<PartnerLine>,
    /// Which time `steps` are of.
    pub(in crate::web) range: Range,
    /// How long each step is, in minutes.
    pub(in crate::web) step_minutes: i64,
    /// The beginning of that time.
    pub(in crate::web) from: DateTime<Utc>,
    /// Its end: that of the last whole minute.
    pub(in crate::web) to: DateTime<Utc>,
    /// What was done, oldest first. Where a step is missing the daemon did not run.
    pub(in crate::web) steps: Vec<Step>,
    /// What the present minute did so far.
    pub(in crate::web) so_far: Minute,
    /// What a new installation has already; null as soon as a user was connected.
    pub(in crate::web) setup: Option<Setup>,
}

/// Something that is wrong, for all whom it concerns at once.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"code": "authorization_revoked", "partner": "withings", "endpoint_id": null, "user_id": null, "heading": "31 users must reconnect Withings", "detail": null, "mend": "They open a new link and allow the access again. Nothing is lost: what came meanwhile is read then.", "since": "2026-11-22T06:15:00Z", "last_at": "2026-11-22T09:40:00Z", "users": 31, "count": 31}))]
pub(in crate::web) struct Issue {
    pub(in crate::web) code: IncidentCode,
    /// The partner it concerns.
    pub(in crate::web) partner: Option<String>,
    /// The webhook endpoint it concerns.
    pub(in crate::web) endpoint_id: Option<String>,
    /// The user, if it is only one.
    #[schema(value_type = Option<String>)]
    pub(in crate::web) user_id: Option<UserId>,
    /// What is wrong, in a few words.
    pub(in crate::web) heading: String,
    /// The same in a sentence, if it is one incident.
    pub(in crate::web) detail: Option<String>,
    /// What mends it.
    pub(in crate::web) mend: String,
    /// When the first began.
    pub(in crate::web) since: DateTime<Utc>,
    /// When one was last seen.
    last_at: DateTime<Utc>,
    /// How many users it concerns.
    pub(in crate::web) users: i64,
    /// How many entries of the error log these are.
    pub(in crate::web) count: i64,
}

/// How many connections there are in each state. Counted in the background: at most some seconds old
/// while somebody looks.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct ConnectionCounts {
    /// Users that have or had a connection.
    pub(in crate::web) users: i64,
    pub(in crate::web) connected: i64,
    pub(in crate::web) needs_reconnect: i64,
    pub(in crate::web) disconnected: i64,
    /// Those whose partner has ended its service.
    pub(in crate::web) ended: i64,
}

impl ConnectionCounts {
    fn new(standing: &Standing) -> Self {
        let count = |status| standing.count(None, status);
        Self {
            users: standing.users,
            connected: count(Status::Connected),
            needs_reconnect: count(Status::NeedsReconnect),
            disconnected: count(Status::Disconnected),
            ended: count(Status::Ended),
        }
    }
}

/// What a new installation has already.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct Setup {
    /// Whether there is a key for the host app.
    pub(in crate::web) has_app_key: bool,
    /// Where partners send browsers back to, with the partner's name for `{partner}`: what is registered at
    /// a partner.
    pub(in crate::web) redirect_address: String,
}

/// What to show.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// `1h` for the last hour, `24h` for the last day. Default `1h`.
    #[param(inline)]
    range: Option<Range>,
}

/// Reports whether everything is well. If not: what, since when, how many users it concerns and what mends
/// it. Besides, what was done within the last hour or day, and how each partner is.
#[utoipa::path(operation_id = "get_overview", tag = "admin", security(("key" = [])), params(Asked), responses(
    (status = 200, description = "How everything is", body = Overview),
    (status = 403, description = "The key does not have scope `admin`", body = Problem),
))]
#[get("/admin/api/overview")]
pub(super) async fn overview(
    _: AdminKey,
    asked: web::Query<Asked>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(view(&state, asked.range.unwrap_or_default()).await?))
}

/// What the overview shows.
pub(in crate::web) async fn view(state: &State, range: Range) -> Result<Overview, Problem> {
    let now = state.now();
    let to = beginning(now, 60);
    let from = beginning(to - range.length(), range.step() * 60);
    let figures = &state.shared.figures;
    let standing = match figures.standing() {
        Some(standing) => standing,
        None => figures.keep_standing(state.store().standing().await?),
    };
    let (tree, groups, minutes) = tokio::join!(
        state.supervisor.send(Tree),
        state.store().incident_groups(),
        state.store().minutes_since(from)
    );
    let tree = tree.map_err(|_| Problem::unavailable("stopping", "the daemon is stopping"))?;
    let (mut groups, minutes) = (groups?, minutes?);
    // What began first has waited longest.
    groups.sort_by_key(|group| group.first_at);
    let needs: Vec<Needs> = groups.iter().map(|group| group.needs(now)).collect();
    let (title, sentence) = incidents::title(&needs);
    let partners = partners::lines(state, tree.partners, &standing, &groups, now);
    let hosts = endpoint_hosts(state, &groups).await?;
    let mut issues: [Vec<Issue>; 3] = Default::default();
    for (group, needs) in groups.into_iter().zip(needs) {
        let place = match needs {
            Needs::You => 0,
            Needs::Users => 1,
            Needs::Nobody => 2,
        };
        if let Some(list) = issues.get_mut(place) {
            list.push(issue(state, group, &hosts));
        }
    }
    let [needs_you, needs_users, mends_itself] = issues;
    let setup = if standing.is_empty() { Some(setup(state).await?) } else { None };
    Ok(Overview {
        at: now,
        version: env!("CARGO_PKG_VERSION"),
        uptime_s: (now - state.started_at).num_seconds(),
        title,
        sentence,
        needs_you,
        needs_users,
        mends_itself,
        connections: ConnectionCounts::new(&standing),
        partners,
        range,
        step_minutes: range.step(),
        from,
        to,
        steps: figures::steps(&minutes, range.step()),
        so_far: figures.so_far(),
        setup,
    })
}

/// How everything is, in a line for `systemctl status`: counts alone, because anybody on the machine reads it.
pub(in crate::web) async fn in_a_line(state: &State) -> String {
    let Ok(seen) = view(state, Range::Hour).await else {
        return "The database does not answer".to_owned();
    };
    let done: i64 = seen.steps.iter().map(|step| step.sums.syncs_done).sum();
    let done = figures::with_separators(done + seen.so_far.syncs_done);
    let connected = figures::with_separators(seen.connections.connected);
    format!("{}; {connected} connected; {done} syncs within the hour", seen.title)
}

fn issue(state: &State, group: IncidentGroup, hosts: &[(String, String)]) -> Issue {
    let name = group.partner.as_deref().unwrap_or_default();
    let title = state.directory.spec(name).map_or(name, |spec| spec.manifest().title);
    let only = group.only();
    let detail = only.map(|only| wording(group.code, title, name, only.detail.as_deref()).sentence);
    let user = only.and_then(|only| only.user_id.clone());
    let host = group.endpoint.as_ref().and_then(|id| hosts.iter().find(|(of, _)| of == id));
    let heading = match host {
        Some((_, host)) => format!("{}: {host}", group.heading(title)),
        None => group.heading(title),
    };
    Issue {
        code: group.code,
        heading,
        detail,
        mend: group.remedy(title, name),
        since: group.first_at,
        last_at: group.last_at,
        users: group.users,
        count: group.incidents,
        partner: group.partner,
        endpoint_id: group.endpoint,
        user_id: user,
    }
}

/// The hosts of the endpoints that something is wrong with: an address may hold a secret, its host does not.
async fn endpoint_hosts(
    state: &State,
    groups: &[IncidentGroup],
) -> Result<Vec<(String, String)>, Problem> {
    if groups.iter().all(|group| group.endpoint.is_none()) {
        return Ok(Vec::new());
    }
    let endpoints = state.store().webhook_endpoints().await?;
    let named = endpoints.into_iter().filter_map(|endpoint| {
        let host = host_of(endpoint.url.expose_secret())?;
        Some((endpoint.id, host))
    });
    Ok(named.collect())
}

/// The host of an address.
pub(super) fn host_of(address: &str) -> Option<String> {
    Some(Url::parse(address).ok()?.host_str()?.to_owned())
}

async fn setup(state: &State) -> Result<Setup, Problem> {
    let keys = state.store().keys().await?;
    let now = state.now();
    let in_force = |scope| keys.iter().any(|key| key.scope == scope && key.is_in_force(now));
    let address = state.server.public_url.trim_end_matches('/');
    Ok(Setup {
        has_app_key: in_force(KeyScope::App),
        redirect_address: format!("{address}/oauth/{{partner}}/callback"),
    })
}
