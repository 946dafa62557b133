//! The artifacts that are part of the product: the files of `library/`.

/// A file of the library: its name and its text.
macro_rules! library {
    ($($name:literal,)*) => {
        &[$(($name, include_str!(concat!("../library/", $name)))),*]
    };
}

/// File names and texts. A test fails when a file of the folder is missing here.
pub(crate) const LIBRARY: &[(&str, &str)] = library![
    "Generic.Client.Info.yaml",
    "Generic.FileFinder.yaml",
    "Linux.Forensics.RecentlyChangedFiles.yaml",
    "Linux.Forensics.ShellHistory.yaml",
    "Linux.Network.Connections.yaml",
    "Linux.Network.Hosts.yaml",
    "Linux.Network.ListeningPorts.yaml",
    "Linux.Ssh.AuthorizedKeys.yaml",
    "Linux.Ssh.KnownHosts.yaml",
    "Linux.Ssh.Logins.yaml",
    "Linux.Ssh.ServerConfig.yaml",
    "Linux.Sys.Crontab.yaml",
    "Linux.Sys.Groups.yaml",
    "Linux.Sys.Modules.yaml",
    "Linux.Sys.Mounts.yaml",
    "Linux.Sys.Packages.yaml",
    "Linux.Sys.PasswordStates.yaml",
    "Linux.Sys.Preload.yaml",
    "Linux.Sys.Pslist.yaml",
    "Linux.Sys.SetuidFiles.yaml",
    "Linux.Sys.StartupScripts.yaml",
    "Linux.Sys.Sudoers.yaml",
    "Linux.Sys.SystemdUnits.yaml",
    "Linux.Sys.Users.yaml",
];
