//! Artifacts about what starts by itself.

use expect_test::expect;

use crate::world::World;

#[test]
fn cron_entries_have_schedules_users_and_commands() {
    let world = World::new()
        .file(
            "etc/crontab",
            "SHELL=/bin/sh\n# m h dom mon dow user command\n17 *\t* * *\troot    cd / && run-parts --report /etc/cron.hourly\n",
        )
        .file("etc/cron.d/job", "@reboot www /tmp/.x/start\n*/5 0-6 1,15 jan mon-fri ann backup -v\n")
        .file("var/spool/cron/crontabs/ann", "# mine\n0 5 * * 1 tar -zcf /var/backups/home.tgz /home/\n@daily curl http://example.org\n")
        .file("etc/cron.daily/clean", "#!/bin/sh\n")
        .file("etc/cron.daily/.placeholder", "");
    let globs = [
        ("SystemGlob", "ROOT/etc/{crontab,cron.d/*}"),
        ("UserGlob", "ROOT/var/spool/cron/{crontabs/*,*}"),
        ("ScriptGlob", "ROOT/etc/cron.{hourly,daily}/*"),
    ];
    world.check("Linux.Sys.Crontab", &globs, expect![[r#"
        /Scripts {"OSPath":"ROOT/etc/cron.daily/clean","Size":10,"Mode":"-rw-r--r--","Mtime":"2026-01-02T03:04:05Z","Hash":{"MD5":"3e2b31c72181b87149ff995e7202c0e3","SHA1":"bd971bec88149956458a10fc9c5ecb3eb99dd452","SHA256":"a8076d3d28d21e02012b20eaf7dbf75409a6277134439025f282e368e3305abf"}}
        /System {"Event":"@reboot","Minute":null,"Hour":null,"DayOfMonth":null,"Month":null,"DayOfWeek":null,"User":"www","Command":"/tmp/.x/start","OSPath":"ROOT/etc/cron.d/job","Mtime":"2026-01-02T03:04:05Z"}
        /System {"Event":null,"Minute":"*/5","Hour":"0-6","DayOfMonth":"1,15","Month":"jan","DayOfWeek":"mon-fri","User":"ann","Command":"backup -v","OSPath":"ROOT/etc/cron.d/job","Mtime":"2026-01-02T03:04:05Z"}
        /System {"Event":null,"Minute":"17","Hour":"*","DayOfMonth":"*","Month":"*","DayOfWeek":"*","User":"root","Command":"cd / && run-parts --report /etc/cron.hourly","OSPath":"ROOT/etc/crontab","Mtime":"2026-01-02T03:04:05Z"}
        /Users {"Event":"@daily","Minute":null,"Hour":null,"DayOfMonth":null,"Month":null,"DayOfWeek":null,"User":"ann","Command":"curl http://example.org","OSPath":"ROOT/var/spool/cron/crontabs/ann","Mtime":"2026-01-02T03:04:05Z"}
        /Users {"Event":null,"Minute":"0","Hour":"5","DayOfMonth":"*","Month":"*","DayOfWeek":"1","User":"ann","Command":"tar -zcf /var/backups/home.tgz /home/","OSPath":"ROOT/var/spool/cron/crontabs/ann","Mtime":"2026-01-02T03:04:05Z"}"#]]);
}

#[test]
fn units_say_what_they_run_and_when() {
    let world = World::new()
        .file(
            "etc/systemd/system/backdoor.service",
            "[Unit]\nDescription=Totally normal\n[Service]\nExecStart=/bin/bash -c 'sleep 1'\nUser=root\nRestart = always\n[Install]\nWantedBy=multi-user.target\n",
        )
        .file(
            "lib/systemd/system/clean.timer",
            "[Unit]\nDescription=Daily cleanup\n[Timer]\nOnCalendar=daily\nUnit=clean.service\n",
        )
        .link("lib/systemd/system/masked.service", "/dev/null")
        .file("lib/systemd/system/notes.txt", "ExecStart=/bin/false\n");
    let glob = ("UnitGlob", "ROOT/{etc,lib}/systemd/{system,user}/**/*.{service,timer}");
    world.check("Linux.Sys.SystemdUnits", &[glob], expect![[r#"
        {"Name":"backdoor.service","Description":"Totally normal","ExecStart":"/bin/bash -c 'sleep 1'","ExecStartPre":null,"ExecStop":null,"User":"root","Restart":"always","WantedBy":"multi-user.target","Schedule":null,"Starts":null,"OSPath":"ROOT/etc/systemd/system/backdoor.service","Mtime":"2026-01-02T03:04:05Z"}
        {"Name":"clean.timer","Description":"Daily cleanup","ExecStart":null,"ExecStartPre":null,"ExecStop":null,"User":null,"Restart":null,"WantedBy":null,"Schedule":"daily","Starts":"clean.service","OSPath":"ROOT/lib/systemd/system/clean.timer","Mtime":"2026-01-02T03:04:05Z"}"#]]);
    world.check("Linux.Sys.SystemdUnits", &[glob, ("ExecRegex", "bash -c")], expect![[r#"{"Name":"backdoor.service","Description":"Totally normal","ExecStart":"/bin/bash -c 'sleep 1'","ExecStartPre":null,"ExecStop":null,"User":"root","Restart":"always","WantedBy":"multi-user.target","Schedule":null,"Starts":null,"OSPath":"ROOT/etc/systemd/system/backdoor.service","Mtime":"2026-01-02T03:04:05Z"}"#]]);
}

#[test]
fn startup_scripts_show_their_first_matching_lines() {
    let world = World::new()
        .file("etc/rc.local", "#!/bin/sh\n# nothing\nnc -l 4444 &\nexit 0\n")
        .file("home/ann/.bashrc", "# only a comment\n");
    let given = [("Globs", r#"["ROOT/etc/rc.local", "ROOT/home/*/.bashrc"]"#), ("WithUpload", "Y")];
    world.check("Linux.Sys.StartupScripts", &given, expect![[r#"{"OSPath":"ROOT/etc/rc.local","Size":40,"Mode":"-rw-r--r--","Mtime":"2026-01-02T03:04:05Z","Matches":["nc -l 4444 &","exit 0"],"Hash":{"MD5":"03a5f6f8702cc670a2cdd8bdea1b3c32","SHA1":"c7334808139d6c0e2902339dba745a1b06edf676","SHA256":"09d7f6b3093d9d6620a835974958764f3766df281835665c42db3611b08e75e0"},"Upload":{"Path":"ROOT/etc/rc.local","Size":40,"StoredSize":40,"sha256":"","md5":"","StoredName":"ROOT/etc/rc.local","Components":[],"Accessor":"","UploadId":""}}"#]]);
}

#[test]
fn preloads_are_found_in_files_and_processes() {
    let world = World::new()
        .file("etc/ld.so.preload", "# comment\n/usr/lib/evil.so\n")
        .file("etc/profile", "export LD_PRELOAD=/tmp/x.so\nPATH=/bin\n")
        .file("proc/42/environ", "HOME=/root\0LD_LIBRARY_PATH=/opt/lib\0LD_BIND_NOW=1\0");
    let globs = [
        ("PreloadGlob", "ROOT/etc/ld.so.preload"),
        ("EnvironmentGlob", "ROOT/etc/{profile,environment}"),
        ("ProcessGlob", "ROOT/proc/[0-9]*/environ"),
    ];
    world.check("Linux.Sys.Preload", &globs, expect![[r#"
        /Environment {"Variable":"LD_PRELOAD","Value":"/tmp/x.so","OSPath":"ROOT/etc/profile","Mtime":"2026-01-02T03:04:05Z"}
        /File {"Library":"/usr/lib/evil.so","OSPath":"ROOT/etc/ld.so.preload","Mtime":"2026-01-02T03:04:05Z"}
        /Processes {"Pid":42,"Variable":"LD_LIBRARY_PATH","Value":"/opt/lib","OSPath":"ROOT/proc/42/environ"}"#]]);
}
