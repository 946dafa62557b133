//! Accessors that are known not to be here.

use super::{Table, Why};

pub(super) const ACCESSORS: Table = &[
    (
        Why::LiveWindows,
        &[
            ("registry", "the registry, through the system"),
            ("reg", "the registry, through the system"),
            ("ntfs", "NTFS through the raw volume"),
            ("lazy_ntfs", "NTFS through the raw volume, details only when asked for"),
            ("ntfs_vss", "NTFS with its shadow copies"),
            ("mft", "files of an NTFS volume by their number"),
            ("winpmem", "physical memory, through a driver"),
        ],
    ),
    (
        Why::Server,
        &[
            ("fs", "the server's file store"),
            ("fs_sparse", "the server's file store, sparse files as they were"),
            ("vfs", "what the server knows of a client's files"),
        ],
    ),
    (
        Why::Later,
        &[
            ("raw_reg", "a registry hive file"),
            ("raw_ntfs", "NTFS inside an image file"),
            ("raw_ext4", "ext4 inside an image file"),
            ("ext4", "ext4 through the raw device"),
            ("fat", "FAT and exFAT inside an image file"),
            ("ewf", "disk images in the EWF format"),
            ("vmdk", "disk images in the VMDK format"),
            ("vhdx", "disk images in the VHDX format"),
            ("mscfb", "streams of an OLE compound file"),
            ("pst", "mail items of an Outlook file"),
            ("collector", "files inside an offline collection"),
            ("collector_sparse", "files inside an offline collection, sparse ones as they were"),
            ("overlay", "several folders as one"),
            ("pipe", "what a pipe was given"),
            ("me", "an archive inside the running program"),
            ("smb", "a share of another machine"),
            ("ssh", "files of another machine over SSH"),
            ("s3", "objects of a bucket"),
        ],
    ),
];
