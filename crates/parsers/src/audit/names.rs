//! Names of what an audit record only numbers: kinds of records and system calls.

/// Kinds of records.
const KINDS: &str = "
1100:USER_AUTH 1101:USER_ACCT 1102:USER_MGMT 1103:CRED_ACQ 1104:CRED_DISP 1105:USER_START 1106:USER_END
1107:USER_AVC 1108:USER_CHAUTHTOK 1109:USER_ERR 1110:CRED_REFR 1111:USYS_CONFIG 1112:USER_LOGIN 1113:USER_LOGOUT
1114:ADD_USER 1115:DEL_USER 1116:ADD_GROUP 1117:DEL_GROUP 1118:DAC_CHECK 1119:CHGRP_ID 1120:TEST
1121:TRUSTED_APP 1122:USER_SELINUX_ERR 1123:USER_CMD 1124:USER_TTY 1125:CHUSER_ID 1126:GRP_AUTH 1127:SYSTEM_BOOT
1128:SYSTEM_SHUTDOWN 1129:SYSTEM_RUNLEVEL 1130:SERVICE_START 1131:SERVICE_STOP 1132:GRP_MGMT 1133:GRP_CHAUTHTOK
1134:MAC_CHECK 1135:ACCT_LOCK 1136:ACCT_UNLOCK 1137:USER_DEVICE 1138:SOFTWARE_UPDATE 1200:DAEMON_START
1201:DAEMON_END 1202:DAEMON_ABORT 1203:DAEMON_CONFIG 1205:DAEMON_ROTATE 1206:DAEMON_RESUME 1207:DAEMON_ACCEPT
1208:DAEMON_CLOSE 1300:SYSCALL 1302:PATH 1303:IPC 1304:SOCKETCALL 1305:CONFIG_CHANGE 1306:SOCKADDR 1307:CWD
1309:EXECVE 1311:IPC_SET_PERM 1312:MQ_OPEN 1313:MQ_SENDRECV 1314:MQ_NOTIFY 1315:MQ_GETSETATTR 1316:KERNEL_OTHER
1317:FD_PAIR 1318:OBJ_PID 1319:TTY 1320:EOE 1321:BPRM_FCAPS 1322:CAPSET 1323:MMAP 1324:NETFILTER_PKT
1325:NETFILTER_CFG 1326:SECCOMP 1327:PROCTITLE 1328:FEATURE_CHANGE 1329:REPLACE 1330:KERN_MODULE 1331:FANOTIFY
1332:TIME_INJOFFSET 1333:TIME_ADJNTPVAL 1334:BPF 1335:EVENT_LISTENER 1336:URINGOP 1337:OPENAT2 1338:DM_CTRL
1339:DM_EVENT 1400:AVC 1401:SELINUX_ERR 1402:AVC_PATH 1403:MAC_POLICY_LOAD 1404:MAC_STATUS
1405:MAC_CONFIG_CHANGE 1406:MAC_UNLBL_ALLOW 1407:MAC_CIPSOV4_ADD 1408:MAC_CIPSOV4_DEL 1409:MAC_MAP_ADD
1410:MAC_MAP_DEL 1411:MAC_IPSEC_ADDSA 1412:MAC_IPSEC_DELSA 1413:MAC_IPSEC_ADDSPD 1414:MAC_IPSEC_DELSPD
1415:MAC_IPSEC_EVENT 1416:MAC_UNLBL_STCADD 1417:MAC_UNLBL_STCDEL 1418:MAC_CALIPSO_ADD 1419:MAC_CALIPSO_DEL
1500:APPARMOR 1501:APPARMOR_AUDIT 1502:APPARMOR_ALLOWED 1503:APPARMOR_DENIED 1504:APPARMOR_HINT
1505:APPARMOR_STATUS 1506:APPARMOR_ERROR 1700:ANOM_PROMISCUOUS 1701:ANOM_ABEND 1702:ANOM_LINK 1703:ANOM_CREAT
1800:INTEGRITY_DATA 1801:INTEGRITY_METADATA 1802:INTEGRITY_STATUS 1803:INTEGRITY_HASH 1804:INTEGRITY_PCR
1805:INTEGRITY_RULE 1806:INTEGRITY_EVM_XATTR 1807:INTEGRITY_POLICY_RULE 2000:KERNEL 2400:CRYPTO_TEST_USER
2401:CRYPTO_PARAM_CHANGE_USER 2402:CRYPTO_LOGIN 2403:CRYPTO_LOGOUT 2404:CRYPTO_KEY_USER 2405:CRYPTO_FAILURE_USER
2406:CRYPTO_REPLAY_USER 2407:CRYPTO_SESSION 2500:VIRT_CONTROL 2501:VIRT_RESOURCE 2502:VIRT_MACHINE_ID
8560:MESSAGE_TEXT_MAX";

