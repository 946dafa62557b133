//! Remapping: for the rest of a query, paths lead elsewhere and another machine is told about.

mod config;
mod mounted;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use rows::{Name, Value};
use vql_plugin::{Accessor, Accessors, Failure, Impersonated, Level, Scope, View};

use crate::paths;
use config::{Place, Rule};
use mounted::{Mount, Mounted};

/// Accessors that never reach the machine are always there.
const HARMLESS: &[&str] = &["data", "scope"];

/// Everything that was remapped in this query so far.
#[derive(Default)]
struct Remapped {
    /// The program's accessors are not seen, except these.
    only: Option<Vec<String>>,
    shadows: Vec<(String, String)>,
    mounts: BTreeMap<String, Mounts>,
    machine: Impersonated,
}

struct Mounts {
    style: rows::PathStyle,
    list: Vec<Mount>,
}

/// Applies the rules of `text`, after those that were applied before; returns them.
pub(crate) fn apply(
    text: &str,
    copy: Vec<String>,
    clear: bool,
    scope: &Scope,
) -> Result<Value, Failure> {
    let (rules, tree) = config::read(text)?;
    let originals = scope.host().accessors().clone();
    for name in &copy {
        originals.get(name)?;
    }
    let kept = scope.keep("remapped", Mutex::<Remapped>::default);
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    // Rules are taken all or not at all.
    let mounts = rules.iter().map(|rule| mount(rule, &originals)).collect::<Result<Vec<_>, _>>()?;
    if clear {
        *kept = Remapped { only: Some(Vec::new()), ..Remapped::default() };
    }
    if let Some(only) = &mut kept.only {
        only.extend(copy);
    } else {
        kept.shadows.extend(copy.into_iter().map(|name| (name.clone(), name)));
    }
    for (rule, mount) in rules.into_iter().zip(mounts) {
        match rule {
            Rule::Mount { on, .. } => {
                let Some(mount) = mount else { continue };
                let style = mount.on.style();
                let mounts = kept
                    .mounts
                    .entry(on.accessor)
                    .or_insert_with(|| Mounts { style, list: Vec::new() });
                mounts.list.push(mount);
            }
            Rule::Shadow { from, on } => kept.shadows.push((on, from)),
            Rule::Impersonation(machine) => kept.machine = machine,
            Rule::Permissions => scope.log(
                Level::Info,
                "remap: permissions are those of the query itself and stay as they are",
            ),
        }
    }
    scope.see(Some(view(&kept, &originals)?));
    Ok(rows_json::from_serde(&tree))
}

/// Where a rule leads, when it is a mount.
fn mount(rule: &Rule, originals: &Accessors) -> Result<Option<Mount>, Failure> {
    if let Rule::Shadow { from, .. } = rule {
        originals.get(from)?;
    }
    let Rule::Mount { from, on } = rule else { return Ok(None) };
    let from_path = originals.get(&from.accessor)?.parse(from.prefix.as_bytes())?;
    let on = rows::OsPath::parse(style_on(on, originals)?, on.prefix.as_bytes());
    Ok(Some(Mount { on, accessor: from.accessor.clone(), from: from_path }))
}

/// How paths of the accessor that is mounted on are written.
fn style_on(on: &Place, originals: &Accessors) -> Result<rows::PathStyle, Failure> {
    if !on.path_type.is_empty() {
        return paths::style(&on.path_type);
    }
    Ok(match originals.get(&on.accessor) {
        Ok(accessor) => accessor.style(),
        Err(_) if on.prefix.contains('\\') => rows::PathStyle::Windows,
        Err(_) => rows::PathStyle::Unix,
    })
}

fn view(remapped: &Remapped, originals: &Accessors) -> Result<View, Failure> {
    let mut accessors = match &remapped.only {
        None => originals.clone(),
        Some(only) => {
            let names = only.iter().map(String::as_str).chain(HARMLESS.iter().copied());
            names.fold(Accessors::default(), |seen, name| match originals.get(name) {
                Ok(accessor) => seen.with(Name::from(name), accessor.clone()),
                Err(_) => seen,
            })
        }
    };
    for (name, mounts) in &remapped.mounts {
        let mounted: Arc<dyn Accessor> = Arc::new(Mounted {
            name: name.clone(),
            style: mounts.style,
            mounts: mounts.list.clone(),
            originals: originals.clone(),
        });
        accessors = accessors.with(Name::from(name.as_str()), mounted);
    }
    for (on, from) in &remapped.shadows {
        accessors = accessors.with(Name::from(on.as_str()), originals.get(from)?.clone());
    }
    Ok(View { accessors, machine: remapped.machine.clone() })
}
