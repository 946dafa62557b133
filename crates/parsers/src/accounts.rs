//! `/etc/passwd` and `/etc/group`: one account per line, fields between colons.
//!
//! Lines that do not have the fields are skipped: comments, blank lines, NIS markers.

/// One line of `passwd`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Login name.
    pub name: String,
    /// Numeric id.
    pub uid: u32,
    /// Id of the primary group.
    pub gid: u32,
    /// Full name and such.
    pub description: String,
    /// Home directory.
    pub home: String,
    /// Login shell.
    pub shell: String,
}

/// One line of `group`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Name of the group.
    pub name: String,
    /// Numeric id.
    pub gid: u32,
    /// Names of the members listed here (not those whose primary group it is).
    pub members: Vec<String>,
}

/// The accounts of a `passwd` file.
pub fn users(text: &str) -> Vec<User> {
    text.lines().filter_map(user).collect()
}

fn user(line: &str) -> Option<User> {
    let fields: Vec<&str> = line.split(':').collect();
    let [name, _, uid, gid, description, home, shell] = fields[..] else { return None };
    if name.is_empty() {
        return None;
    }
    Some(User {
        name: name.to_owned(),
        uid: uid.parse().ok()?,
        gid: gid.parse().ok()?,
        description: description.to_owned(),
        home: home.to_owned(),
        shell: shell.trim_end().to_owned(),
    })
}

/// The groups of a `group` file.
pub fn groups(text: &str) -> Vec<Group> {
    text.lines().filter_map(group).collect()
}

fn group(line: &str) -> Option<Group> {
    let fields: Vec<&str> = line.split(':').collect();
    let [name, _, gid, members] = fields[..] else { return None };
    if name.is_empty() {
        return None;
    }
    let members = members.trim_end().split(',').filter(|member| !member.is_empty());
    Some(Group {
        name: name.to_owned(),
        gid: gid.parse().ok()?,
        members: members.map(str::to_owned).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_read_and_junk_is_skipped() {
        let found = users("root:x:0:0:root:/root:/bin/bash\n#x\n+::::::\nbad:x:no:0:::\n\n");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].name.as_str(), found[0].uid), ("root", 0));
        assert_eq!(found[0].shell, "/bin/bash");
    }

    #[test]
    fn members_are_split() {
        let found = groups("sudo:x:27:ann,bob\nempty:x:1:\n");
        assert_eq!(found[0].members, ["ann", "bob"]);
        assert!(found[1].members.is_empty());
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,80}") {
            users(&text);
            groups(&text);
        }
    }
}
