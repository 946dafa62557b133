//! An operating system that nobody has taught the program to ask: what the standard library
//! knows, and clear refusals for the rest.

use std::process::{Child, Command};

use crate::machine::{Facts, Interface, Machine, Process, Socket, Unanswered};

/// The machine this program runs on.
#[derive(Debug, Default)]
pub struct ThisMachine;

impl Machine for ThisMachine {
    fn facts(&self) -> Result<Facts, Unanswered> {
        Err(Unanswered::NotHere { what: "the description of the machine" })
    }

    fn process_ids(&self) -> Result<Vec<i64>, Unanswered> {
        Err(Unanswered::NotHere { what: "the list of processes" })
    }

    fn process(&self, _pid: i64) -> Option<Process> {
        None
    }

    fn sockets(&self) -> Result<Vec<Socket>, Unanswered> {
        Err(Unanswered::NotHere { what: "the list of sockets" })
    }

    fn interfaces(&self) -> Result<Vec<Interface>, Unanswered> {
        Err(Unanswered::NotHere { what: "the list of network interfaces" })
    }

    fn user_name(&self, _uid: u32) -> Option<String> {
        None
    }

    fn users(&self) -> Result<Vec<parsers::accounts::User>, Unanswered> {
        Err(Unanswered::NotHere { what: "the list of accounts" })
    }

    fn kill(&self, _pid: i64) -> Result<(), Unanswered> {
        Err(Unanswered::NotHere { what: "ending a process" })
    }
}

/// Makes a command the head of its own group, so that it can be ended with its children.
pub fn own_group(_command: &mut Command) {}

/// Ends a command; its children are not reached here.
pub fn kill_group(child: &mut Child) {
    let _ = child.kill();
}

/// Whether a file can be run is not a matter of its permissions here.
pub fn make_executable(_path: &std::path::Path) -> std::io::Result<()> {
    Ok(())
}
