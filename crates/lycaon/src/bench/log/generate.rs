//! Events and rules that look like those of Windows machines, the same every time.
//!
//! A few hundred programs with very different frequencies, command lines that are nearly all
//! different, a few thousand hosts. Rules have the shapes of published packs: a program and words of
//! its command line, lists of words, parents that are left out, a few expressions and `1 of` choices.

use rows::{Dict, Row, Time};

/// Numbers that look random.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit.max(1)
    }

    /// Small numbers are much more frequent.
    fn skewed(&mut self, limit: u64) -> u64 {
        let wide = self.below(limit) + 1;
        self.below(wide)
    }

    fn pick<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[usize::try_from(self.skewed(of.len() as u64)).unwrap_or(0)]
    }
}

const PROGRAMS: &[&str] = &[
    "svchost",
    "conhost",
    "chrome",
    "msedge",
    "RuntimeBroker",
    "backgroundTaskHost",
    "cmd",
    "powershell",
    "SearchProtocolHost",
    "WmiPrvSE",
    "taskhostw",
    "dllhost",
    "git",
    "node",
    "python",
    "Teams",
    "OUTLOOK",
    "EXCEL",
    "WINWORD",
    "msiexec",
    "rundll32",
    "regsvr32",
    "schtasks",
    "net",
    "net1",
    "whoami",
    "ipconfig",
    "wscript",
    "cscript",
    "mshta",
    "certutil",
    "bitsadmin",
    "reg",
    "sc",
    "wmic",
    "tasklist",
    "findstr",
    "vssadmin",
    "bcdedit",
    "nltest",
    "dsquery",
    "procdump",
    "psexec",
    "curl",
    "ssh",
    "tar",
    "7z",
    "java",
    "sqlservr",
    "w3wp",
    "MsMpEng",
    "explorer",
    "notepad",
    "code",
    "devenv",
    "cl",
    "link",
    "cargo",
    "go",
];
const FOLDERS: &[&str] = &[
    "C:\\Windows\\System32",
    "C:\\Program Files\\Google\\Chrome\\Application",
    "C:\\Windows\\SysWOW64",
    "C:\\Program Files\\Common Files",
    "C:\\Users\\Public",
    "C:\\ProgramData\\Agent\\bin",
    "C:\\Users\\alice\\AppData\\Local\\Temp",
    "C:\\Program Files (x86)\\Vendor\\Product",
];
const WORDS: &[&str] = &[
    "--type=renderer",
    "/c",
    "-Embedding",
    "-k",
    "netsvcs",
    "-p",
    "-s",
    "--lang=en-US",
    "/quiet",
    "query",
    "--field-trial-handle",
    "-NoProfile",
    "-ExecutionPolicy",
    "Bypass",
    "-File",
    "install",
    "update",
    "status",
    "/create",
    "/tn",
    "/tr",
    "user",
    "/add",
    "/domain",
    "group",
    "export",
    "save",
    "HKLM\\Software\\Vendor",
    "-EncodedCommand",
    "DownloadString",
    "FromBase64String",
    "Invoke-Expression",
    "IEX",
    "-w hidden",
    "urlcache",
    "javascript:",
    "delete shadows",
    "process call create",
    "lsass.dmp",
    "comsvcs.dll",
    "MiniDump",
    "sekurlsa",
    "localgroup administrators",
    "recoveryenabled",
    "-ma",
    "http://",
    "https://",
    "\\\\share\\tools",
    "ntds.dit",
];

fn image(dice: &mut Dice) -> String {
    format!("{}\\{}.exe", dice.pick(FOLDERS), dice.pick(PROGRAMS))
}

fn command_line(dice: &mut Dice, image: &str) -> String {
    let mut line = format!("\"{image}\"");
    for _ in 0..2 + dice.below(6) {
        line.push(' ');
        // The last words are rare: they are what rules look for.
        line.push_str(dice.pick(WORDS));
        if dice.below(3) == 0 {
            line.push_str(&format!("={:x}", dice.below(1 << 40)));
        }
    }
    line.push_str(&format!(" {:016x}", dice.below(u64::MAX)));
    line
}

