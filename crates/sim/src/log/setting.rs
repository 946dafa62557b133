//! What the simulated operators wrote into their files: tenants, rules, and changes to them.

use std::sync::Arc;
use std::time::Duration;

use base::{Entropy, Timestamp};
use log_rules::{
    CatchUp, Channel, ChannelKind, Dataset, Definitions, Engine, EngineKind, FindingFormat,
    FirstFrom, OnChange, OnPoison, OnReplace, Question, Retry, Rule, RuleClass, Schedule,
    Selection, Suppress, Tenant, Ticks,
};
use model::log::{DatasetName, Domain, EngineName, RuleName, Severity, TenantName};
use testkit::stores::pick;

pub(crate) const BUFFER: Duration = Duration::from_secs(60);
pub(crate) const EVERY: Duration = Duration::from_secs(300);
/// How far apart the events of one match of the windowed rule may lie.
pub(crate) const SPAN: Duration = Duration::from_secs(600);
/// Committed windows are looked at again at these ages.
pub(crate) const AUDIT_AGES: [Duration; 2] = [Duration::from_secs(1800), Duration::from_secs(7200)];
/// How far ahead an event's time may lie before it is looked at apart.
pub(crate) const SKEW_MAX: Duration = Duration::from_secs(86_400);

pub(crate) fn dataset_name() -> DatasetName {
    DatasetName::new("logins").expect("a name")
}

/// What differs from seed to seed.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) tenants: Vec<TenantSetting>,
    catch_up: CatchUp,
    together: bool,
    jitter: Duration,
    /// Counts changes of the rules' logic.
    pub(crate) revision: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct TenantSetting {
    pub(crate) name: TenantName,
    pub(crate) domain: Domain,
    pub(crate) knows_stable: bool,
    pub(crate) retention: Option<Duration>,
    pub(crate) on_replace: OnReplace,
}

impl Setting {
    pub(crate) fn new(entropy: &mut dyn Entropy, tenants: usize) -> Self {
        let catch_up = match pick(entropy, 3) {
            0 => CatchUp::OldestFirst,
            1 => CatchUp::NewestFirst,
            _ => CatchUp::Weave,
        };
        let kinds = [
            (Domain::EventTime, false),
            (Domain::IngestTime, false),
            (Domain::IngestTime, true),
            (Domain::Cursor, true),
        ];
        let first = pick(entropy, 4) as usize;
        let tenants = (0..tenants).map(|number| {
            let (domain, knows_stable) = kinds[(first + number) % kinds.len()];
            let stops = pick(entropy, 2) == 0;
            TenantSetting {
                name: TenantName::new(&format!("t{number}")).expect("a name"),
                domain,
                knows_stable,
                retention: (pick(entropy, 3) == 0).then_some(Duration::from_secs(6 * 3600)),
                on_replace: if stops { OnReplace::Stop } else { OnReplace::Continue },
            }
        });
        let tenants = tenants.collect();
        let together = pick(entropy, 2) == 0;
        let jitter = Duration::from_secs(pick(entropy, 30));
        Self { tenants, catch_up, together, jitter, revision: 0 }
    }

    pub(crate) fn definitions(&self) -> Arc<Definitions> {
        let name = EngineName::new("lake").expect("a name");
        // Which kind it is only says whether rules may be asked together.
        let kind = if self.together {
            EngineKind::Null
        } else {
            EngineKind::Sqlite { path: "simulated".into() }
        };
        let engine = Engine { name, kind, concurrency: 8, timeout: Duration::from_secs(120) };
        let channel = Channel {
            name: "soc".into(),
            kind: ChannelKind::File { path: "simulated".into() },
            format: FindingFormat::Lycaon,
        };
        let classes = [
            ("each", RuleClass::PerEvent),
            ("burst", RuleClass::Windowed { span: SPAN }),
            ("report", RuleClass::Opaque),
        ];
        Arc::new(Definitions {
            engines: vec![engine],
            tenants: self.tenants.iter().map(tenant).collect(),
            rules: classes.into_iter().map(|(name, class)| self.rule(name, class)).collect(),
            channels: vec![channel],
            pipelines: Vec::new(),
            revision: self.revision.to_string().into(),
        })
    }

    fn rule(&self, name: &str, class: RuleClass) -> Rule {
        let query = match class {
            RuleClass::PerEvent => "SELECT * FROM {table} WHERE hit = 1",
            RuleClass::Windowed { .. } => {
                "SELECT crossing FROM {table} WHERE at >= {read_from} AND at < {to}"
            }
            RuleClass::Opaque => "SELECT count(*) FROM {table} WHERE at >= {from} AND at < {to}",
        };
        Rule {
            name: RuleName::new(name).expect("a name"),
            title: name.into(),
            description: String::new(),
            severity: Severity::Medium,
            attack: Vec::new(),
            datasets: vec![dataset_name()],
            tenants: Selection { include: vec!["*".into()], exclude: Vec::new() },
            schedule: self.schedule(),
            class,
            question: Question::Sql(query.into()),
            vql: None,
            lists: Vec::new(),
            group_by: if name == "burst" { vec!["user".into()] } else { Vec::new() },
            pack: None,
            suppress: (class == RuleClass::PerEvent)
                .then(|| Suppress { by: vec!["user".into()], during: Duration::from_secs(1800) }),
            notify: vec!["soc".into()],
            disabled: false,
            critical: name == "burst",
            on_poison: OnPoison::Quarantine,
            catch_up: self.catch_up,
            on_change: OnChange::Forward,
            tests: Vec::new(),
            logic_hash: format!("{:016}", self.revision).into(),
            meta_hash: "m".into(),
            file: format!("rules/{name}.yaml"),
            source_text: "".into(),
        }
    }

    fn schedule(&self) -> Schedule {
        Schedule {
            ticks: Ticks::Every { every: EVERY, anchor: Timestamp::EPOCH },
            log_buffer: BUFFER,
            start_delay: Duration::ZERO,
            jitter: self.jitter,
            max_window: Duration::from_secs(3600),
            min_window: Duration::from_secs(60),
            first_from: FirstFrom::OneInterval,
            retry: Retry::Backoff,
            attempts_max: 6,
        }
    }
}

fn tenant(setting: &TenantSetting) -> Tenant {
    let column = |name: &str, used: bool| used.then(|| name.to_owned());
    let dataset = Dataset {
        name: dataset_name(),
        engine: EngineName::new("lake").expect("a name"),
        table: format!("{}_logins", setting.name),
        domain: setting.domain,
        event_time: Some("at".into()),
        ingest_time: column("taken", setting.domain != Domain::EventTime),
        cursor: column("seq", setting.domain == Domain::Cursor),
        identity: Vec::new(),
        columns: Vec::new(),
        schema: Vec::new(),
        log_source: None,
        retention: setting.retention,
        log_buffer: None,
        skew_max: SKEW_MAX,
        lateness_max: None,
        on_replace: setting.on_replace,
        audit_ages: AUDIT_AGES.to_vec(),
    };
    Tenant {
        name: setting.name.clone(),
        datasets: vec![dataset],
        weight: 1,
        concurrency: 4,
        bytes_per_day: None,
        secrets: Vec::new(),
        overrides: Vec::new(),
        lists: Vec::new(),
    }
}