/// System calls of x86-64, by number; `-` where there is none.
const X86_64: &str = "
read write open close stat fstat lstat poll lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask
rt_sigreturn ioctl pread64 pwrite64 readv writev access pipe select sched_yield mremap msync mincore madvise
shmget shmat shmctl dup dup2 pause nanosleep getitimer alarm setitimer getpid sendfile socket connect accept
sendto recvfrom sendmsg recvmsg shutdown bind listen getsockname getpeername socketpair setsockopt getsockopt
clone fork vfork execve exit wait4 kill uname semget semop semctl shmdt msgget msgsnd msgrcv msgctl fcntl flock
fsync fdatasync truncate ftruncate getdents getcwd chdir fchdir rename mkdir rmdir creat link unlink symlink
readlink chmod fchmod chown fchown lchown umask gettimeofday getrlimit getrusage sysinfo times ptrace getuid
syslog getgid setuid setgid geteuid getegid setpgid getppid getpgrp setsid setreuid setregid getgroups setgroups
setresuid getresuid setresgid getresgid getpgid setfsuid setfsgid getsid capget capset rt_sigpending
rt_sigtimedwait rt_sigqueueinfo rt_sigsuspend sigaltstack utime mknod uselib personality ustat statfs fstatfs
sysfs getpriority setpriority sched_setparam sched_getparam sched_setscheduler sched_getscheduler
sched_get_priority_max sched_get_priority_min sched_rr_get_interval mlock munlock mlockall munlockall vhangup
modify_ldt pivot_root _sysctl prctl arch_prctl adjtimex setrlimit chroot sync acct settimeofday mount umount2
swapon swapoff reboot sethostname setdomainname iopl ioperm create_module init_module delete_module
get_kernel_syms query_module quotactl nfsservctl getpmsg putpmsg afs_syscall tuxcall security gettid readahead
setxattr lsetxattr fsetxattr getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr removexattr
lremovexattr fremovexattr tkill time futex sched_setaffinity sched_getaffinity set_thread_area io_setup
io_destroy io_getevents io_submit io_cancel get_thread_area lookup_dcookie epoll_create epoll_ctl_old
epoll_wait_old remap_file_pages getdents64 set_tid_address restart_syscall semtimedop fadvise64 timer_create
timer_settime timer_gettime timer_getoverrun timer_delete clock_settime clock_gettime clock_getres
clock_nanosleep exit_group epoll_wait epoll_ctl tgkill utimes vserver mbind set_mempolicy get_mempolicy mq_open
mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr kexec_load waitid add_key request_key keyctl
ioprio_set ioprio_get inotify_init inotify_add_watch inotify_rm_watch migrate_pages openat mkdirat mknodat
fchownat futimesat newfstatat unlinkat renameat linkat symlinkat readlinkat fchmodat faccessat pselect6 ppoll
unshare set_robust_list get_robust_list splice tee sync_file_range vmsplice move_pages utimensat epoll_pwait
signalfd timerfd_create eventfd fallocate timerfd_settime timerfd_gettime accept4 signalfd4 eventfd2
epoll_create1 dup3 pipe2 inotify_init1 preadv pwritev rt_tgsigqueueinfo perf_event_open recvmmsg fanotify_init
fanotify_mark prlimit64 name_to_handle_at open_by_handle_at clock_adjtime syncfs sendmmsg setns getcpu
process_vm_readv process_vm_writev kcmp finit_module sched_setattr sched_getattr renameat2 seccomp getrandom
memfd_create kexec_file_load bpf execveat userfaultfd membarrier mlock2 copy_file_range preadv2 pwritev2
pkey_mprotect pkey_alloc pkey_free statx io_pgetevents rseq - - - - - - - - - - - - - - - - - - - - - - - - - -
- - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - -
- - - - - - - pidfd_send_signal io_uring_setup io_uring_enter io_uring_register open_tree move_mount fsopen
fsconfig fsmount fspick pidfd_open clone3 close_range openat2 pidfd_getfd faccessat2 process_madvise
epoll_pwait2 mount_setattr quotactl_fd landlock_create_ruleset landlock_add_rule landlock_restrict_self
memfd_secret process_mrelease futex_waitv set_mempolicy_home_node";

