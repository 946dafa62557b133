//! The plugin `efivariables`: variables of the EFI firmware.

use std::sync::Arc;

use rows::{Row, Value};
use vql_plugin::{Entry, Failure, Level, Permission, Plugin, RowStream, Scope, plugin_args};

use crate::Machine;
use crate::machine::Unanswered;

pub(super) fn entry(machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(EfiVariables(machine.clone()))
}

plugin_args! {
    /// The variables of the EFI firmware: one row each, with `Namespace`, `Name`, `Attributes` and
    /// `Value`. A machine that was not started by EFI has none, which is logged.
    pub struct EfiVariablesArgs for "efivariables" {
        /// Only variables of this namespace (a GUID).
        namespace: String = "",
        /// Only variables of this name.
        name: String = "",
        /// Read the values too.
        value: bool = false,
    }
}

struct EfiVariables(Arc<dyn Machine>);

const FOLDER: &str = "/sys/firmware/efi/efivars";

impl Plugin for EfiVariables {
    type Args = EfiVariablesArgs;
    const NEEDS: &'static [Permission] = &[Permission::MachineState];

    fn rows(&self, args: EfiVariablesArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let machine = self.0.clone();
        let names = machine.system_folder(FOLDER).map_err(|wrong| match wrong {
            Unanswered::Failed { why, .. } => Failure::new(format!(
                "there are no EFI variables here ({FOLDER}: {why}); the machine was perhaps not \
                 started by EFI"
            )),
            other => other.into(),
        })?;
        let scope = scope.clone();
        let wanted =
            |wanted: &str, found: &str| wanted.is_empty() || wanted.eq_ignore_ascii_case(found);
        Ok(Box::new(names.into_iter().filter_map(move |file| {
            let (name, namespace) = parts(&file)?;
            if scope.stopped() || !wanted(&args.namespace, namespace) || !wanted(&args.name, name) {
                return None;
            }
            let content = args.value.then(|| machine.system_file(&format!("{FOLDER}/{file}")));
            let content = match content {
                Some(Err(wrong)) => {
                    scope.log(Level::Default, &format!("efivariables: {wrong}"));
                    None
                }
                Some(Ok(content)) => Some(content),
                None => None,
            };
            let (attributes, value) = split(content.as_deref());
            Some(
                Row::new()
                    .with("Namespace", namespace)
                    .with("Name", name)
                    .with("Attributes", attributes)
                    .with("Value", value),
            )
        })))
    }
}

/// The name of a variable and its namespace, of which a file's name is made.
fn parts(file: &str) -> Option<(&str, &str)> {
    const GUID_LENGTH: usize = 36;
    let at = file.len().checked_sub(GUID_LENGTH)?;
    let (name, namespace) = (file.get(..at)?, file.get(at..)?);
    Some((name.strip_suffix('-')?, namespace))
}

/// A file begins with the attributes of the variable.
fn split(content: Option<&[u8]>) -> (Value, Value) {
    match content.and_then(|content| content.split_first_chunk()) {
        Some((attributes, value)) => (u32::from_le_bytes(*attributes).into(), value.into()),
        None => (Value::Null, Value::Null),
    }
}
