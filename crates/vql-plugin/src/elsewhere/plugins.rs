//! Plugins that are known not to be here.

use super::{Table, Why};

pub(super) const PLUGINS: Table = &[
    (
        Why::LiveWindows,
        &[
            ("certificates", "lists the certificates of the system's stores"),
            ("etw_sessions", "lists trace sessions"),
            ("handles", "lists the open handles of a process"),
            ("threads", "lists the threads of a process"),
            ("watch_etw", "follows a trace provider"),
            ("watch_usn", "follows the change journal of a volume"),
            ("winobj", "lists the object manager's names"),
            ("wmi", "asks the management interface, WMI"),
            ("wmi_events", "follows events of the management interface, WMI"),
        ],
    ),
    (Why::OnServer, ON_SERVER),
    (Why::Server, SERVER),
    (Why::Later, LATER),
    (
        Why::LeftOut,
        &[
            ("panic", "made the engine fail on purpose"),
            ("logging", "followed the other server's own log; ours goes to its standard error"),
        ],
    ),
];

const ON_SERVER: &[(&str, &str)] = &[
    ("clients", "lists clients"),
    ("flows", "lists the flows of a client"),
    ("hunts", "lists hunts"),
    ("source", "reads the rows of a stored result table"),
    ("watch_monitoring", "follows events as they arrive"),
];

const SERVER: &[(&str, &str)] = &[
    ("artifact_definitions", "lists artifact definitions"),
    ("backup", "saves the server's records"),
    ("backup_restore", "brings back the server's records"),
    ("client_delete", "deletes a client"),
    ("collect", "makes a collection with its archive"),
    ("deb_create", "builds a Debian package of the agent"),
    ("delete_events", "deletes stored events"),
    ("delete_flow", "deletes a flow"),
    ("enumerate_flow", "lists the files of a flow"),
    ("favorites_list", "lists saved collections"),
    ("flow_logs", "reads the log of a flow"),
    ("flow_results", "reads the rows of a flow"),
    ("gui_users", "lists the server's users"),
    ("hunt_delete", "deletes a hunt"),
    ("hunt_flows", "lists the flows of a hunt"),
    ("hunt_reindex", "rebuilds the index of hunts"),
    ("hunt_results", "reads the rows of a hunt"),
    ("index_search", "searches the index of clients"),
    ("inventory", "lists tools"),
    ("monitoring", "reads stored events of a client"),
    ("monitoring_logs", "reads the log of a client's monitoring"),
    ("notebook_delete", "deletes a notebook"),
    ("notebooks", "lists notebooks"),
    ("orgs", "lists organisations"),
    ("parallelize", "runs a query over parts of a result table"),
    ("rpm_create", "builds an RPM package of the agent"),
    ("secrets", "lists secrets"),
    ("timeline", "reads a timeline"),
    ("timelines", "lists timelines"),
    ("upload_transactions", "lists uploads that were not finished"),
    ("uploads", "lists the uploads of a flow or hunt"),
    ("user_messages", "lists messages to users"),
    ("vfs_ls", "lists a folder for the server's view of a client"),
];

const LATER: &[(&str, &str)] = &[
    ("adx_upload", "sends rows to Azure Data Explorer"),
    ("carve_usn", "searches a volume for records of the change journal"),
    ("cat", "reads files as rows of text"),
    ("elastic_upload", "sends rows to Elasticsearch"),
    ("index", "searches an index of rows"),
    ("logscale_upload", "sends rows to LogScale"),
    ("netcat", "talks to a network port"),
    ("olevba", "reads macros of office files"),
    ("parse_ese", "reads a table of an ESE database"),
    ("parse_ese_catalog", "lists the tables of an ESE database"),
    ("parse_mft", "reads an NTFS master file table"),
    ("parse_ntfs_i30", "reads an NTFS directory index"),
    ("parse_ntfs_ranges", "lists the ranges of an NTFS stream"),
    ("parse_pst", "reads mail of an Outlook file"),
    ("parse_usn", "reads an NTFS change journal"),
    ("prefetch", "reads Windows prefetch files"),
    ("read_reg_key", "lists registry keys with their values"),
    ("splunk_upload", "sends rows to Splunk"),
    ("sql", "asks an SQL database"),
    ("watch_csv", "follows a CSV file"),
];
