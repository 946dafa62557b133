//! What a remapping asks for, read from YAML.

use serde_json::Value as Json;
use vql_plugin::{Failure, Impersonated};

/// Nobody writes more rules than this.
const RULES_MAX: usize = 10_000;

/// One rule.
#[derive(Debug, PartialEq)]
pub(crate) enum Rule {
    /// What is below one place is seen below another.
    Mount {
        /// What is seen.
        from: Place,
        /// Where it is seen.
        on: Place,
    },
    /// An accessor is seen as it is, perhaps under another name.
    Shadow {
        /// Its name.
        from: String,
        /// The name it is seen under.
        on: String,
    },
    /// Another machine is told about.
    Impersonation(Impersonated),
    /// What a query may do; decided elsewhere.
    Permissions,
}

/// An accessor and a path of it.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Place {
    pub(crate) accessor: String,
    pub(crate) prefix: String,
    pub(crate) path_type: String,
}

/// Reads the rules of a remapping.
pub(crate) fn read(text: &str) -> Result<(Vec<Rule>, Json), Failure> {
    // The library bounds aliases, depth and size on its own.
    let tree: Json = serde_saphyr::from_str(text)
        .map_err(|error| Failure::new(format!("the config is not YAML: {error}")))?;
    let list = match tree.get("remappings") {
        Some(Json::Array(list)) => list,
        _ => return Err(Failure::new("the config has no list `remappings`")),
    };
    if list.len() > RULES_MAX {
        return Err(Failure::new(format!("the config has more than {RULES_MAX} remappings")));
    }
    let mut rules = Vec::new();
    for (number, item) in list.iter().enumerate() {
        let rule = rule(item)
            .map_err(|reason| Failure::new(format!("remapping {}: {reason}", number + 1)))?;
        rules.push(rule);
    }
    Ok((rules, tree))
}

fn rule(item: &Json) -> Result<Rule, String> {
    let kind = text(item, "type");
    match kind.as_str() {
        "mount" => Ok(Rule::Mount { from: place(item, &["from"])?, on: place(item, &ON)? }),
        "shadow" => {
            let from = place(item, &["from"])?.accessor;
            let on = place(item, &ON).map_or_else(|_| from.clone(), |place| place.accessor);
            Ok(Rule::Shadow { from, on })
        }
        "impersonation" => Ok(Rule::Impersonation(impersonated(item)?)),
        "permissions" => Ok(Rule::Permissions),
        "" => Err("it has no `type`".to_owned()),
        other => Err(format!(
            "type `{other}` is not known; there are mount, shadow, impersonation and permissions"
        )),
    }
}

/// The key `on` is TRUE to readers of an older YAML.
const ON: [&str; 2] = ["on", "true"];

fn place(item: &Json, keys: &[&str]) -> Result<Place, String> {
    let place = keys.iter().find_map(|key| item.get(*key));
    let place = place.ok_or_else(|| format!("it has no `{}`", keys[0]))?;
    let place = Place {
        accessor: text(place, "accessor"),
        prefix: text(place, "prefix"),
        path_type: text(place, "path_type"),
    };
    if place.accessor.is_empty() {
        return Err(format!("`{}` names no `accessor`", keys[0]));
    }
    Ok(place)
}

fn impersonated(item: &Json) -> Result<Impersonated, String> {
    let some = |name: &str| Some(text(item, name)).filter(|text| !text.is_empty());
    let mut env = Vec::new();
    for variable in list(item, "env")? {
        let name = text(variable, "key");
        if name.is_empty() {
            return Err("a variable of `env` has no `key`".to_owned());
        }
        env.push((name, text(variable, "value")));
    }
    let names = |name: &str| -> Result<Vec<String>, String> {
        Ok(list(item, name)?.iter().map(plain).collect())
    };
    Ok(Impersonated {
        os: some("os"),
        hostname: some("hostname"),
        env,
        disabled_plugins: names("disabled_plugins")?,
        disabled_functions: names("disabled_functions")?,
    })
}

fn list<'a>(item: &'a Json, name: &str) -> Result<&'a [Json], String> {
    match item.get(name) {
        None | Some(Json::Null) => Ok(&[]),
        Some(Json::Array(list)) => Ok(list),
        Some(_) => Err(format!("`{name}` must be a list")),
    }
}

fn plain(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => text.trim().to_owned(),
        other => other.to_string(),
    }
}

fn text(item: &Json, name: &str) -> String {
    item.get(name).map(plain).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, said: Expect) {
        match read(text) {
            Ok((rules, _)) => said.assert_eq(&format!("{rules:?}")),
            Err(failure) => said.assert_eq(&failure.0),
        }
    }

    #[test]
    fn rules_that_make_no_sense_are_refused_with_their_number() {
        check("", expect!["the config has no list `remappings`"]);
        check("remappings: 7", expect!["the config has no list `remappings`"]);
        check(
            "remappings: [{type: mount, from: {accessor: zip}}]",
            expect!["remapping 1: it has no `on`"],
        );
        check(
            "remappings: [{type: shadow, from: {accessor: a}}, {type: hide}]",
            expect![
                "remapping 2: type `hide` is not known; there are mount, shadow, impersonation and permissions"
            ],
        );
        check(
            "remappings:\n- type: mount\n  from: {prefix: x}\n  on: {accessor: file}",
            expect!["remapping 1: `from` names no `accessor`"],
        );
        check(
            "remappings: [{type: impersonation, env: 7}]",
            expect!["remapping 1: `env` must be a list"],
        );
        check(
            "remappings: [",
            expect![[r#"
            the config is not YAML: error: line 1 column 13: unclosed bracket '['
             --> <input>:1:13
              |
            1 | remappings: [
              |             ^ unclosed bracket '['"#]],
        );
    }

    #[test]
    fn rules_are_read_in_every_spelling_of_on() {
        check(
            "remappings:\n- type: mount\n  from: {accessor: zip, prefix: a}\n  \"on\": {accessor: file, prefix: /x, path_type: linux}\n- type: shadow\n  from: {accessor: data}\n- type: permissions\n  permissions: [X]",
            expect![[
                r#"[Mount { from: Place { accessor: "zip", prefix: "a", path_type: "" }, on: Place { accessor: "file", prefix: "/x", path_type: "linux" } }, Shadow { from: "data", on: "data" }, Permissions]"#
            ]],
        );
        check(
            "{\"remappings\":[{\"type\":\"impersonation\",\"os\":\"windows\",\"hostname\":\"H\",\"env\":[{\"key\":\"A\",\"value\":1}],\"disabled_plugins\":[\"users\"]}]}",
            expect![[
                r#"[Impersonation(Impersonated { os: Some("windows"), hostname: Some("H"), env: [("A", "1")], disabled_plugins: ["users"], disabled_functions: [] })]"#
            ]],
        );
    }

    proptest! {
        #[test]
        fn any_text_is_rules_or_an_error(text in r#"(remappings:|- |type: |mount|shadow|from|on|[{},:\n "x])*"#) {
            if let Err(failure) = read(&text) {
                prop_assert!(!failure.0.is_empty());
            }
        }
    }
}
