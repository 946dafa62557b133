//! Names between percent signs in values behind `expand`, and what stands for them.

use yaml_nodes::Place;

use super::conditions::spelled;
use super::transform::Stopped;
use crate::NODES_MAX;
use crate::modifier::Scalar;
use crate::written::{Item, spans};

/// Which placeholders are meant.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    /// Only these, unless empty.
    pub(super) include: Vec<String>,
    /// Not these.
    pub(super) exclude: Vec<String>,
}

impl Chosen {
    fn covers(&self, name: &str) -> bool {
        let named = |names: &[String]| names.iter().any(|one| one == name);
        (self.include.is_empty() || named(&self.include)) && !named(&self.exclude)
    }
}

/// Puts the values of variables for placeholders; `None` for the values puts `*`.
pub(super) fn fill(
    item: &mut Item,
    chosen: &Chosen,
    vars: Option<&[(String, Vec<Scalar>)]>,
) -> Result<bool, Stopped> {
    if !item.modifiers.expand {
        return Ok(false);
    }
    let mut filled: Vec<(Scalar, Place)> = Vec::new();
    let (mut touched, mut left) = (false, false);
    for (value, at) in &item.values {
        let Scalar::Text(text) = value else {
            filled.push((value.clone(), *at));
            continue;
        };
        let mut forms = vec![String::new()];
        let mut from = 0;
        for (start, end) in spans(text) {
            let name = &text[start + 1..end - 1];
            push(&mut forms, &[text[from..start].to_owned()])?;
            let wild = [Scalar::Text("*".into())];
            let values: Option<&[Scalar]> = match vars {
                None => Some(&wild),
                Some(vars) => {
                    vars.iter().find(|(known, _)| known == name).map(|(_, values)| &values[..])
                }
            };
            match values {
                _ if !chosen.covers(name) => {
                    left = true;
                    push(&mut forms, &[text[start..end].to_owned()])?;
                }
                None => {
                    let message = format!("it has no variable `{name}`; add it to its `vars`");
                    return Err(Stopped::Refused(message));
                }
                Some(values) => {
                    touched = true;
                    let texts: Vec<String> = values.iter().filter_map(spelled).collect();
                    push(&mut forms, &texts)?;
                }
            }
            from = end;
        }
        push(&mut forms, &[text[from..].to_owned()])?;
        filled.extend(forms.into_iter().map(|form| (Scalar::Text(form), *at)));
        if filled.len() > NODES_MAX {
            return Err(Stopped::TooLarge);
        }
    }
    item.values = filled;
    // What a variable holds is a value, whatever signs are in it.
    item.modifiers.expand = left;
    Ok(touched)
}

/// Continues every form with every text.
fn push(forms: &mut Vec<String>, texts: &[String]) -> Result<(), Stopped> {
    if forms.len().saturating_mul(texts.len()) > NODES_MAX {
        return Err(Stopped::TooLarge);
    }
    if let [text] = texts {
        forms.iter_mut().for_each(|form| form.push_str(text));
        return Ok(());
    }
    *forms = forms
        .iter()
        .flat_map(|form| texts.iter().map(move |text| format!("{form}{text}")))
        .collect();
    Ok(())
}