/// System calls of the architectures that share one table (64-bit ARM, RISC-V), by number.
const SHARED: &str = "
io_setup io_destroy io_submit io_cancel io_getevents setxattr lsetxattr fsetxattr getxattr lgetxattr fgetxattr
listxattr llistxattr flistxattr removexattr lremovexattr fremovexattr getcwd lookup_dcookie eventfd2
epoll_create1 epoll_ctl epoll_pwait dup dup3 fcntl inotify_init1 inotify_add_watch inotify_rm_watch ioctl
ioprio_set ioprio_get flock mknodat mkdirat unlinkat symlinkat linkat renameat umount2 mount pivot_root
nfsservctl statfs fstatfs truncate ftruncate fallocate faccessat chdir fchdir chroot fchmod fchmodat fchownat
fchown openat close vhangup pipe2 quotactl getdents64 lseek read write readv writev pread64 pwrite64 preadv
pwritev sendfile pselect6 ppoll signalfd4 vmsplice splice tee readlinkat fstatat fstat sync fsync fdatasync
sync_file_range timerfd_create timerfd_settime timerfd_gettime utimensat acct capget capset personality exit
exit_group waitid set_tid_address unshare futex set_robust_list get_robust_list nanosleep getitimer setitimer
kexec_load init_module delete_module timer_create timer_gettime timer_getoverrun timer_settime timer_delete
clock_settime clock_gettime clock_getres clock_nanosleep syslog ptrace sched_setparam sched_setscheduler
sched_getscheduler sched_getparam sched_setaffinity sched_getaffinity sched_yield sched_get_priority_max
sched_get_priority_min sched_rr_get_interval restart_syscall kill tkill tgkill sigaltstack rt_sigsuspend
rt_sigaction rt_sigprocmask rt_sigpending rt_sigtimedwait rt_sigqueueinfo rt_sigreturn setpriority getpriority
reboot setregid setgid setreuid setuid setresuid getresuid setresgid getresgid setfsuid setfsgid times setpgid
getpgid getsid setsid getgroups setgroups uname sethostname setdomainname getrlimit setrlimit getrusage umask
prctl getcpu gettimeofday settimeofday adjtimex getpid getppid getuid geteuid getgid getegid gettid sysinfo
mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr msgget msgctl msgrcv msgsnd semget semctl
semtimedop semop shmget shmctl shmat shmdt socket socketpair bind listen accept connect getsockname getpeername
sendto recvfrom setsockopt getsockopt shutdown sendmsg recvmsg readahead brk munmap mremap add_key request_key
keyctl clone execve mmap fadvise64 swapon swapoff mprotect msync mlock munlock mlockall munlockall mincore
madvise remap_file_pages mbind get_mempolicy set_mempolicy migrate_pages move_pages rt_tgsigqueueinfo
perf_event_open accept4 recvmmsg arch_specific_syscall - - - - - - - - - - - - - - - wait4 prlimit64
fanotify_init fanotify_mark name_to_handle_at open_by_handle_at clock_adjtime syncfs setns sendmmsg
process_vm_readv process_vm_writev kcmp finit_module sched_setattr sched_getattr renameat2 seccomp getrandom
memfd_create bpf execveat userfaultfd membarrier mlock2 copy_file_range preadv2 pwritev2 pkey_mprotect
pkey_alloc pkey_free statx io_pgetevents rseq kexec_file_load - - - - - - - - - - - - - - - - - - - - - - - - -
- - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - -
- - - - - - - - - - - - - - - - - - - - - - - - - - - clock_gettime64 clock_settime64 clock_adjtime64
clock_getres_time64 clock_nanosleep_time64 timer_gettime64 timer_settime64 timerfd_gettime64 timerfd_settime64
utimensat_time64 pselect6_time64 ppoll_time64 - io_pgetevents_time64 recvmmsg_time64 mq_timedsend_time64
mq_timedreceive_time64 semtimedop_time64 rt_sigtimedwait_time64 futex_time64 sched_rr_get_interval_time64
pidfd_send_signal io_uring_setup io_uring_enter io_uring_register open_tree move_mount fsopen fsconfig fsmount
fspick pidfd_open clone3 close_range openat2 pidfd_getfd faccessat2 process_madvise epoll_pwait2 mount_setattr
quotactl_fd landlock_create_ruleset landlock_add_rule landlock_restrict_self memfd_secret process_mrelease
futex_waitv set_mempolicy_home_node syscalls";

/// The name of a kind of record.
pub(super) fn kind(number: u16) -> String {
    let number = number.to_string();
    let found = KINDS.split_ascii_whitespace().find_map(|pair| {
        let (known, name) = pair.split_once(':')?;
        (known == number).then_some(name)
    });
    found.map_or_else(|| format!("UNKNOWN[{number}]"), str::to_owned)
}

/// The name of a system call, if the architecture (`c000003e`) and the number are known.
pub(super) fn system_call(architecture: &str, number: &str) -> Option<&'static str> {
    let table = match architecture {
        "c000003e" => X86_64,
        "c00000b7" | "c00000f3" => SHARED,
        _ => return None,
    };
    let name = table.split_ascii_whitespace().nth(number.parse().ok()?)?;
    (name != "-").then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_names() {
        assert_eq!(kind(1300), "SYSCALL");
        assert_eq!(kind(1112), "USER_LOGIN");
        assert_eq!(kind(9), "UNKNOWN[9]");
        assert_eq!(system_call("c000003e", "59"), Some("execve"));
        assert_eq!(system_call("c00000b7", "221"), Some("execve"));
        assert_eq!(system_call("c000003e", "400"), None);
        assert_eq!(system_call("40000003", "11"), None);
        assert_eq!(system_call("c000003e", "x"), None);
    }
}
