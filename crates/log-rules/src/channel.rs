//! Documents that begin with `channel:`.

use crate::definitions::{Channel, ChannelKind, FindingFormat};
use crate::take::{Section, Take};

pub(crate) fn take(take: &mut Take<'_, '_>, section: &Section<'_>) -> Option<Channel> {
    let name = take.text(section, "channel");
    let format = match take.choice(section, "format") {
        Some("ocsf") => FindingFormat::Ocsf,
        Some("ecs") => FindingFormat::Ecs,
        _ => FindingFormat::Lycaon,
    };
    let word = take.choice(section, "kind")?;
    let wanted: &[&str] = match word {
        "webhook" => &["url", "secret"],
        "slack" | "syslog" => &["url"],
        _ => &["path"],
    };
    for field in ["url", "secret", "path"] {
        if section.has(field) && !wanted.contains(&field) {
            let message = format!("a channel of kind `{word}` has no `{field}`");
            take.error(section.place(field), field, message, "leave it out");
        }
    }
    let needed = if word == "file" { "path" } else { "url" };
    if !section.has(needed) {
        let message = format!("`{needed}` is missing");
        take.error(section.place(needed), needed, message, "say where findings go");
        return None;
    }
    let kind = match word {
        "webhook" => ChannelKind::Webhook {
            url: url(take, section, &["https", "http"])?,
            secret: take.secret(section, "secret"),
        },
        "slack" => ChannelKind::Slack { url: take.secret(section, "url")? },
        "syslog" => ChannelKind::Syslog { url: url(take, section, &["tcp", "tls", "udp"])? },
        _ => ChannelKind::File { path: take.text(section, "path")?.into() },
    };
    Some(Channel { name: name?, kind, format })
}

fn url(take: &mut Take<'_, '_>, section: &Section<'_>, schemes: &[&str]) -> Option<String> {
    let url = take.text(section, "url")?;
    let known = |scheme: &&str| {
        url.strip_prefix(*scheme).is_some_and(|rest| rest.len() > 3 && rest.starts_with("://"))
    };
    if schemes.iter().any(known) {
        return Some(url);
    }
    let message = "this URL cannot be told anything";
    let hint = format!("begin it with `{}://`", schemes.join("://` or `"));
    take.error(section.place("url"), "url", message, &hint);
    None
}
