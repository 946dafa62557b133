//! The server condition of a hunt.

use rows::{Dict, Name, Row, Value};
use vql_eval::{Condition, Limits, StopReason, Verdict, language};
use vql_plugin::{Catalog, Failure, Function, Permission, Scope, plugin_args};

use crate::world::host;

const SEED: &str = "SELECT * FROM rows WHERE Fqdn =~ '(?i)myhostname.+' AND 'MY_LABEL' IN Labels";

fn client_row(fqdn: &str, labels: &[&str]) -> Row {
    Row::new()
        .with("OS", "linux")
        .with("Fqdn", fqdn)
        .with("Labels", Value::array(labels.iter().copied()))
}

fn ask(condition: &str, rows: Vec<Row>, client: Dict) -> Verdict {
    let condition = Condition::compile(condition, &language()).unwrap();
    condition.matches(rows, client, &host(), Condition::LIMITS).unwrap()
}

#[test]
fn the_condition_of_the_seed_decides_by_name_and_label() {
    let matches = |row| ask(SEED, vec![row], Dict::new()).matches;
    assert!(matches(client_row("MyHostName.example.org", &["a", "MY_LABEL"])));
    assert!(!matches(client_row("MyHostName.example.org", &["a"])));
    assert!(!matches(client_row("other.example.org", &["MY_LABEL"])));
    assert!(!ask(SEED, Vec::new(), Dict::new()).matches);
}

#[test]
fn rows_cannot_forge_what_the_server_knows() {
    let condition = "LET wanted = 'prod' SELECT * FROM rows WHERE client.labels =~ wanted";
    let lie = Row::new()
        .with("client", Dict::new().with("labels", "prod"))
        .with("wanted", ".")
        .with("rows", 1)
        .with("Inner", Dict::new().with("client", "x").with("fine", 1));
    let client = Dict::new().with("labels", Value::array(["test"]));
    let verdict = ask(condition, vec![lie.clone()], client);
    assert!(!verdict.matches);
    assert_eq!(verdict.dropped, ["client", "wanted", "rows"].map(Name::from));
    let honest = Dict::new().with("labels", Value::array(["prod"]));
    assert!(ask(condition, vec![lie], honest).matches);
}

plugin_args! {
    /// Reads a secret.
    pub struct SecretArgs for "secret" {}
}

struct Secret;

impl Function for Secret {
    type Args = SecretArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn call(&self, _args: SecretArgs, _scope: &Scope) -> Result<Value, Failure> {
        Ok(Value::text("secret"))
    }
}

#[track_caller]
fn refused(condition: &str, catalog: &Catalog, why: &str) {
    match Condition::compile(condition, catalog) {
        Ok(_) => panic!("{condition} compiles"),
        Err(wrong) => assert!(wrong.to_string().contains(why), "{wrong}"),
    }
}

#[test]
fn only_what_needs_no_permission_may_be_called() {
    let catalog = language().function(Secret);
    let denied = "`secret` needs FILESYSTEM_READ, which is not given here";
    refused("SELECT * FROM rows WHERE secret() = 1", &catalog, denied);
    refused("SELECT * FROM pslist()", &catalog, "no plugin is called `pslist`");
    refused("SELECT * FROM rows WHERE formatt(format='x')", &catalog, "did you mean format?");
    let artifact = "SELECT * FROM Artifact.Generic.Client.Info()";
    refused(artifact, &catalog, "no plugin is called `Artifact.Generic.Client.Info`");
    refused("LET x = 1", &catalog, "the condition has no SELECT");
    // A lambda is compiled when it runs, against the same catalog.
    let condition = "SELECT * FROM rows WHERE eval(func='x=>secret()', args=1)";
    let condition = Condition::compile(condition, &catalog).unwrap();
    let rows = vec![client_row("a", &[])];
    let verdict = condition.matches(rows, Dict::new(), &host(), Condition::LIMITS).unwrap();
    assert!(!verdict.matches);
    assert!(verdict.log[0].text.contains("needs FILESYSTEM_READ"), "{:?}", verdict.log);
}

#[test]
fn a_condition_that_is_too_expensive_is_not_decided() {
    let condition = "LET burn(n) = if(condition=n > 0, then=burn(n=n - 1) + burn(n=n - 1), else=1) \
                     SELECT * FROM rows WHERE burn(n=60) > 0";
    let condition = Condition::compile(condition, &language()).unwrap();
    let limits = Limits { steps_max: 10_000, ..Condition::LIMITS };
    let failed = condition.matches(vec![client_row("a", &[])], Dict::new(), &host(), limits);
    assert_eq!(failed.unwrap_err().reason, StopReason::Steps);
}

#[test]
fn a_definition_of_the_condition_may_be_called() {
    let condition = "LET same(a, b=1) = a = b SELECT * FROM rows WHERE same(a=Fqdn, b='a')";
    assert!(ask(condition, vec![client_row("a", &[])], Dict::new()).matches);
}

#[test]
fn a_condition_is_asked_many_times() {
    let condition = Condition::compile(SEED, &language()).unwrap();
    let host = host();
    let row = client_row("myhostname.example.org", &["a", "b", "MY_LABEL"]);
    for _ in 0..1_000 {
        let verdict = condition.matches(vec![row.clone()], Dict::new(), &host, Condition::LIMITS);
        let expected = Verdict { matches: true, dropped: Vec::new(), log: Vec::new() };
        assert_eq!(verdict.unwrap(), expected);
    }
}
