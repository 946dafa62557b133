//! The pieces that every Grok pattern may use. The names are the customary ones; the
//! expressions are our own, in RE2 syntax (no look-around).

/// The expression of a piece.
pub(super) fn find(name: &str) -> Option<&'static str> {
    PATTERNS.iter().find(|(known, _)| *known == name).map(|(_, regex)| *regex)
}

/// Name and expression.
pub(super) const PATTERNS: &[(&str, &str)] = &[
    // --- words and numbers
    ("USERNAME", r"[a-zA-Z0-9._-]+"),
    ("USER", r"%{USERNAME}"),
    ("EMAILLOCALPART", r"[a-zA-Z0-9!#$%&'*+/=?^_{|}~.-]{1,64}"),
    ("EMAILADDRESS", r"%{EMAILLOCALPART}@%{HOSTNAME}"),
    ("INT", r"[+-]?[0-9]+"),
    ("BASE10NUM", r"[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"),
    ("NUMBER", r"%{BASE10NUM}"),
    ("BASE16NUM", r"[+-]?(?:0x)?[0-9A-Fa-f]+"),
    ("BASE16FLOAT", r"[+-]?(?:0x)?(?:[0-9A-Fa-f]+(?:\.[0-9A-Fa-f]*)?|\.[0-9A-Fa-f]+)"),
    ("POSINT", r"[1-9][0-9]*"),
    ("NONNEGINT", r"[0-9]+"),
    ("WORD", r"\b\w+\b"),
    ("NOTSPACE", r"\S+"),
    ("SPACE", r"\s*"),
    ("DATA", r".*?"),
    ("GREEDYDATA", r".*"),
    ("QUOTEDSTRING", r#""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`"#),
    ("QS", r"%{QUOTEDSTRING}"),
    ("UUID", r"[A-Fa-f0-9]{8}-(?:[A-Fa-f0-9]{4}-){3}[A-Fa-f0-9]{12}"),
    ("URN", r"urn:[0-9A-Za-z][0-9A-Za-z-]{0,31}:[0-9A-Za-z()+,.:=@;$_!*'/?#%-]+"),
    // --- networks
    ("CISCOMAC", r"(?:[A-Fa-f0-9]{4}\.){2}[A-Fa-f0-9]{4}"),
    ("WINDOWSMAC", r"(?:[A-Fa-f0-9]{2}-){5}[A-Fa-f0-9]{2}"),
    ("COMMONMAC", r"(?:[A-Fa-f0-9]{2}:){5}[A-Fa-f0-9]{2}"),
    ("MAC", r"%{CISCOMAC}|%{WINDOWSMAC}|%{COMMONMAC}"),
    (
        "IPV4",
        r"\b(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\.){3}(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\b",
    ),
    (
        "IPV6",
        concat!(
            r"(?:(?:[0-9A-Fa-f]{1,4}:){6}%{IPV4}",
            r"|(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}",
            r"|(?:[0-9A-Fa-f]{1,4}:){1,5}:%{IPV4}",
            r"|::(?:[0-9A-Fa-f]{1,4}:){0,5}%{IPV4}",
            r"|[0-9A-Fa-f]{1,4}:(?::[0-9A-Fa-f]{1,4}){1,6}",
            r"|(?:[0-9A-Fa-f]{1,4}:){1,2}(?::[0-9A-Fa-f]{1,4}){1,5}",
            r"|(?:[0-9A-Fa-f]{1,4}:){1,3}(?::[0-9A-Fa-f]{1,4}){1,4}",
            r"|(?:[0-9A-Fa-f]{1,4}:){1,4}(?::[0-9A-Fa-f]{1,4}){1,3}",
            r"|(?:[0-9A-Fa-f]{1,4}:){1,5}(?::[0-9A-Fa-f]{1,4}){1,2}",
            r"|(?:[0-9A-Fa-f]{1,4}:){1,6}:[0-9A-Fa-f]{1,4}",
            r"|(?:[0-9A-Fa-f]{1,4}:){1,7}:",
            r"|:(?::[0-9A-Fa-f]{1,4}){1,7}",
            r"|::)(?:%[0-9A-Za-z]+)?"
        ),
    ),
    ("IP", r"%{IPV6}|%{IPV4}"),
    (
        "HOSTNAME",
        r"\b[0-9A-Za-z](?:[0-9A-Za-z_-]{0,62})(?:\.[0-9A-Za-z](?:[0-9A-Za-z_-]{0,62}))*\.?",
    ),
    ("HOST", r"%{HOSTNAME}"),
    ("IPORHOST", r"%{IP}|%{HOSTNAME}"),
    ("HOSTPORT", r"%{IPORHOST}:%{POSINT}"),
    // --- paths
    ("PATH", r"%{UNIXPATH}|%{WINPATH}"),
    ("UNIXPATH", r"(?:/[\w_%!$@:.,+~-]*)+"),
    ("TTY", r"/dev/(?:pts|tty(?:[pq])?)(?:\w+)?/?(?:[0-9]+)?"),
    ("WINPATH", r"(?:[A-Za-z]:|\\)(?:\\[^\\?*]*)+"),
    ("URIPROTO", r"[A-Za-z][A-Za-z0-9+.-]*"),
    ("URIHOST", r"%{IPORHOST}(?::%{POSINT})?"),
    ("URIPATH", r"(?:/[A-Za-z0-9$.+!*'(){},~:;=@#%&_-]*)+"),
    ("URIQUERY", r"[A-Za-z0-9$.+!*'|(){},~@#%&/=:;_?\[\]<>-]*"),
    ("URIPARAM", r"\?%{URIQUERY}"),
    ("URIPATHPARAM", r"%{URIPATH}(?:\?%{URIQUERY})?"),
    ("URI", r"%{URIPROTO}://(?:%{USER}(?::[^@]*)?@)?(?:%{URIHOST})?(?:%{URIPATHPARAM})?"),
    // --- dates
    (
        "MONTH",
        r"\b(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sep(?:t(?:ember)?)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\b",
    ),
    ("MONTHNUM", r"1[0-2]|0?[1-9]"),
    ("MONTHNUM2", r"1[0-2]|0[1-9]"),
    ("MONTHDAY", r"3[01]|[12][0-9]|0?[1-9]"),
    (
        "DAY",
        r"Mon(?:day)?|Tue(?:sday)?|Wed(?:nesday)?|Thu(?:rsday)?|Fri(?:day)?|Sat(?:urday)?|Sun(?:day)?",
    ),
    ("YEAR", r"[0-9]{4}|[0-9]{2}"),
    ("HOUR", r"2[0-3]|[01]?[0-9]"),
    ("MINUTE", r"[0-5][0-9]"),
    ("SECOND", r"(?:[0-5]?[0-9]|60)(?:[:.,][0-9]+)?"),
    ("TIME", r"(?:%{HOUR}):(?:%{MINUTE})(?::(?:%{SECOND}))?"),
    ("DATE_US", r"(?:%{MONTHNUM})[/-](?:%{MONTHDAY})[/-](?:%{YEAR})"),
    ("DATE_EU", r"(?:%{MONTHDAY})[./-](?:%{MONTHNUM})[./-](?:%{YEAR})"),
    ("DATE_X", r"%{YEAR}/%{MONTHNUM2}/%{MONTHDAY}"),
    ("ISO8601_TIMEZONE", r"Z|[+-](?:%{HOUR})(?::?(?:%{MINUTE}))?"),
    ("ISO8601_SECOND", r"%{SECOND}|60"),
    ("ISO8601_HOUR", r"2[0-3]|[01][0-9]"),
    (
        "TIMESTAMP_ISO8601",
        r"(?:%{YEAR})-(?:%{MONTHNUM})-(?:%{MONTHDAY})[T ](?:%{HOUR}):?(?:%{MINUTE})(?::?(?:%{SECOND}))?(?:%{ISO8601_TIMEZONE})?",
    ),
    ("DATE", r"%{DATE_US}|%{DATE_EU}"),
    ("DATESTAMP", r"(?:%{DATE})[- ](?:%{TIME})"),
    ("TZ", r"[A-Z]{3,4}"),
    ("NUMTZ", r"[+-][0-9]{4}"),
    (
        "DATESTAMP_RFC822",
        r"(?:%{DAY}) (?:%{MONTH}) (?:%{MONTHDAY}) (?:%{YEAR}) (?:%{TIME}) (?:%{TZ})",
    ),
    (
        "DATESTAMP_RFC2822",
        r"(?:%{DAY}), (?:%{MONTHDAY}) (?:%{MONTH}) (?:%{YEAR}) (?:%{TIME}) (?:%{ISO8601_TIMEZONE})",
    ),
    (
        "DATESTAMP_OTHER",
        r"(?:%{DAY}) (?:%{MONTH}) (?:%{MONTHDAY}) (?:%{TIME}) (?:%{TZ}) (?:%{YEAR})",
    ),
    (
        "DATESTAMP_EVENTLOG",
        r"(?:%{YEAR})(?:%{MONTHNUM2})(?:%{MONTHDAY})(?:%{HOUR})(?:%{MINUTE})(?:%{SECOND})",
    ),
    ("HTTPDERROR_DATE", r"(?:%{DAY}) (?:%{MONTH}) (?:%{MONTHDAY}) (?:%{TIME}) (?:%{YEAR})"),
    ("HTTPDATE", r"(?:%{MONTHDAY})/(?:%{MONTH})/(?:%{YEAR}):(?:%{TIME}) (?:%{INT})"),
    // --- system logs
    ("SYSLOGTIMESTAMP", r"(?:%{MONTH}) +(?:%{MONTHDAY}) (?:%{TIME})"),
    ("PROG", r"[^\s\[\]:]+"),
    ("SYSLOGPROG", r"%{PROG:program}(?:\[%{POSINT:pid}\])?"),
    ("SYSLOGHOST", r"%{IPORHOST}"),
    ("SYSLOGFACILITY", r"<%{NONNEGINT:facility}\.%{NONNEGINT:priority}>"),
    (
        "SYSLOGBASE",
        r"%{SYSLOGTIMESTAMP:timestamp} (?:%{SYSLOGFACILITY} )?%{SYSLOGHOST:logsource} %{SYSLOGPROG}:",
    ),
    ("SYSLOGLINE", r"%{SYSLOGBASE} %{GREEDYDATA:message}"),
    (
        "LOGLEVEL",
        r"(?i:alert|trace|debug|notice|info(?:rmation)?|warn(?:ing)?|err(?:or)?|crit(?:ical)?|fatal|severe|emerg(?:ency)?)",
    ),
    // --- web servers
    ("HTTPDUSER", r"%{EMAILADDRESS}|%{USER}"),
    (
        "COMMONAPACHELOG",
        concat!(
            r"%{IPORHOST:clientip} %{HTTPDUSER:ident} %{HTTPDUSER:auth} \[%{HTTPDATE:timestamp}\] ",
            r#""(?:%{WORD:verb} %{NOTSPACE:request}(?: HTTP/%{NUMBER:httpversion})?|%{DATA:rawrequest})" "#,
            r"%{NUMBER:response} (?:%{NUMBER:bytes}|-)"
        ),
    ),
    ("COMBINEDAPACHELOG", r"%{COMMONAPACHELOG} %{QS:referrer} %{QS:agent}"),
    ("HTTPD_COMMONLOG", r"%{COMMONAPACHELOG}"),
    ("HTTPD_COMBINEDLOG", r"%{COMBINEDAPACHELOG}"),
];
