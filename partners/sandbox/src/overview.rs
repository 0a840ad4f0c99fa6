//! The page at `/`: what runs, and the calls that change it.

use crate::call::Answer;
use crate::control::Control;
use crate::control::http;
use crate::pages::{self, escape};

/// The page, with the figures of this moment.
pub(crate) fn page(control: &Control) -> Answer {
    let body = format!(
        "<span class=\"tag\">Simulated partners</span><h1>Syncwell sandbox</h1>\
         <p>Everything here is made up. There is no access control: keep it on this machine. Connect an \
         account through a daemon that uses these partners, then change something here and see it arrive \
         there.</p>\
         <table><tr><th>partner</th><th class=\"number\">accounts</th><th class=\"number\">connected</th>\
         <th class=\"number\">items</th><th class=\"number\">calls</th><th class=\"number\">refused by limits</th>\
         <th>look</th></tr>{}</table>\
         <h1>Control</h1><p>Bodies are JSON, whatever their content type says: \
         <code>curl -d '{{\"advance_seconds\":3600}}' …/control/clock</code>. Mistakes are answered with what \
         fits. <a href=\"/control\">The same list as JSON</a></p>\
         <table><tr><th>call</th><th>body or effect</th></tr>{}</table>",
        partners(control),
        operations(),
    );
    pages::wide("Syncwell sandbox", &body)
}

fn partners(control: &Control) -> String {
    let rows = control.partners().iter().map(|partner| {
        let name = partner.wire.name();
        let accounts = control.accounts(name).unwrap_or_default();
        let counts = control.counts(name).unwrap_or_default();
        let connected = accounts.iter().filter(|account| account.connected).count();
        let items: usize = accounts.iter().flat_map(|account| account.items.values()).sum();
        let links = ["accounts", "counts", "limits", "faults"]
            .map(|what| format!("<a href=\"/control/{name}/{what}\">{what}</a>"));
        format!(
            "<tr><td>{name}</td><td class=\"number\">{}</td><td class=\"number\">{connected}</td>\
             <td class=\"number\">{items}</td><td class=\"number\">{}</td><td class=\"number\">{}</td>\
             <td>{}</td></tr>",
            accounts.len(),
            counts.calls,
            counts.rejected,
            links.join(" · "),
        )
    });
    rows.collect()
}

fn operations() -> String {
    let rows = http::operations().map(|(method, path, about)| {
        format!(
            "<tr><td><code>{method} {}</code></td><td><code>{}</code></td></tr>",
            escape(path),
            escape(about)
        )
    });
    rows.collect()
}