/// One event of a process that was started.
pub(crate) fn event(number: u64, dice: &mut Dice) -> Row {
    let (own, parent) = (image(dice), image(dice));
    let line = command_line(dice, &own);
    let name = own.rsplit('\\').next().unwrap_or("").to_owned();
    let at = Time::from_unix_nanos(i128::from(1_767_225_600_000_000 + number * 1_000) * 1_000);
    let hash =
        |dice: &mut Dice| format!("{:016x}{:016x}", dice.below(u64::MAX), dice.below(u64::MAX));
    Dict::new()
        .with("UtcTime", at)
        .with("EventID", 1_i64)
        .with("Computer", format!("WS-{:04}.corp.example", dice.skewed(3_000)))
        .with("User", format!("CORP\\user{}", dice.skewed(800)))
        .with("Image", own)
        .with("OriginalFileName", name)
        .with("CommandLine", line)
        .with("CurrentDirectory", format!("{}\\", dice.pick(FOLDERS)))
        .with("ParentCommandLine", command_line(dice, &parent))
        .with("ParentImage", parent)
        .with("IntegrityLevel", dice.pick(&["System", "Medium", "High", "Low"]))
        .with("Company", dice.pick(&["Microsoft Corporation", "Google LLC", "-", "Vendor GmbH"]))
        .with("ProcessId", i64::try_from(dice.below(60_000)).unwrap_or(0))
        .with("ParentProcessId", i64::try_from(dice.below(60_000)).unwrap_or(0))
        .with("LogonId", format!("0x{:x}", dice.below(1 << 30)))
        .with("Hashes", format!("SHA256={}{}", hash(dice), hash(dice)))
        .with("ProcessGuid", format!("{{{}}}", hash(dice)))
}

/// A word that hardly any event has: most rules of a pack find nothing on most days.
fn rare(dice: &mut Dice) -> String {
    let own =
        ["invoke", "dump", "bypass", "inject", "enum", "stage", "beacon", "relay", "kerb", "token"];
    let kind = own[usize::try_from(dice.below(own.len() as u64)).unwrap_or(0)];
    format!("{kind}-{:04x}", dice.below(1 << 16))
}

fn word(dice: &mut Dice) -> String {
    if dice.below(80) == 0 {
        let rarest = WORDS.len() as u64 / 2;
        let place = rarest + dice.below(WORDS.len() as u64 - rarest);
        return WORDS[usize::try_from(place).unwrap_or(0)].replace('\\', "\\\\");
    }
    rare(dice)
}

fn list(field: &str, dice: &mut Dice, count: u64) -> String {
    let mut text = format!("    {field}:\n");
    for _ in 0..count {
        text.push_str(&format!("      - '{}'\n", word(dice)));
    }
    text
}

/// The text of a Sigma rule.
pub(crate) fn rule(number: usize, dice: &mut Dice) -> String {
    let programs = PROGRAMS.len() as u64;
    let mut program =
        || format!("\\{}.exe", PROGRAMS[usize::try_from(dice.below(programs)).unwrap_or(0)]);
    let (one, other) = (program(), program());
    let image = format!("    Image|endswith:\n      - '{one}'\n      - '{other}'\n");
    let detection = match number % 10 {
        0..=3 => {
            let words = 1 + dice.below(4);
            format!(
                "  selection:\n{image}{}  condition: selection\n",
                list("CommandLine|contains", dice, words)
            )
        }
        4 | 5 => {
            let all = list("CommandLine|contains|all", dice, 2);
            format!(
                "  img:\n{image}  cli:\n{all}  filter:\n    ParentImage|startswith: 'C:\\Program Files\\'\n  condition: img and cli and not filter\n"
            )
        }
        6 => {
            let words = 8 + dice.below(30);
            let any = list("CommandLine|contains", dice, words);
            format!("  selection:\n{any}  condition: selection\n")
        }
        7 => {
            let parts = (0..3)
                .map(|part| format!("  s_{part}:\n{}", list("CommandLine|contains", dice, 2)));
            let parts: String = parts.collect();
            format!("{parts}  condition: 2 of s_*\n")
        }
        8 => format!(
            "  selection:\n    CommandLine|re: '{}[0-9]{{2,}}\\s+-[a-z]+'\n    OriginalFileName: '{}'\n  condition: selection\n",
            rare(dice),
            &one[1..]
        ),
        _ => {
            let parent = list("ParentCommandLine|contains|windash", dice, 2);
            format!(
                "  selection:\n    ParentImage|endswith: '{other}'\n{parent}  condition: selection\n"
            )
        }
    };
    format!(
        "title: Generated {number}\nlogsource:\n  category: process_creation\n  product: windows\ndetection:\n{detection}"
    )
}

/// A rule's question as SQL, for comparison: a program and words of its command line.
pub(crate) fn sql(dice: &mut Dice) -> String {
    let programs = PROGRAMS.len() as u64;
    let program = PROGRAMS[usize::try_from(dice.below(programs)).unwrap_or(0)].to_lowercase();
    let words: Vec<String> =
        (0..3).map(|_| format!("lower(CommandLine) LIKE '%{}%'", rare(dice))).collect();
    let words = words.join(" OR ");
    format!("SELECT * FROM {{table}} WHERE lower(Image) LIKE '%{program}.exe' AND ({words})")
}
