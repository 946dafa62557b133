//! All ports that the server works over, in one value that the program puts together.

use std::sync::Arc;

use fleet::{AccountStore, AuditLog, ClientStore, SettingStore, TokenStore};
use flows::{
    BlobStore, FlowStore, MonitoringStore, ReportStore, ResultStore, ToolStore, UploadStore,
};
use hunts::{AdmissionStore, EraseStore, HuntStore, MemberStore, RosterStore};

/// Where everything is kept.
#[derive(Clone)]
pub struct Ports {
    /// Clients.
    pub clients: Arc<dyn ClientStore>,
    /// Enrolment tokens.
    pub tokens: Arc<dyn TokenStore>,
    /// Users and sign-ins.
    pub accounts: Arc<dyn AccountStore>,
    /// Named texts.
    pub settings: Arc<dyn SettingStore>,
    /// Who did what.
    pub audit: Arc<dyn AuditLog>,
    /// Flows.
    pub flows: Arc<dyn FlowStore>,
    /// Rows and logs.
    pub results: Arc<dyn ResultStore>,
    /// What agents report of flows: writes the records of both ports above in one step.
    pub reports: Arc<dyn ReportStore>,
    /// Records of files.
    pub uploads: Arc<dyn UploadStore>,
    /// What is monitored, and what that brought.
    pub monitoring: Arc<dyn MonitoringStore>,
    /// Files that artifacts need.
    pub tools: Arc<dyn ToolStore>,
    /// Bytes of files.
    pub blobs: Arc<dyn BlobStore>,
    /// Hunts.
    pub hunts: Arc<dyn HuntStore>,
    /// Members.
    pub members: Arc<dyn MemberStore>,
    /// Admissions.
    pub admissions: Arc<dyn AdmissionStore>,
    /// Who is put in and taken out by hand.
    pub roster: Arc<dyn RosterStore>,
    /// Deleted hunts.
    pub erasure: Arc<dyn EraseStore>,
}
