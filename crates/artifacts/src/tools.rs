//! Tools: which file is meant by one, and the variables that queries find it by.

use model::artifact::Tool;

/// A tool's file as somebody provides it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provided {
    /// Its name without folders.
    pub file_name: String,
    /// SHA-256 of its content, in hex.
    pub sha256: String,
    /// Where it is on the machine, when it is there already.
    pub path: Option<String>,
    /// Where it can be fetched, when it is not.
    pub url: Option<String>,
}

/// The variables of a tool: `Tool_<name>_HASH`, `_FILENAME`, `_VERSION`, and `_PATH` or `_URL` with
/// `_URLs`.
pub fn tool_variables(tool: &Tool, provided: &Provided) -> Vec<(String, String)> {
    let name = |end: &str| format!("Tool_{}_{end}", tool.name);
    let mut variables = vec![
        (name("HASH"), provided.sha256.clone()),
        (name("FILENAME"), provided.file_name.clone()),
        (name("VERSION"), tool.version.clone().unwrap_or_default()),
    ];
    if let Some(path) = &provided.path {
        variables.push((name("PATH"), path.clone()));
    }
    if let Some(url) = &provided.url {
        variables.push((name("URL"), url.clone()));
        variables.push((name("URLs"), format!("[\"{url}\"]")));
    }
    variables
}

/// How well a file's name fits a tool; `None` when it does not. Smaller is better.
pub fn fits_tool(tool: &Tool, file_name: &str) -> Option<u8> {
    let of_the_url = tool.url.as_deref().and_then(|url| {
        let path = url.split(['?', '#']).next().unwrap_or(url);
        path.rsplit('/').next().filter(|name| !name.is_empty())
    });
    let asset = || {
        let pattern = tool.github_asset_regex.as_deref()?;
        // A pattern that is none fits nothing; the name still can.
        regex::Regex::new(pattern).ok()
    };
    let stem = file_name.split('.').next().unwrap_or(file_name);
    if of_the_url == Some(file_name) {
        Some(0)
    } else if file_name == tool.name {
        Some(1)
    } else if asset().is_some_and(|pattern| pattern.is_match(file_name)) {
        Some(2)
    } else if stem.eq_ignore_ascii_case(&tool.name) {
        Some(3)
    } else {
        None
    }
}

/// Whether a content's SHA-256 is the one that the tool must have; any is when it says none.
pub fn has_expected_hash(tool: &Tool, sha256: &str) -> bool {
    let expected = tool.expected_hash.as_deref().map(str::trim).filter(|hash| !hash.is_empty());
    expected.is_none_or(|expected| expected.eq_ignore_ascii_case(sha256))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool() -> Tool {
        Tool {
            name: "Scanner".into(),
            url: Some("https://example.org/dl/scanner_1.2_amd64?x=1".into()),
            github_asset_regex: Some(r"^scanner-linux-.*\.zip$".into()),
            expected_hash: Some("ABC".into()),
            version: Some("1.2".into()),
            ..Tool::default()
        }
    }

    #[test]
    fn the_file_of_the_url_fits_best() {
        let check = |name: &str, wanted| assert_eq!(fits_tool(&tool(), name), wanted, "{name}");
        check("scanner_1.2_amd64", Some(0));
        check("Scanner", Some(1));
        check("scanner-linux-1.zip", Some(2));
        check("scanner.exe", Some(3));
        check("other", None);
        let odd = Tool { github_asset_regex: Some("[".into()), ..tool() };
        assert_eq!(fits_tool(&odd, "other"), None);
    }

    #[test]
    fn variables_are_those_that_artifacts_read() {
        let here = Provided {
            file_name: "s".into(),
            sha256: "abc".into(),
            path: Some("/tools/s".into()),
            url: None,
        };
        let check = |provided: &Provided, wanted: &[(&str, &str)]| {
            let found = tool_variables(&tool(), provided);
            let found: Vec<(&str, &str)> =
                found.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
            assert_eq!(found, wanted);
        };
        let common = [
            ("Tool_Scanner_HASH", "abc"),
            ("Tool_Scanner_FILENAME", "s"),
            ("Tool_Scanner_VERSION", "1.2"),
        ];
        check(&here, &[&common[..], &[("Tool_Scanner_PATH", "/tools/s")]].concat());
        let far = Provided { path: None, url: Some("https://x/s".into()), ..here };
        let urls =
            [("Tool_Scanner_URL", "https://x/s"), ("Tool_Scanner_URLs", "[\"https://x/s\"]")];
        check(&far, &[&common[..], &urls[..]].concat());
    }

    #[test]
    fn hashes_are_compared_without_letter_case() {
        assert!(has_expected_hash(&tool(), "abc"));
        assert!(!has_expected_hash(&tool(), "abd"));
        assert!(has_expected_hash(&Tool::default(), "anything"));
    }
}
